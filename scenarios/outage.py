"""Latency per token while the uplink breaks down now and then, and while servers crash or do not.

sqsim run outage            or            python -m scenarios.outage

The uplink is up for 5 s on average, then out for the time on the axis. A server that crashes loses its pass and its
caches; sessions move to the other one, which reads their text anew.
"""

from __future__ import annotations

from scenarios import Answer, Costs, Finding, Instead, Lowest, Quick, Scenario, script

FAILURES = "cloud.failures.kind"

SCENARIO = Scenario(
    name="outage",
    summary="What do outages of the uplink and crashes of servers cost, and which scheme bears them best?",
    minutes=1,
    base={
        "models.pair": "sotu",
        "workload.devices": 8,
        "workload.requests": 2,
        "workload.output_tokens": 48,
        "workload.distinct": 16,
        "uplink.rate": {"kind": "random_outages", "mean_up_s": 5.0, "rate": {"kind": "constant", "bps": 200e3}},
        "uplink.arq": "selective_repeat",
        "downlink.arq": "selective_repeat",
        "cloud.servers": 2,
        "cloud.routing": "affinity",
    },
    grid={
        "scheme": ["cloud_only", {"kind": "k_sqs", "max_drafts": 4}, {"kind": "c_sqs", "max_drafts": 4}],
        "cloud.failures": ["none", {"kind": "random", "mean_there_s": 2.0, "mean_away_s": 0.5}],
        "uplink.rate.mean_out_s": [0.01, 0.1, 0.3, 1.0, 3.0],
    },
    axis="uplink.rate.mean_out_s",
    seeds=10,
    quick=Quick(
        base={"workload.requests": 2, "workload.output_tokens": 24, "workload.distinct": 4},
        grid={"uplink.rate.mean_out_s": [0.01, 0.3, 3.0]},
    ),
    figures=("latency", "tails", "breakdown"),
    findings=(
        Finding(by=FAILURES),
        Finding(without=("cloud_only",), by=FAILURES),
        Answer(
            [
                Costs("outages of {end} against {start}", by=FAILURES),
                Instead("crashes against none", FAILURES, "random", "none", ("latency_per_token_s",)),
                Lowest("fastest", by=FAILURES),
            ]
        ),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
