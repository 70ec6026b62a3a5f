"""Codes a token id at about -log2 of a prior's probability, given the text before it, for `ids` and `downlink`.

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
from channels.codec.coder.compiled import compiled, inlined, leaf
from channels.codec.coder.fixed_point import exp2
from channels.codec.context_coded.expected_tokens import FINENESS, UNIT, candidates
from channels.codec.context_coded.prior_tables import WEIGHT_BITS, Tables, find
from channels.codec.draft import CodecError, Format
from kinds.arrays import Bytes, Int32s, Ints

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
    """Codes an id after the context; any id when decoding. Returns it."""
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
    """Codes an id whose rank is not among `gone`, int64 [M], ascending; M < V."""
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


@leaf
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
BLOCK = 16
_SHARE_BITS = 30
_ID_BITS = 20


class Expected(NamedTuple):
    """Weights of the ids before the race, as whole numbers of any one unit."""

    ids: Int32s  # [N] those of a weight of their own
    weights: Int32s  # [N]
    common: Int32s  # [V] of the others: common * left_over >> 30, and 1
    left_over: int


def code_raced_id(io: Machine, buffer: Bytes, format: Format, context: Ints, words: Ints, token: int) -> int:
    """Codes the id below V that has won a race with these words, [V]. Returns it. `context`: as for `code_ids`."""
    return _code_contender(io, buffer, *_contenders(format, context, words), words.size, token)


@leaf
def _code_contender(io: Machine, buffer: Bytes, ids: Ints, frequencies: Ints, vocabulary: int, token: int) -> int:
    """Codes one of the ids, of these frequencies, int64 [n] each, or another id."""
    whole, begin, place = 0, 0, 0
    for at in range(ids.size):
        whole += frequencies[at]
    another = whole // ANOTHER + 1 if ids.size < vocabulary else 0
    value = target(io, whole + another) if io[MODE] == DECODE else 0
    while place < ids.size:
        if value < begin + frequencies[place] if io[MODE] == DECODE else ids[place] == token:
            symbol(io, buffer, begin, frequencies[place], whole + another)
            return int(ids[place])
        begin += frequencies[place]
        place += 1
    symbol(io, buffer, whole, another, whole + another)
    token = uniform(io, buffer, token, vocabulary)
    for at in range(ids.size):
        if ids[at] == token:
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
    """Returns the ids that may have won a race with these words, the likeliest first, and their frequencies
    (`contenders`)."""
    if format.prior:
        return _contenders_after(find(format.prior, format.vocabulary), context, words)
    return contenders(_alike(words.size), words, FLAT_SLOPE)


@compiled
def _contenders_after(tables: Tables, context: Ints, words: Ints) -> tuple[Ints, Ints]:
    listed = candidates(tables, context, RESOLUTION)
    expected = Expected(listed.ids, listed.weights, tables.unigram, listed.left_over)
    return contenders(expected, words, SLOPE)


def raced_bound_bits(format: Format) -> float:
    """No raced id costs more, but for the coder's roundings."""
    listed = log2(MOST + 1) + REACH * SLOPE / 64 + 1
    return max(listed, log2(ANOTHER + 1) + log2(format.vocabulary))


@lru_cache(maxsize=8)
def _alike(vocabulary: int) -> Expected:
    none = np.empty(0, dtype=np.int32)
    return Expected(none, none, np.zeros(vocabulary, dtype=np.int32), UNIT)


@compiled
def contenders(expected: Expected, words: Ints, slope: int) -> tuple[Ints, Ints]:
    """Returns the ids that may have won, int64 [n], the likeliest first, and their frequencies, int64 [n]."""
    listed, left_over = np.zeros(words.size, np.uint8), np.int32(expected.left_over)
    scores, ids = np.empty(words.size, np.int64), np.empty(words.size, np.int64)  # of those worth a look
    many, best, own = np.zeros(BUCKETS, np.int64), -(1 << 62), expected.ids.size
    for at in range(own):
        token = expected.ids[at]
        listed[token] = 1
        ids[at], scores[at] = token, score(expected.weights[at], words[token])
        many[_bucket(scores[at])] += 1
        best = max(best, int(scores[at]))
    # Where all are alike, so many words are likely to be as large that MOST are; else all are looked at.
    wide = not own and words.size > 4 * MOST
    large = (1 << WORD_BITS) - (1 << WORD_BITS) // words.size * (MOST + MOST // 4)
    least = score(1, large) if wide else _score(0)
    found, floor = _near(expected.common, left_over, words, listed, least, best, own, ids, scores, many)
    if wide and found < MOST:
        many[:] = 0
        found, floor = _near(expected.common, left_over, words, listed, _score(0), best, own, ids, scores, many)
    best, kept = int(np.max(scores[:found])), 0
    for bucket in range(BUCKETS - 1, floor - 1, -1):  # where each bucket's begin, the highest first
        many[bucket], kept = kept, kept + many[bucket]
    keys = np.empty(kept, np.int64)
    for at in range(found):
        bucket = _bucket(scores[at])
        if bucket >= floor:
            keys[many[bucket]] = best - scores[at] << _ID_BITS | ids[at]
            many[bucket] += 1
    put_in_order(keys)
    keys = keys[: min(int(np.searchsorted(keys, (REACH << 32) + 1 << _ID_BITS)), MOST)]
    frequencies = np.empty(keys.size, np.int64)
    for at in range(keys.size):
        frequencies[at] = (exp2((keys[at] >> _ID_BITS) * slope >> 6) >> 10) + 1
    return keys & ((1 << _ID_BITS) - 1), frequencies


@leaf
def put_in_order(keys: Ints) -> None:
    """Sorts numbers of which few are out of place, and by few places."""
    for at in range(1, keys.size):
        key, place = keys[at], at
        while place and keys[place - 1] > key:
            keys[place] = keys[place - 1]
            place -= 1
        keys[place] = key


@leaf
def _near(
    common: Int32s, left_over: np.int32, words: Ints, listed: Bytes, least: int, best: int, found: int, ids: Ints,
    scores: Ints, many: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Adds ids that may be among the contenders, and their scores, to those `found`, which are listed and of which
    there are so `many` in each bucket: ids that are not listed and have a score of `least` or more. Returns how many
    there are now, and the bucket of the least score of a contender.

    Once MOST are found whose scores are higher than all of a bucket, those of that bucket are no contenders. Most
    blocks have none that could be one, which a loop without a branch shows eight or four at a time.
    """
    floor, above = 0, found
    while above - many[floor] >= MOST:
        above -= many[floor]
        floor += 1
    least = max(least, _score(floor), best - (REACH << 32) if found else least)
    shift, factor = glance(least)
    for begin in range(0, words.size, BLOCK):
        block, its_common, some = words[begin : begin + BLOCK], common[begin : begin + BLOCK], 0
        for at in range(block.size):
            some += 1 if (1 << WORD_BITS) - block[at] >> shift <= _weight(its_common[at], left_over) * factor else 0
        if not some:
            continue
        for token in range(begin, begin + block.size):
            weight = _weight(common[token], left_over)
            if listed[token] or (1 << WORD_BITS) - words[token] >> shift > weight * factor:
                continue
            own = score(weight, words[token])
            if own < least:
                continue
            ids[found], scores[found] = token, own
            many[_bucket(own)] += 1
            found, above, best = found + 1, above + 1, max(best, own)
        if above - many[floor] >= MOST:
            while above - many[floor] >= MOST:
                above -= many[floor]
                floor += 1
            least = max(least, _score(floor), best - (REACH << 32))
            shift, factor = glance(least)
    return found, floor


OCTAVE_BITS, LEAST_SCORE = 28, -40
BUCKETS = 75 << (32 - OCTAVE_BITS)
"""Scores within 40 octaves below 1 and 35 above, in sixteenths."""


@inlined
def _bucket(score: int) -> int:
    return min(max((score >> OCTAVE_BITS) - (LEAST_SCORE << (32 - OCTAVE_BITS)), 0), BUCKETS - 1)


@inlined
def _score(bucket: int) -> int:
    """The least of a bucket."""
    return (bucket << OCTAVE_BITS) + (LEAST_SCORE << 32)


@inlined
def _weight(common: np.int32, left_over: np.int32) -> int:
    """Returns the weight of an id that is not listed."""
    return int(np.int64(left_over) * np.int64(common) >> WEIGHT_BITS) + 1


@leaf
def score(weight: int, word: int) -> int:
    """log2 of weight over exponential, Q32, but for a constant."""
    exponential = ((WORD_BITS + 1) << 32) - fixed_point.log2(2 * word + 1)
    return fixed_point.log2(weight) - fixed_point.log2(max(exponential, 1))


@leaf
def glance(least: int) -> tuple[int, int]:
    """(shift, factor): the score is below `least` unless (2^52 - w) >> shift <= weight * factor.

    E_x > 11/8 (2^52 - w) 2^-20: -log2 u > (1 - u) / ln 2, and where rounding could tell, E_x is 1. So the score can be
    `least` only where 2^52 - w <= 8/11 weight 2^(20 - least), here in units of 2^shift and rounded up.
    """
    shift = min(max(-(least >> 32), 0), 60)
    power = exp2(min(max(least + (shift + 1 << 32), 0), 40 << 32))  # 2^(20 - least - shift) is 2^21 of it, at most 2^21
    return shift, ((power >> 11) + 2) * 8 // 11 + 2
