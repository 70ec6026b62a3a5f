"""Set-ups that scenarios share: kinds of schemes, delays, retransmission, measured machines, and the base of those
about a 70B.

On BASE_70B Llama-3.2-1B on a Jetson AGX Orin drafts (7 ms a token) for a Llama-3.3-70B on four A100s (25 ms), 10 ms
away each way. Acceptance was measured at temperature 0; at 1 it is scaled by what other published pairs keep of it.
"""

from __future__ import annotations

from models.published_figures import KEPT
from simulator.results.display_names import SERVING

IN_CLOUD = ("cloud_only", "colocated")
BASELINES = (*IN_CLOUD, "edge_only")
Q_S_ADAPTIVE: dict[str, object] = {
    "kind": "rungs", "policy": "qs_heuristic", "label": "dense lattice (Q-S), adaptive",
    "settings": [{"sparsifier": "all", "quantizer": {"kind": "lattice", "resolution": ell}} for ell in (20, 100)],
}  # fmt: skip
"""Q-S as published, which adapts the draft length and the resolution, beside its static lattice (`dense`)."""
AT_EDGE = ("dense", "k_sqs", "c_sqs", "coupled")
DRAFTING = [{"kind": kind, "max_drafts": 4} for kind in AT_EDGE]
NEAR = {"kind": "constant", "delay_s": 0.01}
TRIP = "uplink.delay,downlink.delay"
SELECTIVE_REPEAT = {"uplink.arq": "selective_repeat", "downlink.arq": "selective_repeat"}
PATIENT = {field: {"kind": "selective_repeat", "timeout_s": 1.0} for field in SELECTIVE_REPEAT}
"""Retransmission that waits for longer than a round trip; stop-and-wait would hold streams back."""
JETSON_1B = {
    "kind": "roofline", "size": "llama_3.2_1b", "device": "jetson_agx_orin_64gb", "bytes_per_parameter": 0.5,
}  # fmt: skip
PHONE, PI, NANO, H100_1_7B, TWO_GPUS_70B = (
    {"kind": "profile", "name": name}
    for name in ("oneplus12_llama_1b", "pi5_qwen2_5_0_5b", "orin_nano_smollm2_135m", "h100_1_7b", "gpu80gbx2_70b")
)
BASE_70B: dict[str, object] = {
    "models.pair": {"kind": "published", "name": "llama_1b_70b", "prompt_tokens": 170, "kept": KEPT},
    "models.temperature": 1.0,
    "workload.prompt_tokens": 170,
    "workload.output_tokens": 146,
    **SELECTIVE_REPEAT,
    "uplink.delay": NEAR,
    "downlink.delay": NEAR,
    "edge.latency": JETSON_1B,
    "cloud.latency": {"kind": "profile", "name": "a100x4_70b"},
    "cloud.drafter_latency": H100_1_7B,
}  # fmt: skip
GREEDY: dict[str, object] = {
    "models.pair": {"kind": "published", "name": "llama_1b_70b", "prompt_tokens": 170},
    "models.temperature": 0.0,
}
"""Fields in place of those of BASE_70B: the acceptance as measured, drafts of one token each."""

WAITS, WAITS_IF_QUICK = (
    dict.fromkeys(SERVING, reason)
    for reason in (
        "the question is what is sent: every scheme waits for each reply",
        "every scheme waits for each reply; without --quick its serving mode is tuned too",
    )
)
"""Serving modes fixed, and why (`Tune.fixed`): of questions about payloads, and of quick looks at others."""

UNCUT = {"scheme.acceptance.least_confidence": "presets verify every draft, so all schemes do"}
"""Cut of a scheme of free parts fixed, and why (`Tune.fixed`), where it is compared with presets."""

SPEED_BENCH_TOKENS = (1_024, 2_048, 8_192, 16_384, 32_768)
"""Prompt lengths of SPEED-Bench's throughput split (arXiv 2604.09557; data card nvidia/SPEED-Bench): 1k, 2k, 8k, 16k
and 32k, 1,536 prompts each, in three tiers of entropy. Its qualitative split has 880 prompts, 80 of each of 11
categories, some of several turns. U: that 1k is 1,024, that tiers are of one size, and how long answers are."""
PROMPTS = "workload.prompt_tokens,models.pair.prompt_tokens"
SHORT = {"workload.prompt_tokens": 16, "models.pair.prompt_tokens": 16, "workload.output_tokens": 128}
"""Workload on which settings are tried if prompts are swept."""
A100 = {"kind": "roofline", "device": "a100_80gb_sxm"}
LONG_PROMPTS = GREEDY["models.pair"] | {"size": 8192, "prompts": 32, "context": 65_536}  # type: ignore[operator]
"""A pair for prompts of up to 32k tokens."""


def speed_bench(*tokens: int) -> list[list[int]]:
    """Values of PROMPTS: these lengths, all of SPEED-Bench's by default."""
    return [[each, each] for each in tokens or SPEED_BENCH_TOKENS]


def round_trips(*seconds: float) -> list[object]:
    """Values of TRIP: half of each round-trip time each way."""
    return [[{"kind": "constant", "delay_s": both / 2}] * 2 for both in seconds]
