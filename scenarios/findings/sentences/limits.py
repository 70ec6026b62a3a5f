"""Questions about a search for the most devices: which curve supports most, and which limit each meets first. Two
curves are distinguished where what their seeds support, each by itself, does not overlap, the search's tolerance added:
a range of a few seeds, narrower than an interval. Seeds that support none are not in it.

And which schemes meet the service-level objectives that a user typed (workload.slo_ttft_s, slo_tpot_s): a clause of the
answer, and an entry of the first table. A setting meets them if ENOUGH of its requests do, over all seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from scenarios.findings.question import Named, of_setting
from scenarios.findings.text_table import TableEntry
from scenarios.findings.wording import called, counted, joined, limits_in_words, listed, stretches, written_limits
from simulator.results.column_names import ATTAINMENT, CURVE, ENOUGH, chosen_name
from simulator.results.lossy_schemes import marked
from simulator.results.unanswered_requests import percent
from simulator.results.units import quantity, title


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


def supporting_most(rows: pd.DataFrame) -> list[str]:
    """Returns the curves that support most devices at one value of the axis, as far as seeds can distinguish them, from
    a table of cells or a summary with the columns SEARCHED; [] where none supports any."""
    by = rows.drop_duplicates(CURVE).set_index(CURVE)
    best = by.iloc[int(by["capacity"].argmax())]
    reach = by["capacity_most"].combine(by["capacity"], max) * (1 + by["within"])
    least = min(best["capacity_least"] or best["capacity"], best["capacity"])
    alike = by[(reach >= least) & (by["capacity"] > 0) & (best["bounded"] | ~by["bounded"].astype(bool))]
    return [*map(str, alike.index)]


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


HEAD: Final = "meets your limits"
_TYPED: Final = {"workload.slo_ttft_s": "ttft_s", "workload.slo_tpot_s": "tpot_s"}
_NAMED: Final = 3
"""More schemes than these are counted and not named."""


def limited(summary: pd.DataFrame) -> bool:
    """True if any setting has limits."""
    return ATTAINMENT in summary.columns and bool(summary[ATTAINMENT].notna().any())


def limits_entry(rows: pd.DataFrame) -> TableEntry:
    """`yes, 99%` or `no, 61%` of a curve at one value of the axis; at several, at how many it meets its limits."""
    shares = rows[ATTAINMENT].dropna()
    if shares.empty:
        return TableEntry("-")
    if len(shares) == 1:
        return TableEntry(f"{'yes' if shares.iloc[0] >= ENOUGH else 'no'}, {_share(shares.iloc[0])}")
    met = int((shares >= ENOUGH).sum())
    return TableEntry(f"{'all' if met == len(shares) else met or 'none'} of {len(shares)}")


def limits_legend(summary: pd.DataFrame) -> str:
    """Returns the legend of the column HEAD."""
    return f"{HEAD}: {limits_of(summary)} for at least {ENOUGH:.0%} of requests"


def within_limits(summary: pd.DataFrame, axis: str | None) -> str:
    """`Within your limits (1 s TTFT): cloud only and K-SQS up to 100 kbit/s`, or that none is, and which is nearest."""
    table = marked(summary[summary[ATTAINMENT].notna()])
    met = table[table[ATTAINMENT] >= ENOUGH]
    if met.empty:
        best = table.iloc[int(table[ATTAINMENT].argmax())]
        where = "" if axis is None else f" at {title(axis)} {quantity(best[axis], axis)}"
        of = f"{_share(best[ATTAINMENT])} of requests"
        return f"None meets your limits ({limits_of(summary)}); nearest is {called(best[CURVE])}{where}, {of}"
    names = []
    for curve, rows in table.groupby(CURVE, sort=False):
        there = met[met[CURVE] == curve]
        where = "everywhere" if axis and len(there) == len(rows) else stretches(there, rows, axis)
        names += [f"{called(curve)} {where}".rstrip()] if len(there) else []
    others = [counted(len(names) - _NAMED, "other")] if len(names) > _NAMED + 1 else []
    return f"Within your limits ({limits_of(summary)}): {joined([*names[: _NAMED if others else None], *others])}"


def _share(share: float) -> str:
    return percent(float(share)) if share else "0%"


def limits_of(summary: pd.DataFrame) -> str:
    """`1 s TTFT and 50 ms TPOT`; where settings have other ones, the fields."""
    given = {name: summary[name].dropna().unique() for name in _TYPED if name in summary.columns}
    given = {name: values for name, values in given.items() if len(values)}
    if not given or any(len(values) > 1 for values in given.values()):
        return "slo_ttft_s and slo_tpot_s of each"
    return limits_in_words(written_limits({_TYPED[name]: float(values[0]) for name, values in given.items()}))
