"""Latency per token over uplink rate where the question is open: a phone's 1B model drafts for a 70B in a near cloud.

sqsim run latency_at_70b            or            python -m scenarios.latency_at_70b

`latency_vs_bandwidth` with another pair, other clocks and a nearer cloud: Llama-3.2-1B on a OnePlus 12 (19.9 ms a
token) drafts for Llama-3.3-70B on two GPUs (43 ms), 10 ms away each way. Acceptance is as published for that pair,
over synthetic laws at temperature 0, where it was measured. Drafting pays where A > x (`break_even`): at high rates.
"""

from __future__ import annotations

from scenarios import Answer, Below, Finding, Lowest, PaysFirst, Quick, Scenario, Tune, script

RATES_BPS = [1e3, 2e3, 5e3, 10e3, 20e3, 50e3, 100e3, 200e3, 500e3, 1e6, 2e6, 5e6, 10e6]
FEW_BPS = [10e3, 100e3, 1e6]
NEAR = {"kind": "constant", "delay_s": 0.01}
DRAFTS, FLAT = {"max_drafts": 4}, {"max_drafts": 4, "token": "flat"}
PAPER = {**FLAT, "code": "enumerative"}  # as the paper counts; scenario `codes` has the shorter code

SCENARIO = Scenario(
    name="latency_at_70b",
    summary="From which uplink rate on does a phone's 1B drafter beat a streaming 70B, 20 ms there and back?",
    minutes=12,
    base={
        "models.pair": {"kind": "published", "name": "llama_1b_70b"}, "models.temperature": 0.0,
        "workload.requests": 6,  # of two stretches each: acceptance stays for 64 tokens, and hard ones are few
        "workload.output_tokens": 128,
        "uplink.arq": "selective_repeat",
        "downlink.arq": "selective_repeat",
        **{f"{way}.delay": NEAR for way in ("uplink", "downlink")},
        "edge.latency": {"kind": "profile", "name": "oneplus12_llama_1b"},
        "cloud.latency": {"kind": "profile", "name": "gpu80gbx2_70b"},
    },
    grid={
        "scheme": [
            "cloud_only", {"kind": "half_top_k", "k": 8, **DRAFTS}, {"kind": "dense", **PAPER},
            {"kind": "k_sqs", "k": 8, **PAPER}, {"kind": "c_sqs", **PAPER}, {"kind": "coupled", **FLAT},
        ],
        "uplink.rate.bps": RATES_BPS,
    },
    axis="uplink.rate.bps",
    seeds=8,
    tune=Tune(base={"workload.requests": 4}),
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 64},
        grid={"uplink.rate.bps": RATES_BPS[::3]},
        seeds=3,
    ),
    figures=("latency", "breakdown", "bits", "resampling"),
    findings=(
        Finding(),
        Below(("k_sqs",), ("cloud_only",), at=FEW_BPS),
        Below(("k_sqs", "c_sqs"), ("dense",), at=FEW_BPS),
        Answer([Lowest("fastest of all"), PaysFirst(("k_sqs", "c_sqs", "dense", "coupled"), "cloud_only")]),
    ),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
