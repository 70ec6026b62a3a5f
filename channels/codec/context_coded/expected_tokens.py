"""Candidates: the tokens that the receiver expects in a draft's support, with their weights, best first.

A candidate's weight, Q30, is (1 - g - c) b + g f + c r. b is the prior's distribution after the last token w (its row,
plus what the row leaves over times the unigram), raised by `context_model` and divided by the sum of all, those not
listed unraised; f how often the token followed w in the context, three times as much where the token before w agreed
too; r how often it occurs in the context. g = 2/5 n / (n + 2) for n followers; c = 1/32. Candidates are listed once
each: of w's row, largest weight first, those of at least 1 / (RAISE FINENESS ell); the most frequent tokens, COMMON ell
of them, at most MOST_COMMON; the context's last WINDOW tokens, oldest first. Those stay whose weight is at least 1 /
(FINENESS ell).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.coder.compiled import compiled
from channels.codec.coder.fixed_point import bit_length
from channels.codec.context_coded.context_model import all_raised, raised, wanted
from channels.codec.context_coded.prior_tables import MOST_COMMON, WEIGHT_BITS, Tables
from kinds.arrays import Int32s, Ints

COMMON = 16
FINENESS, RAISE = 64, 8
WINDOW = 256
UNIT = 1 << WEIGHT_BITS
POWERS = np.rint(2.0 ** (16 + np.arange(32) / 32)).astype(np.int32)  # 2^(i / 32), Q16


class Candidates(NamedTuple):
    """The candidates, N of them, the largest weight first, the earliest listed among equals; what is known of all that
    were listed, M of them; and what w's row leaves over, Q30."""

    ids: Int32s  # [N]
    weights: Int32s  # [N] Q30
    seats: Int32s  # [N] where each is among those listed
    base: Int32s  # [M] the distribution after w alone, Q30
    raised: Int32s  # [M] by how much, in 1/32 octave
    followed: Int32s  # [M]
    occurred: Int32s  # [M]
    left_over: int


@compiled
def candidates(tables: Tables, context: Ints, resolution: int) -> Candidates:
    """The candidates after `context`, int64 [n], token ids, oldest first; -1 is a token that the receiver lacks.

    Of those listed, the frequent tokens come first here, by rank, so that most of the work is on columns.
    """
    context = context[max(0, context.size - WINDOW) :]
    last = context[-1] if context.size else -1
    rank, slots = tables.rank, tables.slots
    begin, end = (tables.starts[last], tables.starts[last + 1]) if last >= 0 else (0, 0)
    while begin < end and tables.row_weights[end - 1] < UNIT // (RAISE * FINENESS * resolution):
        end -= 1  # a row has the largest weights first
    row, common = end - begin, min(COMMON * resolution, MOST_COMMON, tables.order.size)
    room = row + common + context.size
    ids, order = np.empty(room, np.int32), np.empty(room, np.int32)  # order: when the words of the module list each
    base, raises, weights = np.zeros(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int64)
    followed, occurred = np.zeros(room, np.int32), np.zeros(room, np.int32)
    ids[:common] = tables.order[:common]
    for place in range(room):
        order[place] = row + place
    size = common
    for entry in range(row):  # which lists no id twice
        token = tables.row_ids[begin + entry]
        at = rank[token]
        if at >= common:
            at, ids[size], slots[token] = size, token, size
            size += 1
        base[at], order[at] = tables.row_weights[begin + entry], entry
    followers, known = 0, 0
    for place in range(context.size):
        token = context[place]
        if token < 0:
            continue
        known += 1
        at = rank[token]
        if at >= common:
            at = slots[token]
            if at < 0:
                at, ids[size], slots[token] = size, token, size
                size += 1
        occurred[at] += 1
        if place and last >= 0 and context[place - 1] == last:
            agrees = place >= 2 and context.size >= 2 and context[place - 2] == context[-2] and context[-2] >= 0
            followed[at] += 3 if agrees else 1
            followers += 3 if agrees else 1
    left_over = np.int32(tables.row_rest[last] if last >= 0 else UNIT)
    h, vectors, unigram = wanted(tables.model, context), tables.model.vectors, tables.unigram
    all_raised(tables.common_vectors, h, raises[:common])
    for at in range(common, size):
        slots[ids[at]] = -1
        raises[at] = raised(vectors, h, ids[at])
    whole, listed = 0, 0
    for at in range(common):
        base[at] += np.int64(left_over) * np.int64(tables.common[at]) >> WEIGHT_BITS
    for at in range(common, size):
        base[at] += np.int64(left_over) * np.int64(unigram[ids[at]]) >> WEIGHT_BITS
    for at in range(size):
        weights[at] = np.int64(base[at]) * np.int64(POWERS[raises[at] & 31]) >> (16 - (raises[at] >> 5))
        whole += weights[at]
        listed += int(base[at])
    scale = (UNIT << 20) // (whole + max(UNIT - listed, UNIT >> 10))
    share = (2 * followers << WEIGHT_BITS) // (5 * (followers + 2))
    recent = UNIT >> 5 if known else 0
    prior, least, kept, seats = UNIT - share - recent, UNIT // (FINENESS * resolution), 0, np.empty(size, np.int32)
    needed = -(-(-((1 - least << WEIGHT_BITS) // prior) << 20) // max(scale, 1))  # of a weight, to be at least `least`
    for at in range(size):
        seats[kept] = at
        kept += 1 if weights[at] >= needed or occurred[at] else 0
    listed, kept, found, sums = kept, 0, np.empty(kept, np.int32), np.empty(kept, np.int32)
    for place in range(listed):
        at = seats[place]
        weight = (prior * (weights[at] * scale >> 20) >> WEIGHT_BITS) + 1
        if occurred[at]:
            weight += share * int(followed[at]) // max(followers, 1) + recent * int(occurred[at]) // max(known, 1)
        found[kept], sums[kept] = at, weight
        kept += 1 if weight >= least else 0
    seats, sums = best_first(found[:kept], sums[:kept], order)
    return Candidates(ids[seats], sums, seats, base, raises, followed, occurred, int(left_over))


STEPS = 4  # bits of a weight after its first 1 that choose its bucket


@compiled
def best_first(seats: Int32s, weights: Int32s, order: Int32s) -> tuple[Int32s, Int32s]:
    """Seats and positive weights, int32 [N], the largest weight first, the earliest in order[seat] among equals."""
    ends, buckets = np.zeros((33 << STEPS) + 1, np.int32), np.empty(seats.size, np.int32)
    for at in range(seats.size):
        length = bit_length(weights[at])
        buckets[at] = ((32 - length) << STEPS) - (int(weights[at]) << STEPS >> (length - 1)) + (2 << STEPS) - 1
        ends[buckets[at] + 1] += 1
    for bucket in range(ends.size - 1):
        ends[bucket + 1] += ends[bucket]
    best, sums = np.empty(seats.size, np.int32), np.empty(seats.size, np.int32)
    for at in range(seats.size):
        seat, weight, bucket = seats[at], weights[at], buckets[at]
        place = ends[bucket]
        ends[bucket] += 1
        best[place], sums[place] = seat, weight
    for at in range(1, seats.size):  # few are out of place, and by few places
        seat, weight, place = best[at], sums[at], at
        while place and (
            sums[place - 1] < weight or (sums[place - 1] == weight and order[best[place - 1]] > order[seat])
        ):
            best[place], sums[place] = best[place - 1], sums[place - 1]
            place -= 1
        best[place], sums[place] = seat, weight
    return best, sums
