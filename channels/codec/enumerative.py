"""The code `enumerative`: the paper's count made real. Every choice the count counts is equally likely.

A packet is, through the coder of `arithmetic`: drafts - 1 below max_drafts; then for each draft

* "variable": K - 1 below min(V, ell); the ids, a subset of V; the counts, all positive, as the composition
  counts - 1 of ell - K. The paper's log2 C(V, K) + log2 C(ell + K - 1, K - 1) is an upper bound of the two.
* "fixed": the ids refilled to K with the lowest unused ids, a subset of V; the counts, a composition of ell. The
  receiver refuses any other filling.
* "dense": the counts over all of V, a composition of ell.

and then the drafted id as `token` says. Subsets and compositions travel as `positions` describes.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from channels.codec.arithmetic import FAILED, Buffer, Machine, uniform
from channels.codec.draft import CodecError, Draft, Format, Ids
from channels.codec.fixed import log2_factorials
from channels.codec.positions import code_composition, code_subset


def write(io: Machine, buffer: Buffer, draft: Draft, format: Format) -> None:
    """Support and counts of one valid draft."""
    V, ell, table = format.vocabulary, format.resolution, factorials(format)
    if format.support == "dense":
        counts = np.zeros(V, dtype=np.int64)
        counts[draft.support] = draft.counts
        code_composition(io, buffer, table, counts, ell)
    elif format.support_size is not None:
        ids, counts = refill(draft.support, draft.counts, format.support_size, V)
        code_subset(io, buffer, table, ids, V)
        code_composition(io, buffer, table, counts, ell)
    else:
        uniform(io, buffer, draft.support.size - 1, format.largest_support)
        code_subset(io, buffer, table, draft.support.copy(), V)
        code_composition(io, buffer, table, draft.counts - 1, ell - draft.counts.size)


def read(io: Machine, buffer: Buffer, format: Format) -> tuple[Ids, Ids]:
    """(support, counts), int64 [K], counts positive. Raises CodecError on what `write` cannot have written."""
    V, ell, table = format.vocabulary, format.resolution, factorials(format)
    if format.support == "dense":
        size, ids = V, np.arange(V, dtype=np.int64)
    else:
        size = format.support_size or 1 + uniform(io, buffer, 0, format.largest_support)
        code_subset(io, buffer, table, ids := np.zeros(size, dtype=np.int64), V)
    least = 1 if format.support == "variable" else 0
    counts = np.zeros(size, dtype=np.int64)
    if not io[FAILED]:
        code_composition(io, buffer, table, counts, ell - least * size)
    if io[FAILED]:
        raise CodecError("payload: not a support and its counts")
    counts += least
    kept = counts.nonzero()[0]
    support, positive = ids[kept], counts[kept]
    if format.support == "fixed" and not np.array_equal(refill(support, positive, size, V)[0], ids):
        raise CodecError("support: zero counts not at the lowest unused ids")
    return support, positive


def refill(support: Ids, counts: Ids, size: int, vocabulary: int) -> tuple[Ids, Ids]:
    """Support and counts, both int64 [size], with the lowest unused ids at count zero."""
    unused = np.ones(min(vocabulary, size), dtype=bool)  # the lowest unused ids are among the `size` lowest
    unused[support[support < unused.size]] = False
    added = np.flatnonzero(unused)[: size - support.size]
    ids = np.concatenate([support, added])
    order = np.argsort(ids)
    return ids[order], np.concatenate([counts, np.zeros(added.size, dtype=np.int64)])[order]


def factorials(format: Format) -> Ids:
    """log2 n! for every n that the format needs."""
    return _factorials((format.vocabulary + format.resolution).bit_length())


@cache
def _factorials(bits: int) -> Ids:
    table: Ids = log2_factorials(1 << bits)
    return table
