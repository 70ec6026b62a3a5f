"""How many devices one GPU and one radio cell bear, all busy, at 0.1 s a token for 95 of 100 requests and 1 s to the
first token on average (else a cloud that lets them wait at the door would bear any number).

sqsim run capacity --set objective.tpot_p95_s=0.05            or            python -m scenarios.capacity

The devices of a cell share its uplink, whose rate is the axis; at rate inf only the GPU is left to share, so that row
is devices per GPU, and those where most of them are at the uplink are devices per cell. The number is found by
bisection; `tried.csv` holds every cell that was simulated on the way.
"""

from __future__ import annotations

from scenarios import Answer, BearsMost, Quick, Scenario, script
from simulator.sweeps.search import Objective

DRAFTS = {"max_drafts": 4}
LIMITS = {"tpot_p95_s": 0.1, "ttft_s": 1.0}

SCENARIO = Scenario(
    name="capacity",
    summary="How many devices do one GPU and one cell bear at an objective for time per token, per scheme?",
    minutes=3,
    base={
        "models.pair": "sotu",
        "workload.requests": 2,
        "workload.output_tokens": 32,
        "workload.distinct": 8,
        "uplink.arq": "selective_repeat",
        "downlink.rate.bps": 100e6,
        "cloud.batching": {"kind": "continuous", "cap": 256},
        "cloud.token_budget": 512,
    },
    grid={
        "scheme": [
            "cloud_only", {"kind": "colocated", **DRAFTS}, {"kind": "k_sqs", **DRAFTS}, {"kind": "c_sqs", **DRAFTS},
            "edge_only",
        ],
        "uplink.rate.bps": [30e3, 100e3, 300e3, 1e6, 3e6, float("inf")],
    },
    axis="uplink.rate.bps",
    seeds=2,
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16, "workload.distinct": 4},
        grid={"uplink.rate.bps": [100e3, 1e6, float("inf")]},
        seeds=1,
        objective=Objective(LIMITS, high=256, within=0.25),
    ),
    figures=("capacity", "breakdown"),
    findings=(Answer([BearsMost()]),),
    objective=Objective(LIMITS, high=1024, within=0.05),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
