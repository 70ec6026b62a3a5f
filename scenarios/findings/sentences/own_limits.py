"""Which schemes meet the service-level objectives that a user typed (workload.slo_ttft_s, slo_tpot_s): a clause of the
answer, and an entry of the first table. A setting meets them if ENOUGH of its requests do, over all seeds."""

from __future__ import annotations

from typing import Final

import pandas as pd

from scenarios.findings.text_table import TableEntry
from scenarios.findings.wording import called, counted, joined, limits_in_words, stretches
from simulator.results.columns import ATTAINMENT, CURVE, ENOUGH
from simulator.results.lossy_schemes import marked
from simulator.results.unanswered_requests import percent
from simulator.results.units import quantity, title

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
        return TableEntry(f"{'yes' if shares.iloc[0] >= ENOUGH else 'no'}, {_percent(shares.iloc[0])}")
    met = int((shares >= ENOUGH).sum())
    return TableEntry(f"{'all' if met == len(shares) else met or 'none'} of {len(shares)}")


def legend(summary: pd.DataFrame) -> str:
    """What the column HEAD says."""
    return f"{HEAD}: {limits_of(summary)} for at least {ENOUGH:.0%} of requests"


def within_limits(summary: pd.DataFrame, axis: str | None) -> str:
    """`Within your limits (1 s TTFT): cloud only and K-SQS up to 100 kbit/s`, or that none is, and which is nearest."""
    table = marked(summary[summary[ATTAINMENT].notna()])
    met = table[table[ATTAINMENT] >= ENOUGH]
    if met.empty:
        best = table.iloc[int(table[ATTAINMENT].argmax())]
        where = "" if axis is None else f" at {title(axis)} {quantity(best[axis], axis)}"
        of = f"{_percent(best[ATTAINMENT])} of requests"
        return f"None meets your limits ({limits_of(summary)}); nearest is {called(best[CURVE])}{where}, {of}"
    names = []
    for curve, rows in table.groupby(CURVE, sort=False):
        there = met[met[CURVE] == curve]
        where = "everywhere" if axis and len(there) == len(rows) else stretches(there, rows, axis)
        names += [f"{called(curve)} {where}".rstrip()] if len(there) else []
    others = [counted(len(names) - _NAMED, "other")] if len(names) > _NAMED + 1 else []
    return f"Within your limits ({limits_of(summary)}): {joined([*names[: _NAMED if others else None], *others])}"


def _percent(share: float) -> str:
    return percent(float(share)) if share else "0%"


def limits_of(summary: pd.DataFrame) -> str:
    """`1 s TTFT and 50 ms TPOT`; where settings have other ones, the fields."""
    given = {name: summary[name].dropna().unique() for name in _TYPED if name in summary.columns}
    given = {name: values for name, values in given.items() if len(values)}
    if not given or any(len(values) > 1 for values in given.values()):
        return "slo_ttft_s and slo_tpot_s of each"
    limits = (f"{_TYPED[name]} <= {quantity(values[0], name)}" for name, values in given.items())
    return limits_in_words(" and ".join(limits))
