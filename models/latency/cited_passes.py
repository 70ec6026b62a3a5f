"""Passes that others measured and published, with their source: what the bundled profiles (`profiles`, made by
`tools.derived_passes`) are made of. A figure is a fact and is taken as one; of a rate of tokens a pass is the inverse.
`roofline` is that of the same device and model, which fills in what was not measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from models.latency.datasheets import DEVICES, GIB, SIZES, Accelerator, ModelSize
from models.latency.roofline import Roofline


class CitedPass(NamedTuple):
    """A pass of `batch` equal sequences; tokens are those of each sequence."""

    batch: int
    new_tokens: int
    cached_tokens: int
    seconds: float

    @property
    def work(self) -> list[tuple[int, int]]:
        """The work, as a latency model takes it."""
        return [(self.new_tokens, self.cached_tokens)] * self.batch


@dataclass(frozen=True)
class CitedProfile:
    """Measured profile: its model and device, its passes, and their source."""

    place: Literal["edge", "cloud"]
    what: str  # model, precision, device and runtime, for a person
    roofline: Roofline
    cited: tuple[CitedPass, ...]
    source: str
    licence: str  # of the source, as far as it states one
    worked_out: tuple[CitedPass, ...] = ()  # passes that follow from figures of the source but are not stated there
    share_by: Literal["tokens", "sequences"] = "tokens"
    """Quantity in which the cited passes' share of the roofline's time changes: see `derived_passes`."""
    of_an_engine: bool = False
    """True if the cited passes are gaps between tokens that a serving engine sent, its own step included."""


def _decoding(by_batch: dict[int, float], cached_tokens: int) -> tuple[CitedPass, ...]:
    """Returns passes of one new token per sequence, from milliseconds by number of sequences."""
    return tuple(CitedPass(batch, 1, cached_tokens, ms / 1e3) for batch, ms in by_batch.items())


def _linear_layers(by_tokens: dict[int, float]) -> tuple[CitedPass, ...]:
    """No caches: milliseconds by new tokens, as that many sequences, of more tokens each past 256."""
    return tuple(CitedPass(min(tokens, 256), max(1, tokens // 256), 0, ms / 1e3) for tokens, ms in by_tokens.items())


LAPTOP_4060 = Accelerator(
    name="rtx_4060_laptop", flops_per_s=29.1e12, bytes_per_s=256e9, memory_bytes=8 * GIB,
    source="NVIDIA GeForce RTX 40 laptop comparison: 8 GB GDDR6 on 128 bit at 16 Gbit/s; 233 AI TOPS, an eighth of it "
    "in dense FP16 with FP32 sums",
)  # fmt: skip
LFM2_1_2B = ModelSize(
    name="lfm2.5_1.2b", parameters=1_170_340_608, layers=16, width=2048, kv_width=192, heads=32, kv_heads=8,
    source="LiquidAI/LFM2.5-1.2B, released configuration; six of its 16 layers attend, with 512 keys: 192 on average",
)  # fmt: skip
GEMMA_3_1B = ModelSize(
    name="gemma_3_1b", parameters=999_885_952, layers=26, width=1152, kv_width=256, heads=4, kv_heads=1,
    source="google/gemma-3-1b-it, released configuration",
)  # fmt: skip
QWEN3_1_7B = ModelSize(
    name="qwen3_1.7b", parameters=1_720_574_976, layers=28, width=2048, kv_width=1024, heads=16, kv_heads=8,
    source="Qwen/Qwen3-1.7B, released configuration",
)  # fmt: skip
QWEN3_32B = ModelSize(
    name="qwen3_32b", parameters=32_762_123_264, layers=64, width=5120, kv_width=1024, heads=64, kv_heads=8,
    source="Qwen/Qwen3-32B, released configuration",
)  # fmt: skip
ORIN = DEVICES["jetson_orin_nano_super_8gb"]
VLLM_SCRIPTS = "github.com/tomasruizt/vllm-scripts, logs of `vllm bench serve` on InstructCoder, January 2026"
EXECUTORCH = "pytorch/executorch, examples/models/llama/README.md: SpinQuant, KleidiAI, prompts of 64 tokens"
SMOLHUB = (
    "smolhub.com, Tiny LLM Benchmark: Jetson Orin Nano Super 8GB, power mode 25W, llama.cpp, prompts of 128 to 2,048"
)
VIDUR = (
    "microsoft/vidur, data/profiling/compute, Llama-2-70b, tensor parallel 4 (Agrawal et al. 2024, arXiv 2405.05465): "
    "medians of all measured operators but the embedding, times 80 layers. Linear layers alone: launches and sums over "
    "the GPUs are not in it; attention to cached tokens is the roofline's"
)
NONE_STATED = "none stated; single figures cited as facts"


def _four_gpus(device: str, by_tokens: dict[int, float]) -> CitedProfile:
    return CitedProfile(
        "cloud",
        f"Llama-2-70B, FP16, four {device.split('_')[0].upper()} 80 GB (linear layers)",
        Roofline(size="llama_2_70b", device=device, gpus=4),
        _linear_layers(by_tokens),
        VIDUR,
        "MIT",
    )


def _quantized(size: str, bytes_: float, device: str | Accelerator) -> Roofline:
    """Returns the roofline of a model whose file of weights has so many bytes."""
    roofline = Roofline(size=size, device=device)
    return roofline.model_copy(update={"bytes_per_parameter": bytes_ / roofline.size.parameters})


def _phone(size: str, mebibytes: int, decode_tokens_per_s: float, prefill_tokens_per_s: float) -> CitedProfile:
    """Arithmetic such that the roofline's share of its peak takes the cited prefill."""
    phone = Accelerator(
        name="oneplus_12",
        flops_per_s=2 * SIZES[size].parameters * prefill_tokens_per_s / 0.7,
        bytes_per_s=76.8e9,
        memory_bytes=16 * GIB,
        launch_per_layer_s=0.0,
        source="OnePlus 12: Snapdragon 8 Gen 3, LPDDR5X-9600 on 64 bit, 16 GB; arithmetic from the cited prefill",
    )
    cited = (CitedPass(1, 1, 64, 1 / decode_tokens_per_s), CitedPass(1, 64, 0, 64 / prefill_tokens_per_s))
    what = f"Llama-3.2-{size[-2:].upper()}, 4-bit groupwise, OnePlus 12 processor, ExecuTorch"
    return CitedProfile("edge", what, _quantized(size, mebibytes * 2**20, phone), cited, EXECUTORCH, "BSD-3-Clause")


FOLDER = Path(__file__).parent / "profiles"
ProfileName = Literal[
    "pi5_qwen2_5_0_5b", "oneplus12_llama_1b", "oneplus12_llama_3b", "orin_nano_smollm2_135m", "orin_nano_lfm2_1_2b",
    "laptop_rtx4060_llama_8b", "t4_gemma3_1b", "a100_13b", "h100_1_7b", "h100_32b", "gpu80gbx2_70b", "h100x2_70b_fp8",
    "a100x4_70b", "h100x4_70b",
]  # fmt: skip
PROFILES: dict[ProfileName, CitedProfile] = {
    "pi5_qwen2_5_0_5b": CitedProfile(
        "edge", "Qwen2.5-0.5B, 4-bit, Raspberry Pi 5, llama.cpp",
        Roofline(size="qwen2.5_0.5b", device="raspberry_pi_5", bytes_per_parameter=0.5625),
        _decoding({1: 29.6}, 128), "ggml-org/llama.cpp, issue 30069", "MIT",
    ),
    "oneplus12_llama_1b": _phone("llama_3.2_1b", 1083, 50.2, 260.5),
    "oneplus12_llama_3b": _phone("llama_3.2_3b", 2435, 19.7, 89.7),
    "orin_nano_smollm2_135m": CitedProfile(
        "edge", "SmolLM2-135M, 4-bit, Jetson Orin Nano Super, llama.cpp",
        _quantized("smollm2_135m", 101e6, ORIN), _decoding({1: 1e3 / 165.2}, 512), SMOLHUB, NONE_STATED,
    ),
    "orin_nano_lfm2_1_2b": CitedProfile(
        "edge", "LFM2.5-1.2B, 4-bit, Jetson Orin Nano Super, llama.cpp",
        Roofline(size=LFM2_1_2B, device=ORIN, bytes_per_parameter=0.62), _decoding({1: 1e3 / 54.1}, 512),
        SMOLHUB, NONE_STATED,
    ),
    "laptop_rtx4060_llama_8b": CitedProfile(
        "edge", "Llama-3.1-8B, 4-bit, GeForce RTX 4060 laptop GPU, Ollama",
        _quantized("llama_3.1_8b", 4.92e9, LAPTOP_4060), _decoding({1: 1e3 / 47.2}, 128),
        "AlexsJones/llmfit, pull request 958: mean of a community benchmark", "MIT",
    ),
    "t4_gemma3_1b": CitedProfile(
        "cloud", "Gemma-3-1B, 4-bit, T4, llama.cpp",
        Roofline(size=GEMMA_3_1B, device="t4", bytes_per_parameter=0.806), _decoding({1: 1e3 / 134.3}, 128),
        "llcuda.github.io, performance benchmarks, v2.1.0", NONE_STATED,
    ),
    "a100_13b": CitedProfile(
        "cloud", "a 13B transformer, FP16, A100 80 GB (matrix products)",
        Roofline(size="opt_13b", device="a100_80gb_sxm"), _linear_layers({1: 18.3, 128: 22, 256: 37, 512: 56}),
        "aiconfigurator-core 0.12, measured GEMMs of the nearest shapes: launches are not in it; attention to cached "
        "tokens is the roofline's", "Apache-2.0",
    ),
    "h100_1_7b": CitedProfile(
        "cloud", "Qwen3-1.7B, BF16, H100, vLLM",
        Roofline(size=QWEN3_1_7B, device="h100_80gb_sxm"), _decoding({1: 2.27}, 256), VLLM_SCRIPTS, NONE_STATED,
        of_an_engine=True,
    ),
    "h100_32b": CitedProfile(
        "cloud", "Qwen3-32B, BF16, H100, vLLM",
        Roofline(size=QWEN3_32B, device="h100_80gb_sxm"), _decoding({1: 23.65}, 512), VLLM_SCRIPTS, NONE_STATED,
        of_an_engine=True,
    ),
    "gpu80gbx2_70b": CitedProfile(
        "cloud", "Llama-3.3-70B, BF16, two 80 GB GPUs that the source does not name, vLLM",
        Roofline(size="llama_3.1_70b", device="a100_80gb_sxm", gpus=2),
        _decoding({1: 43.31, 16: 50.70, 64: 57.22}, 256),
        f"{VLLM_SCRIPTS}. The logs do not name the GPUs, and say that they have no peer-to-peer, so that their sums "
        "are slow; 576 tokens in 150 ms would be 87% of an A100's peak, so they may be H100. What is derived is the "
        "roofline of two A100, scaled. Median gaps between tokens at that many users; the means, "
        "52.9 and 68.3, hold what others' prompts cost. 128 tokens and more: rounds of three and eight drafts, less "
        "the drafts and the prompts", NONE_STATED,
        worked_out=(
            CitedPass(32, 4, 256, 0.070), CitedPass(64, 4, 256, 0.0906), CitedPass(64, 9, 256, 0.150),
        ),
        of_an_engine=True,
    ),
    "h100x2_70b_fp8": CitedProfile(
        "cloud", "Llama-3.3-70B, FP8, two H100 80 GB, NVIDIA NIM 1.8",
        Roofline(size="llama_3.1_70b", device="h100_80gb_sxm", gpus=2, bytes_per_parameter=1, bytes_per_kv=1),
        _decoding({1: 18.58, 25: 38.75, 50: 59.73, 100: 92.91}, 5250),
        "NVIDIA NIM LLM benchmarking, performance page: prompts of 5,000 tokens, answers of 500; means between tokens "
        "at that many users, what others' prompts held up with them", NONE_STATED, share_by="sequences",
        of_an_engine=True,
    ),
    "a100x4_70b": _four_gpus(
        "a100_80gb_sxm", {1: 25, 64: 27, 128: 33, 256: 52, 512: 90, 1024: 184, 2048: 332}
    ),
    "h100x4_70b": _four_gpus(
        "h100_80gb_sxm", {1: 14.5, 64: 15, 128: 16, 256: 20, 512: 31, 1024: 62, 2048: 112}
    ),
}  # fmt: skip
"""Measured profiles by name, with source and licence, and the roofline that fills in the rest."""
