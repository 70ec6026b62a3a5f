"""Two networks of the shapes of released models with weights that torch draws from a seed: sizes and times are those of
the models, texts and acceptance say nothing, for the distributions are nearly uniform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

import numpy as np
from pydantic import Field

from models.cards import device_of, fingerprint
from models.fixed_batch import LEAST, BatchFootprint, FixedBatch, require_room
from models.interface import DeviceName, LoadedPair, NetworkPair, Prompt
from models.pair_cards import PairCard, recorded

ShapeName = Literal["llama_tiny_drafter", "llama_tiny_verifier", "llama_3.2_1b", "llama_3.1_8b"]
_DIMENSIONS: Final = (
    "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads",
    "tie_word_embeddings",
)  # fmt: skip
SHAPES: Final[Mapping[ShapeName, tuple[int, int, int, int, int, bool]]] = {
    "llama_tiny_drafter": (2, 64, 192, 4, 2, True),
    "llama_tiny_verifier": (3, 128, 384, 4, 2, False),
    "llama_3.2_1b": (16, 2048, 8192, 32, 8, True),
    "llama_3.1_8b": (32, 4096, 14336, 32, 8, False),
}
"""Layers, width, width of the feed-forward, heads, heads of keys and values, and whether one table embeds tokens and
scores them: as released (`models.latency.datasheets`), or of the same make and tiny, for tests."""


class RandomWeights(NetworkPair):
    """Untrained networks, to size and time passes; `batch` fixes their shapes."""

    summary: ClassVar[str] = "networks of the shapes of released models, weights drawn from a seed: times, no text"

    kind: Literal["random_weights"] = "random_weights"
    drafter: ShapeName = Field(default="llama_3.2_1b", description="shape of the model that drafts")
    verifier: ShapeName = Field(default="llama_3.1_8b", description="shape of the model that verifies")
    size: int = Field(default=128_256, ge=16, le=1 << 20, description="V, number of token ids")
    prompts: int = Field(default=1000, ge=1, le=100_000, description="how many prompts, of ids drawn evenly")
    prompt_tokens: int = Field(default=256, ge=1, description="length of each prompt")
    context: int = Field(default=8192, ge=2, le=1 << 17, description="longest text, in tokens")
    seed: int = Field(default=0, ge=0, lt=1 << 32, description="decides weights and prompts")
    device: DeviceName = Field(default="auto", description="where both run; auto takes an NVIDIA GPU when there is one")

    @property
    def remark(self) -> str:
        return "weights are random: what is accepted says nothing of the models that have these shapes"

    @cached_property
    def vocabulary(self) -> int:
        return self.size

    @cached_property
    def context_tokens(self) -> int:
        return self.context if self.batch is None else min(self.context, self.batch.tokens)

    @cached_property
    def fingerprint(self) -> str:
        if self._card:
            return self._card.fingerprint
        fields = self.model_dump_json(exclude={"device"})
        return fingerprint("random_weights/1", fields, device_of(self.device), f"numpy {np.__version__}")

    @cached_property
    def _card(self) -> PairCard | None:
        """The card that came with recorded rounds, where this machine has no GPU of its own to draw the weights on."""
        return recorded(self) if self.device == "cuda" != device_of("auto") else None

    def footprints(self) -> Sequence[BatchFootprint]:
        return () if self.batch is None else self._footprints(self.batch)

    def load(self) -> LoadedPair:
        """Draws the weights. Raises ConfigError where they do not fit, or there is no GPU that was asked for."""
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        from models.transformer import TransformerModel

        device = device_of(self.device)
        require_room(self._footprints(self.batch or FixedBatch(sequences=LEAST, tokens=2)), device)
        made = list[TransformerModel]()
        for place, name in enumerate((self.drafter, self.verifier)):
            with torch.random.fork_rng(), torch.device(device):
                torch.manual_seed(2 * self.seed + place)
                network = LlamaForCausalLM(LlamaConfig(**self._config(name)))
            made.append(TransformerModel(network, f"{self.fingerprint}/{name}/{place}", self.device, None, self.batch))
        drafter, verifier = made
        rng = np.random.default_rng(self.seed)
        tokens = rng.integers(self.size, size=(self.prompts, self.prompt_tokens)).tolist()
        prompts = tuple(Prompt(f"random-{place}", self.kind, tuple(each)) for place, each in enumerate(tokens))
        return LoadedPair(drafter, verifier, prompts)

    def _footprints(self, batch: FixedBatch) -> Sequence[BatchFootprint]:
        shapes = ((name, {"model_type": "llama", **self._config(name)}) for name in (self.drafter, self.verifier))
        return [BatchFootprint.of(config, name, batch) for name, config in shapes]

    def _config(self, name: ShapeName) -> dict[str, Any]:
        fields = dict(zip(_DIMENSIONS, SHAPES[name], strict=True))
        return {**fields, "vocab_size": self.size, "max_position_embeddings": self.context}
