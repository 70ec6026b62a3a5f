"""Peak figures of accelerators and dimensions of models, each with its source. A field takes an entry by its name.

What real kernels reach of a device's peak figures is stated by the efficiency factors of a roofline.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BeforeValidator, Field, PositiveInt

from kinds import Part


class Accelerator(Part):
    """Peak figures of an accelerator, dense 16-bit arithmetic."""

    name: str
    flops_per_s: float = Field(gt=0, description="peak dense FP16 operations a second")
    bytes_per_s: float = Field(gt=0, description="peak memory bandwidth, bytes a second")
    source: str = Field(default="user", description="where the figures come from")


class ModelSize(Part):
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
        Accelerator(
            name="jetson_orin_nano_8gb",
            flops_per_s=10e12,
            bytes_per_s=68e9,
            source="NVIDIA Jetson Orin Nano Series data sheet DS-11105-001: 68 GB/s, 40 sparse INT8 TOPS, that is "
            "10 dense FP16 TFLOPS (a quarter: half without sparsity, half from INT8 to FP16)",
        ),
        Accelerator(
            name="jetson_agx_orin_64gb",
            flops_per_s=42.5e12,
            bytes_per_s=204.8e9,
            source="NVIDIA Jetson AGX Orin Series technical brief v1.2: 204.8 GB/s, GPU 170 sparse INT8 TOPS, that is "
            "42.5 dense FP16 TFLOPS",
        ),
        Accelerator(
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
        ModelSize(
            name="opt_125m",
            parameters=125_239_296,
            layers=12,
            width=768,
            kv_width=768,
            source="Zhang et al. 2022, arXiv 2205.01068, table 1; parameters as released",
        ),
        ModelSize(
            name="opt_13b",
            parameters=12_853_473_280,
            layers=40,
            width=5120,
            kv_width=5120,
            source="Zhang et al. 2022, arXiv 2205.01068, table 1; parameters as released",
        ),
        ModelSize(
            name="gpt_neo_125m",
            parameters=125_198_592,
            layers=12,
            width=768,
            kv_width=768,
            source="EleutherAI/gpt-neo-125m, released configuration",
        ),
        ModelSize(
            name="gpt_neo_1.3b",
            parameters=1_315_575_808,
            layers=24,
            width=2048,
            kv_width=2048,
            source="EleutherAI/gpt-neo-1.3B, released configuration",
        ),
        ModelSize(
            name="smollm2_135m",
            parameters=134_515_008,
            layers=30,
            width=576,
            kv_width=192,
            source="HuggingFaceTB/SmolLM2-135M-Instruct, released configuration",
        ),
    )
}


def named(table: Mapping[str, Part]) -> BeforeValidator:
    """Lets a field take a table entry's name, or the entry written out."""

    def find(value: object) -> object:
        if not isinstance(value, str):
            return value
        if value not in table:
            raise ValueError(f"one of {', '.join(sorted(table))}, or the figures written out")
        return table[value]

    return BeforeValidator(find)
