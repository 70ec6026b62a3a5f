"""Pairs from 10 thousand to 135 million parameters: acceptance, bits, latency, and the rate at which a scheme pays,
with a 70B target (43 ms a pass) in a near cloud. The clock is one for all pairs. Beside them synthetic ones."""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, PaysFrom, Quick, Scenario, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.crossing import alike, crossings_of
from scenarios.findings.wording import called, passes
from scenarios.set_ups import DRAFTING, H100_1_7B, IN_CLOUD, SELECTIVE_REPEAT
from simulator.results.crossings import Crossing
from simulator.results.lossy_schemes import unmarked

RATES_BPS = [1e3, 10e3, 30e3, 100e3, 1e6, 10e6]
RUNGS = ("10k", "100k", "1m", "10m")
LADDER = [{"kind": "sotu", "drafter": d, "verifier": v} for v in RUNGS[::-1] for d in RUNGS[: RUNGS.index(v)]]
SYNTHETIC = [{"kind": "synthetic", "size": 1024, "distance": tv} for tv in (0.2, 0.4, 0.6)]
AT_EDGE, AGAINST = ("k_sqs", "c_sqs", "dense"), "cloud_only"
SHORT_S = {"kind": "constant", "delay_s": 0.005}


@asks(LATENCY)
def pays_for(table: pd.DataFrame, axis: str | None) -> str:
    """With how many pairs is some scheme of AT_EDGE below cloud-only decoding, and with which from the least rate?"""
    if axis is None:
        return ""
    rows = of_setting(table)
    found: dict[str, list[tuple[str, Crossing]]] = {}
    for kind in AT_EDGE:
        for curve, there in crossings_of(rows, axis, alike(rows, kind, AGAINST), LATENCY):
            found.setdefault(unmarked(curve).removeprefix(kind), []).append((curve, there))
    if not found:
        return ""
    every = [pair for pair, each in found.items() if any(there.everywhere for _, there in each)]
    crossed = [one for each in found.values() for one in each if one[1].crosses and one[1].rising]
    pays = {*every, *(pair for pair, each in found.items() if any(there.crosses for _, there in each))}
    line = f"edge drafting is below {called(AGAINST)} at some rate with {len(pays)} of {len(found)} pairs"
    line += f", at all with {len(every)}" if every else ""
    if not crossed:
        return line
    curve, there = min(crossed, key=lambda each: each[1].log10_at.mean)
    return f"{line}; else from the least rate with {called(curve)}: {passes(there, axis)}"


SCENARIO = Scenario(
    name="scaling",
    summary="Which pairs, over three orders of magnitude, make a scheme pay, and from which uplink rate on?",
    minutes=10,
    base={
        "workload.requests": 2,
        "workload.output_tokens": 32,
        **SELECTIVE_REPEAT,
        "uplink.delay": SHORT_S,
        "downlink.delay": SHORT_S,
        "edge.latency": {"kind": "affine", "base_s": 0.0061, "per_token_s": 0.0},  # SmolLM2-135M, Orin Nano Super
        "cloud.latency": {"kind": "affine", "base_s": 0.0433, "per_token_s": 0.0},  # 70B bf16 on two GPUs, alone
        "cloud.drafter_latency": H100_1_7B,
    },
    grid={
        "models.pair": [*LADDER, "smollm2", *SYNTHETIC],
        "scheme": [*IN_CLOUD, *DRAFTING[:3]],
        "uplink.rate.bps": RATES_BPS,
    },
    axis="uplink.rate.bps",
    seeds=8,
    tune=Tune(settings=8, looks=(1, 2), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "its text is the drafter's, which is what differs from pair to pair"},
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 12},
        grid={"models.pair": [*LADDER[:3], *SYNTHETIC], "uplink.rate.bps": RATES_BPS[::3]},
    ),
    figures=("latency", "resampling", "bits"),
    answer=pays_for,
    findings=(*(PaysFrom(kind, AGAINST) for kind in AT_EDGE), PaysFrom("k_sqs", "dense")),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
