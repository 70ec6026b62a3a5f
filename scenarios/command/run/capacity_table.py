"""What a search for the most devices found, as text: devices, the limit met first, and why it ended where it did."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

import pandas as pd

from scenarios.findings.aligned_columns import WIDTH, by_curve, wrapped
from simulator.results.columns import CURVE
from simulator.results.lossy_schemes import marked
from simulator.results.units import quantity, title
from simulator.sweeps.search import Objective


def bearing(summary: pd.DataFrame, axis: str | None, objective: Objective) -> str:
    """Two tables, a row per value of the axis, a column per curve: devices at the objective, with the range of what
    each seed bears by itself; and the limit that is met first, with the station whose relief would serve most more."""
    limits = " and ".join(f"{name} <= {quantity(limit, name)}" for name, limit in objective.limits.items())
    alone = summary["n"].max() > 1
    heading = f"{title(objective.field)} at {limits}, to {100 * objective.within:g}%"
    heading += " (what a seed bears by itself, of the numbers tried)" if alone else ""
    met = textwrap.fill(
        "what fails first with more of them, and the station that limits: relieved alone (passes of no time, an "
        "infinite rate without losses, no limit of memory) it would serve most more",
        WIDTH,
    )
    table = marked(summary)
    parts = [heading, by_curve(table, axis, lambda row: _borne(row, alone)), met, by_curve(table, axis, _met_first)]
    text = "\n".join(map(wrapped, reasons(summary, axis, objective)))
    return "\n\n".join([*parts, *([text] if text else [])])


def _borne(row: pd.Series[float], alone: bool) -> str:
    text = f"{row['capacity']:,.0f}{'' if row['bounded'] else '+'}"
    if not alone:
        return text
    none = int(row.get("seeds_of_none", 0))
    lacking = f"; {none} seed{'s' if none > 1 else ''} none" if none and row["capacity"] else ""
    return f"{text} ({row['capacity_least']:,.0f}-{row['capacity_most']:,.0f}{lacking})"


def _met_first(row: pd.Series[float]) -> str:
    limit, station = (str(row.get(name, "")) for name in ("first_limit", "limited_by"))
    return f"{limit}, {station or 'no station alone'}" if limit else "-"


def reasons(summary: pd.DataFrame, axis: str | None, objective: Objective) -> list[str]:
    """A line a curve that bears none somewhere: which limit fails, and by how much. Then a line of those that bear as
    many as were asked for: the search ended there, not they."""
    return [*_none_borne(summary, axis, objective), *_stopped(summary, axis, objective)]


def _none_borne(summary: pd.DataFrame, axis: str | None, objective: Objective) -> Iterator[str]:
    fewest = f"{objective.low:,} {_thing(objective)}{'s' if objective.low > 1 else ''}"
    for curve, rows in summary[summary["capacity"] < objective.low].groupby(CURVE, sort=False):
        places: dict[str, list[str]] = {}
        for _, row in rows.iterrows():
            places.setdefault("; ".join(unmet(row, objective)), []).append(_at(row, axis))
        told = [f"with {fewest}{_where(at, axis)} {why}" for why, at in places.items()]
        yield f"{curve} bears none: {'; '.join(told)}"


def unmet(row: pd.Series[float], objective: Objective) -> Iterator[str]:
    """Each limit that a setting breaks, by how much."""
    if row["answered"] < 1:
        yield f"only {row['answered']:.3g} of the requests are answered"
    for name, limit in objective.limits.items():
        value = float(row[name])
        if math.isnan(value):
            yield f"{name} has no value"
        elif value > limit:
            yield f"{name} is {quantity(value, name)}, {_above(value, limit)} the limit of {quantity(limit, name)}"


def _stopped(summary: pd.DataFrame, axis: str | None, objective: Objective) -> Iterator[str]:
    open_ = summary[~summary["bounded"].astype(bool) & (summary["capacity"] >= objective.low)]
    if open_.empty:
        return
    at = [
        f"{curve}{_where([_at(row, axis) for _, row in rows.iterrows()], axis)}"
        for curve, rows in open_.groupby(CURVE, sort=False)
    ]
    yield (
        f"+ the search ended at its upper bound of {objective.high:,} {_thing(objective)}s, where the objective still "
        f"holds: {'; '.join(at)}"
    )


def _thing(objective: Objective) -> str:
    return title(objective.field).removesuffix("s")


def _at(row: pd.Series[float], axis: str | None) -> str:
    return "" if axis is None else quantity(row[axis], axis)


def _where(at: list[str], axis: str | None) -> str:
    return "" if axis is None else f" at {title(axis)} {', '.join(at)}"


def _above(value: float, limit: float) -> str:
    share = value / limit - 1
    return f"{value / limit:.3g} times" if share >= 1 else f"{quantity(100 * share, '', 2)}% above"
