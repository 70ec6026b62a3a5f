"""Tables of a report: what was found at each setting, what was compared for a sentence, definitions of columns; and the
parameters: what varies from cell to cell, what all cells share, and where that is not the default."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from scenarios.findings.text_table import TableEntry, TableGroup, TextTable
from scenarios.findings.wording import with_ends
from simulator.cell.cell import Cell
from simulator.cell.descriptions import FieldLine, describe, shown
from simulator.cell.dotted_names import flatten
from simulator.results.column_names import (
    BREAKDOWN_MEANINGS,
    CHOSEN,
    CURVE,
    RECOMMENDED,
    SEARCHED,
    SETTING,
    SPEEDUP,
    SPEEDUPS,
)
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
    **RECOMMENDED,
    "n": "seeds, over which the interval is",
    "difference": f"first / second - 1, paired by seed, with its {CONFIDENCE:.0%} interval",
    "separable": "True if the interval leaves out 0",
}
"""Meaning of each column."""
MAIN: Final = (
    "latency_per_token_s", "payload_bits_per_token", "uplink_bits_per_token", "draft_length",
    "accepted_per_round", "resampling_per_draft", "rejection_bound", "tv_output",
)  # fmt: skip
"""Columns that the first table shows of a simulation, besides those that were asked about."""
_MOST_ENTRIES: Final = 6_000
"""A table of every metric with more entries is left to summary.csv."""
_FOR_ALL: Final = ("objective", "within")
"""Columns of a search that are the same for every setting."""
_OWN = {CHOSEN: "chosen for it"}


NONE: Final = TableEntry("–")


def results(summary: pd.DataFrame, axis: str | None, asked: Sequence[str], chosen: Sequence[str] = ()) -> TextTable:
    """Returns the results at each setting: the main metrics and those that were `asked` about, all of a study's;
    `chosen`: fields that each scheme chose for itself."""
    found = [name for name in metrics_of(summary) if summary[name].notna().any()]
    text = [name for name in dict.fromkeys((*MAIN, *asked)) if name in found] if MAIN[0] in found else found
    text = [*(name for name in SEARCHED if name in summary.columns and name not in _FOR_ALL), *text]
    if SPEEDUP in summary.columns and summary[SPEEDUP].notna().any():
        text.insert(1 if MAIN[0] in text else 0, SPEEDUP)
    if "answered" not in text and "answered" in found and (summary["answered"] < 1).any():
        text.append("answered")
    return _table(f"Each setting: {_spread(summary)}", summary, axis, text, chosen)


def every_metric(summary: pd.DataFrame, axis: str | None) -> TextTable | None:
    """Every metric that has a value anywhere; None of a summary so large that the page would be."""
    found = [name for name in metrics_of(summary) if summary[name].notna().any()]
    if len(summary) * len(found) > _MOST_ENTRIES:
        return None
    return _table(f"Each setting, every metric: {_spread(summary)}", summary, axis, found)


def _spread(summary: pd.DataFrame) -> str:
    several = summary["n"].max() > 1
    return f"mean ± half-width of the {CONFIDENCE:.0%} interval over seeds" if several else "one seed, no interval"


def comparisons(numbers: object) -> TextTable | None:
    """The numbers behind one sentence, as `findings.json` has them; None where nothing was compared."""
    differences = [each for each in numbers if "difference" in each] if isinstance(numbers, list) else []
    if not differences:
        return None
    places = _distinguishing([_where(each) for each in differences])
    heads = {
        "second": "compared with", **{name: title(name) for name in places}, "first_mean": "mean",
        "second_mean": "compared with", "difference": "difference", "n": "seeds", "separable": "distinguishable",
    }  # fmt: skip
    rows = [(str(each["first"]), _compared(each, places)) for each in differences]
    return TextTable(
        "What was compared for this sentence", "curve", [*heads.values()], [TableGroup("", rows)],
        keys=["first", *heads],
    )  # fmt: skip


def _distinguishing(where: Sequence[Mapping[str, object]]) -> list[str]:
    """The columns that tell these places apart, of several that go together the first."""
    names = list(dict.fromkeys(name for each in where for name in each))
    values = {name: tuple(repr(each.get(name)) for each in where) for name in names}
    groups = {name: tuple(map(of.index, of)) for name, of in values.items() if len({*of}) > 1}
    return [next(name for name in groups if groups[name] == group) for group in dict.fromkeys(groups.values())]


def definitions(tables: Sequence[TextTable]) -> dict[str, str]:
    """The definitions of the columns of these tables, each once."""
    found = {
        key: of.meaning if (of := known(key)) else DEFINITIONS.get(key, "") for each in tables for key in each.keys
    }
    return {key: meaning for key, meaning in found.items() if meaning}


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


def number(value: object, name: str) -> TableEntry:
    """A value of the field or metric `name`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return TableEntry("–" if value is None else quantity(value, name))
    return NONE if math.isnan(value) else TableEntry(quantity(value, name), order=_sorted_by(value))


def _table(
    caption: str, summary: pd.DataFrame, axis: str | None, metrics: Sequence[str], chosen: Sequence[str] = ()
) -> TextTable:
    heads = {SETTING: "setting"} if SETTING in summary.columns else {}
    fields = [*([] if axis is None else [axis]), *chosen]
    heads |= {name: title(name) for name in fields} | {"n": "seeds"} | {name: title(name) for name in metrics}
    rows = [(str(row[CURVE]), list(_row(row, fields, metrics))) for _, row in marked(summary).iterrows()]
    return TextTable(caption, "curve", [*heads.values()], [TableGroup("", rows)], keys=[CURVE, *heads])


def _row(row: pd.Series[float], fields: Sequence[str], metrics: Sequence[str]) -> Iterator[TableEntry]:
    if SETTING in row.index:
        yield TableEntry(_OWN.get(str(row[SETTING]), "as the grid gives it"))
    for name in fields:
        yield number(_plain(row[name]), name)
    yield number(_plain(row["n"]), "n")
    for name in metrics:
        if isinstance(row[name], bool | np.bool_):
            yield TableEntry("yes" if row[name] else "no")
        elif isinstance(row[name], str):
            yield TableEntry(str(row[name]))
        elif name == SPEEDUP:
            ratio, low, high = (float(row[each]) for each in SPEEDUPS)
            known = not math.isnan(ratio)
            text = with_ends(ratio, low, high, "{:.3g}".format)
            yield TableEntry(text, order=_sorted_by(ratio)) if known else NONE
        else:
            mean, half = interval_of(row, name)
            yield TableEntry(with_interval(mean, half, name), order="" if math.isnan(mean) else _sorted_by(mean))


def _compared(numbers: Mapping[str, object], places: Sequence[str]) -> list[TableEntry]:
    where, metric = _where(numbers), str(numbers["metric"])
    mean, low, high = (float(str(numbers[name])) if numbers[name] is not None else math.nan
                       for name in ("difference", "low", "high"))  # fmt: skip
    relative = bool(numbers["relative"])

    def word(value: float) -> str:
        return f"{quantity(100 * value, '')}%" if relative else quantity(value, metric)

    separable = {True: "yes", False: "no"}.get(numbers["separable"], "one seed")  # type: ignore[call-overload]
    return [
        TableEntry(str(numbers["second"])),
        *(number(where.get(name), name) for name in places),
        number(numbers["first_mean"], metric), number(numbers["second_mean"], metric),
        TableEntry(with_ends(mean, low, high, word), order=_sorted_by(mean)), number(numbers["n"], "n"),
        TableEntry(separable),
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
    """Field of the cells. `default` is "" if it is the cells' value, or if the default cell has no such field."""

    field: str
    values: str
    default: str
    meaning: str


def parameters(cells: pd.DataFrame) -> tuple[list[Parameter], list[Parameter]]:
    """Returns the fields that vary and those that are the same in all cells that have them, in the order of a cell's
    fields; seeds first."""
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
