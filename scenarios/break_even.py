"""When does speculation at the edge beat the cloud alone? Pairs, targets, round-trip times and rates, and the load.

    sqsim run break_even            or            python -m scenarios.break_even

A synchronous round beats streamed cloud-only decoding exactly if A > x: A its accepted drafts, x the target's passes
that it takes beyond one (simulator/results/break_even_plane.py). Each scheme at a setting chosen for it; each
pair drafts on a device of its own, at the temperature it was measured at. Beside the map: a shared load, smollm2.
"""

from __future__ import annotations

from scenarios import Also, Answer, BreakEven, CloudTime, Quick, Scenario, SignHolds, Tune, WinsBelow, WinsWhere, script

PHONE, PI, NANO, SMALL_H100, FP8, BF16, *FOUR = (
    {"kind": "profile", "name": name}
    for name in ("oneplus12_llama_1b", "pi5_qwen2_5_0_5b", "orin_nano_smollm2_135m", "h100_1_7b", "h100x2_70b_fp8",
                 "gpu80gbx2_70b", "a100x4_70b", "h100x4_70b")
)  # fmt: skip
BETWEEN = {"kind": "affine", "base_s": 0.027, "per_token_s": 0.0}  # phone: 1B 20, 3B 51 ms
ON = {"llama_1b_70b": PHONE, "qwen3_1_7b_32b": BETWEEN, "qwen2_5_0_5b_72b": PI, "vicuna_68m_13b": NANO}
SYNTHETIC = [[{"kind": "synthetic", "size": 1024, "distance": tv}, NANO, 1.0] for tv in (0.1, 0.2, 0.4)]
PUBLISHED = [[{"kind": "published", "name": name}, edge, 0.0] for name, edge in ON.items()]
PAIRS, RTT, RATE = "models.pair,edge.latency,models.temperature", "uplink.delay,downlink.delay", "uplink.rate.bps"
DELAYS = [[{"kind": "constant", "delay_s": both / 2}] * 2 for both in (0.005, 0.04, 0.08, 0.32)]
ARQ, K_SQS = {"kind": "selective_repeat", "timeout_s": 1.0}, {"kind": "k_sqs", "k": 8}
NEAR = {"uplink.delay.delay_s": 0.005, "downlink.delay.delay_s": 0.005, "workload.output_tokens": 48}
LOAD = {**NEAR, **dict(zip(PAIRS.split(","), PUBLISHED[0], strict=True)), "workload.distinct": 8}
SHARED = {**LOAD, "workload.prompt_tokens": 4}

SCENARIO = Scenario(
    name="break_even",
    summary="Which pair, target, round-trip time and rate make a synchronous round faster than the cloud alone?",
    minutes=8,
    base={
        "workload.requests": 1, "workload.output_tokens": 256, "workload.prompt_at_cloud": True, "edge.latency": NANO,
        "uplink.arq": ARQ, "downlink.arq": ARQ, "uplink.rate.bps": 1e6, "cloud.latency": BF16,
        "cloud.batching": {"kind": "continuous", "cap": 256}, "cloud.drafter_latency": SMALL_H100,
    },
    grid={"scheme": ["cloud_only", "colocated", "dense", K_SQS, "coupled"], PAIRS: [*SYNTHETIC, *PUBLISHED],
          "cloud.latency": [FP8, BF16], RATE: [30e3, 1e6], RTT: DELAYS},
    also=[Also({"scheme": ["cloud_only", "colocated", K_SQS], "cloud.latency": FOUR,
                "workload.devices": [1, 8, 32, 128, 256]}, SHARED,
               {"cloud.latency": FOUR[:1], "workload.devices": [1, 32]}),
          Also({"scheme": ["cloud_only", K_SQS], "models.pair": ["smollm2"]}, NEAR)],
    axis="uplink.delay.delay_s",
    hidden=("downlink.delay", "models.temperature", "workload.prompt_tokens", "workload.output_tokens",
            "workload.distinct"),
    seeds=8, tune=Tune(metric="tpot_s", settings=6, looks=(1, 2), steps=1),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(base={"workload.output_tokens": 128},
                grid={PAIRS: [SYNTHETIC[1], PUBLISHED[0]], "cloud.latency": [BF16], RATE: [1e6],
                      RTT: DELAYS[::2]}, seeds=2),
    figures=("break_even",),
    headlines=(),
    tables=(BreakEven("k_sqs"),),
    findings=(SignHolds(), WinsBelow("k_sqs"), CloudTime(), Answer([WinsWhere("k_sqs")])),
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
