"""The drafter of the `smollm2` pair: its factored form, in which it is trained and shipped, and the network that runs.

Input embedding and head go through the verifier's own embedding E [V, 576]: E `input` and E[vocabulary] `head`, a small
Llama between them. Tokens outside the head have probability 0, which costs acceptance, never correctness.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

V, E_WIDTH, HEAD_WIDTH, THETA, CONTEXT_TOKENS = 49_152, 576, 64, 10_000.0, 8_192
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Shape:
    """The drafter's body: how many layers, how wide, and how wide each feed-forward part is."""

    layers: int
    width: int
    feed_forward: int

    @classmethod
    def of(cls, weights: Weights) -> Shape:
        """The shape of the body in a drafter's weights, factored or assembled."""
        gates = [tensor for name, tensor in weights.items() if name.endswith("mlp.gate_proj.weight")]
        return cls(len(gates), gates[0].shape[1], gates[0].shape[0])

    def configuration(self, vocabulary: int) -> LlamaConfig:
        """The body as a Llama with `vocabulary` input embeddings."""
        return LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.width // HEAD_WIDTH,
            num_key_value_heads=self.width // HEAD_WIDTH,
            intermediate_size=self.feed_forward,
            max_position_embeddings=CONTEXT_TOKENS,
            rope_parameters={"rope_type": "default", "rope_theta": THETA},
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
        )


class CutHead(nn.Module):
    """A head of `cut` rows whose logits are spread over V; -inf, that is probability 0, elsewhere."""

    vocabulary: torch.Tensor

    def __init__(self, vocabulary: int, cut: int, width: int) -> None:
        super().__init__()
        self.total = vocabulary
        self.rows = nn.Linear(width, cut, bias=False)
        self.register_buffer("vocabulary", torch.arange(cut))  # token id of each row

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """hidden [..., width] -> logits [..., V]."""
        logits = hidden.new_full((*hidden.shape[:-1], self.total), -torch.inf)
        logits[..., self.vocabulary] = self.rows(hidden)
        return logits


def assemble(factored: Weights, embedding: torch.Tensor) -> Weights:
    """The running network's weights, float32, of factored ones and E [V, E_WIDTH] (both products computed here)."""
    wide = {name: tensor.float() for name, tensor in factored.items() if name != "vocabulary"}
    vocabulary = factored["vocabulary"].long()
    inside = {f"model.{name}": tensor for name, tensor in wide.items() if name not in ("input", "head")}
    return inside | {
        "model.embed_tokens.weight": embedding @ wide["input"],
        "lm_head.rows.weight": embedding[vocabulary] @ wide["head"],
        "lm_head.vocabulary": vocabulary,
    }


def network(weights: Weights) -> LlamaForCausalLM:
    """The drafter as an ordinary Llama with a CutHead, from `assemble`'s weights."""
    shape = Shape.of(weights)
    drafter = LlamaForCausalLM(shape.configuration(V))
    drafter.lm_head = CutHead(V, len(weights["lm_head.vocabulary"]), shape.width)
    drafter.load_state_dict(weights, assign=True)
    return drafter
