"""The one table of a run: a row a scheme, a column a value of the axis, ranked, with marks in place of sentences.
Schemes are ranked with those of the same setting: where temperature or link vary, each has a group of rows.
Lossy schemes, limits and what left requests unanswered are not ranked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from scenarios.findings.comparisons import Place
from scenarios.findings.question import LATENCY
from scenarios.findings.rejections import BOUND, BOUND_NOTE
from scenarios.findings.sentences.limits import HEAD as LIMITS
from scenarios.findings.sentences.limits import limits_entry, limits_legend, supporting_most
from scenarios.findings.text_table import TableEntry, TableGroup, TextTable, number, rows_along
from scenarios.findings.wording import counted, limits_in_words, would_show
from simulator.results.column_names import CI_SUFFIX, CLASS, CURVE, N_SUFFIX
from simulator.results.display_names import DisplayNames, curve_of, words_of
from simulator.results.energy import MONTH_H
from simulator.results.intervals import CONFIDENCE, Difference, interval_of, varying
from simulator.results.lossy_schemes import UNKNOWN, lossy_curves, marks, unranked
from simulator.results.metrics import higher_is_better
from simulator.results.unanswered_requests import complete, percent, share_left_out, with_number
from simulator.results.units import one_unit, quantity, title, unit

BEST: Final = "*"
ALIKE: Final = "•"
LEFT: Final = "†"
OVER: Final = "‡"
_NAMES: Final = DisplayNames()


def curve_table(
    summary: pd.DataFrame, cells: pd.DataFrame, axis: str | None, metric: str,
    overloaded: pd.Series[bool] | None = None, *, limits: bool = False,
) -> TextTable | None:  # fmt: skip
    """A metric of each curve along the axis; None where no row has a number. `cells`: the runs behind the rows, by
    which they are compared seed by seed; `overloaded`: whether more work came than was served, a row each; `limits`:
    whether a last column says which curves meet the limits that a user typed."""
    shown = with_number(summary, metric)
    if metric == BOUND:
        shown = shown.assign(**{metric: shown[metric].clip(upper=1.0)})
    if not shown[metric].notna().any():
        return None
    factor, scale = unit_of(shown[metric].dropna().tolist(), metric)
    whole = complete(cells)
    apart = unranked(shown)
    lacking = [share_left_out(row, metric) for _, row in shown.iterrows()]
    shown = shown.assign(**{LEFT: lacking, OVER: False if overloaded is None else overloaded[shown.index]})

    def entry(row: pd.Series[float], mark: str) -> TableEntry:
        mark += (LEFT if row[LEFT] > 0 else "") + (OVER if row[OVER] else "")
        mean, half = interval_of(row, metric)
        return TableEntry("none", "", mark) if math.isnan(mean) else number(mean / factor, half / factor, mark)

    higher = higher_is_better(metric)
    found, less = _groups(
        shown, axis, metric, lambda rows: _marks(rows, metric, whole, axis, apart), entry, descending=higher,
        beside=(lambda rows: [limits_entry(rows)]) if limits else None,
    )  # fmt: skip
    legend = _ranking(shown, found, less, "highest" if higher else "lowest")
    if lost := [each for each in lacking if each > 0]:
        shares = " to ".join(dict.fromkeys(percent(each) for each in (min(lost), max(lost))))
        legend.append(f"{LEFT} {shares} of requests unanswered and in no number: not ranked")
    legend += [f"{OVER} overloaded: more comes than is served"] if shown[OVER].any() else []
    measure = (
        f"{scale} per token"
        if metric == LATENCY
        else title(metric) + (f", {scale}" if scale and scale not in title(metric).split() else "")
    )
    legend += [f"on what is expected, TV(qhat, p): {BOUND_NOTE}"] if metric == BOUND else []
    legend += [_seeds(shown, metric), *([limits_legend(summary)] if limits else [])]
    return _table(shown, axis, measure, found, legend, [LIMITS] if limits else [])


LOAD: Final = "cloud_busy"
"""The load at which servers are held."""
DEVICE_MONTH: Final = {
    "busy_usd_per_device_month": "USD/device-month busy",
    "held_usd_per_device_month": "held",
    LOAD: "at cloud busy",
}
"""Cost of a device in a month at a capacity, if prices are known."""


def capacity_table(summary: pd.DataFrame, axis: str | None, field: str, objective: str) -> TextTable | None:
    """Returns the table of the devices that each curve supports along the axis, in brackets the range of its seeds
    alone, and the cost of a device in a month."""
    if summary.empty:
        return None
    several, apart = summary["n"].max() > 1, unranked(summary)

    def marked(rows: pd.DataFrame) -> tuple[dict[str, str], list[Difference]]:
        ranked = rows[~rows[CURVE].isin(apart)]
        most = supporting_most(ranked) if len(ranked) else []
        alone = ranked[ranked["capacity"] == ranked["capacity"].max()][CURVE].head(1).tolist()
        return {curve: BEST if curve in alone else ALIKE for curve in most}, []

    def entry(row: pd.Series[float], mark: str) -> TableEntry:
        text = f"{row['capacity']:,.0f}{'' if row['bounded'] else '+'}"
        return TableEntry(
            text + (f" ({row['capacity_least']:,.0f}–{row['capacity_most']:,.0f})" if several else ""), "", mark
        )

    paid = _known(summary, DEVICE_MONTH)
    found, less = _groups(
        summary, axis, "capacity", marked, entry, descending=True,
        beside=lambda rows: [_ends(rows[rows["capacity"] > 0][name], name) for name in paid],
    )  # fmt: skip
    legend = _ranking(summary, found, less, "most")
    legend += ["+ the search ended there"] if not summary["bounded"].astype(bool).all() else []
    legend += ["(what each seed supports alone)"] if several else ["one seed, no interval"]
    if paid:
        held = "held: all servers, at that number of devices"
        legend.append(f"Assumed: {MONTH_H:g} h of use a month; busy: passes alone; {held}")
    measure = f"{title(field)} at {limits_in_words(objective)}"
    return _table(summary, axis, measure, found, legend, [DEVICE_MONTH[name] for name in paid])


def _known(summary: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Returns the columns that have numbers; the load only beside prices of held GPUs."""
    there = [name for name in names if name in summary.columns and summary[name].notna().any()]
    return [name for name in there if name != LOAD or any("held" in each for each in there)]


def _ends(values: pd.Series[float], name: str) -> TableEntry:
    """The least and the most of a curve along the axis."""
    ends = (values.min(), values.max()) if values.notna().any() else ()
    texts = (percent(float(each)) if name == LOAD else number(float(each)).value for each in ends)
    return TableEntry("..".join(dict.fromkeys(texts)) or "-")


SPENT: Final = {
    "battery_j_per_token": "battery J",
    "battery_j_per_request": "a request",
    "radio_j_per_token": "radio J",
    "cloud_busy_j_per_token": "cloud J busy",
    "cloud_held_j_per_token": "J held",
    "busy_usd_per_million_tokens": "USD/M busy",
    "held_usd_per_million_tokens": "USD/M held",
    LOAD: "at cloud busy",
}
"""Cost of a token, if figures of power and price are known; dollars are per million tokens, and what is held is at a
load."""


def cost_table(summary: pd.DataFrame, axis: str | None) -> TextTable | None:
    """Joules and dollars of each curve, at the middle of the axis; None where none is known. Where watts are known to
    lie in a band so do the joules: both ends."""
    known = _known(summary, SPENT)
    if not known:
        return None
    places = rows_along(summary, axis)
    at, rows = places[len(places) // 2]
    lines = []
    for _, row in rows.iterrows():
        entries = []
        for name in known:
            if name == LOAD:
                entries.append(_ends(pd.Series([row[name]]), name))
                continue
            (mean, half), least = interval_of(row, name), _least(row, name)
            found = TableEntry("-") if math.isnan(mean) else number(mean, half)
            if least < mean:
                found = TableEntry(f"{number(least, math.nan, '').value}..{found.value}")
            entries.append(found)
        lines.append((_NAMES.curve(str(row[CURVE])), entries))
    where = "" if axis is None else f", {title(axis)} {_NAMES.word(quantity(at, axis))}"
    band = any(".." in each.value for _, entries in lines for each in entries)
    legend = ["from..to: watts are known as a band, seeds apart"] if band else []
    return TextTable("", f"a token costs{where}", [SPENT[name] for name in known], [TableGroup("", lines)], legend)


def _least(row: pd.Series[float], name: str) -> float:
    """The lower end of joules whose watts are known as a band."""

    def share(*fields: str) -> float:
        return min((float(row[each]) for each in fields if each in row and pd.notna(row[each])), default=1.0)

    radio = share("uplink.radio.least_share", "downlink.radio.least_share")
    if name.startswith("battery"):
        edge_j, radio_j = float(row["edge_j_per_token"]), float(row["radio_j_per_token"])
        part = share("edge.power.least_share") * edge_j + radio * radio_j
        return float(row[name]) * (part / (edge_j + radio_j)) if edge_j + radio_j > 0 else float(row[name])
    if name.startswith("radio"):
        return float(row[name]) * radio
    return float(row[name]) * (share("cloud.power.least_share") if name.startswith("cloud") else 1.0)


def _marks(
    rows: pd.DataFrame, metric: str, cells: pd.DataFrame, axis: str | None, apart: Sequence[str]
) -> tuple[dict[str, str], list[Difference]]:
    """Returns the marks of rows at one value of the axis, and the comparisons with the best that show no difference.
    `apart`: the curves that are not ranked."""
    kept = rows[rows[metric].notna() & ~rows[CURVE].isin(apart)]
    kept = kept[[not share_left_out(row, metric) for _, row in kept.iterrows()]]
    if kept.empty or rows[CURVE].nunique() < 2:
        return {}, []
    values = kept.set_index(kept[CURVE].astype(str))[metric]
    best = str(values.idxmax() if higher_is_better(metric) else values.idxmin())
    here = Place(metric, cells if axis is None else cells[cells[axis] == rows[axis].iloc[0]])
    less = {curve: here.of(best, curve).less for curve in values.index if curve != best}
    first = {curve: BEST for curve in values.index if values[curve] == values[best]}
    alike = {curve: each for curve, each in less.items() if each.n > 1 and not each.separable and curve not in first}
    return first | dict.fromkeys(alike, ALIKE), [*alike.values()]


def _groups(
    shown: pd.DataFrame, axis: str | None, metric: str,
    marks_of: Callable[[pd.DataFrame], tuple[Mapping[str, str], list[Difference]]],
    entry: Callable[[pd.Series[float], str], TableEntry], *, descending: bool = False,
    beside: Callable[[pd.DataFrame], Sequence[TableEntry]] | None = None,
) -> tuple[list[TableGroup], list[Difference]]:  # fmt: skip
    """The rows by setting, each group ranked, those that are not ranked last; `beside`: the entries behind the axis."""
    lossy = marks(shown)
    order, groups, unclear = [at for at, _ in rows_along(shown, axis)], list[TableGroup](), list[Difference]()
    for setting, part, called in settings_apart(shown, axis):
        found: dict[tuple[str, object], TableEntry] = {}
        for at, rows in rows_along(part, axis):
            marked, less = marks_of(rows)
            unclear += less
            named = zip(rows[CURVE].astype(str), (row for _, row in rows.iterrows()), strict=True)
            found |= {(name, at): entry(row, marked.get(name, "")) for name, row in named}
        worth = {
            str(curve): (curve in lossy, _middle(rows[metric], descending=descending))
            for curve, rows in part.groupby(CURVE, sort=False)
        }
        lines = [
            (
                _NAMES.curve(called[curve]) + lossy.get(curve, ""),
                [
                    *(found.get((curve, at), TableEntry("-")) for at in order),
                    *(beside(part[part[CURVE] == curve]) if beside else ()),
                ],
            )
            for curve in sorted(worth, key=worth.__getitem__)
        ]
        groups.append(TableGroup(setting, lines))
    return groups, unclear


def settings_apart(table: pd.DataFrame, axis: str | None) -> list[tuple[str, pd.DataFrame, dict[str, str]]]:
    """The rows of each setting that is no scheme's, with the setting in words and the curves' names without it; all as
    one where no two schemes share one, unless they are of classes of devices."""
    words = {word for curve in table[CURVE].unique() for word in words_of(str(curve))[1]}
    varied = [name for name in varying(table) if name != axis]
    schemes = {_word(name) for name in varied if name.startswith("scheme.")}
    apart = {_word(name): name for name in reversed(varied) if not name.startswith("scheme.")}
    apart = {word: name for word, name in apart.items() if word in words - schemes}
    whole = {str(curve): str(curve) for curve in table[CURVE].unique()}
    groups = list(table.groupby(list(reversed(apart.values())), sort=False, dropna=False)) if apart else []
    if len(groups) < 2 or (len(groups) >= len(whole) and CLASS not in apart):
        return [("", table, whole)]
    made = []
    for _, rows in groups:
        distinguishing: dict[str, str] = {}
        called = {}
        for curve in rows[CURVE].unique():
            scheme, fields = words_of(str(curve))
            distinguishing = {**{word: value for word, value in fields.items() if word in apart}, **distinguishing}
            called[str(curve)] = curve_of(scheme, {word: each for word, each in fields.items() if word not in apart})
        name = ", ".join(_NAMES.setting(word, value) for word, value in distinguishing.items())
        made.append((name, rows, called))
    return made


def _table(
    shown: pd.DataFrame, axis: str | None, measure: str, groups: Sequence[TableGroup], legend: Sequence[str],
    beside: Sequence[str],
) -> TextTable:  # fmt: skip
    """Returns the table. `beside`: the head above the entries behind the axis."""
    values = [at for at, _ in rows_along(shown, axis)]
    columns = ["" if axis is None else _NAMES.word(quantity(at, axis)) for at in values]
    of = "" if axis is None else title(axis)
    corner, along = f"{measure}, by {of}" if of else measure, of and f"{of}s"
    return TextTable("", corner, [*columns, *beside], groups, [each for each in legend if each], (), along, len(beside))


def _ranking(shown: pd.DataFrame, groups: Sequence[TableGroup], less: Sequence[Difference], best: str) -> list[str]:
    there = {mark for group in groups for _, row in group.rows for each in row for mark in each.marks}
    legend = [f"{BEST} {best}"] if BEST in there else []
    if ALIKE in there:
        could = would_show(less)
        legend.append(f"{ALIKE} no difference seen from it" + (f" ({could})" if could else ""))
    if len(groups) > 1 and legend:
        legend[0] += " of its group"
    unknown = UNKNOWN in marks(shown).values()
    if lossy_curves(shown):
        legend.append(
            f"lossy{' or not known to be lossless' if unknown else ''}: text is not the verifier's, not ranked"
        )
    return legend


def _seeds(shown: pd.DataFrame, metric: str) -> str:
    seeds = int(shown["n"].max())
    if seeds == 1:
        return "one seed: no interval"
    some = shown[metric + N_SUFFIX].notna().any() if metric + N_SUFFIX in shown.columns else False
    fewer = ", some numbers of fewer" if some else ""
    if shown.get(metric + CI_SUFFIX, pd.Series(dtype=float)).notna().any():
        return f"± {CONFIDENCE:.0%} over {counted(seeds, 'seed')}{fewer}"
    return f"the same in each of {seeds} seeds"


def unit_of(values: Sequence[float], metric: str) -> tuple[float, str]:
    """Returns one unit for the table: milliseconds for times of tokens."""
    if unit(metric) == "s" and any(word in metric for word in ("per_token", "tpot", "ttft")):
        return 1e-3, "ms"
    return one_unit(values, metric)


def _middle(values: pd.Series[float], *, descending: bool) -> float:
    """Returns the number by which a row is ranked: its geometric mean; those without a number last."""
    known = values.dropna().to_numpy(dtype=np.float64)
    if descending:
        return -float(known.mean()) if known.size else math.inf
    return float(np.log(np.maximum(known, 1e-300)).mean()) if known.size else math.inf


def _word(name: str) -> str:
    return name.removesuffix(".kind").rsplit(".", 1)[-1]
