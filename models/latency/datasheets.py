"""Figures of accelerators and dimensions of models, each with its source. A field takes an entry by its name. What
kernels reach of peaks is a roofline's efficiency factors; memory is what a process finds there."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveInt, model_validator

from kinds import Part

SERVER_LAUNCH_S = 40e-6
"""Qwen3-1.7B (28 layers) in bfloat16 in vLLM with CUDA graphs on an H100 (github.com/tomasruizt/vllm-scripts) takes
2.27 ms alone and 2.56 in a chain of drafts, 32 and 42 us a layer more than reading its weights at 75% of 3.35 TB/s."""
JETSON_LAUNCH_S = 140e-6
"""SmolLM2-135M (30 layers) in four bits (101 MB) in llama.cpp on an Orin Nano Super (smolhub.com) takes 6.1 ms, about 4
more than reading its weights at the half of 102 GB/s that four-bit kernels reach there."""
LAUNCH_PER_LAYER_S = dict.fromkeys(
    ("jetson_orin_nano_8gb", "jetson_orin_nano_super_8gb", "jetson_agx_orin_32gb", "jetson_agx_orin_64gb"),
    JETSON_LAUNCH_S,
) | {"raspberry_pi_5": 0.0}
"""Launch time of devices other than servers with CUDA graphs; a processor launches nothing on another."""

LINK_BYTES_PER_S = {
    "a100_40gb_sxm": 300e9, "a100_80gb_sxm": 300e9, "h100_80gb_sxm": 450e9, "h200_141gb_sxm": 450e9, "b200_sxm": 900e9,
}  # fmt: skip
"""NVLink one way: half of the 600, 900 and 1,800 GB/s both ways of the data sheets named below."""

GIB = 2**30
"""The unit of DEVICES' memory. A data sheet's GB of memory is that, less what error correction and the driver keep.

Read by us: what PyTorch tells to be a GPU's total capacity, in users' messages of memory run out (cards of one name
differ by 1%). Assumed: of `jetson_agx_orin_64gb` the share of the one of 32 GB; all of `raspberry_pi_5` and `apple_m2`;
`tpu_v5e` (U). Unified memory is shared with the processor and all that runs there, which is not taken off."""


class Accelerator(Part):
    """An accelerator: peak figures, dense 16-bit arithmetic, and what launching a layer's kernels takes."""

    name: str
    flops_per_s: float = Field(gt=0, description="peak dense FP16 operations a second")
    bytes_per_s: float = Field(gt=0, description="peak memory bandwidth, bytes a second")
    launch_per_layer_s: float = Field(
        default=SERVER_LAUNCH_S,
        ge=0,
        allow_inf_nan=False,
        description="seconds a layer beside its arithmetic and traffic: launches, and kernels too small to fill the "
        "device; 40 us is a server GPU with CUDA graphs",
    )
    link_bytes_per_s: float | None = Field(
        default=None, gt=0, description="peak bandwidth to the other GPUs of its server, one way; null: no such link"
    )
    memory_bytes: float | None = Field(
        default=None, gt=0, description="memory that a process finds there, bytes; null where it is not known"
    )
    source: str = Field(default="user", description="where the figures come from")


class Experts(Part):
    """Routed experts of a mixture: each token takes some in each layer, and a pass reads those that its tokens take."""

    count: PositiveInt = Field(description="routed experts of a layer")
    per_token: PositiveInt = Field(description="routed experts of a layer that each token takes")
    parameters: PositiveInt = Field(description="weights of one routed expert, in all layers together")
    shared_parameters: PositiveInt = Field(
        description="weights that every pass reads: attention, routers, shared experts, dense layers and the output "
        "table, but no input table of its own, which is looked up"
    )

    def share_read(self, sequences: int, tokens: int, correlation: float) -> float:
        """Returns the expected share of a layer's experts that a pass over so many tokens reads. A token takes those of
        the token before it in its sequence with probability `correlation`, else `per_token` drawn evenly: at 0 it is
        1 - (1 - per_token / count)^tokens."""
        missed = 1 - self.per_token / self.count
        return 1.0 - missed**sequences * (correlation + (1 - correlation) * missed) ** (tokens - sequences)


class ModelSize(Part):
    """Dimensions of a decoder-only transformer that decide its cost."""

    name: str
    parameters: PositiveInt = Field(description="weights, a tied embedding counted once")
    layers: PositiveInt = Field(description="transformer blocks")
    width: PositiveInt = Field(description="d, of the residual stream")
    kv_width: PositiveInt = Field(description="width of a layer's keys: d, or less with grouped heads")
    heads: PositiveInt | None = Field(
        default=None, description="attention heads of a layer, which tensor parallelism divides; null: not known"
    )
    kv_heads: PositiveInt | None = Field(
        default=None, description="heads of a layer's keys and values, fewer with grouped heads; null: not known"
    )
    source: str = Field(default="user", description="where the figures come from")
    experts: Experts | None = Field(default=None, description="of a mixture of experts; null: a dense model")

    @model_validator(mode="after")
    def _holds_its_experts(self) -> Self:
        if (of := self.experts) is not None:
            if of.per_token > of.count:
                raise ValueError(f"experts.per_token = {of.per_token}: must be at most experts.count = {of.count}")
            if of.shared_parameters + self.routed_parameters > self.parameters:
                raise ValueError(f"parameters = {self.parameters}: must hold all experts and shared_parameters")
        return self

    @property
    def routed_parameters(self) -> int:
        """Weights of all routed experts."""
        return self.experts.count * self.experts.parameters if self.experts else 0

    @property
    def shared_parameters(self) -> int:
        """Weights that every pass reads."""
        return self.experts.shared_parameters if self.experts else self.parameters

    @property
    def active_parameters(self) -> int:
        """Weights that each token is multiplied with."""
        return self.shared_parameters + (self.experts.per_token * self.experts.parameters if self.experts else 0)


def _devices(*rows: tuple[str, float, float, float, str]) -> dict[str, Accelerator]:
    return {
        name: Accelerator(
            name=name,
            flops_per_s=flops_per_s,
            bytes_per_s=bytes_per_s,
            memory_bytes=gib * GIB,
            launch_per_layer_s=LAUNCH_PER_LAYER_S.get(name, SERVER_LAUNCH_S),
            link_bytes_per_s=LINK_BYTES_PER_S.get(name),
            source=source,
        )
        for name, flops_per_s, bytes_per_s, gib, source in rows
    }


_Dense = tuple[str, int, int, int, int, int, int, str]


def _sizes(*rows: _Dense | tuple[*_Dense, Experts]) -> dict[str, ModelSize]:
    fields = list(ModelSize.model_fields)
    return {row[0]: ModelSize.model_validate(dict(zip(fields[: len(row)], row, strict=True))) for row in rows}


DEVICES: dict[str, Accelerator] = _devices(
    (
        "jetson_orin_nano_8gb", 10e12, 68e9, 7.44,
        "NVIDIA Jetson Orin Nano Series data sheet DS-11105-001: 8 GB unified, 68 GB/s, 40 sparse INT8 TOPS, that is "
        "10 dense FP16 TFLOPS (a quarter: half without sparsity, half from INT8 to FP16)",
    ),
    (
        "jetson_orin_nano_super_8gb", 16.75e12, 102e9, 7.44,
        "NVIDIA Jetson Orin Nano Super Developer Kit data sheet: 8 GB unified, 102 GB/s, 67 sparse INT8 TOPS, a "
        "quarter of it in dense FP16",
    ),
    (
        "jetson_agx_orin_32gb", 27e12, 204.8e9, 29.97,
        "NVIDIA Jetson AGX Orin Series technical brief v1.2: 32 GB unified, 204.8 GB/s, GPU 108 sparse INT8 "
        "TOPS, a quarter of it in dense FP16",
    ),
    (
        "jetson_agx_orin_64gb", 42.5e12, 204.8e9, 60.0,
        "NVIDIA Jetson AGX Orin Series technical brief v1.2: 64 GB unified, 204.8 GB/s, GPU 170 sparse INT8 "
        "TOPS, that is 42.5 dense FP16 TFLOPS",
    ),
    (
        "raspberry_pi_5", 307.2e9, 17.1e9, 16.0,
        "Raspberry Pi 5 product brief: four Cortex-A76 at 2.4 GHz, LPDDR4X-4267 on 32 bit, up to 16 GB for all; two "
        "FP16 pipes of 128 bit with fused multiply-add, 32 operations a core and cycle",
    ),
    (
        "apple_m2", 3.6e12, 100e9, 24.0,
        "Apple, M2 announcement, June 2022: up to 24 GB unified, 100 GB/s, GPU 3.6 TFLOPS; FP16 at the same rate",
    ),
    (
        "rtx_3090", 71e12, 936e9, 23.6,
        "NVIDIA GA102 white paper v2.1: 24 GB, 936 GB/s, 71 dense FP16 TFLOPS with FP32 sums",
    ),
    (
        "rtx_4090", 165.2e12, 1008e9, 23.6,
        "NVIDIA Ada white paper v2.1: 24 GB, 1,008 GB/s, 165.2 dense FP16 TFLOPS with FP32 sums",
    ),
    ("t4", 65e12, 300e9, 14.56, "NVIDIA T4 datasheet: 65 FP16 TFLOPS, 16 GB, 300 GB/s"),
    ("l4", 121e12, 300e9, 22.03, "NVIDIA L4 datasheet: 242 sparse FP16 TFLOPS, half of it dense, 24 GB, 300 GB/s"),
    ("a10", 125e12, 600e9, 22.05, "NVIDIA A10 datasheet: 125 dense FP16 TFLOPS, 24 GB, 600 GB/s"),
    ("l40s", 362.05e12, 864e9, 44.4, "NVIDIA L40S datasheet: 362.05 dense FP16 TFLOPS, 48 GB, 864 GB/s"),
    (
        "a100_40gb_sxm", 312e12, 1.555e12, 39.49,
        "NVIDIA A100 Tensor Core GPU datasheet, 40GB SXM: 312 dense FP16 TFLOPS, 1,555 GB/s",
    ),
    (
        "a100_80gb_sxm", 312e12, 2.039e12, 79.15,
        "NVIDIA A100 Tensor Core GPU datasheet, 80GB SXM: 312 dense FP16 TFLOPS, 2,039 GB/s",
    ),
    (
        "h100_80gb_sxm", 989.5e12, 3.35e12, 79.15,
        "NVIDIA H100 Tensor Core GPU datasheet, SXM: 1,979 sparse FP16 TFLOPS, half of it dense, 80 GB, 3.35 TB/s",
    ),
    (
        "h200_141gb_sxm", 989.5e12, 4.8e12, 139.8,
        "NVIDIA H200 Tensor Core GPU datasheet, SXM: 1,979 sparse FP16 TFLOPS, half of it dense, 141 GB, 4.8 TB/s",
    ),
    (
        "b200_sxm", 2.25e15, 8e12, 178.35,
        "NVIDIA DGX B200 datasheet, an eighth: 4.5 sparse FP16 PFLOPS, half dense, 180 GB, 8 TB/s",
    ),
    ("mi300x", 1307.4e12, 5.3e12, 191.7, "AMD Instinct MI300X data sheet: 1,307.4 dense FP16 TFLOPS, 192 GB, 5.3 TB/s"),
    (
        "tpu_v5e", 197e12, 819e9, 15.75,
        "Google Cloud TPU documentation, v5e: 197 bfloat16 TFLOPS, 16 GB and 819 GB/s a chip",
    ),
)  # fmt: skip

_OPT = "Zhang et al. 2022, arXiv 2205.01068, table 1; parameters as released"
_LLAMA_2 = "Touvron et al. 2023, arXiv 2307.09288; released configuration"
_LLAMA_3 = "Grattafiori et al. 2024, arXiv 2407.21783; released configuration"
_PYTHIA = "Biderman et al. 2023, arXiv 2304.01373; released configuration"
_SMOLLM2 = "Allal et al. 2025, arXiv 2502.02737; HuggingFaceTB's released configuration of the Instruct model"
_TINYLLAMA = "Zhang et al. 2024, arXiv 2401.02385; released configuration"
_QWEN = "Qwen team 2024, arXiv 2412.15115; released configuration"

SIZES: dict[str, ModelSize] = _sizes(
    ("opt_125m", 125_239_296, 12, 768, 768, 12, 12, _OPT),
    ("opt_1.3b", 1_315_758_080, 24, 2048, 2048, 32, 32, _OPT),
    ("opt_2.7b", 2_651_596_800, 32, 2560, 2560, 32, 32, _OPT),
    ("opt_6.7b", 6_658_473_984, 32, 4096, 4096, 32, 32, _OPT),
    ("opt_13b", 12_853_473_280, 40, 5120, 5120, 40, 40, _OPT),
    ("gpt2", 124_439_808, 12, 768, 768, 12, 12, "openai-community/gpt2, released configuration"),
    ("gpt_neo_125m", 125_198_592, 12, 768, 768, 12, 12, "EleutherAI/gpt-neo-125m, released configuration"),
    ("gpt_neo_1.3b", 1_315_575_808, 24, 2048, 2048, 16, 16, "EleutherAI/gpt-neo-1.3B, released configuration"),
    ("gpt_neo_2.7b", 2_651_307_520, 32, 2560, 2560, 20, 20, "EleutherAI/gpt-neo-2.7B, released configuration"),
    ("pythia_160m", 162_322_944, 12, 768, 768, 12, 12, _PYTHIA),
    ("pythia_410m", 405_334_016, 24, 1024, 1024, 16, 16, _PYTHIA),
    ("pythia_1.4b", 1_414_647_808, 24, 2048, 2048, 16, 16, _PYTHIA),
    ("pythia_2.8b", 2_775_208_960, 32, 2560, 2560, 32, 32, _PYTHIA),
    ("pythia_6.9b", 6_857_302_016, 32, 4096, 4096, 32, 32, _PYTHIA),
    ("smollm2_135m", 134_515_008, 30, 576, 192, 9, 3, _SMOLLM2),
    ("smollm2_360m", 361_821_120, 32, 960, 320, 15, 5, _SMOLLM2),
    ("smollm2_1.7b", 1_711_376_384, 24, 2048, 2048, 32, 32, _SMOLLM2),
    ("tinyllama_1.1b", 1_100_048_384, 22, 2048, 256, 32, 4, _TINYLLAMA),
    ("llama_2_7b", 6_738_415_616, 32, 4096, 4096, 32, 32, _LLAMA_2),
    ("llama_2_13b", 13_015_864_320, 40, 5120, 5120, 40, 40, _LLAMA_2),
    ("llama_2_70b", 68_976_648_192, 80, 8192, 1024, 64, 8, _LLAMA_2),
    ("llama_3.2_1b", 1_235_814_400, 16, 2048, 512, 32, 8, "meta-llama/Llama-3.2-1B, released configuration"),
    ("llama_3.2_3b", 3_212_749_824, 28, 3072, 1024, 24, 8, "meta-llama/Llama-3.2-3B, released configuration"),
    ("llama_3.1_8b", 8_030_261_248, 32, 4096, 1024, 32, 8, _LLAMA_3),
    ("llama_3.1_70b", 70_553_706_496, 80, 8192, 1024, 64, 8, _LLAMA_3),
    ("qwen2.5_0.5b", 494_032_768, 24, 896, 128, 14, 2, _QWEN),
    ("qwen2.5_1.5b", 1_543_714_304, 28, 1536, 256, 12, 2, _QWEN),
    ("qwen2.5_7b", 7_615_616_512, 28, 3584, 512, 28, 4, _QWEN),
    ("mistral_7b", 7_241_732_096, 32, 4096, 1024, 32, 8, "Jiang et al. 2023, arXiv 2310.06825; released configuration"),
    ("qwen3_30b_a3b", 30_532_122_624, 48, 2048, 512, 32, 4,
     "Qwen/Qwen3-30B-A3B: dimensions as models trained from it state them, weights counted from them; 30.5B as "
     "announced",
     Experts(count=128, per_token=8, parameters=226_492_416, shared_parameters=1_229_928_448)),
    ("gpt_oss_120b", 116_829_156_672, 36, 2880, 512, 64, 8,
     "openai/gpt-oss-120b: defaults of transformers' gpt_oss, weights counted from them; 116.8B as announced. Released "
     "experts have 4.25 bits a weight (bytes_per_expert_parameter 0.53125), the rest 16. U: every second layer attends "
     "to 128 tokens only, here to all",
     Experts(count=128, per_token=4, parameters=896_106_240, shared_parameters=1_548_424_512)),
    ("deepseek_v4_flash", 284_332_230_231, 43, 4096, 40, 64, 1,
     "deepseek-ai/DeepSeek-V4-Flash: defaults of transformers' deepseek_v4, weights counted from them without the "
     "layer that drafts; 284B, 13B a token as announced. Released with bytes_per_parameter 1 and "
     "bytes_per_expert_parameter 0.53125. U: keys compressed 4 and 128 times, 3,440 numbers a token in all layers, all "
     "read and attended to with d; nobody's passes were compared",
     Experts(count=256, per_token=6, parameters=1_082_130_432, shared_parameters=6_777_308_759)),
)  # fmt: skip
