"""Latency per token against uplink rate: cloud-only decoding, dense lattice (Q-S), K-SQS and C-SQS.

    sqsim run latency_vs_bandwidth            or            python -m scenarios.latency_vs_bandwidth

A copy of this file is a scenario of your own: edit it and run it as a script.
"""

from __future__ import annotations

from scenarios.scenario import Finding, Quick, Scenario

KBPS = 1e3
RATES_BPS = [rate * KBPS for rate in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)]

SCENARIO = Scenario(
    name="latency_vs_bandwidth",
    summary="Which scheme has the lowest latency per token, from 1 kbit/s to 10 Mbit/s of uplink?",
    minutes=2,
    base={
        "models.pair": "sotu",
        "models.temperature": 1.0,
        "workload.requests": 8,
        "workload.output_tokens": 64,
        # Stop-and-wait would hold each streamed token of cloud-only back for a round trip: not a fair baseline.
        "uplink.arq": "selective_repeat",
        "downlink.arq": "selective_repeat",
    },
    grid={
        "scheme": ["cloud_only", "dense", {"kind": "k_sqs", "k": 8}, "c_sqs"],
        "uplink.rate.bps": RATES_BPS,
    },
    axis="uplink.rate.bps",
    seeds=3,
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 32},
        grid={"uplink.rate.bps": RATES_BPS[::3]},
        seeds=3,
    ),
    figures=("latency", "breakdown", "bits", "resampling"),
    findings=(Finding(), Finding(without=("cloud_only",))),
)

if __name__ == "__main__":
    from scenarios.cli import script

    script(SCENARIO)
