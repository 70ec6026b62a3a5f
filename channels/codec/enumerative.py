"""The code `enumerative`: the paper's count made real. A packet is one mixed-radix integer.

Digits, least significant first: drafts - 1 below max_drafts; then for each draft

* "variable": K - 1 below min(V, ell); the rank of the ids among C(V, K); the rank of the counts, all positive, among
  C(ell - 1, K - 1).
* "fixed": the rank of the ids, refilled to K with the lowest unused ids, among C(V, K); the rank of the counts among
  C(ell + K - 1, K - 1). The receiver refuses any other filling.
* "dense": the rank of the counts over all of V among C(ell + V - 1, V - 1).

and, where token is "flat", the drafted id below V. With P the product of the radices met, the length is ceil(log2 P)
bits; the integer is sent big-endian in the fewest bytes that hold that many. Ranks are those of `ranking`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from channels.codec.draft import UNSENT, CodecError, Draft, Format, Ids
from channels.codec.ranking import binomial, rank_composition, rank_subset, unrank_composition, unrank_subset

Digit = tuple[int, int]
"""A value and its radix, 0 <= value < radix."""


def encode(drafts: Sequence[Draft], format: Format) -> bytes:
    """The packet of valid drafts (checked by `wire`)."""
    number, weight = len(drafts) - 1, format.max_drafts
    for draft in drafts:
        for value, radix in _digits(draft, format):
            number += value * weight
            weight *= radix
    return number.to_bytes(_bytes(weight), "big")


def decode(payload: bytes, format: Format) -> tuple[Draft, ...]:
    """The drafts of a packet. Raises CodecError unless `encode` can have produced it."""
    reader = _Reader(int.from_bytes(payload, "big"))
    drafts = tuple(_read_draft(reader, format) for _ in range(1 + reader.take(format.max_drafts)))
    if reader.number or len(payload) != _bytes(reader.weight):
        raise CodecError(f"payload of {len(payload)} bytes: not what its drafts encode to")
    return drafts


def length_bits(sizes: Sequence[int], format: Format) -> int:
    """The length of a packet whose drafts have `sizes` ids with a positive count, before padding to bytes."""
    weight = format.max_drafts
    for size in sizes:
        for radix in _radices(size, format):
            weight *= radix
    return (weight - 1).bit_length()


def refill(draft: Draft, size: int, vocabulary: int) -> tuple[Ids, Ids]:
    """Support and counts, both int64 [size], with the lowest unused ids at count zero."""
    unused = np.ones(min(vocabulary, size), dtype=bool)  # the lowest unused ids are among the `size` lowest
    unused[draft.support[draft.support < unused.size]] = False
    added = np.flatnonzero(unused)[: size - draft.support.size]
    ids = np.concatenate([draft.support, added])
    counts = np.concatenate([draft.counts, np.zeros(added.size, dtype=np.int64)])
    order = np.argsort(ids)
    return ids[order], counts[order]


def _radices(size: int, format: Format) -> Iterator[int]:
    """The radices of a draft with `size` positive counts, in the order of its digits."""
    V, ell = format.vocabulary, format.resolution
    if format.support == "variable":
        yield min(V, ell)
        yield binomial(V, size)
        yield binomial(ell - 1, size - 1)
    elif format.support_size is not None:
        yield binomial(V, format.support_size)
        yield binomial(ell + format.support_size - 1, ell)
    else:
        yield binomial(ell + V - 1, ell)
    if format.token == "flat":
        yield V


def _digits(draft: Draft, format: Format) -> Iterator[Digit]:
    """The digits of one draft."""
    return zip(_values(draft, format), _radices(draft.support.size, format), strict=True)


def _values(draft: Draft, format: Format) -> Iterator[int]:
    V, ell = format.vocabulary, format.resolution
    if format.support == "variable":
        yield draft.support.size - 1
        yield rank_subset(draft.support, V)
        yield rank_composition(draft.counts - 1, ell - draft.counts.size)
    elif format.support_size is not None:
        ids, counts = refill(draft, format.support_size, V)
        yield rank_subset(ids, V)
        yield rank_composition(counts, ell)
    else:
        counts = np.zeros(V, dtype=np.int64)
        counts[draft.support] = draft.counts
        yield rank_composition(counts, ell)
    if format.token == "flat":
        yield draft.token


class _Reader:
    """The digits of a number, least significant first; remembers the product of the radices."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.weight = 1

    def take(self, radix: int) -> int:
        """The next digit."""
        self.weight *= radix
        self.number, digit = divmod(self.number, radix)
        return digit


def _read_draft(reader: _Reader, format: Format) -> Draft:
    V, ell = format.vocabulary, format.resolution
    if format.support == "variable":
        size = 1 + reader.take(min(V, ell))
        ids = unrank_subset(reader.take(binomial(V, size)), V, size)
        counts = 1 + unrank_composition(reader.take(binomial(ell - 1, size - 1)), size, ell - size)
    elif format.support_size is not None:
        size = format.support_size
        ids = unrank_subset(reader.take(binomial(V, size)), V, size)
        counts = unrank_composition(reader.take(binomial(ell + size - 1, ell)), size, ell)
    else:
        ids = np.arange(V, dtype=np.int64)
        counts = unrank_composition(reader.take(binomial(ell + V - 1, ell)), V, ell)
    draft = Draft(reader.take(V) if format.token == "flat" else UNSENT, ids, counts)
    if format.support_size is not None and not np.array_equal(refill(draft, format.support_size, V)[0], ids):
        raise CodecError("support: zero counts not at the lowest unused ids")
    return draft


def _bytes(weight: int) -> int:
    """Bytes that hold every number below `weight`."""
    return ((weight - 1).bit_length() + 7) // 8
