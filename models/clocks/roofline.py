"""The upper envelope of Williams et al. 2009 on a dense transformer.

A pass takes as long as the slower of its arithmetic (2 FLOPs a parameter and new token, 4 d a layer for each pair of a
new token and a token it attends to) and its traffic (all weights once a pass, keys and values once a sequence). Device
figures are peaks; what real kernels reach of them is stated by the two efficiency factors.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from models.clocks.datasheets import DEVICES, SIZES, Accelerator, ModelSize, named
from models.clocks.latency import Latency, Work, require_work
from models.clocks.model_config import size_at

DEVICE_NEEDED = "{name: mine, flops_per_s: 10T, bytes_per_s: 68 GB/s}"
SIZE_NEEDED = "{name: mine, parameters: 125M, layers: 12, width: 768, kv_width: 768}, or a folder with a config.json"
"""What a user writes for one that is in no table."""


class Roofline(Latency):
    """The slower of arithmetic and memory traffic, from a model's dimensions and a device's datasheet."""

    kind: Literal["roofline"] = "roofline"
    size: Annotated[ModelSize, named(SIZES, "model", SIZE_NEEDED, size_at)] = Field(
        default=SIZES["opt_13b"],
        description="the model the clock stands for: a name (`sqsim list models`), a folder with a config.json, or a "
        "hub id in the hub's cache here",
    )
    device: Annotated[Accelerator, named(DEVICES, "device", DEVICE_NEEDED)] = Field(
        default=DEVICES["a100_80gb_sxm"], description="what it runs on: a name (`sqsim list devices`)"
    )
    bytes_per_parameter: float = Field(default=2.0, gt=0, le=8, description="weights in memory; 2 is FP16")
    bytes_per_kv: float = Field(default=2.0, gt=0, le=8, description="each number of the KV cache; 2 is FP16")
    compute_efficiency: float = Field(default=0.5, gt=0, le=1, description="share of the peak FLOP/s reached")
    memory_efficiency: float = Field(default=0.7, gt=0, le=1, description="share of the peak bandwidth reached")
    overhead_s: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="launch time added to every pass")

    def pass_s(self, work: Work) -> float:
        require_work(work)
        new = held = pairs = 0
        for new_tokens, cached_tokens in work:
            new += new_tokens
            held += cached_tokens + new_tokens
            pairs += new_tokens * cached_tokens + new_tokens * (new_tokens + 1) // 2
        flops_a_token, flops_a_pair, weights_bytes, bytes_a_held, flops_per_s, bytes_per_s = self._per
        flops = flops_a_token * new + flops_a_pair * pairs
        return self.overhead_s + max(flops / flops_per_s, (weights_bytes + bytes_a_held * held) / bytes_per_s)

    @cached_property
    def _per(self) -> tuple[int, int, float, float, float, float]:
        """What a new token, a pair, a pass and a held token cost, and what is reached of the device."""
        size, device = self.size, self.device
        return (
            2 * size.parameters,
            4 * size.layers * size.width,
            self.bytes_per_parameter * size.parameters,
            self.bytes_per_kv * 2 * size.layers * size.kv_width,
            device.flops_per_s * self.compute_efficiency,
            device.bytes_per_s * self.memory_efficiency,
        )
