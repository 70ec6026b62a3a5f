"""Tables of a report: headings with their definitions, entries as a person reads them and as they are sorted; and the
parameters: what varies from cell to cell, what all cells share, and where that is not the default."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from scenarios.findings.wording import with_ends
from simulator.cell.cell import Cell
from simulator.cell.descriptions import FieldLine, describe, shown
from simulator.cell.dotted_names import flatten
from simulator.results.columns import BREAKDOWN_MEANINGS, CHOSEN, CURVE, SEARCHED, SETTING, SPEEDUP, SPEEDUPS
from simulator.results.intervals import CONFIDENCE, interval_of, metrics_of, settings_of
from simulator.results.lossy_schemes import marked
from simulator.results.metrics import METRICS, ON_REQUEST, known
from simulator.results.plain_columns import is_missing
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.results.units import PREFIXED, prefix_of, quantity, title, unit

DEFINITIONS: Final[Mapping[str, str]] = {
    **{metric.name: metric.meaning for metric in (*METRICS.values(), *ON_REQUEST.values())},
    **{name: f"per output token, of answered requests: {meaning}" for name, meaning in BREAKDOWN_MEANINGS.items()},
    **STUDY_KEYS,
    **STUDY_METRICS,
    **SEARCHED,
    **SPEEDUPS,
    "n": "seeds, over which the interval is",
}
"""What each column means."""
MAIN: Final = (
    "latency_per_token_s", "payload_bits_per_token", "uplink_bits_per_token", "draft_length",
    "accepted_per_round", "resampling_per_draft", "rejection_bound", "tv_output",
)  # fmt: skip
"""What the first table shows of a simulation, beside what was asked about."""
_MOST_ENTRIES: Final = 6_000
"""A table of every metric with more entries is left to summary.csv."""
_FOR_ALL: Final = ("objective", "within")
"""What a search says of every setting alike."""
_OWN = {CHOSEN: "chosen for it"}


@dataclass(frozen=True)
class Column:
    """One column. `key` names it in links and definitions; `meaning` is "" where the heading says it all."""

    key: str
    heading: str
    meaning: str = ""
    number: bool = True


@dataclass(frozen=True)
class ReportEntry:
    """What is read, and what is sorted by: numbers by their value, with none last; "" sorts by what is read."""

    text: str
    value: str = ""


NONE: Final = ReportEntry("–")


@dataclass(frozen=True)
class ReportTable:
    """`rows` have an entry a column; the first names the row."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[ReportEntry]]


def results(summary: pd.DataFrame, axis: str | None, asked: Sequence[str], chosen: Sequence[str] = ()) -> ReportTable:
    """What was found at each setting, the main metrics and those that were `asked` about, all of a study's; `chosen`:
    fields that each scheme chose for itself."""
    found = [name for name in metrics_of(summary) if summary[name].notna().any()]
    text = [name for name in dict.fromkeys((*MAIN, *asked)) if name in found] if MAIN[0] in found else found
    text = [*(name for name in SEARCHED if name in summary.columns and name not in _FOR_ALL), *text]
    if SPEEDUP in summary.columns and summary[SPEEDUP].notna().any():
        text.insert(1 if MAIN[0] in text else 0, SPEEDUP)
    if "answered" not in text and "answered" in found and (summary["answered"] < 1).any():
        text.append("answered")
    return _table("results", f"Each setting: {_spread(summary)}", summary, axis, text, chosen)


def every_metric(summary: pd.DataFrame, axis: str | None) -> ReportTable | None:
    """Every metric that has a value anywhere; None of a summary so large that the page would be."""
    found = [name for name in metrics_of(summary) if summary[name].notna().any()]
    if len(summary) * len(found) > _MOST_ENTRIES:
        return None
    return _table("metrics", f"Each setting, every metric: {_spread(summary)}", summary, axis, found)


def _spread(summary: pd.DataFrame) -> str:
    several = summary["n"].max() > 1
    return f"mean ± half-width of the {CONFIDENCE:.0%} interval over seeds" if several else "one seed, no interval"


def comparisons(key: str, numbers: Sequence[Mapping[str, object]]) -> ReportTable | None:
    """The numbers behind one sentence; None where nothing was compared."""
    differences = [each for each in numbers if "difference" in each]
    if not differences:
        return None
    places = _distinguishing([_where(each) for each in differences])
    columns = [
        Column("first", "curve", number=False), Column("second", "compared with", number=False),
        *(Column(name, title(name)) for name in places),
        Column("first_mean", "mean"), Column("second_mean", "compared with"),
        Column("difference", "difference", f"first / second - 1, paired by seed, with its {CONFIDENCE:.0%} interval"),
        Column("n", "seeds"), Column("separable", "distinguishable", "whether the interval leaves out 0", number=False),
    ]  # fmt: skip
    return ReportTable(
        key, "What was compared for this sentence", columns, [_compared(each, places) for each in differences]
    )


def _distinguishing(where: Sequence[Mapping[str, object]]) -> list[str]:
    """The columns that tell these places apart, of several that go together the first."""
    names = list(dict.fromkeys(name for each in where for name in each))
    values = {name: tuple(repr(each.get(name)) for each in where) for name in names}
    groups = {name: tuple(map(of.index, of)) for name, of in values.items() if len({*of}) > 1}
    return [next(name for name in groups if groups[name] == group) for group in dict.fromkeys(groups.values())]


def definitions(tables: Sequence[ReportTable]) -> list[Column]:
    """The columns of these tables that have a definition, each once."""
    found = {column.key: column for table in tables for column in table.columns if column.meaning}
    return list(found.values())


def with_interval(mean: float, half_width: float, name: str) -> str:
    """`43.2 ± 5.3 ms`: two digits of the half-width, and as many places of the mean."""
    if math.isnan(mean):
        return "–"
    if not half_width > 0 or math.isinf(mean):
        return quantity(mean, name)
    known = unit(name)
    factor, prefix = prefix_of(mean) if known in PREFIXED else (1.0, "")
    places = min(6, max(0, 1 - math.floor(math.log10(half_width / factor))))
    return f"{mean / factor:,.{places}f} ± {half_width / factor:,.{places}f} {prefix}{known}".rstrip()


def number(value: object, name: str) -> ReportEntry:
    """A value of the field or metric `name`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ReportEntry("–" if value is None else quantity(value, name))
    return NONE if math.isnan(value) else ReportEntry(quantity(value, name), _sorted_by(value))


def _table(
    key: str, caption: str, summary: pd.DataFrame, axis: str | None, metrics: Sequence[str], chosen: Sequence[str] = ()
) -> ReportTable:
    columns = [Column(CURVE, "curve", number=False)]
    columns += [Column(SETTING, "setting", number=False)] if SETTING in summary.columns else []
    fields = [*([] if axis is None else [axis]), *chosen]
    columns += [Column(name, title(name)) for name in fields]
    columns += [Column("n", "seeds", DEFINITIONS["n"])]
    columns += [
        Column(name, title(name), of.meaning if (of := known(name)) else DEFINITIONS.get(name, "")) for name in metrics
    ]
    rows = [list(_row(row, fields, metrics)) for _, row in marked(summary).iterrows()]
    return ReportTable(key, caption, columns, rows)


def _row(row: pd.Series[float], fields: Sequence[str], metrics: Sequence[str]) -> Iterator[ReportEntry]:
    yield ReportEntry(str(row[CURVE]))
    if SETTING in row.index:
        yield ReportEntry(_OWN.get(str(row[SETTING]), "as the grid gives it"))
    for name in fields:
        yield number(_plain(row[name]), name)
    yield number(_plain(row["n"]), "n")
    for name in metrics:
        if isinstance(row[name], bool | np.bool_):
            yield ReportEntry("yes" if row[name] else "no")
        elif isinstance(row[name], str):
            yield ReportEntry(str(row[name]))
        elif name == SPEEDUP:
            ratio, low, high = (float(row[each]) for each in SPEEDUPS)
            known = not math.isnan(ratio)
            yield ReportEntry(with_ends(ratio, low, high, "{:.3g}".format), _sorted_by(ratio)) if known else NONE
        else:
            mean, half = interval_of(row, name)
            yield ReportEntry(with_interval(mean, half, name), "" if math.isnan(mean) else _sorted_by(mean))


def _compared(numbers: Mapping[str, object], places: Sequence[str]) -> list[ReportEntry]:
    where, metric = _where(numbers), str(numbers["metric"])
    mean, low, high = (float(str(numbers[name])) if numbers[name] is not None else math.nan
                       for name in ("difference", "low", "high"))  # fmt: skip
    relative = bool(numbers["relative"])

    def word(value: float) -> str:
        return f"{quantity(100 * value, '')}%" if relative else quantity(value, metric)

    separable = {True: "yes", False: "no"}.get(numbers["separable"], "one seed")  # type: ignore[call-overload]
    return [
        ReportEntry(str(numbers["first"])), ReportEntry(str(numbers["second"])),
        *(number(where.get(name), name) for name in places),
        number(numbers["first_mean"], metric), number(numbers["second_mean"], metric),
        ReportEntry(with_ends(mean, low, high, word), _sorted_by(mean)), number(numbers["n"], "n"),
        ReportEntry(separable),
    ]  # fmt: skip


def _where(numbers: Mapping[str, object]) -> Mapping[str, object]:
    where = numbers.get("where")
    return where if isinstance(where, Mapping) else {}


def _sorted_by(value: float) -> str:
    """A number in the words of a script."""
    return repr(float(value)) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


MOST_VALUES = 12
"""More values of a field are counted."""


@dataclass(frozen=True)
class Parameter:
    """One field. `default` is "" where it is what the cells have, or the default cell has no such field."""

    field: str
    values: str
    default: str
    meaning: str


def parameters(cells: pd.DataFrame) -> tuple[list[Parameter], list[Parameter]]:
    """(what varies, what is the same in all cells that have it), in the order of a cell's fields; seeds first."""
    known: dict[str, FieldLine] = {}
    for line in describe(Cell()):
        known.setdefault(line.field, line)
    defaults = flatten(Cell())
    varying, base = [_seeds(cells)], list[Parameter]()
    for field, name in _fields(settings_of(cells), known):
        values = list(dict.fromkeys(_plain(value) for value in cells[name] if not is_missing(value)))
        if values in ([], ["[]"]) or field in STUDY_KEYS:
            continue
        everywhere = bool(cells[name].notna().all())
        default = defaults.get(name)
        differs = name in defaults and len(values) == 1 and values[0] != _plain(default)
        meaning = known[field].meaning if field in known else ""
        parameter = Parameter(field, values_in_words(values, field), shown(default) if differs else "", meaning)
        (base if len(values) == 1 and (everywhere or name != "scheme.kind") else varying).append(parameter)
    return varying, base


def _fields(columns: Sequence[str], known: dict[str, FieldLine]) -> Iterator[tuple[str, str]]:
    """(field, its column): a part that goes by a name is one field, its own fields are left out."""
    named = {column.removesuffix(".name") for column in columns if column.endswith(".name")} & known.keys()
    for column in columns:
        part = next((part for part in named if column.startswith(f"{part}.")), None)
        if part is None:
            yield column, column
        elif column == f"{part}.name":
            yield part, column


def _seeds(cells: pd.DataFrame) -> Parameter:
    seeds = sorted(int(seed) for seed in cells["seed"].unique())
    text = ", ".join(map(str, seeds))
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        text = f"{seeds[0]} to {seeds[-1]}"
    return Parameter("seed", text, "", "of every random number")


def values_in_words(values: Sequence[object], field: str) -> str:
    """The values of a field with its unit, numbers in order; the first and the last where there are many."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    ordered: Sequence[object] = sorted(numbers) if len(numbers) == len(values) else values
    lines = [quantity(value, field) if not isinstance(value, bool) else shown(value) for value in ordered]
    if len(lines) > MOST_VALUES:
        return f"{len(lines)} values, {lines[0]} to {lines[-1]}"
    return ", ".join(dict.fromkeys(lines))


def _plain(value: object) -> object:
    """A table's value as the cell had it: whole numbers are whole again."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return str(list(value)) if isinstance(value, list | tuple) else value
