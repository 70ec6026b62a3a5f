"""How many devices a 70B on four A100s bears, all busy, at 30 ms a token and 1 s to the first, both on average.

sqsim run capacity_at_70b            or            python -m scenarios.capacity_at_70b

Devices with Llama-3.2-1B in four bits (Jetson AGX Orin, 7 ms a token) share the uplink of a near cloud; acceptance is
as published for the pair at temperature 0. The cloud alone keeps this pace while its passes are short; a device that
drafts needs a pass for every few tokens (x_gpu of `break_even`). The order is that at these limits, on average: hard
text is slow to draft, so a limit for 95 of 100 requests is another question (`--set objective.tpot_p95_s=0.06`).
"""

from __future__ import annotations

from scenarios import Answer, BearsMost, LimitMetFirst, Quick, Scenario, Tune, script
from simulator.sweeps.search import Objective

DRAFTS = {"max_drafts": 4}
LIMITS = {"tpot_s": 0.03, "ttft_s": 1.0}
ORIN = {"kind": "roofline", "size": "llama_3.2_1b", "device": "jetson_agx_orin_64gb", "bytes_per_parameter": 0.5}
NEAR = {"kind": "constant", "delay_s": 0.01}

SCENARIO = Scenario(
    name="capacity_at_70b",
    summary="How many devices does a 70B on four A100s bear behind one uplink, where acceptance is as published?",
    minutes=10,
    base={
        "models.pair": {"kind": "published", "name": "llama_1b_70b"},
        "models.temperature": 0.0,
        "workload.requests": 2,
        "workload.output_tokens": 128,
        "workload.distinct": 16,
        "uplink.arq": "selective_repeat",
        "uplink.delay": NEAR,
        "downlink.delay": NEAR,
        "downlink.rate.bps": 100e6,
        "edge.latency": ORIN,
        "cloud.latency": {"kind": "profile", "name": "a100x4_70b"},
        "cloud.batching": {"kind": "continuous", "cap": 512},
        "cloud.token_budget": 512,
    },
    grid={
        "scheme": ["cloud_only", *({"kind": kind, **DRAFTS} for kind in ("dense", "k_sqs", "c_sqs"))],
        "uplink.rate.bps": [100e3, 300e3, 1e6, 3e6, float("inf")],
    },
    axis="uplink.rate.bps",
    seeds=3,
    tune=Tune(),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64, "workload.distinct": 4},
        grid={"uplink.rate.bps": [300e3, float("inf")]},
        seeds=1,
        objective=Objective(LIMITS, high=256, within=0.1),
    ),
    figures=("capacity", "breakdown"),
    findings=(LimitMetFirst(), Answer([BearsMost()])),
    objective=Objective(LIMITS, high=1024, within=0.02),
)

if __name__ == "__main__":
    script(SCENARIO)
