"""One token id at about -log2 of a prior's law, given the text before it: what `ids` and `downlink` code ids by.

ONE = 2^30. First, the candidates (`recoded.candidates`, at RESOLUTION) in their order, of frequency w + 1 each with w
their weights, then "another", of max(ONE - sum of w, ONE / 64), left out where no id is left. After "another": which,
among all that are no candidates in the unigram's order; C(x) = S(x) + F x is the cumulative frequency before rank x of
all ids, S(x) the summed unigram weight and F = ONE / (16 V) + 1, rounded down; those of the candidates are taken out.

An id that both ends know not to come is taken out of either. Without a prior the others are alike, ascending. All of it
is integers, a function of (prior, context, the id that cannot come).
"""

from __future__ import annotations

from functools import lru_cache
from math import log2
from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import DECODE, MODE, Machine, symbol, target, uniform
from channels.codec.draft import CodecError, Format
from channels.codec.recoded.candidates import FINENESS, UNIT, candidates
from channels.codec.recoded.prior_tables import Tables, find
from kinds.arrays import Bytes, Ints

RESOLUTION = 64
LEAST_OTHERS = UNIT >> 6
LARGEST_SUM = UNIT + (UNIT >> 2)
"""Of the weights of a prior that is a law: the stored ones are rounded to eighths of an octave."""


class IdLaw(NamedTuple):
    """The law of the next id: N candidates, then the others."""

    ids: Ints  # [N]
    ends: Ints  # [N + 2] cumulative frequency before each, before "another", and of all
    gone: Ints  # [M] ranks that "another" cannot have, ascending
    removed: Ints  # [M + 1] summed frequency of those before each, and of all


def code_id(io: Machine, buffer: Bytes, format: Format, context: Ints, token: int, without: int | None = None) -> int:
    """Codes an id below V, other than `without`. Returns it. `context`: as `context.latest` gives it."""
    if not format.prior:
        return _code_flat(io, buffer, format.vocabulary, token, without)
    law = _law(format, context, without)
    if io[MODE] == DECODE:
        place = int(law.ends.searchsorted(target(io, int(law.ends[-1])), side="right")) - 1
    else:
        place = _place(law, token)
    symbol(io, buffer, int(law.ends[place]), int(law.ends[place + 1] - law.ends[place]), int(law.ends[-1]))
    return int(law.ids[place]) if place < law.ids.size else _code_other(io, buffer, format, law, token)


def dearest(format: Format, context: Ints, support: Ints) -> Ints:
    """Ids of `support`, int64 [K], K >= 1, one of which costs most of all in it: [1] or [2]."""
    if not format.prior:
        return support[:1]
    law = _law(format, context, None)
    listed = law.ids[np.isin(law.ids, support)]
    others = support[~np.isin(support, listed)]
    before, rank = _before(format), find(format.prior, format.vocabulary).rank[others]
    last = others[np.argsort(before[rank + 1] - before[rank])[:1]]
    return np.append(listed[-1:], last)  # the candidates' weights fall


def bound_bits(format: Format) -> float:
    """No id costs more, but for the coder's roundings."""
    if not format.prior:
        return log2(format.vocabulary)
    whole = log2((LARGEST_SUM + LEAST_OTHERS + format.vocabulary) / UNIT)
    another = log2(UNIT / LEAST_OTHERS) + log2(LARGEST_SUM / UNIT + 1 / 8) + log2(16 * format.vocabulary)
    return whole + max(log2(FINENESS * RESOLUTION), another)


def _law(format: Format, context: Ints, without: int | None) -> IdLaw:
    tables = _tables(format)
    listed = candidates(tables, context, RESOLUTION)
    total = int(listed.weights.sum())
    if total > LARGEST_SUM:
        raise CodecError(f"prior = {format.prior!r}: the weights of its candidates sum to {total}, no law's")
    gone = tables.rank[listed.ids]
    kept = listed.ids != without
    if without is not None and kept.all():
        gone = np.append(gone, tables.rank[without])
    another = max(UNIT - total, LEAST_OTHERS) if gone.size < format.vocabulary else 0
    gone.sort()
    before = _before(format)
    frequencies = np.append(listed.weights[kept] + 1, another)
    return IdLaw(
        ids=listed.ids[kept],
        ends=np.concatenate([[0], frequencies.cumsum()]),
        gone=gone,
        removed=np.concatenate([[0], (before[gone + 1] - before[gone]).cumsum()]),
    )


def _place(law: IdLaw, token: int) -> int:
    """Where an id stands among the symbols."""
    found = np.flatnonzero(law.ids == token)
    return int(found[0]) if found.size else law.ids.size


def _code_other(io: Machine, buffer: Bytes, format: Format, law: IdLaw, token: int) -> int:
    """Codes an id that is no candidate."""
    tables, before = _tables(format), _before(format)
    total = int(before[-1] - law.removed[-1])
    if io[MODE] == DECODE:
        value = target(io, total)
        taken = law.removed[(before[law.gone] - law.removed[:-1]).searchsorted(value, side="right")]
        rank = int(before.searchsorted(value + taken, side="right")) - 1
    else:
        rank = int(tables.rank[token])
    begin = before[rank] - law.removed[law.gone.searchsorted(rank)]
    symbol(io, buffer, int(begin), int(before[rank + 1] - before[rank]), total)
    return int(tables.order[rank])


def _code_flat(io: Machine, buffer: Bytes, vocabulary: int, token: int, without: int | None) -> int:
    if without is None:
        return uniform(io, buffer, token, vocabulary)
    place = uniform(io, buffer, token - (token > without), vocabulary - 1)
    return place + (place >= without)


def _tables(format: Format) -> Tables:
    return find(format.prior or "", format.vocabulary)


@lru_cache(maxsize=8)
def _before(format: Format) -> Ints:
    """C, int64 [V + 1]. Raises CodecError where the prior's unigram is no law."""
    tables = _tables(format)
    before = tables.rest[0] - tables.rest + np.arange(tables.rest.size) * (UNIT // (16 * format.vocabulary) + 1)
    if tables.rest[0] > LARGEST_SUM:
        raise CodecError(f"prior = {format.prior!r}: its unigram weights sum to {tables.rest[0]}, no law's")
    frozen: Ints = before
    return frozen
