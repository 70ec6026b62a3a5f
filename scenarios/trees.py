"""Where is a tree of drafts worth its bits? Trees and several candidates against the chain, over rate and acceptance,
which the synthetic pair's distance sets. All but `coupled_tree`, which sends ids alone, are K-SQS with the shorter
code."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from scenarios import LATENCY, Quick, Scenario, Table, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.crossing import crossings
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import briefly, called
from scenarios.set_ups import BASELINES, NEAR
from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, named_without, paired
from simulator.results.units import quantity, title

RATE, DISTANCE, CHAIN = "uplink.rate.bps", "models.pair.distance", "k_sqs"
RATES_BPS = [1e3, 10e3, 30e3, 100e3, 1e6, 10e6]
DISTANCES = [0.1, 0.2, 0.4, 0.6]
TREES = [{"kind": "tree", "widths": widths} for widths in ([2, 1], [4, 1], [2, 2, 1])]
CANDIDATES = [{"kind": "multi_candidate", "candidates": each} for each in (2, 4)]


class Gain(NamedTuple):
    """At one distance and one rate: a curve against the chain, paired by seed."""

    by: float
    at: float
    curve: str
    less: Difference


@asks(LATENCY)
def trees_pay(table: pd.DataFrame, axis: str | None) -> str:
    """From which rate on is each tree below the chain?"""
    rows = comparable(table)
    if axis is None or rows.empty:
        return ""
    clauses, sure = [], acceptance(rows)
    for value, part in named_without(rows, DISTANCE).groupby(DISTANCE, sort=True):
        theirs = part["scheme.kind"] == CHAIN
        chains, trees = (part.loc[rows_of, CURVE].unique() for rows_of in (theirs, ~theirs))
        pairs = [(str(tree), str(chain)) for chain in chains for tree in trees]
        if line := crossings(part, axis, pairs, LATENCY):
            clauses.append(f"acceptance {sure[float(str(value))]:.2f}: {line}")
    heading = f"{title(LATENCY)} below that of {called(CHAIN)}, over {title(axis)}, by the chain's acceptance"
    return f"{heading}, {' | '.join(clauses)}" if clauses else ""


@asks(LATENCY)
def trees_pay_where(table: pd.DataFrame, axis: str | None) -> str:
    """At how many places is some tree below the chain, and where is its gain the largest? Of several alike the luckiest
    is the best at a place."""
    rows = comparable(table)
    if axis is None or rows.empty:
        return ""
    best: dict[tuple[float, float], Gain] = {}
    for gain in gains(rows):
        kept = best.setdefault((gain.by, gain.at), gain)
        if gain.less.size < kept.less.size:
            best[gain.by, gain.at] = gain
    if not best:
        return ""
    most = min(best.values(), key=lambda gain: gain.less.size)
    lower = sum(gain.less.lower for gain in best.values())
    return (
        f"the best tree is seen to be faster than the chain ({called(CHAIN)}) at {lower} of {len(best)} rates and "
        f"acceptances; at best {briefly(most.less)}: {called(most.curve)} at {quantity(most.at, axis)}, acceptance "
        f"{acceptance(rows)[most.by]:.2f}"
    )


def gains_table(cells: pd.DataFrame) -> pd.DataFrame:
    """A row per place and tree: its time over the chain's, with the chain's acceptance there."""
    rows = comparable(cells)
    sure = acceptance(rows) if len(rows) else {}
    found = pd.DataFrame(
        {DISTANCE: gain.by, "chain_acceptance": sure[gain.by], RATE: gain.at, "tree": gain.curve,
         "over_chain": 1 + gain.less.size, "over_chain_low": 1 + gain.less.low,
         "over_chain_high": 1 + gain.less.high, "n": gain.less.n}
        for gain in gains(rows)
    )  # fmt: skip
    return found if DISTANCE in cells.columns else found.drop(columns=DISTANCE, errors="ignore")


def printed_gains(cells: pd.DataFrame) -> TextTable | None:
    """A row per distance and tree, a column per rate."""
    rows = comparable(cells)
    found = gains(rows)
    if not found:
        return None
    sure, rates = acceptance(rows), sorted({gain.at for gain in found})
    lines: dict[tuple[float, str], dict[float, str]] = {}
    for gain in found:
        lines.setdefault((gain.by, gain.curve), {})[gain.at] = f"{1 + gain.less.size:.2f}" + "*" * gain.less.lower
    body = [
        [f"a = {sure[by]:.2f}, {called(curve)}", *(line.get(rate, "-") for rate in rates)]
        for (by, curve), line in lines.items()
    ]
    heading = (
        f"{title(LATENCY)} over that of {called(CHAIN)}, each at its best; a: the chain's acceptance; *: below, and a "
        "difference is seen"
    )
    columns = [f"tree, by {title(RATE)}", *(quantity(rate, RATE) for rate in rates)]
    return TextTable.of(heading, columns, body)


def comparable(cells: pd.DataFrame) -> pd.DataFrame:
    """Each scheme at its best setting, at one distance where no pair has any; none without rates or chain."""
    rows = of_setting(cells)
    if RATE not in rows.columns or not (rows["scheme.kind"] == CHAIN).any():
        return rows.head(0)
    return rows if DISTANCE in rows.columns else rows.assign(**{DISTANCE: 0.0})  # one pair, of its own acceptance


def gains(rows: pd.DataFrame) -> list[Gain]:
    """The gain of every curve but the chain's, at each distance, then each rate, where it has one curve."""
    found: list[Gain] = []
    if rows.empty:
        return found
    named = named_without(rows[rows[LATENCY].notna()], DISTANCE)
    for (value, at), here in named.groupby([DISTANCE, RATE], sort=True):
        theirs = here["scheme.kind"] == CHAIN
        for curve in here.loc[~theirs, CURVE].unique():
            less = paired(here, LATENCY, here[CURVE] == curve, theirs)
            found += [Gain(float(str(value)), float(str(at)), str(curve), less)] if less.n else []
    return found


def acceptance(rows: pd.DataFrame) -> dict[float, float]:
    """The chain's mean rate of acceptance, by distance."""
    found = rows[rows["scheme.kind"] == CHAIN].groupby(DISTANCE, sort=True)["acceptance_rate"].mean()
    return {float(str(value)): float(mean) for value, mean in found.items()}


SCENARIO = Scenario(
    name="trees",
    summary="From which rate on, and at which acceptance, is a tree of drafts faster than a chain?",
    minutes=5,
    base={
        "models.pair": {"kind": "synthetic", "size": 1024},
        "workload.requests": 1,
        "workload.output_tokens": 96,
        "workload.prompt_at_cloud": True,
        "uplink.delay": NEAR,
        "downlink.delay": NEAR,
    },
    grid={"scheme": [CHAIN, *TREES, *CANDIDATES, "coupled_tree"], DISTANCE: DISTANCES, RATE: RATES_BPS},
    axis=RATE,
    seeds=8,
    tune=Tune(
        {"scheme.widths": "a curve each", "scheme.candidates": "a curve each"}, settings=8, looks=(1, 2), steps=1
    ),
    left_out=dict.fromkeys(BASELINES, "a tree is compared with a chain"),
    quick=Quick(
        base={"workload.output_tokens": 48},
        grid={"scheme": [CHAIN, TREES[0], CANDIDATES[1]], DISTANCE: DISTANCES[1::2], RATE: RATES_BPS[::2]},
        seeds=4,
    ),
    figures=("trees",),
    headlines=(),
    tables=(Table("tree_gains", gains_table, printed_gains),),
    answer=trees_pay_where,
    findings=(trees_pay,),
)

if __name__ == "__main__":
    script(SCENARIO)
