"""Which tokens the receiver would expect in a draft's support, and how much: the candidates, best first.

A candidate's weight, Q30, is (1 - g - c) b + g f + c r: b is the prior's law after the last token w (its row, plus
what the row leaves over times the unigram); f how often the token followed w in the context, three times as much where
the token before w agreed too; r how often it occurs in the context. g = 2/5 n / (n + 2) for n followers; c = 1/32.
Candidates are listed once each: w's row by id, the COMMON most frequent tokens, the context's last WINDOW tokens,
oldest first; those stay whose weight is at least 1 / (FINENESS ell).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.coder.compiled import compiled
from channels.codec.recoded.prior_tables import WEIGHT_BITS, Tables
from kinds.arrays import Ints

COMMON = 64
FINENESS = 64
WINDOW = 256
UNIT = 1 << WEIGHT_BITS


class Candidates(NamedTuple):
    """int64 [N] each, the largest weight first, the earliest listed among equals; and what w's row leaves over, Q30."""

    ids: Ints
    weights: Ints
    followed: Ints
    occurred: Ints
    left_over: int


@compiled
def candidates(tables: Tables, context: Ints, resolution: int) -> Candidates:
    """The candidates after `context`, int64 [n], token ids, oldest first; -1 is a token that the receiver lacks."""
    context = context[max(0, context.size - WINDOW) :]
    last = context[-1] if context.size else -1
    begin, end = (tables.starts[last], tables.starts[last + 1]) if last >= 0 else (0, 0)
    room = end - begin + COMMON + context.size
    ids, followed, occurred = np.empty(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64)
    base, size, left_over = np.zeros(room, np.int64), 0, UNIT
    for entry in range(begin, end):
        at, size = _slot(tables, tables.row_ids[entry], ids, size)
        base[at] = tables.row_weights[entry]
        left_over -= tables.row_weights[entry]
    left_over = max(left_over, UNIT >> 10)
    for place in range(min(COMMON, tables.order.size)):
        _, size = _slot(tables, tables.order[place], ids, size)
    followers, known = 0, 0
    for place in range(context.size):
        token = context[place]
        if token < 0:
            continue
        known += 1
        at, size = _slot(tables, token, ids, size)
        occurred[at] += 1
        if place and last >= 0 and context[place - 1] == last:
            agrees = place >= 2 and context.size >= 2 and context[place - 2] == context[-2] and context[-2] >= 0
            followed[at] += 3 if agrees else 1
            followers += 3 if agrees else 1
    share = (2 * followers << WEIGHT_BITS) // (5 * (followers + 2))
    recent = UNIT >> 5 if known else 0
    weights = np.empty(size, np.int64)
    for at in range(size):
        law = base[at] + (left_over * tables.unigram[ids[at]] >> WEIGHT_BITS)
        weights[at] = (UNIT - share - recent) * law >> WEIGHT_BITS
        weights[at] += share * followed[at] // max(followers, 1) + recent * occurred[at] // max(known, 1) + 1
        tables.slots[ids[at]] = -1
    best = _best_first(weights, UNIT // (FINENESS * resolution))
    return Candidates(ids[best], weights[best], followed[best], occurred[best], left_over)


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


@compiled
def _slot(tables: Tables, token: int, ids: Ints, size: int) -> tuple[int, int]:
    """Where a token stands among the first `size` of `ids`, put there if new; and the size then."""
    at = tables.slots[token]
    if at >= 0:
        return at, size
    ids[size] = token
    tables.slots[token] = size
    return size, size + 1
