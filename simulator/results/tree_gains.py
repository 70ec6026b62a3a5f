"""Trees of drafts against a chain: how far below its time they are at each place, and how often its drafts stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, paired
from simulator.results.rival_findings import named_without

ACCEPTANCE: Final = "acceptance_rate"
METRIC: Final = "latency_per_token_s"


class Gain(NamedTuple):
    """At one value of two columns: a curve against the chain, paired by seed."""

    by: float
    at: float
    curve: str
    less: Difference


def gains(cells: pd.DataFrame, axis: str, by: str, chain: str, metric: str = METRIC) -> Iterator[Gain]:
    """Of every curve but those of the kind `chain`, at each value of `by`, then of `axis`, where it has one curve."""
    named = named_without(cells[cells[metric].notna()], by)
    for (value, at), here in named.groupby([by, axis], sort=True):
        theirs = here["scheme.kind"] == chain
        for curve in here.loc[~theirs, CURVE].unique():
            less = paired(here, metric, here[CURVE] == curve, theirs)
            if less.n:
                yield Gain(float(str(value)), float(str(at)), str(curve), less)


def best_gains(cells: pd.DataFrame, axis: str, by: str, chain: str, metric: str = METRIC) -> list[Gain]:
    """Of each place the curve that is furthest below the chain: the luckiest, where several are alike."""
    best: dict[tuple[float, float], Gain] = {}
    for gain in gains(cells, axis, by, chain, metric):
        kept = best.get((gain.by, gain.at))
        if kept is None or gain.less.size < kept.less.size:
            best[gain.by, gain.at] = gain
    return list(best.values())


def acceptance(table: pd.DataFrame, by: str, chain: str) -> dict[float, float]:
    """The chain's mean rate of acceptance, by the values of a column: of cells, or of a summary."""
    found = table[table["scheme.kind"] == chain].groupby(by, sort=True)[ACCEPTANCE].mean()
    return {float(str(value)): float(mean) for value, mean in found.items()}
