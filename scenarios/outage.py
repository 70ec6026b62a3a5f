"""Latency per token while the uplink breaks down now and then, and while servers crash or do not: a server that crashes
loses its pass and its caches, and sessions move to the other one, which reads their text anew."""

from __future__ import annotations

from scenarios import Costs, CostsAtWorst, Instead, Lowest, Quick, Scenario, Tune, script
from scenarios.set_ups import BASE_70B, DRAFTING, IN_CLOUD

FAILURES = "cloud.failures.kind"

SCENARIO = Scenario(
    name="outage",
    summary="What do outages of the uplink and crashes of servers cost each scheme?",
    minutes=8,
    base={
        **BASE_70B,
        "workload.devices": 8,
        "workload.requests": 2,
        "workload.distinct": 8,
        "uplink.rate": {"kind": "random_outages", "mean_up_s": 2.0, "rate": {"kind": "constant", "bps": 200e3}},
        "cloud.servers": 2,
        "cloud.routing": "affinity",
    },
    grid={
        "scheme": [*IN_CLOUD, *DRAFTING],
        "cloud.failures": ["none", {"kind": "random", "mean_there_s": 2.0, "mean_away_s": 0.5}],
        "uplink.rate.mean_out_s": [0.1, 0.3, 1.0, 3.0],
    },
    axis="uplink.rate.mean_out_s",
    seeds=10,
    tune=Tune(settings=6, looks=(1, 2), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "its text is not the verifier's, and it needs no uplink"},
    quick=Quick(
        base={"workload.devices": 2, "workload.requests": 1, "workload.output_tokens": 64, "workload.distinct": 2},
        grid={"uplink.rate.mean_out_s": [0.3, 3.0]},
    ),
    figures=("latency", "tails", "breakdown"),
    answer=CostsAtWorst("uplink outages of {end} against {start}", "settings", by=FAILURES),
    findings=(
        Lowest(by=FAILURES),
        Lowest(without=IN_CLOUD, by=FAILURES),
        Costs("outages of {end} against {start}", by=FAILURES),
        Instead("crashes against none", FAILURES, "random", "none", ("latency_per_token_s",)),
        Lowest("fastest", by=FAILURES),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
