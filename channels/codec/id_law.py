"""One token id at about -log2 of a prior's law, given the text before it: what `ids` and `downlink` code ids by.

ONE = 2^30. First, the candidates (`recoded.candidates`, at RESOLUTION) in their order, of frequency w + 1 each with w
their weights, then "another", of max(ONE - sum of w, ONE / 64), left out where no id is left. After "another": which,
among all that are no candidates in the unigram's order; C(x) = S(x) + F x is the cumulative frequency before rank x of
all ids, S(x) the summed unigram weight and F = ONE / (16 V) + 1, rounded down; those of the candidates are taken out.

Without a prior all are alike, ascending. All of it is integers, a function of (prior, context).
"""

from __future__ import annotations

from functools import lru_cache
from math import log2
from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import (
    DECODE,
    FAILED,
    INVALID,
    MODE,
    Machine,
    symbol,
    target,
    uniform,
)
from channels.codec.coder.compiled import compiled
from channels.codec.draft import CodecError, Format
from channels.codec.recoded.candidates import FINENESS, UNIT, candidates
from channels.codec.recoded.prior_tables import Tables, find
from kinds.arrays import Bytes, Ints

RESOLUTION = 256
LEAST_OTHERS = UNIT >> 6
LARGEST_SUM = UNIT + (UNIT >> 2)
"""Of the weights of a prior that is a law: the stored ones are rounded to eighths of an octave."""


class IdPrior(NamedTuple):
    """A prior's tables, and C, int64 [V + 1]."""

    tables: Tables
    before: Ints


def code_ids(io: Machine, buffer: Bytes, format: Format, text: Ints, first: int) -> None:
    """Codes the ids text[first:], each below V and after those before it; decoding fills them in.

    text: int64 [n], where -1 is an id that the receiver lacks; no more than the last WINDOW before an id are read.
    Raises CodecError where the prior's weights are no law.
    """
    if format.prior:
        _code_ids(io, buffer, _prior(format.prior, format.vocabulary), text, first)
        if io[FAILED] and io[MODE] != DECODE:
            raise CodecError(f"prior = {format.prior!r}: its weights are no law's")
    else:
        _code_flat_ids(io, buffer, format.vocabulary, text, first)


def dearest(format: Format, text: Ints, support: Ints) -> Ints:
    """Ids of `support`, int64 [K], K >= 1, one of which costs most of all in it after `text`: [1] or [2]."""
    if not format.prior:
        return support[:1]
    tables, before = _prior(format.prior, format.vocabulary)
    ids = candidates(tables, text, RESOLUTION).ids
    listed, others = ids[np.isin(ids, support)], support[~np.isin(support, ids)]
    rank = tables.rank[others]
    rarest = others[np.argsort(before[rank + 1] - before[rank])[:1]]
    return np.append(listed[-1:], rarest)  # the candidates' weights fall


def bound_bits(format: Format) -> float:
    """No id costs more, but for the coder's roundings."""
    if not format.prior:
        return log2(format.vocabulary)
    whole = log2((LARGEST_SUM + LEAST_OTHERS + format.vocabulary) / UNIT)
    another = log2(UNIT / LEAST_OTHERS) + log2(LARGEST_SUM / UNIT + 1 / 8) + log2(16 * format.vocabulary)
    return whole + max(log2(FINENESS * RESOLUTION), another)


@lru_cache(maxsize=8)
def _prior(fingerprint: str, vocabulary: int) -> IdPrior:
    tables = find(fingerprint, vocabulary)
    if tables.rest[0] > LARGEST_SUM:
        raise CodecError(f"prior = {fingerprint!r}: its weights are no law's")
    floor = UNIT // (16 * vocabulary) + 1
    return IdPrior(tables, tables.rest[0] - tables.rest + floor * np.arange(vocabulary + 1))


@compiled
def _code_ids(io: Machine, buffer: Bytes, prior: IdPrior, text: Ints, first: int) -> None:
    for place in range(first, text.size):
        text[place] = _code_id(io, buffer, prior, text[:place], text[place])
        if io[FAILED]:
            return


@compiled
def _code_id(io: Machine, buffer: Bytes, prior: IdPrior, context: Ints, token: int) -> int:
    """One id after the context; anything when decoding. Returns it."""
    listed = candidates(prior.tables, context, RESOLUTION)
    ids, weights, total = listed.ids, listed.weights, int(np.sum(listed.weights))
    if total > LARGEST_SUM:
        io[FAILED] = INVALID
        return 0
    size = ids.size
    ends, seat = np.zeros(size + 2, np.int64), size
    for at in range(size):
        ends[at + 1] = ends[at] + weights[at] + 1
        if ids[at] == token:
            seat = at
    ends[size + 1] = ends[size] + (max(UNIT - total, LEAST_OTHERS) if size < prior.tables.order.size else 0)
    if io[MODE] == DECODE:
        seat = int(np.searchsorted(ends, target(io, ends[-1]), side="right")) - 1
    symbol(io, buffer, ends[seat], ends[seat + 1] - ends[seat], ends[-1])
    if seat < size:
        return int(ids[seat])
    return _code_other(io, buffer, prior, np.sort(prior.tables.rank[ids]), token)


@compiled
def _code_other(io: Machine, buffer: Bytes, prior: IdPrior, gone: Ints, token: int) -> int:
    """One id whose rank is not among `gone`, int64 [M], ascending; M < V."""
    before = prior.before
    removed = np.zeros(gone.size + 1, np.int64)  # [M + 1] summed frequency of those before each, and of all
    for at in range(gone.size):
        removed[at + 1] = removed[at] + before[gone[at] + 1] - before[gone[at]]
    total = before[-1] - removed[-1]
    if io[MODE] == DECODE:
        value = target(io, total)
        taken = removed[np.searchsorted(before[gone] - removed[:-1], value, side="right")]
        rank = np.searchsorted(before, value + taken, side="right") - 1
    else:
        rank = prior.tables.rank[token]
    begin = before[rank] - removed[np.searchsorted(gone, rank)]
    symbol(io, buffer, begin, before[rank + 1] - before[rank], total)
    return int(prior.tables.order[rank])


@compiled
def _code_flat_ids(io: Machine, buffer: Bytes, vocabulary: int, text: Ints, first: int) -> None:
    for place in range(first, text.size):
        text[place] = uniform(io, buffer, text[place], vocabulary)
        if io[FAILED]:
            return
