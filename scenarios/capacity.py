"""Number of devices that a 70B on four A100s serves, all busy, at 30 ms a token and 2 s to the first, both on average
(else a cloud that lets them wait at the door would bear any number).

Acceptance is as published at temperature 0, where a draft's distribution is one token and C-SQS sends what K-SQS does,
and is left out; `composed` is K-SQS with the policy goodput, which drafts only where that pays,
or with drafts_by_load. Each scheme chooses
draft length and new tokens of a pass for itself. The order of schemes is that at these two limits: whoever takes little
of each pass keeps the pace until devices wait for their first token, whoever has many tokens verified falls behind in
pace first. At rate inf only the GPUs are shared. `tried.csv` holds every cell of the search; `relieved` names the
station that took no time there.

The question that is printed is made from the cells that run. A cell's own limits (workload.slo_tpot_s, slo_ttft_s) take
the place of these; `sqsim capacity --config CELL.yaml` and `--from FILE` ask about a cell or a server of yours.

Other questions: a limit for 95 of 100 requests (`--set objective.tpot_p95_s=0.06`), arrivals that do not wait (`--set
workload.kind=poisson`), the bundled pair (`--set models.pair=sotu`).
"""

from __future__ import annotations

from scenarios import LimitMetFirst, Quick, Scenario, SupportsMost, Tune, script
from scenarios.command.run.devices_supported import question
from scenarios.set_ups import BASE_70B, DRAFTING, GREEDY, UNCUT, WAITS_IF_QUICK
from simulator.sweeps.search import Objective

LIMITS = {"tpot_s": 0.03, "ttft_s": 2.0}
GOODPUT, BY_LOAD = ({"kind": "composed", "max_drafts": 4, "policy": policy} for policy in ("goodput", "drafts_by_load"))

SCENARIO = Scenario(
    name="capacity",
    summary="How many devices does a 70B on four A100s serve behind one uplink, and which limit is met first?",
    minutes=20,
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
        "scheme": ["cloud_only", "colocated", *(each for each in DRAFTING if each["kind"] != "c_sqs"), GOODPUT,
                   BY_LOAD],
        "uplink.rate.bps": [100e3, 1e6, float("inf")],
    },
    axis="uplink.rate.bps",
    seeds=10,
    tune=Tune(UNCUT, settings=4, looks=(1,), further={"cloud.token_budget": [256, 512, 1024]}),
    left_out={"edge_only": "it takes nothing of a cloud"},
    quick=Quick(
        base={"workload.output_tokens": 48, "workload.distinct": 4},
        grid={"uplink.rate.bps": [float("inf")]},
        seeds=1,
        objective=Objective(LIMITS, high=128, within=0.2),
        tune=Tune({**WAITS_IF_QUICK, **UNCUT}, settings=2, looks=(2,)),
    ),
    figures=("capacity", "breakdown"),
    worded=question,
    answer=SupportsMost(),
    findings=(LimitMetFirst(),),
    objective=Objective(LIMITS, high=512, within=0.1),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
