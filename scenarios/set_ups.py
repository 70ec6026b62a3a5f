"""The base of the scenarios whose question is open only where the target is slow: Llama-3.2-1B on a Jetson AGX Orin, in
four bits, 7 ms a token, drafts for a Llama-3.3-70B on four A100s, 25 ms a token, 10 ms away each way.

Prompts of 170 tokens and answers of 146, as the source of the pair's acceptance has them. That acceptance was measured
at temperature 0, where a draft's distribution is one token; at 1 it is scaled by what other published pairs keep of it.
"""

from __future__ import annotations

from models.published_figures import KEPT

IN_CLOUD = ("cloud_only", "colocated")
AT_EDGE = ("dense", "k_sqs", "c_sqs", "coupled")
DRAFTING = [{"kind": kind, "max_drafts": 4} for kind in AT_EDGE]
NEAR = {"kind": "constant", "delay_s": 0.01}
BASE_70B: dict[str, object] = {
    "models.pair": {"kind": "published", "name": "llama_1b_70b", "prompt_tokens": 170, "kept": KEPT},
    "models.temperature": 1.0,
    "workload.prompt_tokens": 170,
    "workload.output_tokens": 146,
    "uplink.arq": "selective_repeat",
    "downlink.arq": "selective_repeat",
    "uplink.delay": NEAR,
    "downlink.delay": NEAR,
    "edge.latency": {
        "kind": "roofline", "size": "llama_3.2_1b", "device": "jetson_agx_orin_64gb", "bytes_per_parameter": 0.5,
    },
    "cloud.latency": {"kind": "profile", "name": "a100x4_70b"},
    "cloud.drafter_latency": {"kind": "profile", "name": "h100_1_7b"},
}  # fmt: skip
GREEDY: dict[str, object] = {
    "models.pair": {"kind": "published", "name": "llama_1b_70b", "prompt_tokens": 170},
    "models.temperature": 0.0,
}
"""In place of the same of BASE_70B: the acceptance as measured, drafts of one token each."""
