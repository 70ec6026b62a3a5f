"""What hardware draws and what it costs to rent, each figure with its source. A field takes an entry by its name.

Marks: (P) read by us in the source that is named; (U) that source's figure as others repeat it: check it before you
build on it. A data sheet's limit is the most that a device may draw, so the energy that follows is an upper bound.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from pydantic import Field

from kinds import Part


class Power(Part):
    """What a processor draws: `busy_w` while it works, `idle_w` while it waits."""

    name: str = Field(default="given", min_length=1, description="what `sqsim list powers` calls it")
    busy_w: float = Field(ge=0, le=1e6, allow_inf_nan=False, description="while it is at work")
    idle_w: float = Field(
        default=0.0, ge=0, le=1e6, allow_inf_nan=False, description="while it waits; 0 counts its work alone"
    )
    source: str = Field(default="user", description="where the figures come from")


POWER_NEEDED: Final = "{busy_w: 15, idle_w: 5}"
"""What a user writes for one that is in no table."""


def _powers(*rows: tuple[str, float, float, str]) -> dict[str, Power]:
    return {name: Power(name=name, busy_w=busy, idle_w=idle, source=source) for name, busy, idle, source in rows}


POWERS: Final[dict[str, Power]] = _powers(
    (
        "raspberry_pi_5", 11.9, 2.7,
        "whole board at the wall, peak while Llama-3.2-3B and 3.1-8B decode, 11.6 to 11.9 W (P: "
        "github.com/geerlingguy/ai-benchmarks issue 7, 16 GB, January 2025); idle (U)",
    ),
    ("jetson_orin_nano_7w", 7.0, 0.0, "module, limit of its 7 W mode (U: NVIDIA Jetson Orin Nano Series data sheet)"),
    ("jetson_orin_nano_15w", 15.0, 0.0, "module, limit of its 15 W mode (U: the same data sheet)"),
    (
        "jetson_orin_nano_super_25w", 25.0, 0.0,
        "module, limit of its 25 W mode (U: NVIDIA Jetson Orin Nano Super Developer Kit data sheet)",
    ),
    (
        "jetson_orin_nano_super_smollm2_135m", 5.4, 0.0,
        "rail of processor and GPU while SmolLM2-135M decodes in the 25 W mode (U: smolhub.com, June 2026, read in a "
        "digest)",
    ),
    ("rtx_3090", 350.0, 0.0, "board power (U: NVIDIA GA102 white paper v2.1)"),
    ("rtx_4090", 450.0, 0.0, "board power (U: NVIDIA Ada white paper v2.1)"),
    ("t4", 70.0, 0.0, "board power (U: NVIDIA T4 datasheet)"),
    ("l4", 72.0, 0.0, "board power (U: NVIDIA L4 datasheet)"),
    ("a10", 150.0, 0.0, "board power (U: NVIDIA A10 datasheet)"),
    ("l40s", 350.0, 0.0, "board power (U: NVIDIA L40S datasheet)"),
    ("a100_40gb_sxm", 400.0, 0.0, "thermal design power (U: NVIDIA A100 Tensor Core GPU datasheet)"),
    ("a100_80gb_sxm", 400.0, 0.0, "thermal design power (U: NVIDIA A100 Tensor Core GPU datasheet)"),
    ("h100_80gb_sxm", 700.0, 0.0, "thermal design power (U: NVIDIA H100 Tensor Core GPU datasheet)"),
    ("h200_141gb_sxm", 700.0, 0.0, "thermal design power (U: NVIDIA H200 Tensor Core GPU datasheet)"),
    ("mi300x", 750.0, 0.0, "board power (U: AMD Instinct MI300X data sheet)"),
)  # fmt: skip
"""Those of accelerators are of one; none has an idle figure unless its source tells one."""

PriceName = Literal[
    "a100_specialist_2026", "a100_hyperscaler_2026", "h100_specialist_2026", "h100_hyperscaler_2026"
]  # fmt: skip


class Price(NamedTuple):
    """Of one GPU for an hour, on demand."""

    usd: float
    source: str


_PRICES_2026 = "on demand, May 2026, the middle of"
_MERCATUS = "(P: mercatus-ai.com/blog/cloud-gpu-pricing)"
PRICES: Final[dict[PriceName, Price]] = {
    "a100_specialist_2026": Price(1.30, f"A100 80 GB, {_PRICES_2026} 1.10 to 1.50 {_MERCATUS}"),
    "a100_hyperscaler_2026": Price(2.25, f"A100 80 GB, {_PRICES_2026} 1.50 to 3.00 {_MERCATUS}"),
    "h100_specialist_2026": Price(3.00, f"H100 SXM, {_PRICES_2026} 2.50 to 3.50 {_MERCATUS}"),
    "h100_hyperscaler_2026": Price(4.25, f"H100 SXM, {_PRICES_2026} 3.50 to 5.00 {_MERCATUS}"),
}
"""They change by the month: a number is better."""
