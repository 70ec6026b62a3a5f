"""The code `enumerative`: the paper's count made real. Every choice the count counts is equally likely.

A packet is, through the coder of `coder.arithmetic`: drafts - 1 below max_drafts; then for each draft

* "variable": K - 1 below min(V, ell) (below V for quantizers other than the lattice); the ids, a subset of V; the
  counts, all positive, as described below: for the lattice, counts - 1 as a composition of ell - K. The paper's
  log2 C(V, K) + log2 C(ell + K - 1, K - 1) is an upper bound of the two.
* "fixed": the ids refilled to K with the lowest unused ids, a subset of V; the counts, a composition of ell. The
  receiver refuses any other filling.
* "dense": the counts over all of V, a composition of ell, as the places id + unit of its ell units.

and then the drafted id as `token` says. Subsets and compositions travel as `coder.subsets` describes.

How each quantizer's counts travel, given the support: as one of its codewords, all alike.

All are positive (ids with none are not in the support). `lattice`: counts - 1, a composition of ell - K. `dual`: the
shift j below min(K, ell + 1), then for j = 0 as `lattice` and else n, a composition of ell - j. `cubic`: each level
below ell. `logarithmic`: each level below ell, the counts being its table's.

`stated_bits` is what a packet states, choice by choice: log2 of how many there are, exact. No packet is more than two
bits longer, the coder's roundings and less than a bit at its end. One is shorter where its support takes all of the
lowest ids, as one refilled to a fixed size does (`coder.subsets`). It is not what the papers count (`paper_counts`):
ids without a count are not sent unless the size is fixed, and the size has as many values as it can take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np

from channels.codec import paper_counts
from channels.codec.coder.arithmetic import FAILED, INVALID, LARGEST_TOTAL, Machine, uniform
from channels.codec.coder.compiled import compiled
from channels.codec.coder.fixed_point import log2, log2_factorials
from channels.codec.coder.subsets import code_composition, code_subset, log2_binomial
from channels.codec.draft import CodecError, Draft, Format, Support, refill
from channels.codec.quantizers import Logarithmic
from kinds.arrays import Bytes, Ints


def write(io: Machine, buffer: Bytes, draft: Draft, format: Format, support: Support) -> None:
    """Support and counts of one valid draft."""
    V, ell, table = format.vocabulary, format.resolution, factorials(format)
    if support == "dense":
        _code_dense(io, buffer, draft, format)
    elif support == "fixed" and format.support_size is not None:
        ids, counts = refill(draft.support, draft.counts, format.support_size, V)
        code_subset(io, buffer, table, ids, V)
        code_composition(io, buffer, table, counts, ell)
    else:
        uniform(io, buffer, draft.support.size - 1, format.largest_support)
        code_subset(io, buffer, table, draft.support.copy(), V)
        code_counts(io, buffer, table, draft.counts.copy(), format)


def read(io: Machine, buffer: Bytes, format: Format, support: Support) -> tuple[Ints, Ints]:
    """(support, counts), int64 [K], counts positive. Raises CodecError on what `write` cannot have written."""
    V, ell, table = format.vocabulary, format.resolution, factorials(format)
    if support == "dense":
        ids, counts = _code_dense(io, buffer, None, format)
        if ids.size > format.largest_support:
            raise CodecError(f"payload: {ids.size} ids, a support holds at most {format.largest_support}")
        return ids, counts
    size = format.support_size if support == "fixed" else 1 + uniform(io, buffer, 0, format.largest_support)
    assert size is not None
    ids, counts = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    code_subset(io, buffer, table, ids, V)
    if not io[FAILED]:
        if support == "fixed":
            code_composition(io, buffer, table, counts, ell)
        else:
            code_counts(io, buffer, table, counts, format)
    if io[FAILED]:
        raise CodecError("payload: not a support and its counts")
    kept = counts.nonzero()[0]
    if support == "fixed" and not np.array_equal(refill(ids[kept], counts[kept], size, V)[0], ids):
        raise CodecError("support: zero counts not at the lowest unused ids")
    return ids[kept], counts[kept]


def _code_dense(io: Machine, buffer: Bytes, draft: Draft | None, format: Format) -> tuple[Ints, Ints]:
    """A composition of ell over all of V, as the places of its ell units among ell + V - 1: place = id + unit."""
    ell, table = format.resolution, factorials(format)
    units = np.zeros(ell, dtype=np.int64)
    if draft is not None:
        units = np.repeat(draft.support, draft.counts) + np.arange(ell)
    code_subset(io, buffer, table, units, ell + format.vocabulary - 1)
    if io[FAILED]:
        raise CodecError("payload: not counts over the vocabulary")
    ids, counts = np.unique(units - np.arange(ell), return_counts=True)
    return ids, counts.astype(np.int64)


@lru_cache(maxsize=1 << 14)
def cost(size: int, shift: int, format: Format, support: Support) -> int:
    """Returns the cost of a draft of `size` positive counts of this shift in Q32 bits, "variable" or "dense", without
    its drafted id."""
    V, ell, table = format.vocabulary, format.resolution, factorials(format)
    if support == "dense":
        return log2_binomial(table, ell + V - 1, ell)
    distribution = log2_binomial(table, V, size) + counts_cost(table, size, shift, format)
    return distribution + log2(format.largest_support)


def factorials(format: Format) -> Ints:
    """log2 n! for every n that the format needs."""
    return _factorials((format.vocabulary + format.resolution).bit_length())


@cache
def _factorials(bits: int) -> Ints:
    table: Ints = log2_factorials(1 << bits)
    return table


def check(draft: Draft, format: Format) -> None:
    """CodecError unless a draft's counts are a codeword of the format's quantizer."""
    counts, ell, size, total = draft.counts, format.resolution, draft.counts.size, draft.total
    if format.quantizer == "lattice" and total != ell:
        raise CodecError(f"counts: sum is {total}, must be the resolution, {ell}")
    if (
        format.quantizer == "dual"
        and total != ell
        and (total != size * ell or counts[0] % size == 0 or (counts % size != counts[0] % size).any())
    ):
        raise CodecError("counts: not a point of the dual lattice")
    if format.quantizer == "cubic" and counts.max() > ell:
        raise CodecError(f"counts: {counts.max()} is above the resolution, {ell}")
    if format.quantizer == "logarithmic" and not np.isin(counts, Logarithmic(ell).table()).all():
        raise CodecError("counts: not counts of the logarithmic quantizer")


def code_counts(io: Machine, buffer: Bytes, table: Ints, counts: Ints, format: Format) -> None:
    """Positive counts, int64 [K], read from or written to the array."""
    ell, size = format.resolution, counts.size
    if format.quantizer in ("lattice", "dual"):
        shifts = min(size, ell + 1) if format.quantizer == "dual" else 1
        shift = uniform(io, buffer, shift_of(counts, format), shifts)
        _shifted(io, buffer, table, counts, *((ell - shift, size, shift) if shift else (ell - size, 1, 1)))
    elif format.quantizer == "cubic":
        _code_levels(io, buffer, counts, ell)
    else:
        table_of_levels = Logarithmic(ell).table()
        levels = np.searchsorted(table_of_levels, counts)
        _code_levels(io, buffer, levels, ell)
        counts[:] = table_of_levels[levels]
    if format.quantizer != "lattice" and counts.sum() > LARGEST_TOTAL:
        io[FAILED] = INVALID


def shift_of(counts: Ints, format: Format) -> int:
    """The shift j of counts of `dual`, 0 of all others."""
    if format.quantizer != "dual" or int(counts.sum()) == format.resolution:
        return 0
    return int(counts[0]) % counts.size


def counts_cost(table: Ints, size: int, shift: int, format: Format) -> int:
    """Returns the logarithm of the number of vectors among which `code_counts` chooses for `size` positive counts of
    this shift, in Q32 bits. table: log2 n!, Q32."""
    ell = format.resolution
    if format.quantizer in ("cubic", "logarithmic"):
        return size * log2(ell)
    shifts = log2(min(size, ell + 1)) if format.quantizer == "dual" else 0
    total = ell - shift if shift else ell - size
    return shifts + log2_binomial(table, total + size - 1, size - 1)


@compiled
def _code_levels(io: Machine, buffer: Bytes, levels: Ints, ell: int) -> None:
    """Levels within 1..ell, int64 [K], read from or written to the array."""
    for place in range(levels.size):
        if io[FAILED]:
            return
        levels[place] = 1 + uniform(io, buffer, levels[place] - 1, ell)


def _shifted(io: Machine, buffer: Bytes, table: Ints, counts: Ints, total: int, unit: int, shift: int) -> None:
    """Counts shift + unit * n, n a composition of `total`."""
    if total < 0:
        io[FAILED] = INVALID
        return
    parts = (counts - shift) // unit
    code_composition(io, buffer, table, parts, total)
    counts[:] = shift + unit * parts


def stated_bits(drafts: Sequence[Draft], format: Format) -> float:
    """Returns the bits that a packet of these drafts states. Raises ValueError where the format's code is another."""
    if format.code != "enumerative":
        raise ValueError(f"code = {format.code!r}: states no count, must be 'enumerative'")
    return math.log2(format.max_drafts) + sum(
        _stated_support(draft, format) + _stated_token(draft, format) for draft in drafts
    )


def _stated_support(draft: Draft, format: Format) -> float:
    V, ell = format.vocabulary, format.resolution
    if format.support == "dense":
        return paper_counts.dense_bits(V, ell)
    if format.support_size is not None:
        return paper_counts.paper_bits(V, format.support_size, ell)
    return (
        math.log2(format.largest_support)
        + paper_counts.subset_bits(V, draft.support.size)
        + _stated_counts(draft, format)
    )


def _stated_counts(draft: Draft, format: Format) -> float:
    """Positive counts on a support that is known: which of the quantizer's, and of the dual lattice's shift first."""
    ell, size = format.resolution, draft.counts.size
    if format.quantizer in ("cubic", "logarithmic"):
        return size * math.log2(ell)
    positive_bits = paper_counts.log2_binomial(ell - 1, size - 1) if size <= ell else math.inf
    if format.quantizer == "lattice":
        return positive_bits
    shifts_bits, shift = math.log2(min(size, ell + 1)), shift_of(draft.counts, format)
    return shifts_bits + (paper_counts.lattice_bits(size, ell - shift) if shift else positive_bits)


def _stated_token(draft: Draft, format: Format) -> float:
    if format.token == "unsent":
        return 0.0
    if format.token == "flat":
        return math.log2(format.vocabulary)
    return math.log2(draft.total / draft.count(draft.token))
