"""Why a search for the most devices ended where it did: which limit fails at once, or that it asked no further."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.units import quantity, title
from simulator.sweeps.search import Objective


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
