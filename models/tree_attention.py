"""Tree attention: one forward pass over a text's missing tokens and a tree of drafts (SpecInfer, arXiv 2305.09781).

The nodes stand in the cache one after another, but each has the position that its path gives it, and sees the text and
its own path only: position ids and a 4-D additive mask say so. Where a network masks by place in the cache as well
(GPT-Neo's local layers), that mask is told the positions for as long as the pass takes. N nodes cost what a line of N
drafts costs; the mask's M + N rows of cached + M + N floats are next to nothing beside it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache, PreTrainedModel

from kinds import ConfigError
from kinds.arrays import Ints
from models.interface import TokenTree

Sight = npt.NDArray[np.bool_]
"""Which entries of the cache (columns) each token of a pass (rows) attends to."""


def tree_pass(network: PreTrainedModel, cache: DynamicCache, missing: tuple[int, ...], tree: TokenTree) -> torch.Tensor:
    """Logits [N + 1, V] after the text and after each node; the cache then holds text and nodes, in this order.

    `missing` are the text's tokens, one at least, that the cache lacks. Raises ConfigError on a network that takes no
    mask or no positions.
    """
    require_tree_attention(network)
    held = cache.get_seq_length()
    positions = tree_positions(held, len(missing), tree)
    device = network.device
    with _windows_by_position(network, positions):
        output = network(
            input_ids=torch.tensor([[*missing, *tree.tokens]], device=device),
            attention_mask=_additive(tree_sight(held, len(missing), tree)).to(device),
            position_ids=torch.from_numpy(positions[held:]).to(device)[None],
            cache=cache,
            use_cache=True,
            logits_to_keep=len(tree.tokens) + 1,
        )
    logits: torch.Tensor = output.logits[0]
    return logits


def require_tree_attention(network: PreTrainedModel) -> None:
    """Raises ConfigError that names the network, unless it takes positions and a mask of one's own."""
    name = type(network).__name__
    lacks = {"position_ids", "attention_mask"} - set(inspect.signature(type(network).forward).parameters)
    if lacks:
        raise ConfigError(f"{name} takes no {' and no '.join(sorted(lacks))}: it cannot judge a tree of drafts")
    if getattr(network.config, "alibi", False):
        raise ConfigError(f"{name} with alibi = True tells positions from the cache: it cannot judge a tree of drafts")
    attention = network.config._attn_implementation
    if attention not in ("eager", "sdpa"):
        raise ConfigError(f"{name}: attention = {attention!r} takes no mask of a tree: eager or sdpa allowed")


def keep_nodes(cache: DynamicCache, text_tokens: int, path: tuple[int, ...]) -> None:
    """Of what is cached behind the first `text_tokens` entries, by node, keeps the nodes of `path`, in its order."""
    kept = torch.tensor([*range(text_tokens), *(text_tokens + node for node in path)])
    for layer in cache.layers:
        layer.keys = layer.keys.index_select(-2, kept.to(layer.keys.device))
        layer.values = layer.values.index_select(-2, kept.to(layer.values.device))


def tree_positions(held: int, missing: int, tree: TokenTree) -> Ints:
    """The position of each entry of the cache after the pass: int64 [held + missing + N]."""
    text = held + missing
    return np.concatenate([np.arange(text), text - 1 + np.array(tree.depths, dtype=np.int64)])


def tree_sight(held: int, missing: int, tree: TokenTree) -> Sight:
    """Which entries each token of the pass sees: bool [missing + N, held + missing + N].

    Text sees text up to itself; a node sees all text, and what its parent sees, and itself.
    """
    text, nodes = held + missing, len(tree.tokens)
    sees = np.zeros((missing + nodes, text + nodes), dtype=np.bool_)
    sees[:, :text] = np.tri(missing + nodes, text, held, dtype=np.bool_)
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            sees[missing + node, text:] = sees[missing + parent, text:]
        sees[missing + node, text + node] = True
    return sees


def _additive(sees: Sight) -> torch.Tensor:
    """What attention adds to its scores: float32 [1, 1, queries, keys], 0 where a query sees a key."""
    mask = np.where(sees, np.float32(0), np.finfo(np.float32).min)
    return torch.from_numpy(mask)[None, None]


@contextmanager
def _windows_by_position(network: PreTrainedModel, positions: Ints) -> Iterator[None]:
    """While it lasts, GPT-Neo's layers mask by position what they otherwise mask by place in the cache.

    Their buffer `bias`, bool [1, 1, places, places], has a row for each query's place and a column for each key's; in
    local layers it is a window.
    """
    layers = [module for module in network.modules() if type(module).__name__ == "GPTNeoSelfAttention"]
    buffers = [layer.bias for layer in layers]
    if layers:
        apart = torch.from_numpy(positions[:, None] - positions).to(network.device)[None, None]
        before = apart >= 0
        within = before & (apart < network.config.window_size)
    try:
        for layer in layers:
            layer.bias = within if layer.attention_type == "local" else before
        yield
    finally:
        for layer, buffer in zip(layers, buffers, strict=True):
            layer.bias = buffer
