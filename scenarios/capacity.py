"""How many devices one GPU and one radio cell bear, all busy, at 0.1 s a token for 95 of 100 requests and 1 s to the
first token on average (else a cloud that lets them wait at the door would bear any number).

The order of schemes is that at these two limits (`--set objective.tpot_p95_s=0.05`): whoever takes little of each pass
keeps the pace until devices wait for their first token, whoever has many tokens verified falls behind in pace first.
Each scheme chooses draft length and new tokens of a pass for itself. At rate inf only the GPU is shared. `tried.csv`
holds every cell of the search; `relieved` names the station that took no time there.
"""

from __future__ import annotations

from scenarios import BearsMost, LimitMetFirst, Quick, Scenario, SupportsMost, Tune, script
from scenarios.set_ups import DRAFTING
from simulator.sweeps.search import Objective

LIMITS = {"tpot_p95_s": 0.1, "ttft_s": 1.0}

SCENARIO = Scenario(
    name="capacity",
    summary="How many devices do one GPU and one cell bear at limits for pace and first token, and which limit is met?",
    minutes=10,
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
        "scheme": ["cloud_only", {"kind": "colocated", "max_drafts": 4}, *DRAFTING],
        "uplink.rate.bps": [100e3, 1e6, float("inf")],
    },
    axis="uplink.rate.bps",
    seeds=10,
    tune=Tune(further={"cloud.token_budget": [256, 512, 1024]}, settings=12, looks=(1,)),
    left_out={"edge_only": "it takes nothing of a cloud"},
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16, "workload.distinct": 4},
        grid={"uplink.rate.bps": [100e3, float("inf")]},
        seeds=1,
        objective=Objective(LIMITS, high=512, within=0.1),
    ),
    figures=("capacity", "breakdown"),
    answer=SupportsMost(),
    findings=(LimitMetFirst(), BearsMost(),),
    objective=Objective(LIMITS, high=1024, within=0.02),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
