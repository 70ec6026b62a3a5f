"""What a policy that adapts loses to the best that could have been set instead, and to an oracle, place by place.

The best that could have been set is the one of least mean over the very seeds that are compared, so it is a little
lucky, and the policy's excess a little too high.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import percent
from simulator.results.intervals import Difference, geometric_means, paired
from simulator.results.units import quantity, title

POLICY = "scheme.policy.kind"
"""The column that names a policy."""


class Excess(NamedTuple):
    """At one place of the sweep: the policy against the rival, paired over seeds."""

    where: str
    rival: str
    """Its kind."""
    found: Difference


def against_better(
    cells: pd.DataFrame, axis: str | None, policy: str, rivals: Sequence[str], by: Sequence[str], metric: str
) -> str:
    """`goodput against the better of cloud_only and k_sqs: rate constant, 1 devices: at the most 2.1% higher (1.2% to
    3.0%), ...`, from cells with CURVE; "" where there is nothing to compare."""
    told = [f"{name}{_most(found)}" for name, found in _parts(cells, axis, policy, rivals, by, metric)]
    return f"{policy} against the better of {' and '.join(rivals)}, {title(metric)}: {'; '.join(told)}" if told else ""


def against_limit(
    cells: pd.DataFrame, axis: str | None, policy: str, limit: str, by: Sequence[str], metric: str
) -> str:
    """Likewise against one scheme that knows more."""
    told = []
    for name, found in _parts(cells, axis, policy, [limit], by, metric):
        least, most = (pick(found, key=lambda each: each.found.size) for pick in (min, max))
        told.append(f"{name}{percent(least.found)}{least.where} to {percent(most.found)}{most.where}")
    return (
        f"{policy} against the {limit}, which knows what no edge can, {title(metric)}: {'; '.join(told)}"
        if told
        else ""
    )


def _most(found: Sequence[Excess]) -> str:
    worst = max(found, key=lambda each: each.found.size)
    best = min(found, key=lambda each: each.found.size)
    told = f"at the most {percent(worst.found)}{worst.where} ({worst.rival})"
    return told if best is worst else f"{told}, at the least {percent(best.found)}{best.where} ({best.rival})"


def _parts(
    cells: pd.DataFrame, axis: str | None, policy: str, rivals: Sequence[str], by: Sequence[str], metric: str
) -> list[tuple[str, list[Excess]]]:
    """By each combination of values of `by`, with its name: the excess at each place that holds policy and rivals."""
    if POLICY not in cells.columns:
        return []
    kept = cells[cells[metric].notna() & ((cells[POLICY] == policy) | cells["scheme.kind"].isin(rivals))]
    known = [name for name in by if name in kept.columns]
    parts = list(kept.groupby(known, sort=False)) if known else [((), kept)]
    told = []
    for values, rows in parts:
        name = ", ".join(
            f"{title(each.removesuffix('.kind'))} {quantity(value, each)}"
            for each, value in zip(known, values, strict=True)
        )
        places = (
            [("", rows)] if axis is None else [(f" at {quantity(at, axis)}", here) for at, here in rows.groupby(axis)]
        )
        found = [excess for where, here in places if (excess := _excess(where, here, policy, rivals, metric))]
        told += [(f"{name}: " if name else "", found)] if found else []
    return told


def _excess(where: str, here: pd.DataFrame, policy: str, rivals: Sequence[str], metric: str) -> Excess | None:
    mine = here[POLICY] == policy
    means = geometric_means(here[here["scheme.kind"].isin(rivals) & ~mine], CURVE, metric)
    if means.empty or not mine.any():
        return None
    rival = str(means.idxmin())
    kind = str(here.loc[here[CURVE] == rival, "scheme.kind"].iloc[0])
    return Excess(where, kind, paired(here, metric, mine, here[CURVE] == rival))
