"""The upper envelope of Williams et al. 2009 on each operator of a transformer.

A pass launches its kernels, runs its linear layers, then its attention; each takes as long as the slower of its
arithmetic and its traffic, and neither hides behind the other:

    launches + max(linear FLOPs / F, weights / B) + max(attention FLOPs / F, keys and values / B)

with 2 FLOPs a parameter and new token, 4 d a layer for each pair of a new token and a token it attends to, all weights
once a pass, keys and values once a sequence. Of a mixture a token meets its own experts, and a pass reads the expected
union of those of its tokens (`Experts.share_read`). F and B are peaks of a data sheet times the share that real kernels
reach. Tensor parallelism divides all four by the number of GPUs, which then sum their parts twice a layer. It gives
each GPU as many whole heads as any other; where there are fewer heads of keys than GPUs, several GPUs hold the same
ones.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from kinds import named
from models.latency.datasheets import DEVICES, SIZES, Accelerator, ModelSize
from models.latency.latency import LONGEST_S, Footprint, Latency, Work, require_work
from models.latency.model_config import size_at

DEVICE_NEEDED = "{name: mine, flops_per_s: 10T, bytes_per_s: 68 GB/s}"
SIZE_NEEDED = "{name: mine, parameters: 125M, layers: 12, width: 768, kv_width: 768}, or a folder with a config.json"
"""Form in which a user writes a size that is in no table."""

ALL_REDUCE_S = 5e-6
LINK_SHARE = 1 / 3
"""Time of the shortest sum over GPUs, and share of the link's peak that long ones reach: aiconfigurator-core 0.12
measured 2 to 7 us, and 94 to 108 GB/s on A100 (NVLink 300), 150 to 220 on H100 (450)."""
BYTES_PER_ACTIVATION = 2


class Roofline(Latency):
    """Takes of each operator the slower of arithmetic and memory traffic, from a model's dimensions and a datasheet."""

    kind: Literal["roofline"] = "roofline"
    size: Annotated[ModelSize, named(SIZES, "model", SIZE_NEEDED, size_at)] = Field(
        default=SIZES["opt_13b"],
        description="the language model that is timed: a name (`sqsim list models`), a folder with a config.json, or a "
        "hub id in the hub's cache here",
    )
    device: Annotated[Accelerator, named(DEVICES, "device", DEVICE_NEEDED)] = Field(
        default=DEVICES["a100_80gb_sxm"], description="what it runs on: a name (`sqsim list devices`)"
    )
    gpus: int = Field(
        default=1,
        ge=1,
        le=64,
        description="devices that share the heads of each layer (tensor parallel), joined by the device's link",
    )
    bytes_per_parameter: float = Field(default=2.0, gt=0, le=8, description="weights in memory; 2 is FP16")
    bytes_per_expert_parameter: float | None = Field(
        default=None, gt=0, le=8, description="weights of routed experts in memory; null: bytes_per_parameter"
    )
    bytes_per_kv: float = Field(default=2.0, gt=0, le=8, description="each number of the KV cache; 2 is FP16")
    compute_efficiency: float = Field(
        default=0.7,
        gt=0,
        le=1,
        description="share of the peak FLOP/s reached; linear layers of 13B and 70B on A100 and H100 reach .6 to .8 at "
        "256 to 512 new tokens a pass and .8 to .9 at 2,048 (aiconfigurator-core 0.12, Vidur's profiles), attention .5",
    )
    memory_efficiency: float = Field(
        default=0.75,
        gt=0,
        le=1,
        description="share of the peak bandwidth reached; decoding on A100 reaches .7, on H100 .8 "
        "(aiconfigurator-core 0.12)",
    )
    expert_correlation: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="probability that a token takes the experts of the token before it; 0: routed independently",
    )
    overhead_s: float | None = Field(
        default=None,
        ge=0,
        le=LONGEST_S,
        description="time of a pass beside arithmetic and traffic; null: the device's launch_per_layer_s a layer",
    )

    @model_validator(mode="after")
    def _linked(self) -> Self:
        if self.gpus > 1 and self.device.link_bytes_per_s is None:
            raise ValueError(f"gpus = {self.gpus}: must be 1 on {self.device.name}, which has no link_bytes_per_s")
        return self

    @model_validator(mode="after")
    def _heads_are_whole(self) -> Self:
        if not _shares_heads(self.size, self.gpus):
            allowed = ", ".join(str(gpus) for gpus in range(1, 65) if _shares_heads(self.size, gpus))
            heads = f"{self.size.heads} heads of {self.size.name} ({self.size.kv_heads} of keys)"
            raise ValueError(f"gpus = {self.gpus}: must divide the {heads}: one of {allowed}")
        return self

    @property
    def kv_copies(self) -> float:
        """Number of GPUs that hold each head of keys and values: above 1 if there are more GPUs than such heads."""
        return max(1.0, self.gpus / self.size.kv_heads) if self.size.kv_heads else 1.0

    @property
    def footprint(self) -> Footprint | None:
        """Weights, and the keys and values of each cached token (2 numbers a layer and unit of `kv_width`)."""
        size, device = self.size, self.device
        if device.memory_bytes is None:
            return None
        return Footprint(
            model=size.name,
            device=device.name,
            gpus=self.gpus,
            device_bytes=self.gpus * device.memory_bytes,
            weights_bytes=self.bytes_per_parameter * (size.parameters - size.routed_parameters)
            + self._expert_bytes * size.routed_parameters,
            token_bytes=self.bytes_per_kv * 2 * size.layers * size.kv_width * self.kv_copies,
        )

    @property
    def weight_bytes(self) -> float | None:
        routed = self.size.routed_parameters / self.size.parameters
        return self.bytes_per_parameter + (self._expert_bytes - self.bytes_per_parameter) * routed

    @property
    def _expert_bytes(self) -> float:
        given = self.bytes_per_expert_parameter
        return self.bytes_per_parameter if given is None else given

    def pass_s(self, work: Work) -> float:
        require_work(work)
        new = held = pairs = 0
        for new_tokens, cached_tokens in work:
            new += new_tokens
            held += cached_tokens + new_tokens
            pairs += new_tokens * cached_tokens + new_tokens * (new_tokens + 1) // 2
        costs = self._costs
        read_s = costs.weights_s
        if self.size.experts is not None:
            read_s += costs.experts_s * self.size.experts.share_read(len(work), new, self.expert_correlation)
        linear_s = max(costs.linear_s * new, read_s)
        attention_s = max(costs.pair_s * pairs, costs.held_s * held)
        return costs.launch_s + linear_s + attention_s + costs.exchange_s * new

    @cached_property
    def _costs(self) -> _Costs:
        size, device, gpus = self.size, self.device, self.gpus
        flops_per_s = gpus * device.flops_per_s * self.compute_efficiency
        bytes_per_s = gpus * device.bytes_per_s * self.memory_efficiency
        launch_s = size.layers * device.launch_per_layer_s if self.overhead_s is None else self.overhead_s
        exchange_s = 0.0
        if gpus > 1 and device.link_bytes_per_s is not None:
            sent_bytes = 2 * (gpus - 1) / gpus * BYTES_PER_ACTIVATION * size.width
            launch_s += 2 * size.layers * ALL_REDUCE_S
            exchange_s = 2 * size.layers * sent_bytes / (device.link_bytes_per_s * LINK_SHARE)
        return _Costs(
            launch_s=launch_s,
            weights_s=self.bytes_per_parameter * size.shared_parameters / bytes_per_s,
            experts_s=self._expert_bytes * size.routed_parameters / bytes_per_s,
            linear_s=2 * size.active_parameters / flops_per_s,
            pair_s=4 * size.layers * size.width / flops_per_s,
            held_s=self.bytes_per_kv * 2 * size.layers * size.kv_width * self.kv_copies / bytes_per_s,
            exchange_s=exchange_s,
        )


def _shares_heads(size: ModelSize, gpus: int) -> bool:
    """True if the heads can be shared evenly between so many GPUs, as far as heads are known: query heads a multiple of
    the GPUs, key heads a multiple or a divisor of them, as in vLLM."""
    keys = size.kv_heads or gpus
    return (size.heads or gpus) % gpus == 0 and (keys % gpus == 0 or gpus % keys == 0)


class _Costs(NamedTuple):
    """Seconds: launches, shared weights and all routed experts a pass; arithmetic a new token, a pair; traffic a held
    token; sums a new token."""

    launch_s: float
    weights_s: float
    experts_s: float
    linear_s: float
    pair_s: float
    held_s: float
    exchange_s: float
