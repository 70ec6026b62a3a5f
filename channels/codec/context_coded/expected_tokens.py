"""Which tokens the receiver would expect in a draft's support, and how much: the candidates, best first.

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
from channels.codec.context_coded.context_model import raised, wanted
from channels.codec.context_coded.prior_tables import WEIGHT_BITS, Tables
from kinds.arrays import Ints

COMMON, MOST_COMMON = 16, 2048
FINENESS, RAISE = 64, 8
WINDOW = 256
UNIT = 1 << WEIGHT_BITS
POWERS = np.rint(2.0 ** (16 + np.arange(32) / 32)).astype(np.int64)  # 2^(i / 32), Q16


class Candidates(NamedTuple):
    """int64 [N] each, the largest weight first, the earliest listed among equals; and what w's row leaves over, Q30."""

    ids: Ints
    weights: Ints
    base: Ints  # the distribution after w alone, Q30
    raised: Ints  # by how much, in 1/32 octave
    followed: Ints
    occurred: Ints
    left_over: int


@compiled
def candidates(tables: Tables, context: Ints, resolution: int) -> Candidates:
    """The candidates after `context`, int64 [n], token ids, oldest first; -1 is a token that the receiver lacks."""
    context = context[max(0, context.size - WINDOW) :]
    last = context[-1] if context.size else -1
    begin, end = (tables.starts[last], tables.starts[last + 1]) if last >= 0 else (0, 0)
    common = min(COMMON * resolution, MOST_COMMON, tables.order.size)
    room = end - begin + common + context.size
    ids, followed, occurred = np.empty(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64)
    base, size = np.zeros(room, np.int64), 0
    left_over = tables.row_rest[last] if last >= 0 else UNIT
    slots, row_ids, row_weights, order = tables.slots, tables.row_ids, tables.row_weights, tables.order
    for entry in range(begin, end):  # a row lists no id twice, and the largest weights first
        if row_weights[entry] < UNIT // (RAISE * FINENESS * resolution):
            break
        token = row_ids[entry]
        ids[size], base[size], slots[token] = token, row_weights[entry], size
        size += 1
    for place in range(common):
        token = order[place]
        if slots[token] < 0:
            ids[size], slots[token] = token, size
            size += 1
    followers, known = 0, 0
    for place in range(context.size):
        token = context[place]
        if token < 0:
            continue
        known += 1
        at = slots[token]
        if at < 0:
            at, ids[size], slots[token] = size, token, size
            size += 1
        occurred[at] += 1
        if place and last >= 0 and context[place - 1] == last:
            agrees = place >= 2 and context.size >= 2 and context[place - 2] == context[-2] and context[-2] >= 0
            followed[at] += 3 if agrees else 1
            followers += 3 if agrees else 1
    weights, raises = np.empty(size, np.int64), np.empty(size, np.int64)
    h, vectors, unigram = wanted(tables.model, context), tables.model.vectors, tables.unigram
    whole, listed = 0, 0
    for at in range(size):
        token = ids[at]
        base[at] += left_over * unigram[token] >> WEIGHT_BITS
        slots[token] = -1
        raises[at] = raised(vectors, h, token)
        weights[at] = base[at] * POWERS[raises[at] & 31] >> (16 - (raises[at] >> 5))
        whole += weights[at]
        listed += base[at]
    scale = (UNIT << 20) // (whole + max(UNIT - listed, UNIT >> 10))
    share = (2 * followers << WEIGHT_BITS) // (5 * (followers + 2))
    recent = UNIT >> 5 if known else 0
    for at in range(size):
        distribution = weights[at] * scale >> 20
        weights[at] = ((UNIT - share - recent) * distribution >> WEIGHT_BITS) + 1
        if occurred[at]:
            weights[at] += share * followed[at] // max(followers, 1) + recent * occurred[at] // max(known, 1)
    best = _best_first(weights, UNIT // (FINENESS * resolution))
    return Candidates(ids[best], weights[best], base[best], raises[best], followed[best], occurred[best], left_over)


@compiled
def _best_first(weights: Ints, least: int) -> Ints:
    """Where the weights of at least `least` stand, the largest first, the earliest listed among equals."""
    keys, kept = np.empty(weights.size, np.int64), 0
    for at in range(weights.size):
        if weights[at] >= least:
            keys[kept] = (UNIT * 2 - weights[at]) << 21 | at
            kept += 1
    best: Ints = np.sort(keys[:kept]) & ((1 << 21) - 1)
    return best
