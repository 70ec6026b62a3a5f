"""Latency per token of devices that share a recorded uplink, in mahimahi's format.

sqsim run traces --set uplink.rate.path=my.up            or            python -m scenarios.traces

Without a file of yours: a made-up cellular trace of one minute whose rate moves between 24 kbit/s and 1.5 Mbit/s.
"""

from __future__ import annotations

from scenarios import Answer, Below, Costs, Finding, Lowest, Quick, Scenario, script

SCENARIO = Scenario(
    name="traces",
    summary="How do the schemes fare on a recorded uplink (yours, or a generated one) that devices share?",
    minutes=3,
    base={
        "models.pair": "sotu",
        "workload.requests": 3,
        "workload.output_tokens": 48,
        "workload.distinct": 12,
        "uplink.rate": "mahimahi",
        "uplink.mtu_bits": 12_000,
        "uplink.arq": "selective_repeat",
        "downlink.arq": "selective_repeat",
    },
    grid={
        "scheme": ["cloud_only", *({"kind": kind, "max_drafts": 4} for kind in ("dense", "k_sqs", "c_sqs"))],
        "workload.devices": [1, 2, 4, 8, 16, 32],
    },
    axis="workload.devices",
    seeds=6,
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 24, "workload.distinct": 4},
        grid={"workload.devices": [1, 4, 16]},
    ),
    figures=("latency", "tails", "breakdown"),
    findings=(
        Finding(without=("cloud_only",)),
        Below(("k_sqs", "c_sqs"), ("dense",), at=[1.0, 4.0, 16.0]),
        Answer([Lowest("fastest"), Costs("{end} devices against {start}")]),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
