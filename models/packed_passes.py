"""Forward passes of several texts as one: each text's distributions are, to the last bit, those of a pass of its own.

The new tokens of all texts stand in one row. What works token by token runs on the whole row; attention, and an
activation's vector loop with its scalar end, runs text by text, in the very call that the text alone would make. Linear
layers keep a token's bits as oneDNN makes their products, and MKL in its strict mode (models/__init__.py), from a few
rows on. No library promises it, so a network is tried first: texts through passes of the shapes that decoding makes,
alone and packed, in two orders. One different bit, and its passes are made alone.
"""

from __future__ import annotations

import copy
import inspect
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from threading import RLock
from typing import Final, NamedTuple

import numpy as np
import torch
from torch.nn.functional import linear, pad
from transformers import AttentionInterface, DynamicCache, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.pytorch_utils import Conv1D

MOST_TOKENS: Final = 256  # new tokens in one packed pass: more would not make one cheaper
_LEAST_ROWS: Final = 4  # in a product: with fewer, libraries have kernels that round otherwise
_LARGE: Final = 2**17  # weights of a layer from which on oneDNN is faster than MKL
_ROWS: Final = 16  # about how many rows a product has: the order of the weights in memory is chosen for them
PACKED: Final = "packed_texts"  # the attention of a packed pass, to the transformers library


class SharedNetwork:
    """A network whose passes may be packed, once it is known that packing changes no bit."""

    def __init__(self, network: PreTrainedModel) -> None:
        self.module = network
        if network.device.type == "cpu" and _Linear.available():
            _replace(network, _Linear.of)
        self.lock = RLock()
        """Held while a pass is made: a cluster's workers may have threads, and a packed pass changes the network."""
        self._packs: bool | None = None
        self.lengths: tuple[int, ...] = ()
        """The new tokens of each text in the pass under way; () where it is one text's own."""

    @property
    def packs(self) -> bool:
        """True if a text's bits are the same beside others. Tried at the first call."""
        with self.lock:
            if self._packs is None:
                self._packs = packs(self)
            return self._packs

    def make(self, passes: Sequence[ForwardPass]) -> list[torch.Tensor]:
        """Passes of texts that are all different: the logits [last, V] of each, in their order."""
        if len(passes) == 1 or not self.packs:
            return [each.alone() for each in passes]
        return [logits for pack in _packs(passes) for logits in (packed(pack) if len(pack) > 1 else [pack[0].alone()])]

    def take_apart(self) -> None:
        """Has activations run text by text in a packed pass."""
        _replace(self.module, lambda part: _TextByText(part, self) if _is_function(part) else None)

    @contextmanager
    def packing(self, lengths: tuple[int, ...]) -> Iterator[None]:
        """While it lasts, a pass is over texts of so many new tokens."""
        self.lengths = lengths
        config = self.module.config
        attention, config._attn_implementation = config._attn_implementation, PACKED
        try:
            yield
        finally:
            config._attn_implementation = attention
            self.lengths = ()


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """A pass that a text needs next: over `tokens`, one at least, behind what its cache holds."""

    network: SharedNetwork
    cache: DynamicCache
    tokens: tuple[int, ...]
    last: int  # how many trailing distributions are wanted

    def alone(self) -> torch.Tensor:
        """Logits [last, V]; the cache then holds the tokens too."""
        module = self.network.module
        with self.network.lock, torch.inference_mode():
            ids = torch.tensor([self.tokens], device=module.device)
            output = module(input_ids=ids, cache=self.cache, use_cache=True, logits_to_keep=max(self.last, 1))
        logits: torch.Tensor = output.logits[0]
        return logits[len(logits) - self.last :]


def packed(passes: Sequence[ForwardPass]) -> list[torch.Tensor]:
    """Makes the passes as `SharedNetwork.make` does, in one pass, whatever is known of the network."""
    network = passes[0].network
    module, device = network.module, network.module.device
    lengths = tuple(len(each.tokens) for each in passes)
    kept = [max(each.last, 1) for each in passes]
    with network.lock, torch.inference_mode(), network.packing(lengths):
        output = module(
            input_ids=torch.tensor([[token for each in passes for token in each.tokens]], device=device),
            position_ids=torch.tensor([[place for each in passes for place in _positions(each)]], device=device),
            cache=_PackedCache([each.cache for each in passes], lengths),
            use_cache=True,
            logits_to_keep=torch.tensor(
                [row for end, rows in zip(accumulate(lengths), kept, strict=True) for row in range(end - rows, end)],
                device=device,
            ),
        )
        logits = output.logits[0].split(kept)
    return [rows[len(rows) - each.last :] for rows, each in zip(logits, passes, strict=True)]


def _packs(passes: Sequence[ForwardPass]) -> Iterator[list[ForwardPass]]:
    pack: list[ForwardPass] = []
    for each in passes:
        if pack and sum(len(other.tokens) for other in (*pack, each)) > MOST_TOKENS:
            yield pack
            pack = []
        pack.append(each)
    yield pack


def _positions(each: ForwardPass) -> range:
    held = each.cache.get_seq_length()
    return range(held, held + len(each.tokens))


class _Apart(NamedTuple):
    """Keys or values of packed texts, old and new: [1, heads, cached + new, d] a text; and how many are new."""

    texts: tuple[torch.Tensor, ...]
    new: tuple[int, ...]


class _PackedCache(DynamicCache):  # type: ignore[misc]  # the library's types are not read
    """Takes the keys and values of a packed row apart, each text's to that text's own cache."""

    def __init__(self, caches: Sequence[DynamicCache], lengths: tuple[int, ...]) -> None:
        super().__init__()
        self._caches = caches
        self._lengths = lengths

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: object, **__: object
    ) -> tuple[_Apart, _Apart]:
        """Contract of `Cache.update`, but returns packed keys and values, for `_attend` only."""
        states = zip(self._caches, _split(key_states, self._lengths), _split(value_states, self._lengths), strict=True)
        held = [cache.update(keys, values, layer_idx) for cache, keys, values in states]
        keys, values = zip(*held, strict=True)
        return _Apart(keys, self._lengths), _Apart(values, self._lengths)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: _Apart,
    value: _Apart,
    attention_mask: None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attention of a packed row, query [1, heads, sum of new, d], text by text: [1, sum of new, heads, d]."""
    texts = zip(_split(query, key.new), key.texts, value.texts, strict=True)
    parts = [
        sdpa_attention_forward(module, mine, keys, values, _causal(mine, keys), dropout=dropout, scaling=scaling)[0]
        for mine, keys, values in texts
    ]
    return torch.cat(parts, 1), None


AttentionInterface.register(PACKED, _attend)


def _split(states: torch.Tensor, lengths: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.split_with_sizes(states, list(lengths), -2))


def _causal(query: torch.Tensor, keys: torch.Tensor) -> torch.Tensor | None:
    """The mask that transformers makes for new tokens behind cached ones, bool [1, 1, new, cached + new]; None where
    it makes none: of one new token, or of a text from its beginning."""
    new, all_ = query.shape[-2], keys.shape[-2]
    if new == 1 or new == all_:
        return None
    return torch.ones(new, all_, dtype=torch.bool, device=query.device).tril(all_ - new)[None, None]


def _replace(network: torch.nn.Module, with_: Callable[[torch.nn.Module], torch.nn.Module | None]) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if (other := with_(child)) is not None:
                setattr(parent, name, other)


def _is_function(module: torch.nn.Module) -> bool:
    inert = isinstance(module, torch.nn.Dropout | torch.nn.Identity | _TextByText)
    return not inert and not any(
        True for part in (module.children(), module.parameters(), module.buffers()) for _ in part
    )


class _Linear(torch.nn.Module):
    """A linear layer that rounds a row alike whatever rows stand beside it. oneDNN makes its products, from weights
    that lie in its own order; those of a small layer, which cost less than a call of oneDNN, MKL. Either may have other
    kernels for very few rows, so that these have rows of zeros beside them."""

    weight: torch.Tensor

    def __init__(self, weight: torch.Tensor, bias: torch.nn.Parameter | None) -> None:
        super().__init__()
        self.bias = bias
        self._large = weight.numel() >= _LARGE
        held = weight.detach().clone()
        self.register_buffer("weight", torch.ops.mkldnn._reorder_linear_weight(held, _ROWS) if self._large else held)

    def __deepcopy__(self, _: object) -> _Linear:
        """Itself: its weights are never written, and in oneDNN's order they have no copy."""
        return self

    @staticmethod
    @cache
    def available() -> bool:
        try:
            width = math.isqrt(_LARGE) + 1
            ones = torch.ones(1, 1, width)
            return bool(torch.equal(_Linear(torch.eye(width), None)(ones), ones))
        except (AttributeError, RuntimeError):
            return False

    @classmethod
    def of(cls, part: torch.nn.Module) -> _Linear | None:
        """Returns the replacement of a part of a network, None if the part is no linear layer."""
        held = dict(part.named_parameters(recurse=False))
        if type(part) is torch.nn.Linear:
            return cls(held["weight"], held.get("bias"))
        return cls(held["weight"].T.contiguous(), held.get("bias")) if type(part) is Conv1D else None

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        new = states.shape[-2]
        rows = pad(states, (0, 0, 0, _LEAST_ROWS - new)) if new < _LEAST_ROWS else states
        if self._large:
            out: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")
        else:
            out = linear(rows, self.weight, self.bias)
        return out[..., :new, :]


class _TextByText(torch.nn.Module):
    """An activation that runs text by text in a packed pass: its vector loop ends in scalar code that rounds unlike it,
    and where that begins depends on the length of the whole."""

    def __init__(self, function: torch.nn.Module, network: SharedNetwork) -> None:
        super().__init__()
        self._function = function
        self._network = network

    def __deepcopy__(self, memo: dict[int, object]) -> torch.nn.Module:
        """The activation alone: a copied network is none of this one's passes."""
        return copy.deepcopy(self._function, memo)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        lengths = self._network.lengths
        if not lengths:
            whole: torch.Tensor = self._function(states)
            return whole
        return torch.cat([self._function(part) for part in _split(states, lengths)], -2)


Make = Callable[[Sequence[ForwardPass]], list[torch.Tensor]]
STEPS = ((17, 1, 40, 6), (1, 5, 2, 9), (1, 1, 1, 1))  # of a trial: new tokens of each text, pass by pass
FILLING = 3
DISTRIBUTIONS = 2  # of each pass that are compared, or all where there are fewer


def packs(network: SharedNetwork) -> bool:
    """True if packed passes give the bits of passes alone. Writes one line to stderr if they do not."""
    why = unfit(network)
    if why is None:
        network.take_apart()
        try:
            why = (
                None if _equal(network) else "on this machine a distribution's last bits depend on the texts beside it"
            )
        except (AttributeError, TypeError, ValueError, RuntimeError, IndexError) as error:
            why = f"it cannot be packed ({type(error).__name__})"
    if why is not None:
        print(f"sqsim: {type(network.module).__name__}: passes are made one by one, {why}", file=sys.stderr)
    return why is None


def unfit(network: SharedNetwork) -> str | None:
    """Returns the reason for which a network is not even tried, None if it is."""
    module = network.module
    if "position_ids" not in inspect.signature(type(module).forward).parameters:
        return "it takes no positions"
    if module.config._attn_implementation != "sdpa":
        return f"its attention is {module.config._attn_implementation!r}"
    return None


def _equal(network: SharedNetwork) -> bool:
    """True if all bits are the same: alone, packed, and packed the other way round beside a text that fills the row."""
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
    filling = some_tokens(0, most if first else FILLING, vocabulary)
    return packed([ForwardPass(network, DynamicCache(config=config), filling, 1), *reversed(passes)])[:0:-1]


def _history(network: SharedNetwork, make: Make) -> list[torch.Tensor]:
    config = network.module.config
    caches = [DynamicCache(config=config) for _ in STEPS[0]]
    logits: list[torch.Tensor] = []
    for number, step in enumerate(STEPS):
        texts = zip(caches, step, strict=True)
        logits += make(
            [
                ForwardPass(network, cache, some_tokens(number, new, config.vocab_size), min(new, DISTRIBUTIONS))
                for cache, new in texts
            ]
        )
    return logits


def some_tokens(seed: int, number: int, vocabulary: int) -> tuple[int, ...]:
    """Returns `number` random tokens."""
    return tuple(np.random.default_rng([seed, number]).integers(vocabulary, size=number).tolist())
