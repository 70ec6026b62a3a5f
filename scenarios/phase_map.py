"""Who answers fastest: the cloud alone, speculation in it, or an edge that drafts? By prompt, answer, distance, pair.

    sqsim run phase_map            or            python -m scenarios.phase_map

End to end, with the prompt read at both ends, and per token; each scheme at a setting chosen for it. Closed forms
(simulator/results/phase_prediction.py) stand beside what is simulated. Published pairs at temperature 0, where they
were measured; at temperature 1 one of them, with what published pairs keep of AL - 1 on average.
"""

from __future__ import annotations

from models.published_figures import KEPT
from scenarios import Answer, EdgeWins, OutsideChecks, PhaseBorders, PredictorHolds, Quick, Scenario, Tune, script

PHONE, PI, NANO, SMALL_H100, BF16 = (
    {"kind": "profile", "name": name}
    for name in ("oneplus12_llama_1b", "pi5_qwen2_5_0_5b", "orin_nano_smollm2_135m", "h100_1_7b", "gpu80gbx2_70b")
)
BETWEEN = {"kind": "affine", "base_s": 0.0205, "per_token_s": 0.0065}  # 27 ms; phone: 1B 20, 3B 51 ms
ON = {"llama_1b_70b": PHONE, "qwen3_1_7b_32b": BETWEEN, "qwen2_5_0_5b_72b": PI, "vicuna_68m_13b": NANO}
IDS = 8192  # token ids of each pair: 13 bits each, for 15 to 17 of the real vocabularies; decoding is ten times cheaper
WARM = {"kind": "published", "name": "llama_1b_70b", "size": IDS, "kept": KEPT}
PAIR = "models.pair,edge.latency,models.temperature"
PUBLISHED = [[{"kind": "published", "name": name, "size": IDS}, edge, 0.0] for name, edge in ON.items()]
PROMPT, RTT = "workload.prompt_tokens,models.pair.prompt_tokens", "uplink.delay,downlink.delay"
DELAYS = [[{"kind": "constant", "delay_s": both / 2}] * 2 for both in (0.005, 0.02, 0.04, 0.08, 0.16)]
ARQ = {"kind": "selective_repeat", "timeout_s": 1.0}
SHORT = {"workload.prompt_tokens": 16, "models.pair.prompt_tokens": 16, "workload.output_tokens": 128}

SCENARIO = Scenario(
    name="phase_map",
    summary="By prompt, answer, distance and pair: is the cloud alone, speculation in it, or an edge's fastest?",
    minutes=15,
    base={
        "workload.requests": 2, "edge.latency": PHONE, "uplink.rate.bps": 1e6, "uplink.arq": ARQ, "downlink.arq": ARQ,
        "cloud.latency": BF16, "cloud.drafter_latency": SMALL_H100,
    },
    grid={
        "scheme": ["cloud_only", "colocated", "coupled", "k_sqs", {"kind": "dense", "resolution": 20}],
        PAIR: [*PUBLISHED, [WARM, PHONE, 1.0]], PROMPT: [[n, n] for n in (16, 64, 256)],
        "workload.output_tokens": [32, 256], RTT: DELAYS,
    },
    axis="uplink.delay.delay_s",
    hidden=("downlink.delay", "models.pair.prompt_tokens"),
    seeds=8,
    tune=Tune(base=SHORT, metric="tpot_s", settings=8, looks=(1, 2, 4), steps=1),
    left_out={"edge_only": "its text is not the verifier's"},
    quick=Quick(
        grid={PAIR: PUBLISHED[::3], PROMPT: [[16] * 2, [256] * 2], "workload.output_tokens": [64], RTT: DELAYS[1:4]},
        tune=Tune(base=SHORT, metric="tpot_s", settings=3, looks=(1,), steps=0),
    ),
    figures=("phase_map",),
    headlines=(),
    tables=(PhaseBorders(),),
    findings=(PredictorHolds(), OutsideChecks(), Answer([EdgeWins()])),
    assumed="a target of 43 ms a pass (70B on two GPUs) verifies for every pair, smaller ones too; ids of 13 bits; the "
    "32B's drafter takes 27 ms and reads a prompt token in 6.5 ms; temperature 1 keeps 72% of AL - 1",
)  # fmt: skip

if __name__ == "__main__":
    script(SCENARIO)
