"""How long compute takes: from the work of one batched forward pass to seconds, without a clock.

`Affine` is a fit (base + per token + per cached token). `Roofline` is the upper envelope of Williams et al. 2009 on a
dense transformer: a pass takes as long as the slower of its arithmetic (2 FLOPs a parameter and new token, 4 d a
layer for each pair of a new token and a token it attends to) and its traffic (all weights once a pass, keys and values
once a sequence). Device figures are peak figures of the makers' datasheets; what real kernels reach of them is stated
by the two efficiency factors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from kinds import Choice, Part

Work = Sequence[tuple[int, int]]
"""One batched pass: for each sequence (new_tokens, cached_tokens)."""


class Latency(Choice, family=True):
    """Duration of one forward pass over a batch. Prefill, decoding and verification are the same call."""

    @abstractmethod
    def pass_s(self, work: Work) -> float:
        """Seconds for one pass over `work`. Raises ValueError on an empty batch: no pass, no duration."""


class Device(Part):
    """Peak figures of an accelerator, dense 16-bit arithmetic."""

    name: str
    flops_per_s: float = Field(gt=0, description="peak dense FP16 operations a second")
    bytes_per_s: float = Field(gt=0, description="peak memory bandwidth, bytes a second")
    source: str = Field(default="user", description="where the figures come from")


class Size(Part):
    """Dimensions of a decoder-only transformer that decide its cost."""

    name: str
    parameters: PositiveInt = Field(description="weights, a tied embedding counted once")
    layers: PositiveInt = Field(description="transformer blocks")
    width: PositiveInt = Field(description="d, of the residual stream")
    kv_width: PositiveInt = Field(description="width of a layer's keys: d, or less with grouped heads")
    source: str = Field(default="user", description="where the figures come from")


DEVICES = {
    device.name: device
    for device in (
        Device(
            name="jetson_orin_nano_8gb",
            flops_per_s=10e12,
            bytes_per_s=68e9,
            source="NVIDIA Jetson Orin Nano Series data sheet DS-11105-001: 68 GB/s, 40 sparse INT8 TOPS, that is "
            "10 dense FP16 TFLOPS (a quarter: half without sparsity, half from INT8 to FP16)",
        ),
        Device(
            name="jetson_agx_orin_64gb",
            flops_per_s=42.5e12,
            bytes_per_s=204.8e9,
            source="NVIDIA Jetson AGX Orin Series technical brief v1.2: 204.8 GB/s, GPU 170 sparse INT8 TOPS, that is "
            "42.5 dense FP16 TFLOPS",
        ),
        Device(
            name="a100_80gb_sxm",
            flops_per_s=312e12,
            bytes_per_s=2.039e12,
            source="NVIDIA A100 Tensor Core GPU datasheet, 80GB SXM: 312 dense FP16 TFLOPS, 2,039 GB/s",
        ),
    )
}

SIZES = {
    size.name: size
    for size in (
        Size(
            name="opt_125m",
            parameters=125_239_296,
            layers=12,
            width=768,
            kv_width=768,
            source="Zhang et al. 2022, arXiv 2205.01068, table 1; parameters as released",
        ),
        Size(
            name="opt_13b",
            parameters=12_853_473_280,
            layers=40,
            width=5120,
            kv_width=5120,
            source="Zhang et al. 2022, arXiv 2205.01068, table 1; parameters as released",
        ),
        Size(
            name="gpt_neo_125m",
            parameters=125_198_592,
            layers=12,
            width=768,
            kv_width=768,
            source="EleutherAI/gpt-neo-125m, released configuration",
        ),
        Size(
            name="gpt_neo_1.3b",
            parameters=1_315_575_808,
            layers=24,
            width=2048,
            kv_width=2048,
            source="EleutherAI/gpt-neo-1.3B, released configuration",
        ),
        Size(
            name="smollm2_135m",
            parameters=134_515_008,
            layers=30,
            width=576,
            kv_width=192,
            source="HuggingFaceTB/SmolLM2-135M-Instruct, released configuration",
        ),
    )
}


def _named(table: Mapping[str, Part]) -> BeforeValidator:
    """Lets a field take a table entry's name, or the entry written out."""

    def find(value: object) -> object:
        if not isinstance(value, str):
            return value
        if value not in table:
            raise ValueError(f"one of {', '.join(sorted(table))}, or the figures written out")
        return table[value]

    return BeforeValidator(find)


class Constant(Latency):
    """Every pass takes the same time."""

    kind: Literal["constant"] = "constant"
    per_pass_s: float = Field(default=0.02, ge=0, allow_inf_nan=False, description="seconds a pass")

    def pass_s(self, work: Work) -> float:
        _require_work(work)
        return self.per_pass_s


class Affine(Latency):
    """base + per sequence + per new token + per cached token, summed over the batch."""

    kind: Literal["affine"] = "affine"
    base_s: float = Field(default=0.02, ge=0, allow_inf_nan=False, description="seconds a pass, whatever is in it")
    per_sequence_s: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="seconds a sequence of the batch")
    per_token_s: float = Field(default=1e-4, ge=0, allow_inf_nan=False, description="seconds a new token")
    per_cached_token_s: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="seconds a cached token")

    def pass_s(self, work: Work) -> float:
        _require_work(work)
        new = cached = 0
        for new_tokens, cached_tokens in work:
            new += new_tokens
            cached += cached_tokens
        return self.base_s + self.per_sequence_s * len(work) + self.per_token_s * new + self.per_cached_token_s * cached


class Roofline(Latency):
    """The slower of arithmetic and memory traffic, from a model's dimensions and a device's datasheet."""

    kind: Literal["roofline"] = "roofline"
    size: Annotated[Size, _named(SIZES)] = Field(default=SIZES["opt_13b"], description="the model the clock stands for")
    device: Annotated[Device, _named(DEVICES)] = Field(default=DEVICES["a100_80gb_sxm"], description="what it runs on")
    bytes_per_parameter: float = Field(default=2.0, gt=0, le=8, description="weights in memory; 2 is FP16")
    bytes_per_kv: float = Field(default=2.0, gt=0, le=8, description="each number of the KV cache; 2 is FP16")
    compute_efficiency: float = Field(default=0.5, gt=0, le=1, description="share of the peak FLOP/s reached")
    memory_efficiency: float = Field(default=0.7, gt=0, le=1, description="share of the peak bandwidth reached")
    overhead_s: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="launch time added to every pass")

    def pass_s(self, work: Work) -> float:
        _require_work(work)
        new = held = pairs = 0
        for new_tokens, cached_tokens in work:
            new += new_tokens
            held += cached_tokens + new_tokens
            pairs += new_tokens * cached_tokens + new_tokens * (new_tokens + 1) // 2
        size, device = self.size, self.device
        flops = 2 * size.parameters * new + 4 * size.layers * size.width * pairs
        traffic = (
            self.bytes_per_parameter * size.parameters + self.bytes_per_kv * 2 * size.layers * size.kv_width * held
        )
        return self.overhead_s + max(
            flops / (device.flops_per_s * self.compute_efficiency),
            traffic / (device.bytes_per_s * self.memory_efficiency),
        )


def _require_work(work: Work) -> None:
    if not work:
        raise ValueError("work is empty: a pass has at least one sequence")
