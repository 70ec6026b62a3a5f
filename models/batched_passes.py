"""Forward passes of many texts as one batch of a fixed shape, over a static cache: how a pair runs on an accelerator.

A network keeps the keys and values of B texts in a cache [B, heads, places, d] a layer that is made once. A text has a
row of it as long as it lives, and each pass runs over all B rows: those of texts that request nothing, and the tokens
by which a text has fewer than its pass is wide, are padding. Padding stands before the new tokens, writes to
a last place that no text sees, and its logits are left out. A pass is as wide as the next power of two of a text's new
tokens, WIDEST at most, and keeps the next power of two of the logits that are wanted: a text's shapes depend on what it
requests and on nothing else, so that a pass alone is the same call as a pass beside others. There are few shapes, and a
pass reads two integer arrays: a compiled or captured pass (CUDA graphs) would be kept by (width, logits).

That a row then has the same bits whatever the other rows hold, and whichever row it is, is up to the library that
multiplies: products of one shape are one kernel, whose rows most libraries sum alike. MKL does here, and in its strict
mode (models/__init__.py) for any B of LEAST or more; on a GPU it holds at most for one B, one device and one library.
So it is tried before the first text, and where it does not hold a line says so: passes are then still made in batches,
and what comes of them repeats only where the same texts run beside each other.
"""

from __future__ import annotations

import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np
import torch
from transformers import AttentionInterface, DynamicCache, PreTrainedModel

from kinds import ConfigError, first_line
from models.fixed_batch import WIDEST, FixedBatch
from models.packed_passes import STEPS, ForwardPass, SharedNetwork, some_tokens, unfit

BATCHED: Final = "batched_texts"  # the attention of a batched pass, to the transformers library
ALIGNED: Final = 16  # places of a cache, a multiple of this: kernels of attention want masks of such rows


@dataclass
class PassesSpent:
    """What passes have taken, measured around each with the device waited for."""

    passes: int = 0
    sequences: int = 0
    """Texts that passes were over, without padding."""
    tokens: int = 0
    """New tokens of these texts."""
    seconds: float = 0.0


class BatchedNetwork(SharedNetwork):
    """A network whose passes are over `batch.sequences` rows of a static cache."""

    any_rows: ClassVar[bool] = False

    def __init__(self, network: PreTrainedModel, batch: FixedBatch) -> None:
        super().__init__(network)
        if (why := unfit(self)) is not None:
            raise ConfigError(f"models.pair.batch = {batch}: must be null for {type(network).__name__}: {why}")
        self.batch = batch
        self.spent = PassesSpent()
        self._caches: list[_StaticCache] = []

    def cache(self) -> CacheRow:
        """A free row; of a cache more where none is free, as where a request has several texts."""
        if self._packs is None:
            self.packs  # noqa: B018  tried as long as all rows are free
        free = [each for each in self._caches if each.free]
        if not free:
            free = [_StaticCache(self.batch, self.module.config.max_position_embeddings)]
            self._caches += free
        return CacheRow(free[0])

    @property
    def peak_bytes(self) -> int | None:
        """The most memory that torch has held on the GPU in this process; None on a processor."""
        return torch.cuda.max_memory_allocated() if self.module.device.type == "cuda" else None

    def wanted(self, cache: CacheRow, tokens: tuple[int, ...], last: int, key: bytes | None = None) -> ForwardPass:
        return _BatchedPass(self, cache, tokens, last)  # without the key: what a row holds stays in it

    def require_trees(self) -> None:
        raise ConfigError(f"models.pair.batch = {self.batch}: must be null for a scheme that verifies trees of drafts")

    def make(self, passes: Sequence[ForwardPass]) -> list[torch.Tensor]:
        parts = [list(_parts(each)) for each in passes]
        made: list[list[torch.Tensor]] = [[] for _ in passes]
        with self.lock, torch.inference_mode(), self.attending(BATCHED):
            for number in range(max(map(len, parts))):
                by_shape: dict[_Shape, list[int]] = {}
                for place, (each, mine) in enumerate(zip(passes, parts, strict=True)):
                    if number < len(mine):
                        by_shape.setdefault(_Shape.of(each.cache.static, mine[number]), []).append(place)
                for shape, places in by_shape.items():
                    together = [(passes[place].cache, parts[place][number]) for place in places]
                    try:
                        made_here = self._run(shape, together)
                    except torch.OutOfMemoryError as error:
                        allowed = "must be of fewer sequences or tokens"
                        raise ConfigError(
                            f"models.pair.batch = {self.batch}: {allowed} ({first_line(error)})"
                        ) from None
                    for place, logits in zip(places, made_here, strict=True):
                        made[place].append(logits)
        return [torch.cat(rows) if len(rows) > 1 else rows[0] for rows in made]

    def _tried(self) -> bool:
        """Whether a text's logits have the same bits alone, beside others, in other rows. Reports on stderr if not."""
        spent, self.spent, self._packs = self.spent, PassesSpent(), False
        texts = min(len(STEPS[0]), self.batch.sequences)
        alone = self._history(texts, at_once=False)
        again = [self._history(texts, at_once=True, before=n) for n in {0, self.batch.sequences - texts}]
        self.spent = spent
        equal = all(torch.equal(one, other) for each in again for one, other in zip(alone, each, strict=True))
        if not equal:
            print(
                f"sqsim: {type(self.module).__name__}: on this device a distribution's last bits depend on the texts "
                "in its batch; what is decoded repeats only where the same texts run side by side",
                file=sys.stderr,
            )
        return equal

    def _history(self, texts: int, *, at_once: bool, before: int = 0) -> list[torch.Tensor]:
        """The logits of all passes of the trial, of texts that stand behind so many other rows."""
        others = [self.cache() for _ in range(before)]
        caches, logits = [self.cache() for _ in range(texts)], list[torch.Tensor]()
        room = min(WIDEST, self.batch.tokens // len(STEPS), self.module.config.max_position_embeddings // len(STEPS))
        for number, step in enumerate(STEPS):
            tokens = [some_tokens(number, min(new, room), self.module.config.vocab_size) for new in step[:texts]]
            passes = [self.wanted(*each, min(2, len(each[1]))) for each in zip(caches, tokens, strict=True)]
            logits += self.make(passes) if at_once else [each.alone() for each in passes]
        del others
        return logits

    def _run(self, shape: _Shape, texts: Sequence[tuple[CacheRow, _Part]]) -> Iterator[torch.Tensor]:
        began_s = time.perf_counter()
        static, device = shape.static, self.module.device
        ids = np.zeros((self.batch.sequences, shape.width), dtype=np.int64)
        places = np.full_like(ids, static.places - 1)
        for row, part in texts:
            new = len(part.tokens)
            ids[row.place, -new:] = part.tokens
            places[row.place, -new:] = np.arange(row.held, row.held + new)
        static.at = torch.from_numpy(places).to(device)
        output = self.module(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=(torch.arange(static.places, device=device) <= static.at[..., None])[:, None],
            position_ids=static.at.clamp(max=static.last_position),
            cache=static,
            use_cache=True,
            logits_to_keep=shape.kept,
        )
        for row, part in texts:
            row.held += len(part.tokens)
        logits: torch.Tensor = output.logits
        if device.type == "cuda":
            torch.cuda.synchronize()
        self.spent.seconds += time.perf_counter() - began_s
        self.spent.passes += 1
        self.spent.sequences += len(texts)
        self.spent.tokens += sum(len(part.tokens) for _, part in texts)
        return (logits[row.place, shape.kept - part.last :] for row, part in texts)


class CacheRow:
    """A text's row of a static cache, in place of a cache of its own. It is free again once nothing refers to it."""

    def __init__(self, static: _StaticCache) -> None:
        self.static = static
        self.place = static.free.pop()
        self.held = 0
        weakref.finalize(self, static.give_back, self.place)

    def get_seq_length(self) -> int:
        return self.held

    def crop(self, change: int) -> None:
        """Forgets the last entries; `change` is negative, as where `DynamicCache` is told how many to remove."""
        self.held += change


class _Part(NamedTuple):
    """New tokens of a text that one pass takes, and how many distributions behind them are wanted."""

    tokens: tuple[int, ...]
    last: int


def _parts(wanted: ForwardPass) -> Iterator[_Part]:
    first = len(wanted.tokens) - wanted.last
    for begin in range(0, len(wanted.tokens), WIDEST):
        tokens = wanted.tokens[begin : begin + WIDEST]
        yield _Part(tokens, max(0, begin + len(tokens) - max(begin, first)))


class _Shape(NamedTuple):
    """What decides the shapes of a pass."""

    static: _StaticCache
    width: int
    kept: int

    @classmethod
    def of(cls, static: _StaticCache, part: _Part) -> _Shape:
        return cls(static, _power_of_two(len(part.tokens)), _power_of_two(max(1, part.last)))


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


class _BatchedPass(ForwardPass):
    """A pass of a text that has a row."""

    @property
    def group(self) -> tuple[int, ...]:
        shape = _Shape.of(self.cache.static, next(_parts(self)))
        return id(shape.static), shape.width, shape.kept

    def alone(self) -> torch.Tensor:
        return self.network.make([self])[0]


class _StaticCache(DynamicCache):  # type: ignore[misc]  # the library's types are not read
    """Keys and values of all rows, a tensor [B, heads, places, d] a layer; the last place takes the padding's."""

    def __init__(self, batch: FixedBatch, positions: int) -> None:
        super().__init__()
        self.places = batch.tokens // ALIGNED * ALIGNED + ALIGNED
        self.last_position = min(batch.tokens, positions) - 1
        self.free = list(range(batch.sequences))[::-1]
        self.at = torch.empty(0)
        """Where the new tokens of the pass under way belong: [B, width]."""
        self._held: list[tuple[torch.Tensor, torch.Tensor]] = []

    def give_back(self, place: int) -> None:
        """Frees a row: the next text takes the first that is free, so that which one it is repeats."""
        self.free = sorted([*self.free, place], reverse=True)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Cache.update`: states [B, heads, width, d] come to their places; answers all keys and values."""
        if layer_idx == len(self._held):
            states = key_states, value_states
            keys, values = (each.new_zeros(*each.shape[:2], self.places, each.shape[-1]) for each in states)
            self._held.append((keys, values))
        keys, values = self._held[layer_idx]
        at = self.at[:, None, :, None]
        return (
            keys.scatter_(2, at.expand_as(key_states), key_states),
            values.scatter_(2, at.expand_as(value_states), value_states),
        )

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attention of a batch, query [B, heads, width, d]: [B, width, heads, d]. Heads that share keys and values stand
    one behind the other as if they were tokens, so that the cache is read as it lies."""
    rows, heads, width, _d = query.shape
    grouped = heads // key.shape[1]
    attended = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, key.shape[1], grouped * width, -1),
        key,
        value,
        attn_mask=attention_mask.repeat(1, 1, grouped, 1),
        dropout_p=dropout,
        scale=scaling,
    )
    return attended.reshape(rows, heads, width, -1).transpose(1, 2).contiguous(), None


AttentionInterface.register(BATCHED, _attend)
