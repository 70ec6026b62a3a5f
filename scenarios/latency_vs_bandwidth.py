"""Latency per token against uplink rate: cloud-only decoding, half-precision drafts, dense lattice, K-SQS and C-SQS.

sqsim run latency_vs_bandwidth            or            python -m scenarios.latency_vs_bandwidth
Each scheme at its own best draft length and K, and beside it at those of the grid. Copy this file and edit it.
"""

from __future__ import annotations

from scenarios import Answer, Below, Finding, Lowest, Quick, Scenario, Tune, script

KBPS = 1e3
RATES_BPS = [rate * KBPS for rate in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)]
FEW_BPS = [10 * KBPS, 100 * KBPS, 1000 * KBPS]
DRAFTS = {"max_drafts": 4}  # a fifth would be accepted once in ten rounds or less, and costs as many bits as the first
PAPER = {**DRAFTS, "code": "enumerative", "token": "flat"}  # as the paper counts; scenario `codes` has the shorter code

SCENARIO = Scenario(
    name="latency_vs_bandwidth",
    summary="Which scheme has the lowest latency per token, from 1 kbit/s to 10 Mbit/s of uplink?",
    minutes=7,
    pairs=("smollm2", "sotu"),
    base={
        "models.temperature": 1.0,
        "workload.requests": 3,  # of each seed: all 42 prompts, once
        "workload.output_tokens": 24,
        "uplink.arq": "selective_repeat",  # stop-and-wait would hold each streamed token of cloud-only back
        "downlink.arq": "selective_repeat",
    },
    grid={
        "scheme": [
            "cloud_only",
            {"kind": "half_dense", **DRAFTS},
            {"kind": "half_top_k", "k": 8, **DRAFTS},
            {"kind": "dense", **PAPER},
            {"kind": "k_sqs", "k": 8, **PAPER},
            {"kind": "c_sqs", **PAPER},
        ],
        "uplink.rate.bps": RATES_BPS,
    },
    axis="uplink.rate.bps",
    seeds=14,
    tune=Tune(base={"workload.requests": 2}),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16},
        grid={"uplink.rate.bps": RATES_BPS[::3]},
        seeds=4,
    ),
    figures=("latency", "breakdown", "bits", "resampling"),
    findings=(
        Finding(without=("cloud_only",)),
        Below(("k_sqs",), ("dense",), at=FEW_BPS),
        Below(("k_sqs",), ("dense",), at=FEW_BPS, setting="fixed"),
        Below(("c_sqs",), ("dense", "k_sqs"), at=FEW_BPS),
        Answer([Lowest("fastest of all"), Lowest("of those that draft", without=("cloud_only",))]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
