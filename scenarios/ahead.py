"""What does drafting ahead of verification gain, by distance and acceptance, and when does it take from others? Over
distributions equally far apart everywhere the gain has a closed form (simulator/results/pipelined_time.py)."""

from __future__ import annotations

import pandas as pd

from scenarios import Also, Quick, Scenario, Tune, asks, script
from scenarios.findings.wording import briefly, listed, passes, percent
from scenarios.set_ups import BASELINES, NANO, TRIP, TWO_GPUS_70B, round_trips
from simulator.results.break_even_plane import DEVICES, RTT, TIME
from simulator.results.columns import CURVE
from simulator.results.crossings import crossing
from simulator.results.intervals import interval, paired
from simulator.results.pipelined_time import DEPTH, DISTANCE, EXPECTED, RATE, beside, crowded
from simulator.results.units import quantity

DEPTHS = [0, 1, 2, 4]
ARQ = {"kind": "selective_repeat", "timeout_s": 2.0}


@asks(TIME)
def closed_form(table: pd.DataFrame, axis: str | None) -> str:
    """How far is the time per token of rounds drafted ahead from its closed form, at most?"""
    rows = beside(table)
    rows = rows[rows[DEPTH] > 0] if len(rows) else rows
    if rows.empty:
        return ""
    means = rows.groupby([CURVE, RTT], sort=False, dropna=False)[[TIME, EXPECTED]].mean()
    error = float((means[TIME] / means[EXPECTED] - 1).abs().max())
    return (
        f"Time per token of rounds drafted ahead is within {100 * error:.1f}% of its closed form in all {len(means)} "
        "settings of one device"
    )


@asks(TIME)
def ahead_gains(table: pd.DataFrame, axis: str | None) -> str:
    """By how much is the deepest setting below waiting, for each acceptance, at the nearest and the farthest cloud?"""
    rows = beside(table)
    if rows.empty or rows[DEPTH].nunique() < 2:
        return ""
    deepest, trips = rows[DEPTH].max(), sorted(rows[RTT].dropna().unique())
    ends, clauses = list(dict.fromkeys((trips[0], trips[-1]))), []
    for _, part in rows.groupby(DISTANCE if DISTANCE in rows.columns else "scheme.kind", sort=False):
        found = []
        for trip in ends:
            here = part[part[RTT] == trip]
            found.append(percent(paired(here, TIME, here[DEPTH] == deepest, here[DEPTH] == 0)))
        clauses.append(f"a = {part[RATE].mean():.2f} {', '.join(found)}")
    where = " and ".join(quantity(trip, RTT, 2) for trip in ends)
    return listed(f"time per token, depth {deepest:g} against waiting at a round trip of {where}", clauses)


@asks(TIME)
def gains_and_hurts(table: pd.DataFrame, axis: str | None) -> str:
    """What does the deepest setting gain over waiting at best, for one device, and what in the fullest cell?"""
    rows, crowd = beside(table), crowded(table)
    if rows.empty or rows[DEPTH].nunique() < 2:
        return ""
    deepest, found = rows[DEPTH].max(), []
    for _, part in rows.groupby([*([DISTANCE] if DISTANCE in rows.columns else []), RTT], sort=False):
        found.append((paired(part, TIME, part[DEPTH] == deepest, part[DEPTH] == 0), part))
    best, part = min(found, key=lambda each: each[0].size)
    where = f"acceptance {part[RATE].mean():.2f}, round trip {quantity(part[RTT].iloc[0], RTT, 2)}"
    line = f"time per token, {deepest:g} rounds drafted ahead against waiting: at best {briefly(best)}, at {where}"
    here = crowd[crowd[DEVICES] == crowd[DEVICES].max()] if len(crowd) else crowd
    if deepest not in {*here.get(DEPTH, ())}:
        return line
    less = paired(here, TIME, here[DEPTH] == deepest, here[DEPTH] == 0)
    return f"{line}; {briefly(less)} where {here[DEVICES].iloc[0]:,.0f} devices share a cell"


@asks(TIME)
def shared_cell(table: pd.DataFrame, axis: str | None) -> str:
    """Up to how many devices of a shared cell is drafting ahead faster than waiting? By how much is it slower with all
    of them, and which share of its drafts is wasted there?"""
    rows = crowded(table)
    if rows.empty:
        return ""
    most, clauses = rows[DEVICES].max(), []
    for depth in sorted(each for each in rows[DEPTH].unique() if each > 0):
        one = rows[rows[DEPTH].isin((0, depth))].assign(**{CURVE: lambda part: part[DEPTH].map("depth {:g}".format)})
        found = crossing(one, DEVICES, f"depth {depth:g}", "depth 0", TIME)
        here = one[one[DEVICES] == most]
        less = paired(here, TIME, here[DEPTH] == depth, here[DEPTH] == 0)
        wasted = interval(wasted_share(here[here[DEPTH] == depth]).to_numpy(dtype=float)).mean
        if found is not None:
            clauses.append(
                f"depth {depth:g} {passes(found, DEVICES)}, {percent(less)} with {most:,.0f}, where {100 * wasted:.0f}"
                "% of its drafts are flushed"
            )
    return listed("in the shared cell faster than waiting, by devices", clauses)


def wasted_share(rows: pd.DataFrame) -> pd.Series[float]:
    """Flushed drafts / drafts made; those of flushed rounds are no `drafted` ones."""
    flushed = rows["flushed_drafts_per_token"]
    verified = rows["payload_bits_per_token"] / rows["payload_bits_per_draft"]
    return flushed / (flushed + verified)


SCENARIO = Scenario(
    name="ahead",
    summary="How much does drafting ahead gain over waiting for verification, and when does it hurt a shared cell?",
    minutes=3,
    base={
        "models.pair": {"kind": "synthetic", "size": 16, "entropy_bits": 3.0},
        "scheme": {"kind": "half_dense", "max_drafts": 4},
        "workload.requests": 1, "workload.output_tokens": 512, "workload.prompt_at_cloud": True, "uplink.arq": ARQ,
        "downlink.arq": ARQ, "uplink.rate.bps": 1e6, "edge.latency": NANO, "cloud.latency": TWO_GPUS_70B,
    },
    grid={
        DISTANCE: [0.05, 0.1, 0.2, 0.4],
        "scheme.depth": DEPTHS,
        TRIP: round_trips(0.005, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    },
    also=[
        Also(
            {"scheme.depth": DEPTHS, "workload.devices": [1, 2, 4, 8, 16, 32]},
            {"models.pair": {"kind": "synthetic", "size": 256, "distance": 0.1}, "workload.output_tokens": 64,
             "scheme": {"kind": "k_sqs", "k": 16, "max_drafts": 4}, "uplink.rate.bps": 100e3,
             "uplink.delay.delay_s": 0.04, "downlink.delay.delay_s": 0.04, "cloud.batching": "continuous"},
            {"workload.devices": [1, 16]},
        )
    ],
    axis="uplink.delay.delay_s",
    hidden=("downlink.delay", "workload.output_tokens"),
    seeds=8,
    quick=Quick({"workload.output_tokens": 128}, {DISTANCE: [0.1, 0.4], TRIP: round_trips(0.005, 0.64)}, 2),
    tune=Tune(dict.fromkeys(("scheme.max_drafts", "scheme.k", "scheme.resolution"), "the closed form has four drafts")),
    left_out=dict.fromkeys(BASELINES, "against waiting, not against the cloud"),
    figures=("ahead",),
    headlines=(),
    answer=gains_and_hurts,
    findings=(closed_form, ahead_gains, shared_cell,),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
