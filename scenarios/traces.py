"""Latency per token of devices that share a recorded uplink, in mahimahi's format.

sqsim run traces --set uplink.rate.path=my.up

Without a file of yours: a made-up cellular trace of one minute whose rate moves between 24 kbit/s and 1.5 Mbit/s. Each
seed begins at an offset of its own.
"""

from __future__ import annotations

from scenarios import Below, Costs, FastestOfAll, Lowest, Quick, Scenario, Tune, script
from scenarios.set_ups import DRAFTING, IN_CLOUD, SELECTIVE_REPEAT

SCENARIO = Scenario(
    name="traces",
    summary="How do the schemes fare on a recorded uplink (yours, or a generated one) that devices share?",
    minutes=8,
    base={
        "models.pair": "sotu",
        "workload.requests": 3,
        "workload.output_tokens": 48,
        "workload.distinct": 12,
        "uplink.rate": "mahimahi",
        "uplink.mtu_bits": 12_000,
        **SELECTIVE_REPEAT,
    },
    grid={
        "scheme": [*IN_CLOUD, *DRAFTING],
        "workload.devices": [1, 16],
    },
    axis="workload.devices",
    seeds=10,
    tune=Tune(settings=8, looks=(1, 2), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "it needs no uplink"},
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 24, "workload.distinct": 4},
        grid={"workload.devices": [1, 8]},
    ),
    figures=("latency", "tails", "breakdown"),
    answer=FastestOfAll("loads"),
    findings=(
        Lowest(),
        Lowest(without=IN_CLOUD),
        Below(("k_sqs", "c_sqs"), ("dense",)),
        Costs("{end} devices against {start}"),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
