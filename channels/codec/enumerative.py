"""The code `enumerative`: the paper's count made real. Every choice the count counts is equally likely.

A packet is, through the coder of `coder.arithmetic`: drafts - 1 below max_drafts; then for each draft

* "variable": K - 1 below min(V, ell) (below V for quantizers other than the lattice); the ids, a subset of V; the
  counts, all positive, as `codewords` describes: for the lattice, counts - 1 as a composition of ell - K. The paper's
  log2 C(V, K) + log2 C(ell + K - 1, K - 1) is an upper bound of the two.
* "fixed": the ids refilled to K with the lowest unused ids, a subset of V; the counts, a composition of ell. The
  receiver refuses any other filling.
* "dense": the counts over all of V, a composition of ell, as the places id + unit of its ell units.

and then the drafted id as `token` says. Subsets and compositions travel as `coder.subsets` describes.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from channels.codec.coder.arithmetic import FAILED, Machine, uniform
from channels.codec.coder.fixed_point import log2, log2_factorials
from channels.codec.coder.subsets import code_composition, code_subset, log2_binomial
from channels.codec.codewords import code_counts, counts_cost, shift_of
from channels.codec.draft import CodecError, Draft, Format, Support, refill
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


def cost(counts: Ints, format: Format, support: Support) -> int:
    """What a draft of these positive counts costs in Q32 bits, "variable" or "dense", without the drafted id."""
    return _cost(counts.size, shift_of(counts, format), format, support)


@lru_cache(maxsize=1 << 14)
def _cost(size: int, shift: int, format: Format, support: Support) -> int:
    V, ell, table = format.vocabulary, format.resolution, factorials(format)
    if support == "dense":
        return log2_binomial(table, ell + V - 1, ell)
    law = log2_binomial(table, V, size) + counts_cost(table, size, shift, format)
    return law + log2(format.largest_support)


def factorials(format: Format) -> Ints:
    """log2 n! for every n that the format needs."""
    return _factorials((format.vocabulary + format.resolution).bit_length())


@cache
def _factorials(bits: int) -> Ints:
    table: Ints = log2_factorials(1 << bits)
    return table
