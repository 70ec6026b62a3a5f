"""How many devices a 70B on four A100s serves, all busy, at 30 ms a token and 2 s to the first, both on average.

Devices with Llama-3.2-1B in four bits (Jetson AGX Orin, 7 ms a token) share the uplink of a near cloud; acceptance is
as published for the pair at temperature 0, where a draft's distribution is one token: C-SQS then sends what K-SQS does,
and is left out. The cloud alone keeps this pace while its passes are short; a device that drafts needs a pass for every
few tokens (x_gpu of `break_even`); `composed` is K-SQS with the policy goodput, which drafts only where that pays, and
else lets the cloud decode. The order is that at these limits, on average: hard text is slow to draft, so a limit for 95
of 100 requests is another question (`--set objective.tpot_p95_s=0.06`); so are arrivals that do not wait for answers
(`--set workload.kind=poisson`).
"""

from __future__ import annotations

from scenarios import BearsMost, LimitMetFirst, Quick, Scenario, Tune, script
from scenarios.set_ups import BASE_70B, DRAFTING, GREEDY
from simulator.sweeps.search import Objective

LIMITS = {"tpot_s": 0.03, "ttft_s": 2.0}
GOODPUT = {"kind": "composed", "max_drafts": 4, "policy": "goodput"}

SCENARIO = Scenario(
    name="capacity_at_70b",
    summary="How many devices does a 70B on four A100s serve behind one uplink, where acceptance is as published?",
    minutes=15,
    base={
        **BASE_70B,
        **GREEDY,
        "workload.requests": 1,
        "workload.distinct": 16,
        "downlink.rate.bps": 100e6,
        "cloud.batching": {"kind": "continuous", "cap": 512},
        "cloud.token_budget": 512,
    },
    grid={
        "scheme": ["cloud_only", "colocated", *(each for each in DRAFTING if each["kind"] != "c_sqs"), GOODPUT],
        "uplink.rate.bps": [1e6, float("inf")],
    },
    axis="uplink.rate.bps",
    seeds=10,
    tune=Tune(settings=4, looks=(1,), further={"cloud.token_budget": [256, 512, 1024]}),
    left_out={"edge_only": "it takes nothing of a cloud"},
    quick=Quick(
        base={"workload.output_tokens": 48, "workload.distinct": 4},
        grid={"uplink.rate.bps": [float("inf")]},
        seeds=1,
        objective=Objective(LIMITS, high=128, within=0.2),
        tune=Tune(settings=2, looks=(1,)),
    ),
    figures=("capacity", "breakdown"),
    answer=BearsMost(),
    findings=(
        LimitMetFirst(),
        BearsMost(),
    ),
    objective=Objective(LIMITS, high=512, within=0.1),
)

if __name__ == "__main__":
    script(SCENARIO)
