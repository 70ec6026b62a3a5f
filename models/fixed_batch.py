"""The batch of a pair whose forward passes have fixed shapes (`batched_passes`), and what it takes on its device,
computed from its dimensions: float32 weights, keys and values, and the states of the widest pass."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from kinds import ConfigError, Part
from models.latency.datasheets import ModelSize
from models.latency.model_config import size_of

WIDEST: Final = 64
"""The most new tokens that a sequence has in one pass; a longer text takes several."""
VERIFIED: Final = 16
"""Distributions of a sequence that the estimate of a pass counts: a pass may be asked for more."""
FLOAT32_BYTES: Final = 4
LEAST: Final = 8
"""The fewest sequences: a product of one to three rows is another kernel in MKL on AMD's processors, and rounds unlike
one of more."""


class FixedBatch(Part):
    """The fixed shape of all passes of a pair."""

    sequences: int = Field(default=32, ge=LEAST, le=1024, description="sequences of each forward pass, used or not")
    tokens: int = Field(default=1024, ge=2, le=1 << 17, description="keys and values held of each: the longest text")


@dataclass(frozen=True)
class BatchFootprint:
    """What a model takes on its device, in float32: computed from its dimensions, not measured."""

    size: ModelSize
    batch: FixedBatch
    pass_bytes_per_sequence: int
    """Bytes of hidden states, feed-forward and logits in the widest pass: an estimate."""

    @classmethod
    def of(cls, config: Mapping[str, Any], name: str, batch: FixedBatch, folder: Path | None = None) -> BatchFootprint:
        """The footprint of a model of this transformers configuration; `folder` may hold its weights. Raises
        ConfigError where its kind is unknown."""
        size = size_of(config, name, folder)
        inner = config.get("intermediate_size") or config.get("ffn_dim") or 4 * size.width
        numbers = WIDEST * (8 * size.width + 4 * inner) + 2 * VERIFIED * config["vocab_size"]
        return cls(size, batch, FLOAT32_BYTES * numbers)

    @property
    def weight_bytes(self) -> int:
        return FLOAT32_BYTES * self.size.parameters

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of the keys and values of one token of one sequence."""
        return 2 * FLOAT32_BYTES * self.size.layers * self.size.kv_width

    @property
    def cache_bytes(self) -> int:
        return self.kv_bytes_per_token * self.batch.tokens * self.batch.sequences

    @property
    def flops_per_token(self) -> int:
        """Operations of a new token in the products with all weights; attention comes on top."""
        return 2 * self.size.parameters


def require_room(footprints: Sequence[BatchFootprint], device: Literal["cpu", "cuda"]) -> None:
    """Raises ConfigError where these models do not fit the memory of the device together."""
    room = memory_bytes(device)
    weights = sum(each.weight_bytes for each in footprints)
    where = f"{device} has {_gb(room)} GB"
    if weights > room:
        names = " and ".join(each.size.name for each in footprints)
        raise ConfigError(f"models.pair = {names}: has {_gb(weights)} GB of weights in float32, {where}: must fit")
    batch = footprints[0].batch
    a_pass = max(each.pass_bytes_per_sequence for each in footprints)
    each_sequence = a_pass + sum(each.kv_bytes_per_token for each in footprints) * batch.tokens
    most = int((room - weights) // each_sequence)
    if batch.sequences > most:
        allowed = f"at most {most}" if most >= LEAST else f"of fewer tokens than {batch.tokens:,}, for {LEAST} to fit"
        raise ConfigError(
            f"models.pair.batch.sequences = {batch.sequences}: must be {allowed}: "
            f"{_gb(weights)} GB of weights and {_gb(each_sequence)} GB a sequence, {where}"
        )


def memory_bytes(device: Literal["cpu", "cuda"]) -> int:
    """Returns the memory of this machine, or what is free of the GPU's. Raises ConfigError where there is no GPU."""
    if device == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    import torch

    if not torch.cuda.is_available():
        allowed = "set it to cpu, or take over rounds that were recorded where there is one (sqsim cache import)"
        raise ConfigError(f"models.pair.device = cuda: torch can use no GPU here; {allowed}")
    free, _ = torch.cuda.mem_get_info()
    return int(free)


def _gb(size: float) -> str:
    return f"{size / 1e9:.3g}"
