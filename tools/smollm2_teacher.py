"""The verifier as a fast writer of training data: many texts side by side, one position at a time, in bfloat16.

A row is fed its prompt and then its own samples, so reading, writing and labelling are one loop and every position
yields a target: the verifier's 64 largest log-probabilities, and one token drawn from the rest of its distribution.
Weights and caches are bfloat16; the residual stream, the attention's softmax and the kept logits are float32.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional

from kinds.files import atomically

TOP = 64
CHUNK = 64
LAYERS, WIDTH, HEADS, KV_HEADS, HEAD_WIDTH, THETA, EPSILON = 30, 576, 9, 3, 64, 100_000.0, 1e-5


@dataclass(frozen=True)
class Windows:
    """Texts of equal length and the verifier's distribution after each of their tokens (at temperature 1)."""

    tokens: torch.Tensor  # [B, T] int32
    top: torch.Tensor  # [B, T, TOP] int32: the most probable next tokens
    log_p: torch.Tensor  # [B, T, TOP] float16: their log-probabilities
    tail: torch.Tensor  # [B, T] int32: one next token drawn from outside `top`
    kinds: torch.Tensor  # [B] int32: which kind of text

    def save(self, path: Path, hidden: torch.Tensor) -> None:
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        atomically(path, partial(save_file, tensors | {"hidden": hidden}))

    @classmethod
    def read(cls, path: Path) -> Windows:
        with safe_open(path, "pt") as file:
            return cls(*(file.get_tensor(field.name) for field in fields(cls)))

    def select(self, rows: torch.Tensor) -> Windows:
        return Windows(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def join(cls, parts: list[Windows]) -> Windows:
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))


class Teacher:
    """The verifier's forward pass for one more token in each of B texts."""

    def __init__(self, folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        self.exact = weights["model.embed_tokens.weight"]  # [V, WIDTH] float32, tied with the head
        self.embedding = self.exact.bfloat16()
        self.norm = weights["model.norm.weight"]
        self.layers = [self._layer(weights, f"model.layers.{layer}.") for layer in range(LAYERS)]
        angles = 1.0 / THETA ** (torch.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
        self.angles = torch.cat([angles, angles])  # [HEAD_WIDTH]

    @staticmethod
    def _layer(weights: dict[str, torch.Tensor], at: str) -> tuple[torch.Tensor, ...]:
        """(input norm, qkv, o, post norm, gate and up, down) of one layer."""
        joined = [
            torch.cat([weights[f"{at}{part}.weight"] for part in parts]).bfloat16()
            for parts in (
                ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
                ("self_attn.o_proj",),
                ("mlp.gate_proj", "mlp.up_proj"),
                ("mlp.down_proj",),
            )
        ]
        norms = [weights[f"{at}{name}.weight"] for name in ("input_layernorm", "post_attention_layernorm")]
        return norms[0], joined[0], joined[1], norms[1], joined[2], joined[3]

    def caches(self, rows: int, length: int) -> list[torch.Tensor]:
        """Empty keys and values of each layer, [2, B, KV_HEADS, T, HEAD_WIDTH]."""
        return [torch.empty(2, rows, KV_HEADS, length, HEAD_WIDTH, dtype=torch.bfloat16) for _ in range(LAYERS)]

    def step(self, tokens: torch.Tensor, position: int, caches: list[torch.Tensor]) -> torch.Tensor:
        """Feeds tokens [B] at `position`; returns the last hidden state after its norm, [B, WIDTH] float32."""
        rows = len(tokens)
        cos, sin = (position * self.angles).cos(), (position * self.angles).sin()
        x = self.exact[tokens]
        for (norm, qkv, out, post_norm, gate_up, down), cache in zip(self.layers, caches, strict=True):
            projected = functional.linear(functional.rms_norm(x, (WIDTH,), norm, EPSILON).bfloat16(), qkv)
            heads = projected.view(rows, -1, HEAD_WIDTH)
            turned = _rotate(heads[:, : HEADS + KV_HEADS].float(), cos, sin).bfloat16()
            cache[0, :, :, position] = turned[:, HEADS:]
            cache[1, :, :, position] = heads[:, HEADS + KV_HEADS :]
            grouped = turned[:, :HEADS].reshape(rows, KV_HEADS, HEADS // KV_HEADS, HEAD_WIDTH)
            held = cache[:, :, :, : position + 1]
            mixed = functional.scaled_dot_product_attention(grouped, held[0], held[1])
            x = x + functional.linear(mixed.reshape(rows, WIDTH), out)
            gate, up = functional.linear(
                functional.rms_norm(x, (WIDTH,), post_norm, EPSILON).bfloat16(), gate_up
            ).chunk(2, dim=-1)
            x = x + functional.linear(functional.silu(gate) * up, down)
        return functional.rms_norm(x, (WIDTH,), self.norm, EPSILON)

    def distribution(
        self, hidden: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(top ids [B, TOP], their log-probabilities float32 [B, TOP], a token of the tail [B]) after `hidden`.

        The kept logits are computed again in float32; bfloat16 is left in the tail's share of the normalizer only.
        """
        logits = functional.linear(hidden.bfloat16(), self.embedding).float()
        rows = len(logits)
        top = largest(logits)
        exact = torch.bmm(self.exact[top], hidden[:, :, None])[:, :, 0]
        peak = exact.amax(-1, keepdim=True)
        tail = logits.sub_(peak).exp_().scatter_(1, top, 0.0).view(rows, -1, CHUNK)  # [B, V / CHUNK, CHUNK]
        masses = tail.sum(-1)
        total = exact.sub(peak).exp().sum(-1, keepdim=True) + masses.sum(-1, keepdim=True)
        chunk = draw(masses, generator)
        inside = draw(tail[torch.arange(rows), chunk], generator)
        return top, exact - peak - total.log(), chunk * CHUNK + inside


def _rotate(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position: heads [..., HEAD_WIDTH] turned by the angles whose cos and sin are given."""
    low, high = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-high, low], dim=-1) * sin


def largest(logits: torch.Tensor) -> torch.Tensor:
    """The TOP largest of each row [B, V], found in the TOP chunks with the largest maxima, which must hold them."""
    chunks = logits.view(len(logits), -1, CHUNK)
    best = chunks.amax(-1).topk(TOP, dim=-1).indices  # [B, TOP] chunk numbers
    candidates = chunks.gather(1, best[:, :, None].expand(-1, -1, CHUNK)).flatten(1)  # [B, TOP * CHUNK]
    at = candidates.topk(TOP, dim=-1).indices
    return best.gather(1, at // CHUNK) * CHUNK + at % CHUNK


def draw(weights: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draws one index per row in proportion to weights [B, N]."""
    cumulated = weights.cumsum(-1)
    uniforms = torch.rand(len(weights), 1, generator=generator) * cumulated[:, -1:]
    return torch.searchsorted(cumulated, uniforms, right=True)[:, 0].clamp_(max=weights.shape[1] - 1)


@torch.inference_mode()
def write(
    teacher: Teacher, prompts: list[list[int]], kinds: list[int], temperatures: list[float], length: int, seed: int
) -> tuple[Windows, torch.Tensor]:
    """Continues each prompt to `length` tokens at its own temperature and labels every position.

    Prompts are cut to `length`. Below temperature 1 samples come from the top 64 alone. Returned beside the windows:
    the verifier's last hidden state, after its norm, [B, T, WIDTH] bfloat16; times E it is the whole distribution.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = len(prompts)
    given = torch.full((rows, length), -1)
    for row, prompt in enumerate(prompts):
        given[row, : len(prompt)] = torch.tensor(prompt[:length])
    heat = torch.tensor(temperatures)[:, None]
    caches = teacher.caches(rows, length)
    tokens, tail = (torch.empty(rows, length, dtype=torch.int32) for _ in range(2))
    top, log_p = torch.empty(rows, length, TOP, dtype=torch.int32), torch.empty(rows, length, TOP, dtype=torch.float16)
    hidden = torch.empty(rows, length, WIDTH, dtype=torch.bfloat16)
    sampled = given[:, 0]
    for position in range(length):
        current = torch.where(given[:, position] >= 0, given[:, position], sampled)
        tokens[:, position] = current
        hidden[:, position] = state = teacher.step(current, position, caches)
        best, log, rest = teacher.distribution(state, generator)
        top[:, position], log_p[:, position], tail[:, position] = best, log, rest
        weights = (log / heat).softmax(-1)
        weights = torch.cat([weights, (1 - log.exp().sum(-1, keepdim=True)).clamp(min=0) * (heat == 1)], dim=-1)
        weights[:, :TOP] *= torch.where(heat == 1, log.exp().sum(-1, keepdim=True), torch.ones(1))
        sampled = torch.cat([best, rest[:, None]], dim=-1).gather(1, draw(weights, generator)[:, None])[:, 0]
    return Windows(tokens, top, log_p, tail, torch.tensor(np.array(kinds, dtype=np.int32))), hidden
