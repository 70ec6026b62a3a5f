"""One token id at about -log2 of a prior's probability, given the text before it: how `ids` and `downlink` code ids.

ONE = 2^30. First, the candidates (`context_coded.expected_tokens`, at RESOLUTION) in their order, of frequency w + 1
each with w their weights, then "another", of max(ONE - sum of w, ONE / 64), left out where no id is left. After
"another": which, among all that are no candidates in the unigram's order; C(x) = S(x) + F x is the cumulative frequency
before rank x of all ids, S(x) the summed unigram weight and F = ONE / (16 V) + 1, rounded down; those of the candidates
are taken out.

Without a prior all are alike, ascending. All of it is integers, a function of (prior, context).

`code_raced_id` codes an id that won a race between unknown probabilities, at what the race leaves open.

Both ends hold the race's words (`uniforms.words`), hence its exponentials e; the winner is argmin e_x / q_x, and the
receiver lacks q alone. With b the prior's distribution and q_x = b_x times noise whose logarithm is Gumbel of scale s,
the winner is x with probability proportional to (b_x / e_x)^(1 / s): a power of how well x would do if q were b. Where
q = b it is the first in that order; in general the two races agree with probability (1 - TV) / (1 + TV) at least
(Daliri, Musco, Suresh, arXiv 2408.07978).

In integers: b_x is the weight of a candidate (`context_coded.expected_tokens`, at RESOLUTION), of every other id (g u
>> 30) + 1 with u its unigram weight and g what the last token's row leaves over; without a prior, 1 for all. E_x = 53
2^32 - log2(2 w + 1), at least 1, from the word w. The score of x is log2 b_x - log2 E_x; its gap how far it is below
the highest. Contenders are the ids of a gap of at most REACH octaves, the MOST first by (gap, id), of frequency
(2^-(SLOPE gap) in Q32 >> 10) + 1 each, SLOPE in 1/64; then "another", of 1 / ANOTHER of their sum, rounded down, and 1
more. After "another", uniform below V, refused unless it is no contender. Logarithms and powers: `coder.fixed_point`.
"""

from __future__ import annotations

from functools import lru_cache
from math import log2
from typing import NamedTuple

import numpy as np

from channels.codec.coder import fixed_point
from channels.codec.coder.arithmetic import DECODE, FAILED, INVALID, MODE, Machine, symbol, target, uniform
from channels.codec.coder.compiled import compiled
from channels.codec.context_coded.expected_tokens import FINENESS, UNIT, candidates
from channels.codec.context_coded.prior_tables import WEIGHT_BITS, Tables, find
from channels.codec.draft import CodecError, Format
from kinds.arrays import Bytes, Ints

RESOLUTION = 256
LEAST_OTHERS = UNIT >> 6
LARGEST_SUM = UNIT + (UNIT >> 2)
"""The most that a prior's weights sum to: the stored ones are rounded to eighths of an octave."""


class IdPrior(NamedTuple):
    """A prior's tables, and C, int64 [V + 1]."""

    tables: Tables
    before: Ints


def code_ids(io: Machine, buffer: Bytes, format: Format, text: Ints, first: int) -> None:
    """Codes the ids text[first:], each below V and after those before it; decoding fills them in.

    text: int64 [n], where -1 is an id that the receiver lacks; no more than the last WINDOW before an id are read.
    Raises CodecError where the prior's weights are no distribution.
    """
    if format.prior:
        _code_ids(io, buffer, _prior(format.prior, format.vocabulary), text, first)
        if io[FAILED] and io[MODE] != DECODE:
            raise CodecError(f"prior = {format.prior!r}: its weights are no distribution's")
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
        raise CodecError(f"prior = {fingerprint!r}: its weights are no distribution's")
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


WORD_BITS = 52  # of the words of a race
SLOPE, FLAT_SLOPE = 80, 64  # 1 / s in 1/64, fitted to drafts of the bundled pairs; and without a prior
REACH = 14
MOST = 1000
ANOTHER = 64
_SHARE_BITS = 30
_ID_BITS = 20


class Expected(NamedTuple):
    """How likely each id is before the race, as whole numbers of any one unit."""

    ids: Ints  # [N] those of a weight of their own
    weights: Ints  # [N]
    common: Ints  # [V] of the others: common * left_over >> 30, and 1
    left_over: int


def code_raced_id(io: Machine, buffer: Bytes, format: Format, context: Ints, words: Ints, token: int) -> int:
    """Codes the id below V that has won a race with these words, [V]. Returns it. `context`: as for `code_ids`."""
    ids, frequencies = _contenders(format, context, words)
    ends = np.concatenate([[0], frequencies.cumsum()])
    another = int(ends[-1]) // ANOTHER + 1 if ids.size < format.vocabulary else 0
    total = int(ends[-1]) + another
    if io[MODE] == DECODE:
        place = int(ends.searchsorted(target(io, total), side="right")) - 1
    else:
        found = np.flatnonzero(ids == token)
        place = int(found[0]) if found.size else ids.size
    if place < ids.size:
        symbol(io, buffer, int(ends[place]), int(frequencies[place]), total)
        return int(ids[place])
    symbol(io, buffer, int(ends[-1]), another, total)
    token = uniform(io, buffer, token, format.vocabulary)
    if (ids == token).any():
        io[FAILED] = INVALID
    return token


def code_raced_set(
    io: Machine, buffer: Bytes, format: Format, context: Ints, words: Ints, gone: Ints, found: Ints
) -> None:
    """Codes different ids below V that came next, in whatever order, in a race with these words, [V], after the ids
    `gone`, which are not among them. found: int64 [r], ascending, r at most V less those gone; decoding fills it in."""
    ids, frequencies = _contenders(format, context, words)
    if gone.size:
        left = ~np.isin(ids, gone)
        ids, frequencies = ids[left], frequencies[left]
    _code_set(io, buffer, ids, frequencies, np.sort(np.append(ids, gone)), format.vocabulary, found)


@compiled
def _code_set(
    io: Machine, buffer: Bytes, ids: Ints, frequencies: Ints, listed: Ints, vocabulary: int, found: Ints
) -> None:
    """`ids`: the contenders, of these frequencies; `listed`: they and those that are gone, ascending."""
    number, size, others = found.size, ids.size, vocabulary - listed.size
    shares = set_shares(frequencies, number, others)
    decoding, start, filled = io[MODE] == DECODE, 0, 0
    chosen = np.empty(number, np.int64)
    for left in range(number, 0, -1):
        row, seat = shares[left], start
        total = row[start]
        if decoding:
            value = target(io, total)
            while total - row[seat + 1] <= value:
                seat += 1
        else:
            while seat < size and not (found == ids[seat]).any():
                seat += 1
        symbol(io, buffer, total - row[seat], row[seat] - row[seat + 1], total)
        if io[FAILED]:
            return
        if seat == size:
            break
        chosen[filled] = ids[seat]
        filled, start = filled + 1, seat + 1
    if not decoding:
        place = filled
        for token in found:
            if not _among(listed, token):
                chosen[place] = token
                place += 1
    last = -1
    for place in range(filled, number):
        last, before = uniform(io, buffer, chosen[place], vocabulary), last
        if io[FAILED] or last <= before or _among(listed, last):
            io[FAILED] = INVALID
            return
        chosen[place] = last
    found[:] = np.sort(chosen)


@compiled
def _among(ascending: Ints, token: int) -> bool:
    at = np.searchsorted(ascending, token)
    return bool(at < ascending.size and ascending[at] == token)


@compiled
def set_shares(frequencies: Ints, number: int, others: int) -> Ints:
    """shares[k, i], int64 [number + 1, N + 2]: how likely all sets of k ids are of which the first contender is i or a
    later one, or, from N on, of k other ids, next to those from 0 on, which are 2^30 + N + 1 at most."""
    size = frequencies.size
    another = frequencies.sum() // ANOTHER + 1
    shares = np.zeros((number + 1, size + 2), np.int64)
    shares[0, : size + 1] = 1 << _SHARE_BITS
    raw = np.zeros(size + 1, np.int64)
    for k in range(1, number + 1):
        for at in range(size):
            raw[at] = frequencies[at] * shares[k - 1, at + 1] if size - at - 1 + others >= k - 1 else -1
        raw[size] = another * shares[k - 1, size] // k if others >= k else -1
        shift = max(fixed_point.bit_length(int(np.sum(np.maximum(raw, 0)))) - _SHARE_BITS, 0)
        for at in range(size, -1, -1):
            share = (raw[at] >> shift) + 1 if raw[at] >= 0 else 0
            shares[k, at] = shares[k, at + 1] + share
    return shares


def raced_set_bound_bits(number: int, format: Format) -> float:
    """No set of so many ids costs more, but for the coder's roundings."""
    return number * (_SHARE_BITS + 0.1 + log2(format.vocabulary))


def _contenders(format: Format, context: Ints, words: Ints) -> tuple[Ints, Ints]:
    """Who may have won a race with these words, the likeliest first, and how likely each is (`contenders`)."""
    slope = SLOPE if format.prior else FLAT_SLOPE
    near = np.arange(words.size) if format.prior else largest(words)
    if near.size < words.size:
        ids, frequencies = contenders(_alike(near.size), words[near], slope)
        return near[ids], frequencies
    return contenders(_expected(format, context), words, slope)


def largest(words: Ints) -> Ints:
    """Ids among which all contenders are where those are alike before the race, ascending: those of the largest words,
    so many that MOST have a higher score than any of the others; all ids where it is not sure to be so."""
    everything, some = np.arange(words.size), MOST + MOST // 4
    if words.size <= 4 * MOST:
        return everything
    least = (1 << WORD_BITS) - ((1 << WORD_BITS) // words.size) * some  # about `some` are as large
    near = np.flatnonzero(words >= least)
    if near.size <= MOST:
        return everything
    last = int(np.partition(words[near], near.size - MOST)[near.size - MOST])
    missing, beyond = (1 << WORD_BITS) - last, (1 << WORD_BITS) - least
    return near if beyond - missing > missing >> 20 else everything  # scores are in 2^-32 of an octave


def raced_bound_bits(format: Format) -> float:
    """No raced id costs more, but for the coder's roundings."""
    listed = log2(MOST + 1) + REACH * SLOPE / 64 + 1
    return max(listed, log2(ANOTHER + 1) + log2(format.vocabulary))


def _expected(format: Format, context: Ints) -> Expected:
    if not format.prior:
        return _alike(format.vocabulary)
    tables = find(format.prior, format.vocabulary)
    listed = candidates(tables, context, RESOLUTION)
    return Expected(listed.ids, listed.weights, tables.unigram, listed.left_over)


@lru_cache(maxsize=8)
def _alike(vocabulary: int) -> Expected:
    none = np.empty(0, dtype=np.int64)
    return Expected(none, none, np.zeros(vocabulary, dtype=np.int64), UNIT)


@compiled
def contenders(expected: Expected, words: Ints, slope: int) -> tuple[Ints, Ints]:
    """Who may have won, int64 [n], the likeliest first, and how likely each is, int64 [n]."""
    size = words.size
    listed = np.zeros(size, np.uint8)
    scores = np.empty(size, np.int64)  # of those worth a look
    ids = np.empty(size, np.int64)
    best, found = -(1 << 62), 0
    for at in range(expected.ids.size):
        token = expected.ids[at]
        listed[token] = 1
        ids[found], scores[found] = token, score(expected.weights[at], words[token])
        best = max(best, int(scores[found]))
        found += 1
    for token in range(size):
        if listed[token]:
            continue
        weight = (expected.left_over * expected.common[token] >> WEIGHT_BITS) + 1
        if found and not within(weight, words[token], best - (REACH << 32)):
            continue
        ids[found], scores[found] = token, score(weight, words[token])
        best = max(best, int(scores[found]))
        found += 1
    keys, kept = np.empty(found, np.int64), 0
    for at in range(found):
        gap = best - scores[at]
        if gap <= REACH << 32:
            keys[kept] = gap << _ID_BITS | ids[at]
            kept += 1
    keys = np.sort(keys[:kept])[:MOST]
    frequencies = np.empty(keys.size, np.int64)
    for at in range(keys.size):
        frequencies[at] = (fixed_point.exp2((keys[at] >> _ID_BITS) * slope >> 6) >> 10) + 1
    first: Ints = keys & ((1 << _ID_BITS) - 1)
    return first, frequencies


@compiled
def score(weight: int, word: int) -> int:
    """log2 of weight over exponential, Q32, but for a constant."""
    exponential = ((WORD_BITS + 1) << 32) - fixed_point.log2(2 * word + 1)
    return fixed_point.log2(weight) - fixed_point.log2(max(exponential, 1))


@compiled
def within(weight: int, word: int, least: int) -> bool:
    """Whether the score may be `least` or more, at a glance: never False where it is. E_x is more than
    (2^52 - w) 2^-21, since -ln u > 1 - u; a factor of 2 is for the roundings."""
    shift = WORD_BITS - 30 - (least >> 32)
    missing = (1 << WORD_BITS) - word
    return bool(missing >> min(max(shift, 0), 62) <= weight)
