"""What a search for the most devices says: which curve bears most, and which limit each meets first.

Two curves are told apart where what their seeds bear, each by itself, does not overlap, the search's tolerance added:
the range of a few seeds is narrower than an interval, so curves that are told apart may still be alike. A seed that by
itself meets the objective at no number tried says nothing of how many, and is not in the range.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import along, joined, span, stretches
from simulator.results.lossy import ranked


@dataclass(frozen=True)
class Most:
    """At one value of the axis: the curves that bear most, as far as can be told; what the best of them bears; the
    limits that these meet first."""

    at: float
    curves: tuple[str, ...]
    devices: int
    bounded: bool
    limits: tuple[str, ...]


def most_borne(table: pd.DataFrame, axis: str | None) -> str:
    """`a up to 1 kbit/s (120 to 130 devices, then ttft_s fails), a or b from 3 kbit/s on (...)`: of a table of cells or
    a summary with the columns SEARCHED; lossy curves left out; `+` where more were not tried."""
    found = [_most(rows, math.nan if at is None else float(str(at))) for at, rows in along(ranked(table), axis)]
    told, last = [], len(found) - 1
    for (curves, limits), group in itertools.groupby(
        enumerate(found), key=lambda item: (item[1].curves, item[1].limits)
    ):
        run = list(group)
        (first, low), (end, high) = run[0], run[-1]
        where = "" if axis is None else f" {span(low.at, high.at, axis, first == 0, end == last)}"
        few, many = (f"{each.devices:,}{'' if each.bounded else '+'}" for each in (low, high))
        devices = f"{' to '.join(dict.fromkeys((few, many)))} devices" if low.devices else ""
        then = f"then {joined(limits)} fail{'s' if len(limits) == 1 else ''}" if limits and low.devices else ""
        said = ", ".join(filter(None, (devices, then)))
        told.append(f"{joined(curves, 'or')}{where}" + (f" ({said})" if said else ""))
    return ", ".join(told)


def first_limits(table: pd.DataFrame, axis: str | None) -> str:
    """`a ttft_s (cloud) everywhere; b tpot_p95_s (uplink) up to 1 kbit/s, ttft_s (cloud) from 3 kbit/s on`: the limit,
    and the station whose relief would serve more, where that was asked."""
    told = []
    for curve, rows in table.groupby(CURVE, sort=False):
        known = rows[rows["first_limit"] != ""]
        said = known["first_limit"].astype(str)
        if "limited_by" in known.columns:
            said += " (" + known["limited_by"].fillna("").replace("", "no station alone") + ")"
        limits = [f"{limit} {stretches(part, rows, axis)}".rstrip() for limit, part in known.groupby(said, sort=False)]
        told += [f"{curve} {', '.join(limits)}"] if limits else []
    return "; ".join(told)


def _most(rows: pd.DataFrame, at: float) -> Most:
    by = rows.drop_duplicates(CURVE).set_index(CURVE)
    best = by.iloc[int(by["capacity"].argmax())]
    if not best["capacity"]:
        return Most(at, ("none",), 0, True, ())
    reach = by["capacity_most"].combine(by["capacity"], max) * (1 + by["within"])
    least = min(best["capacity_least"] or best["capacity"], best["capacity"])
    alike = by[(reach >= least) & (by["capacity"] > 0) & (best["bounded"] | ~by["bounded"].astype(bool))]
    limits = tuple(dict.fromkeys(str(limit) for limit in alike["first_limit"] if limit))
    names = tuple(sorted(map(str, alike.index), key=list(by.index).index))
    return Most(at, names, int(best["capacity"]), bool(best["bounded"]), limits)
