"""How many devices a 70B on two A100s bears where drafting is worth its verification, all busy, at the limits of
`capacity` scaled to its clock: 0.2 s a token for 95 of 100 requests, 3 s to the first token on average.

sqsim run capacity_at_70b            or            python -m scenarios.capacity_at_70b

Phones with Llama-3.2-1B (19.9 ms a token) share one uplink of a near cloud. The pair's acceptance is as published, so a
verified round brings several tokens, while a pass over more sequences takes hardly longer until there are some hundred
new tokens in it: x_gpu of `break_even` decides here, where `capacity` has a pair of a fifth of the acceptance.
"""

from __future__ import annotations

from scenarios import Answer, BearsMost, Best, LimitMetFirst, Quick, Scenario, script
from simulator.sweeps.search import Objective

DRAFTS = {"max_drafts": 4}
LIMITS = {"tpot_p95_s": 0.2, "ttft_s": 3.0}
NEAR = {"kind": "constant", "delay_s": 0.01}

SCENARIO = Scenario(
    name="capacity_at_70b",
    summary="How many phones does a 70B on two A100s bear behind one uplink, with a drafter of published acceptance?",
    minutes=10,
    base={
        "models.pair": {"kind": "published", "name": "llama_1b_70b"},
        "workload.requests": 2,
        "workload.output_tokens": 64,
        "workload.distinct": 16,
        "uplink.arq": "selective_repeat",
        "uplink.delay": NEAR,
        "downlink.delay": NEAR,
        "downlink.rate.bps": 100e6,
        "edge.latency": {"kind": "profile", "name": "oneplus12_llama_1b"},
        "cloud.latency": {"kind": "roofline", "size": "llama_3_70b", "device": "a100_80gb_sxm", "gpus": 2},
        "cloud.batching": {"kind": "continuous", "cap": 256},
        "cloud.token_budget": 512,
    },
    grid={
        "scheme": ["cloud_only", *({"kind": kind, **DRAFTS} for kind in ("dense", "k_sqs", "c_sqs"))],
        "uplink.rate.bps": [100e3, 300e3, 1e6, 3e6, float("inf")],
    },
    axis="uplink.rate.bps",
    seeds=3,
    best=Best({"scheme.max_drafts": [2, 4, 6]}, seeds=1),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 24, "workload.distinct": 4},
        grid={"uplink.rate.bps": [300e3, float("inf")]},
        seeds=1,
        objective=Objective(LIMITS, high=256, within=0.1),
        best=Best({"scheme.max_drafts": [2, 4]}, seeds=1),
    ),
    figures=("capacity", "breakdown"),
    findings=(LimitMetFirst(), Answer([BearsMost()])),
    objective=Objective(LIMITS, high=1024, within=0.02),
)

if __name__ == "__main__":
    script(SCENARIO)
