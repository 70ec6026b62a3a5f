"""Whether a network's laws of a text depend, in any bit, on the texts beside it in a packed pass: tried, not believed.

A few texts go through passes of the shapes that decoding makes (a prompt, a round's drafts, one token), each alone and
then packed, in two orders and with company of other lengths. One different bit, or a network that cannot be packed at
all, and its passes are made alone.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import DynamicCache

from models.packed_passes import MOST_TOKENS, ForwardPass, SharedNetwork, packed

Make = Callable[[Sequence[ForwardPass]], list[torch.Tensor]]
STEPS = ((17, 1, 40, 6), (1, 5, 2, 9), (1, 1, 1, 1))
"""New tokens of each text, pass by pass."""
FILLING = 3
LAWS = 2
"""Of each pass that are compared, or all where there are fewer."""


def packs(network: SharedNetwork) -> bool:
    """Whether packed passes give the bits of passes alone. Tells on one line of stderr where they do not."""
    why = _unfit(network)
    if why is None:
        network.take_apart()
        try:
            why = None if _equal(network) else "on this machine a law's last bits depend on the texts beside it"
        except (AttributeError, TypeError, ValueError, RuntimeError, IndexError) as error:
            why = f"it cannot be packed ({type(error).__name__})"
    if why is not None:
        print(f"sqsim: {type(network.module).__name__}: passes are made one by one, {why}", file=sys.stderr)
    return why is None


def _unfit(network: SharedNetwork) -> str | None:
    """Why a network is not even tried; None where it is."""
    module = network.module
    if "position_ids" not in inspect.signature(type(module).forward).parameters:
        return "it takes no positions"
    if module.config._attn_implementation != "sdpa":
        return f"its attention is {module.config._attn_implementation!r}"
    return None


def _equal(network: SharedNetwork) -> bool:
    """Whether all bits are the same: alone, packed, packed the other way round beside a text that fills the row."""
    alone = _history(network, lambda passes: [each.alone() for each in passes])
    return all(
        all(torch.equal(one, other) for one, other in zip(alone, _history(network, make), strict=True))
        for make in (packed, _in_other_company)
    )


def _in_other_company(passes: Sequence[ForwardPass]) -> list[torch.Tensor]:
    network = passes[0].network
    config = network.module.config
    vocabulary = config.vocab_size
    first = passes[0].cache.get_seq_length() == 0
    most = min(MOST_TOKENS, network.module.config.max_position_embeddings) - sum(len(each.tokens) for each in passes)
    filling = _tokens(0, most if first else FILLING, vocabulary)
    return packed([ForwardPass(network, DynamicCache(config=config), filling, 1), *reversed(passes)])[:0:-1]


def _history(network: SharedNetwork, make: Make) -> list[torch.Tensor]:
    """The logits of all passes."""
    config = network.module.config
    caches = [DynamicCache(config=config) for _ in STEPS[0]]
    logits: list[torch.Tensor] = []
    for number, step in enumerate(STEPS):
        texts = zip(caches, step, strict=True)
        logits += make(
            [
                ForwardPass(network, cache, _tokens(number, new, config.vocab_size), min(new, LAWS))
                for cache, new in texts
            ]
        )
    return logits


def _tokens(seed: int, number: int, vocabulary: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng([seed, number]).integers(vocabulary, size=number).tolist())
