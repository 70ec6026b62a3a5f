"""Latency, joules and dollars of a token: which schemes are on the front, at which load, and does a price move it?

sqsim run pareto            or            python -m scenarios.pareto

A device (Jetson AGX Orin, Llama-3.2-1B in four bits) asks a 70B on four A100s over LTE at the edge of a cell: prompts
of 170 tokens, answers of 146 and temperature 0, as where the pair's acceptance was measured. Joules are those of the
device, of its radio with the tail of its connection, and of the cloud's passes; dollars are the rent of the passes and
the device's energy. Each draft length is a point of its own, since what is fast is not what spends least.
"""

from __future__ import annotations

from scenarios import Answer, Fronts, OnFront, PricesMatter, Quick, Scenario, Tune, WattsStand, script
from scenarios.base_70b import BASE_70B, GREEDY

LTE = {"power_w": "lte", "sharing": "own"}  # the load is the cloud's: each device has a link of its own
EDGE, LOAD = ("coupled", "k_sqs", "dense", "c_sqs"), "workload.devices"
CODE = {"code": "recoded", "token": "coded"}  # one for all lattices
BARE, DRAFTING = ["cloud_only", "edge_only"], [{"kind": "colocated"}, {"kind": "coupled", "token": "coded"}]
DRAFTING += [{"kind": kind, **CODE} for kind in EDGE[1:]]

IDLE = ("resolution", "k", "initial", "target", "step")
FIXED = {
    "scheme.max_drafts": "each on the grid, a point of its own",
    **{f"scheme.{name}": "chooses nothing at temperature 0" for name in IDLE},
}

SCENARIO = Scenario(
    name="pareto",
    summary="Latency, joules and dollars a token at 1, 16 and 64 devices: which schemes are on the front?",
    minutes=10,
    base={
        **GREEDY,
        "workload.prompt_tokens": 170, "workload.output_tokens": 146, "workload.requests": 4, "workload.distinct": 4,
        **{f"{way}link": {"preset": f"lte_cell_edge.{way}link", **LTE} for way in ("up", "down")},
        "edge.latency": BASE_70B["edge.latency"], "edge.power": "jetson_agx_orin_64gb_60w",
        "cloud.latency": {"kind": "profile", "name": "a100x4_70b"},
        "cloud.drafter_latency": {"kind": "roofline", "size": "llama_3.2_1b", "device": "a100_80gb_sxm"},
        "cloud.batching": {"kind": "continuous", "cap": 512}, "cloud.token_budget": 512,
        "cloud.power": "a100_80gb_sxm", "cloud.usd_per_gpu_hour": "a100_specialist_2026", "cloud.charged": "busy",
    },
    grid={"scheme": [*BARE, *(each | {"max_drafts": n} for each in DRAFTING for n in (2, 4, 8))], LOAD: [1, 16, 64]},
    axis=LOAD,
    tune=Tune(FIXED),
    seeds=8,
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64, "workload.distinct": 2},
        grid={"scheme": [*BARE, *(each | {"max_drafts": n} for each in DRAFTING for n in (2, 8))], LOAD: [1, 16]},
    ),
    figures=("fronts", "latency", "breakdown"),
    headlines=(),
    tables=(Fronts(LOAD),),
    findings=(
        WattsStand(),
        PricesMatter(LOAD),
        OnFront(LOAD, "where the cloud may not draft, undominated", without=("colocated",)),
        Answer([OnFront(LOAD, "undominated in latency, joules and dollars", edge=EDGE, against="colocated")]),
    ),
    assumed="Others share the four GPUs: rent and joules are of passes alone, and a drafter's pass in the cloud takes "
    "all four. A device asks four times in a row, then its radio's tail runs out. At temperature 0 a draft's "
    "distribution is one token: K, resolution and threshold choose nothing. The device is paid for, and waits free.",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
