"""What a search for the most devices found: which curve supports most, and which limit each meets first. Two curves are
distinguished where what their seeds support, each by itself, does not overlap, the search's tolerance added: a range of
a few seeds, narrower than an interval. Seeds that support none are not in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from scenarios.findings.question import Named, along, of_setting
from scenarios.findings.wording import called, in_stretches, joined, listed, stretches
from simulator.results.columns import CURVE, FIXED, SETTING, chosen_name
from simulator.results.lossy_schemes import ranked
from simulator.results.units import title


@dataclass(frozen=True)
class BearsMost(Named):
    """Which scheme supports the most devices, lossy ones left out, and does one setting for all say the same?"""

    metric: str = "capacity"

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if "capacity" not in table.columns:
            return ""
        best, fixed = of_setting(table), of_setting(table, FIXED)
        chose = SETTING in table.columns and not fixed.empty
        each = ", each scheme at a setting chosen for it" if chose else ""
        line = f"most devices at {table['objective'].iloc[0]}{each}: {most_borne(best, axis)}"
        alike, given = one_setting(fixed, best)
        return line + (f"; all at {given}: {most_borne(alike, axis)}" if chose else "")


@dataclass(frozen=True)
class LimitMetFirst(Named):
    """Which limit of the objective fails when a scheme is given more devices than it supports, and which station is it
    whose relief would serve more?"""

    metric: str = "capacity"

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if "capacity" not in table.columns:
            return ""
        over = "" if axis is None else f", over {title(axis)}"
        heading = f"what fails first with more devices, and the station that limits{over}"
        return listed(heading, [first_limits(of_setting(table), axis)])


@dataclass(frozen=True)
class MostAt:
    """At one value of the axis: the curves that support most, as far as seeds can distinguish them; what the best of
    them supports; the limits that these meet first."""

    at: float
    curves: tuple[str, ...]
    devices: int
    bounded: bool
    limits: tuple[str, ...]


def most_borne(table: pd.DataFrame, axis: str | None) -> str:
    """`a up to 1 kbit/s (120 to 130 devices, then ttft_s fails), a or b from 3 kbit/s on (...)`: of a table of cells or
    a summary with the columns SEARCHED; lossy curves left out; `+` where more were not tried."""
    found = [most_at(rows, math.nan if at is None else float(str(at))) for at, rows in along(ranked(table), axis)]
    clauses = []
    for where, run in in_stretches(found, axis, lambda each: (each.curves, each.limits)):
        low, high, (curves, limits) = run[0], run[-1], (run[0].curves, run[0].limits)
        where = where and f" {where}"
        few, many = (f"{each.devices:,}{'' if each.bounded else '+'}" for each in (low, high))
        devices = f"{' to '.join(dict.fromkeys((few, many)))} devices" if low.devices else ""
        then = f"then {joined(limits)} fail{'s' if len(limits) == 1 else ''}" if limits and low.devices else ""
        notes = ", ".join(filter(None, (devices, then)))
        clauses.append(f"{joined([called(each) for each in curves], 'or')}{where}" + (f" ({notes})" if notes else ""))
    return ", ".join(clauses)


def most_at(rows: pd.DataFrame, at: float) -> MostAt:
    """What a table of cells or a summary with the columns SEARCHED says at one value of the axis."""
    by = rows.drop_duplicates(CURVE).set_index(CURVE)
    best = by.iloc[int(by["capacity"].argmax())]
    if not best["capacity"]:
        return MostAt(at, ("none",), 0, True, ())
    reach = by["capacity_most"].combine(by["capacity"], max) * (1 + by["within"])
    least = min(best["capacity_least"] or best["capacity"], best["capacity"])
    alike = by[(reach >= least) & (by["capacity"] > 0) & (best["bounded"] | ~by["bounded"].astype(bool))]
    limits = tuple(dict.fromkeys(str(limit) for limit in alike["first_limit"] if limit))
    names = tuple(sorted(map(str, alike.index), key=list(by.index).index))
    return MostAt(at, names, int(best["capacity"]), bool(best["bounded"]), limits)


def first_limits(table: pd.DataFrame, axis: str | None) -> str:
    """`a ttft_s (cloud) everywhere; b tpot_p95_s (uplink) up to 1 kbit/s, ttft_s (cloud) from 3 kbit/s on`: the limit,
    and the station whose relief would serve more, where that was searched."""
    clauses = []
    for curve, rows in table.groupby(CURVE, sort=False):
        known = rows[rows["first_limit"] != ""]
        words = known["first_limit"].astype(str)
        if "limited_by" in known.columns:
            words += " (" + known["limited_by"].fillna("").replace("", "no station alone") + ")"
        limits = [f"{limit} {stretches(part, rows, axis)}".rstrip() for limit, part in known.groupby(words, sort=False)]
        clauses += [f"{called(curve)} {', '.join(limits)}"] if limits else []
    return "; ".join(clauses)


def one_setting(fixed: pd.DataFrame, best: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The fixed settings under the names of the best ones, and what their own names add, the longest: `L=4`."""
    names = [chosen_name(str(own), best[CURVE].unique()) for own in fixed[CURVE]]
    added = [str(own).removeprefix(name).strip() for own, name in zip(fixed[CURVE], names, strict=True)]
    return fixed.assign(**{CURVE: names}), max(added, key=len, default="")
