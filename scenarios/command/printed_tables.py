"""Results as text: the headline along the axis, what each scheme costs, what the run stands for. Returns strings."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from models.clocks.latency import Latency
from scenarios.command.capacity_reasons import reasons
from scenarios.command.scenario import Best
from simulator.cell.cell import Cell
from simulator.cell.descriptions import shown
from simulator.results.columns import CI_SUFFIX, CURVE, OVERLOAD
from simulator.results.units import PREFIXED, prefix_of, quantity, symbol, title, unit
from simulator.sweeps.search import Objective

WIDTH = 100
COSTS: tuple[tuple[str, str], ...] = (
    ("payload_bits_per_token", "payload bits"),
    ("uplink_bits_per_token", "uplink bits"),
    ("draft_length", "drafts"),
    ("accepted_per_round", "accepted"),
    ("resampling_per_draft", "resampled"),
    ("rejection_bound", "its bound"),
)
STATIONS = ("uplink", "cloud", "downlink")
MANY_CURVES = 9
"""More than these are too many to stand side by side."""
COSTS_HEADING = "bits per output token; drafts, accepted drafts per round; rejections per verified draft, its bound"


def headline(summary: pd.DataFrame, axis: str | None, metric: str = "latency_per_token_s") -> str:
    """Mean ± half-width of each curve at each value of the axis; `*` marks the lowest mean at a value.

    A row a value and a column a curve; where curves are many and values few, the other way round.
    """
    table = summary[summary[metric].notna()]
    if table.empty:
        return f"{title(metric)}: no request was answered"
    factor, scale = _scale(table[metric], metric)
    names = list(dict.fromkeys(table[CURVE]))
    parts = rows_along(table, axis)
    entries = [_entries(part, names, metric, factor) for _, part in parts]
    seeds = int(table["n"].max())
    spread = f"mean ± 95% half-width over {seeds} seeds" if seeds > 1 else "one seed, no interval"
    heading = f"{title(metric)}{f' ({scale})' if scale else ''}, {spread}" + ("; * lowest" if len(names) > 1 else "")
    labels = ["" if axis is None else quantity(at, axis) for at, _ in parts]
    if len(names) > MANY_CURVES and len(parts) <= MANY_CURVES:
        body = [[str(name), *column] for name, column in zip(names, zip(*entries, strict=True), strict=True)]
        return heading + "\n\n" + aligned(["" if axis is None else title(axis), *labels], body)
    body = [[label, *row] for label, row in zip(labels, entries, strict=True)]
    return heading + "\n\n" + aligned(["" if axis is None else title(axis), *map(str, names)], body)


def _entries(part: pd.DataFrame, names: Sequence[object], metric: str, factor: float) -> list[str]:
    """Of one value of the axis, those of each curve, `-` where it has none there."""
    by_curve = {row[CURVE]: row for _, row in part.iterrows()}
    lowest = min(float(row[metric]) for row in by_curve.values())
    told = []
    for name in names:
        row = by_curve.get(name)
        mark = "*" if row is not None and float(row[metric]) == lowest and len(names) > 1 else " "
        told.append("-" if row is None else _mean(row, metric, factor) + mark)
    return told


def bearing(summary: pd.DataFrame, axis: str | None, objective: Objective) -> str:
    """A row per value of the axis, a column per curve: devices at the objective, and where most of them are."""
    names = list(dict.fromkeys(summary[CURVE]))
    body = []
    for at, part in rows_along(summary, axis):
        found = {str(row[CURVE]): _borne(row) for _, row in part.iterrows()}
        body.append(["" if axis is None else quantity(at, axis), *(found.get(name, "-") for name in names)])
    limits = " and ".join(f"{name} <= {quantity(limit, name)}" for name, limit in objective.limits.items())
    heading = (
        f"{title(objective.field)} at {limits}, to {100 * objective.within:g}%\n"
        "and the station where most of them are at a time"
    )
    table = heading + "\n\n" + aligned(["" if axis is None else title(axis), *names], body)
    told = [textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in reasons(summary, axis, objective)]
    return "\n\n".join([table, *(["\n".join(told)] if told else [])])


def _borne(row: pd.Series[float]) -> str:
    fullest = max(STATIONS, key=lambda name: float(row[f"{name}_queue"]))
    limit = fullest if row["capacity"] and float(row[f"{fullest}_queue"]) > 0 else ""
    return f"{row['capacity']:,.0f}{' ' if row['bounded'] else '+'} {limit:<8}"


def costs(summary: pd.DataFrame) -> str:
    """A row per curve: bits, draft length, acceptance, resampling and its bound; a range where the axis matters.

    "" of a study that has none of them.
    """
    present = [(name, label) for name, label in COSTS if name in summary.columns]
    if COSTS[0] not in present:
        return ""
    body = [
        [str(curve), *(_over_axis(rows, name) for name, _ in present)]
        for curve, rows in summary.groupby(CURVE, sort=False)
    ]
    return COSTS_HEADING + "\n\n" + aligned(["", *(label for _, label in present)], body)


def overloads(summary: pd.DataFrame, axis: str | None) -> list[str]:
    """A line a curve that is overloaded: at which values of the axis, and which stations."""
    told: list[str] = []
    if "overloaded" not in summary.columns:
        return told
    for curve, rows in summary[summary["overloaded"] > 0].groupby(CURVE, sort=False):
        stations = [name for name in STATIONS if (rows[f"{name}_busy"] >= OVERLOAD).any()]
        busiest = max(STATIONS, key=lambda name: float(rows[f"{name}_busy"].max()))
        names = f" ({' and '.join(stations or [busiest])} busy)"
        where = "" if axis is None else f" at {title(axis)} {', '.join(quantity(at, axis) for at in rows[axis])}"
        told.append(f"Overloaded: {curve}{where}{names}")
    return told


def chosen_table(choices: pd.DataFrame, axis: str | None, best: Best) -> str:
    """A row per value of the axis, a column per curve: what it chose for itself."""
    names = list(dict.fromkeys(choices[CURVE]))
    body = []
    for at, part in rows_along(choices, axis):
        found = dict(zip(part[CURVE], part["chosen"], strict=True))
        body.append(["" if axis is None else quantity(at, axis), *(found.get(name, "-") for name in names)])
    tried = ", ".join(f"{symbol(path)} in {list(values)}" for path, values in best.over.items())
    seeds = f"{best.seeds} other seed{'s' if best.seeds > 1 else ''}"
    heading = f"Chosen by least {title(best.metric)} on {seeds}: {tried}"
    return heading + "\n\n" + aligned(["" if axis is None else title(axis), *names], body)


def rows_along(table: pd.DataFrame, axis: str | None) -> list[tuple[object, pd.DataFrame]]:
    """The rows at each value of the axis: numbers ascending, names in order of appearance."""
    if axis is None:
        return [(None, table)]
    return list(table.groupby(axis, sort=bool(pd.api.types.is_numeric_dtype(table[axis]))))


def stands_for(cells: Sequence[Cell], clock: bool = True) -> str:
    """Which pair chose the tokens and what the clock, if there was one, stands for."""
    pairs = _distinct(f"{cell.models.pair.summary} (pair {cell.models.pair.kind})" for cell in cells)
    if not clock:
        return f"Tokens: {pairs}."
    edge = _distinct(_computes(cell.edge.latency) for cell in cells)
    cloud = _distinct(_computes(cell.cloud.latency) for cell in cells)
    return f"Tokens: {pairs}.\nClock: drafting as {edge}; verifying as {cloud}."


def _computes(latency: Latency) -> str:
    size, device = getattr(latency, "size", None), getattr(latency, "device", None)
    if size is not None and device is not None:
        return f"{shown(size)} on {shown(device)} (roofline)"
    fields = [name for name in type(latency).model_fields if name != "kind"]
    return " ".join([latency.kind, *(f"{name}={shown(getattr(latency, name))}" for name in fields)])


def _distinct(texts: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(texts))


def _scale(values: pd.Series[float], metric: str) -> tuple[float, str]:
    """The prefix of the smallest value, for the whole table, and the unit's symbol with it."""
    known = unit(metric)
    if known not in PREFIXED:
        return 1.0, known
    factor, prefix = prefix_of(float(values.min()))
    return factor, prefix + known


def _mean(row: pd.Series[float], metric: str, factor: float = 1.0) -> str:
    mean, half = float(row[metric]) / factor, float(row.get(metric + CI_SUFFIX, math.nan)) / factor
    digits = max(0, 2 - math.floor(math.log10(abs(mean)))) if mean else 1
    digits = min(digits, 4)
    return f"{mean:,.{digits}f}" + ("" if math.isnan(half) else f" ±{half:,.{digits}f}")


def _over_axis(rows: pd.DataFrame, metric: str) -> str:
    given = rows[rows[metric].notna()]
    if given.empty:
        return "-"
    low, high = float(given[metric].min()), float(given[metric].max())
    if np.isclose(low, high, rtol=1e-9, atol=0):
        return _mean(given.iloc[0], metric)
    return f"{low:.3g}..{high:.3g}"


def aligned(header: list[str], body: list[list[str]]) -> str:
    """Columns padded to their widest entry, first to the left, others to the right; blocks of at most WIDTH columns."""
    # By hand: tabulate and rich make no blocks, pandas' to_string does but leaves one space here and two there.
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    blocks: list[list[int]] = [[]]
    used = widths[0]
    for i in range(1, len(header)):
        if blocks[-1] and used + 2 + widths[i] > WIDTH:
            blocks.append([])
            used = widths[0]
        blocks[-1].append(i)
        used += 2 + widths[i]
    return "\n\n".join(
        "\n".join(
            "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in block)]).rstrip()
            for row in [header, *body]
        )
        for block in blocks
    )
