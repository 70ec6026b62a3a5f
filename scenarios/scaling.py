"""Pairs from 10 thousand to 135 million parameters: acceptance, bits, latency, and the rate at which a scheme pays.

A 70B target (43 ms a pass) in a near cloud (10 ms there and back), so that drafting can pay; the clock is one for all
pairs, the tokens are each pair's own. Beside the trained pairs, synthetic ones of a known distance.
"""

from __future__ import annotations

from scenarios import PaysFirst, PaysFrom, Quick, Scenario, Tune, script
from scenarios.set_ups import SELECTIVE_REPEAT

RATES_BPS = [1e3, 10e3, 30e3, 100e3, 1e6, 10e6]
RUNGS = ("10k", "100k", "1m", "10m")
LADDER = [{"kind": "sotu", "drafter": d, "verifier": v} for v in RUNGS[::-1] for d in RUNGS[: RUNGS.index(v)]]
SYNTHETIC = [{"kind": "synthetic", "size": 1024, "distance": tv} for tv in (0.2, 0.4, 0.6)]
DRAFTS = {"max_drafts": 4}
SHORT_S = {"kind": "constant", "delay_s": 0.005}

SCENARIO = Scenario(
    name="scaling",
    summary="Which pairs, over three orders of magnitude, make a scheme pay, and from which uplink rate on?",
    minutes=10,
    base={
        "workload.requests": 2,
        "workload.output_tokens": 32,
        **SELECTIVE_REPEAT,
        "uplink.delay": SHORT_S,
        "downlink.delay": SHORT_S,
        "edge.latency": {"kind": "affine", "base_s": 0.0061, "per_token_s": 0.0},  # SmolLM2-135M, Orin Nano Super
        "cloud.latency": {"kind": "affine", "base_s": 0.0433, "per_token_s": 0.0},  # 70B bf16 on two GPUs, alone
        "cloud.drafter_latency": {"kind": "profile", "name": "h100_1_7b"},
    },
    grid={
        "models.pair": [*LADDER, "smollm2", *SYNTHETIC],
        "scheme": ["cloud_only", "colocated", *({"kind": kind, **DRAFTS} for kind in ("dense", "k_sqs", "c_sqs"))],
        "uplink.rate.bps": RATES_BPS,
    },
    axis="uplink.rate.bps",
    seeds=8,
    tune=Tune(settings=8, looks=(1, 2), steps=1, base={"workload.requests": 1}),
    left_out={"edge_only": "its text is the drafter's, which is what differs from pair to pair"},
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 12},
        grid={"models.pair": [*LADDER[:3], *SYNTHETIC], "uplink.rate.bps": RATES_BPS[::3]},
    ),
    figures=("pairs", "resampling", "bits"),
    answer=PaysFirst(("k_sqs", "c_sqs", "dense"), "cloud_only"),
    findings=(PaysFrom("k_sqs", "cloud_only"), PaysFrom("c_sqs", "cloud_only"), PaysFrom("dense", "cloud_only"),
              PaysFrom("k_sqs", "dense"), PaysFirst(("k_sqs", "c_sqs", "dense"), "cloud_only"),),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
