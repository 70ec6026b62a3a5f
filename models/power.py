"""Power that hardware draws and its price to rent, each figure with its source. A field takes an entry by its name.

Marks: (P) read by us in the source that is named; (U) that source's figure as others repeat it: check it before you
build on it. A data sheet's limit is the most that a device may draw, so the energy that follows is an upper bound;
`least_share` of it is the lower end of what the device may really draw while it decodes.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from pydantic import Field

from kinds import Part

Standing = Literal["measured", "limit", "unverified"]
"""Measured at this work by whom we read; the limit of a data sheet; or stated by somebody, and checked by nobody."""
LIMIT_SHARE: Final = 0.2
"""The least share of a data sheet's limit that decoding draws: 137 to 300 W of 700 W on an H200 (P: arXiv 2605.11999,
abstract), and 5.4 W in the 25 W mode of a Jetson Orin Nano Super (U: smolhub.com, June 2026, read in a digest)."""


class Power(Part):
    """Power of a processor: `busy_w` while it works, `idle_w` while it waits."""

    name: str = Field(default="given", min_length=1, description="what `sqsim list powers` calls it")
    busy_w: float = Field(ge=0, le=1e6, allow_inf_nan=False, description="while it is at work")
    idle_w: float = Field(
        default=0.0, ge=0, le=1e6, allow_inf_nan=False, description="while it waits; 0 counts its work alone"
    )
    source: str = Field(default="user", description="where the figures come from")
    standing: Standing = Field(
        default="unverified",
        exclude_if=lambda standing: standing == "unverified",
        description="of busy_w: measured at this work, the limit of a data sheet, or unverified",
    )
    least_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        exclude_if=lambda share: share == 1,
        description="both watts are known to lie between this share of what is stated and all of it",
    )


POWER_NEEDED: Final = "{busy_w: 15, idle_w: 5}"  # what a user writes for one that is in no table


def _powers(*rows: tuple[str, float, float, Standing, str], **least_shares: float) -> dict[str, Power]:
    return {
        name: Power(
            name=name, busy_w=busy, idle_w=idle, source=source, standing=standing,
            least_share=least_shares.get(name, LIMIT_SHARE if standing == "limit" else 1.0),
        )
        for name, busy, idle, standing, source in rows
    }  # fmt: skip


POWERS: Final[dict[str, Power]] = _powers(
    (
        "raspberry_pi_5", 11.9, 2.7, "measured",
        "whole board at the wall, peak while Llama-3.2-3B and 3.1-8B decode, 11.6 to 11.9 W (P: "
        "github.com/geerlingguy/ai-benchmarks issue 7, 16 GB, January 2025); idle (U)",
    ),
    (
        "jetson_orin_nano_7w", 7.0, 0.0, "limit",
        "module, limit of its 7 W mode (U: NVIDIA Jetson Orin Nano Series data sheet)",
    ),
    ("jetson_orin_nano_15w", 15.0, 0.0, "limit", "module, limit of its 15 W mode (U: the same data sheet)"),
    (
        "jetson_orin_nano_super_25w", 25.0, 0.0, "limit",
        "module, limit of its 25 W mode (U: NVIDIA Jetson Orin Nano Super Developer Kit data sheet)",
    ),
    (
        "jetson_agx_orin_64gb_60w", 60.0, 0.0, "limit",
        "module, limit of its largest mode, of 15 W to 60 W (U: NVIDIA Jetson AGX Orin Series technical brief v1.2)",
    ),
    (
        "phone_2024", 10.0, 0.0, "unverified",
        "any phone of 2023 to 2024 (Snapdragon 8 Gen 3, Tensor G3, A17 Pro, A18 Pro), 2 to 10 W: our assumption (U); "
        "no watts were read at their source; arXiv 2603.23640, 2506.19884, 2507.02135 and 2403.12844 measure them",
    ),
    ("rtx_3090", 350.0, 0.0, "limit", "board power (U: NVIDIA GA102 white paper v2.1)"),
    ("rtx_4090", 450.0, 0.0, "limit", "board power (U: NVIDIA Ada white paper v2.1)"),
    ("t4", 70.0, 0.0, "limit", "board power (U: NVIDIA T4 datasheet)"),
    ("l4", 72.0, 0.0, "limit", "board power (U: NVIDIA L4 datasheet)"),
    ("a10", 150.0, 0.0, "limit", "board power (U: NVIDIA A10 datasheet)"),
    ("l40s", 350.0, 0.0, "limit", "board power (U: NVIDIA L40S datasheet)"),
    ("a100_40gb_sxm", 400.0, 0.0, "limit", "thermal design power (U: NVIDIA A100 Tensor Core GPU datasheet)"),
    ("a100_80gb_sxm", 400.0, 0.0, "limit", "thermal design power (U: NVIDIA A100 Tensor Core GPU datasheet)"),
    ("h100_80gb_sxm", 700.0, 0.0, "limit", "thermal design power (U: NVIDIA H100 Tensor Core GPU datasheet)"),
    ("h200_141gb_sxm", 700.0, 0.0, "limit", "thermal design power (U: NVIDIA H200 Tensor Core GPU datasheet)"),
    ("mi300x", 750.0, 0.0, "limit", "board power (U: AMD Instinct MI300X data sheet)"),
    phone_2024=0.2,
)  # fmt: skip
"""Powers of hardware. Those of accelerators are of one; none has an idle figure unless its source states one."""

PriceName = Literal[
    "a100_specialist_2026", "a100_hyperscaler_2026", "h100_specialist_2026", "h100_hyperscaler_2026"
]  # fmt: skip


class Price(NamedTuple):
    """Price in US dollars, of one GPU for an hour, on demand, or of a kWh."""

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
"""Prices of GPUs. They change by the month: a number is better."""

JOULES_PER_KWH: Final = 3.6e6
KWH_PRICES: Final[dict[str, Price]] = {
    "grid_home_2025": Price(
        0.17, "at a home's socket, mean of the United States in 2025 (U: EIA, Electricity Monthly)"
    ),
    "phone_battery_2025": Price(
        8.6,
        "from a phone's battery: its wear, 99 USD for a new one of 13 Wh after 1,000 full cycles that end at 80% of "
        "its capacity (U: Apple's service price and cycles, as others repeat them), and 0.17 from the socket",
    ),
}
"""Prices of a joule that a device draws. The cloud's joules are in the rent of its GPUs."""
