"""Latency per token against the number of devices on one GPU, for ways to batch verification and their caps.

Each device has an uplink of its own, so that only the cloud is shared. K-SQS of four drafts alone: ways to batch are
compared, not schemes.
"""

from __future__ import annotations

from scenarios import Costs, Lowest, Quick, Scenario, script

SCENARIO = Scenario(
    name="batching",
    summary="How should one GPU batch the rounds of 1 to 256 devices: not, what waits, a window, continuously?",
    minutes=3,
    base={
        "models.pair": "sotu",
        "workload.requests": 2,
        "workload.output_tokens": 32,
        "workload.distinct": 8,
        "scheme": {"kind": "k_sqs", "max_drafts": 4},
        "uplink.sharing": "own",
        "downlink.sharing": "own",
        "cloud.token_budget": 512,
    },
    grid={
        "cloud.batching": [
            "none",
            {"kind": "waiting", "cap": 4},
            {"kind": "waiting", "cap": 16},
            {"kind": "window", "cap": 16, "window_s": 0.02},
            {"kind": "continuous", "cap": 16},
            {"kind": "continuous", "cap": 64},
        ],
        "workload.devices": [1, 4, 16, 64, 256],
    },
    axis="workload.devices",
    seeds=8,
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16, "workload.distinct": 4},
        grid={"workload.devices": [1, 8, 64]},
    ),
    figures=("latency", "tails", "breakdown"),
    answer=Lowest("fastest"),
    findings=(
        Lowest(),
        Lowest("fastest"),
        Costs("{end} devices against {start}"),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
