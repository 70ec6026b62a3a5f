"""Latency per token against uplink rate: half-precision drafts, dense lattice, K-SQS, C-SQS, ids alone, baselines.

sqsim run latency_vs_bandwidth            or            python -m scenarios.latency_vs_bandwidth
Each scheme at a setting chosen for it, and beside it at that of the grid. Copy this file and edit it.
"""

from __future__ import annotations

from scenarios import Below, FastestOfAll, Lowest, Quick, Scenario, Tune, script

KBPS = 1e3
IN_CLOUD = ("cloud_only", "colocated")
RATES_BPS = [rate * KBPS for rate in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000)]
FEW_BPS = [10 * KBPS, 100 * KBPS, 1000 * KBPS]
DRAFTING = ("half_dense", "dense", "k_sqs", "coupled")
UNSETTLED = {"kind": "c_sqs", "label": "C-SQS unsettled"}
"""A seed ends before the 128 drafts that a conformal threshold takes to settle; `paper` and `conformal` let it."""
DRAFTS = {"max_drafts": 4}  # a fifth would be accepted once in ten rounds or less, and costs as many bits as the first

SCENARIO = Scenario(
    name="latency_vs_bandwidth",
    summary="Which scheme has the lowest latency per token, from 1 kbit/s to 10 Mbit/s of uplink?",
    minutes=10,
    pairs=("smollm2", "sotu"),
    base={
        "models.temperature": 1.0,
        "workload.requests": 3,  # of each seed: 24 of the 42 prompts, of four kinds
        "workload.output_tokens": 24,
        "uplink.arq": "selective_repeat",  # stop-and-wait would hold each streamed token of cloud-only back
        "downlink.arq": "selective_repeat",
    },
    grid={
        "scheme": [
            *("cloud_only", "colocated", "edge_only"),
            *({"kind": kind, **DRAFTS} for kind in DRAFTING),
            {**UNSETTLED, **DRAFTS},
            {"kind": "coupled_tree", **DRAFTS, "nodes": 16},
        ],
        "uplink.rate.bps": RATES_BPS,
    },
    axis="uplink.rate.bps",
    seeds=8,
    tune=Tune(
        settings=24,
        looks=(2, 4, 8),
        base={"workload.requests": 1},
        fixed={"scheme.nodes": "each number of nodes has passes of its own, minutes of a first run; rivals chooses it"},
    ),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16},
        grid={"uplink.rate.bps": RATES_BPS[::3]},
        seeds=4,
    ),
    figures=("latency", "breakdown", "bits", "resampling"),
    answer=FastestOfAll("uplink rates"),
    findings=(
        Lowest(),
        Lowest(without=IN_CLOUD),
        Below(("k_sqs",), ("dense",), at=FEW_BPS),
        Below(("c_sqs",), ("dense", "k_sqs"), at=FEW_BPS),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
