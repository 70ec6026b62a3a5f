"""The code `recoded`: the same counts in fewer bits, because the receiver knows some language too.

Design. Both ends list the tokens they expect (`evidence`), best first, and walk down the list; r is what is left of
ell. For each candidate: is its count positive? If so, is it at least 2, 4, 8, ... (while r allows), and then which of
the numbers up to the next power of two, all alike. The walk ends when r = 0; no K_n is sent. If the list ends first,
the rest is the tail: how many tokens t (at least 2, 4, ...; then all alike), their counts as a composition of r into t
positive parts, and their places in the order of the unigram, candidates left out: with S(x) the unigram weight of the
places from x on, P(first place < x) = 1 - (S(x) / S(a))^t after a, then the same with t - 1 from the place after it.

Every yes-or-no has its probability from the `network`, whose INPUTS are logarithms in 1/32 octave and small numbers
times 32: what the prior says of the candidate, what the context does, where the walk stands, and the format. All of it
is a function of (format, context, drafts already decoded).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.arrays import Bytes, Int32s, Ints
from channels.codec.coder.arithmetic import DECODE, FAILED, INVALID, MODE, Machine, uniform
from channels.codec.coder.compiled import compiled, inlined
from channels.codec.coder.fixed_point import log2
from channels.codec.coder.subsets import code_composition
from channels.codec.evidence import UNIT, Candidates, candidates
from channels.codec.network import HEADS, INPUTS, UNITS, answer, sums
from channels.codec.places import code_places
from channels.codec.prior import WEIGHT_BITS, Tables

LEVELS = HEADS // 2  # bit lengths of counts
POSITIVE, TAIL = 0, LEVELS
"""Heads: is it positive; POSITIVE + j: is the count at least 2^j, j >= 1; TAIL + j: does the tail hold 2^j or more."""
WEIGHT, UNIGRAM, OCCURRED, FOLLOWED, PLACE, REST, BEFORE, ROW_REST, ELL, SIZE, FIRST, LEFT, FOUND = range(INPUTS)
"""Inputs. Of a candidate: its weight, its unigram weight, how often it occurred, and followed the last token, its place
in the list, the weight of all from it on, whether the draft before had it. Of the draft: what the row leaves over, ell,
the largest support, whether it is the packet's first. Of the walk: what is left of ell, tokens found."""
BLOCK = 32  # candidates that are looked at together
CHANGING = ROW_REST  # inputs before this one differ from candidate to candidate
STILL = LEFT  # inputs before this one do not depend on the walk
OCTAVE = 32
WHOLE = WEIGHT_BITS * OCTAVE


class Setting(NamedTuple):
    """What a draft is coded under: its tables, log2 n!, ell, the support's largest size, and the trace of training."""

    tables: Tables
    factorials: Ints
    resolution: int
    largest_support: int
    trace: Int32s  # [rows, INPUTS + 2]: inputs, head, answer; no rows: nothing is traced
    traced: Ints  # [1] rows filled


class Walk(NamedTuple):
    """The network's view of a list of candidates, and of the tail in the row after them."""

    rest: Ints  # [N + 1] Q30 weight of the candidates from each on, and of all else
    still: Int32s  # [N + 1, STILL] inputs that the walk does not change
    base: Int32s  # [1, UNITS] what those from CHANGING on give the hidden units, with the bias
    totals: Int32s  # [N + 1, UNITS] base, and what the others give
    moving: Int32s  # [1, INPUTS - STILL] inputs that it does
    more: Int32s  # [1, UNITS] what those give


@compiled
def octaves(x: int) -> int:
    """log2 x in 1/32 octave, x >= 1."""
    return log2(x) >> 27


@compiled
def code_draft(
    io: Machine, buffer: Bytes, setting: Setting, context: Ints, previous: Ints, support: Ints, counts: Ints
) -> int:
    """Codes one draft: `support`, `counts`, int64 [K], ascending ids and positive counts. Returns K.

    When decoding, the arrays have room for the largest support and are filled, in the order of the walk. `previous`:
    the support of the draft before in this packet, empty if there is none.
    """
    listed = candidates(setting.tables, context, setting.resolution)
    walk = _prepare(setting, listed, previous)
    left, found, decoding = setting.resolution, 0, io[MODE] == DECODE
    _move(setting, walk, left, found)
    for place in range(listed.ids.size):
        if place % BLOCK == 0:
            _look(setting, walk, listed, previous, place)
        token = listed.ids[place]
        at = -1 if decoding else _place_of(token, support)
        count = counts[at] if at >= 0 else 0
        count = _code_count(io, buffer, setting, walk, place, POSITIVE, count, left)
        if count == 0 and not io[FAILED]:
            continue
        if io[FAILED] or found == support.size:
            io[FAILED] = io[FAILED] or INVALID
            return found
        if decoding:
            support[found], counts[found] = token, count
        found += 1
        left -= count
        if left == 0:
            return found
        _move(setting, walk, left, found)
    _look(setting, walk, listed, previous, listed.ids.size)
    return found + _code_tail(io, buffer, setting, walk, listed, left, found, support, counts)


@compiled
def _prepare(setting: Setting, listed: Candidates, previous: Ints) -> Walk:
    """The walk over a list, before its first step."""
    size = listed.ids.size + 1
    rest = np.empty(size, np.int64)
    rest[0] = UNIT
    for place in range(size - 1):
        rest[place + 1] = max(rest[place] - listed.weights[place], UNIT >> 10)
    still = np.zeros((size, STILL), np.int32)
    always = np.zeros((1, STILL - CHANGING), np.int32)
    always[0, ROW_REST - CHANGING] = octaves(listed.left_over) - WHOLE
    always[0, ELL - CHANGING] = octaves(setting.resolution)
    always[0, SIZE - CHANGING] = octaves(setting.largest_support)
    always[0, FIRST - CHANGING] = 0 if previous.size else OCTAVE
    still[:, CHANGING:] = always
    network, base = setting.tables.network, np.empty((1, UNITS), np.int32)
    sums(network.first[CHANGING:STILL], network.first_bias, always, base)
    moving, more = np.zeros((1, INPUTS - STILL), np.int32), np.zeros((1, UNITS), np.int32)
    return Walk(rest, still, base, np.empty((size, UNITS), np.int32), moving, more)


@compiled
def _look(setting: Setting, walk: Walk, listed: Candidates, previous: Ints, place: int) -> None:
    """The inputs of the next BLOCK candidates, or of the tail after them, and what they give the hidden units."""
    size, still, rest, unigram = listed.ids.size, walk.still, walk.rest, setting.tables.unigram_octaves
    end = min(place + BLOCK, size) if place < size else size + 1
    for row in range(place, end):
        still[row, PLACE] = octaves(row + 1)
        still[row, REST] = octaves(rest[row]) - WHOLE
        still[row, WEIGHT] = still[row, REST]
        if row < size:
            token = listed.ids[row]
            still[row, WEIGHT] = octaves(listed.weights[row]) - WHOLE
            still[row, UNIGRAM] = unigram[token]
            still[row, OCCURRED] = OCTAVE * min(listed.occurred[row], 3)
            still[row, FOLLOWED] = OCTAVE * min(listed.followed[row], 4)
            if previous.size:
                still[row, BEFORE] = OCTAVE if _place_of(token, previous) >= 0 else -OCTAVE
    first, base, totals = setting.tables.network.first, walk.base, walk.totals
    for row in range(place, end):
        for unit in range(UNITS):
            total = base[0, unit]
            for input in range(CHANGING):
                total += still[row, input] * first[input, unit]
            totals[row, unit] = total


@compiled
def _move(setting: Setting, walk: Walk, left: int, found: int) -> None:
    """The inputs after a token is found."""
    walk.moving[0, LEFT - STILL] = octaves(left) - octaves(setting.resolution)
    walk.moving[0, FOUND - STILL] = octaves(found + 1)
    first, moving, more = setting.tables.network.first, walk.moving, walk.more
    for unit in range(UNITS):
        more[0, unit] = moving[0, 0] * first[STILL, unit] + moving[0, 1] * first[STILL + 1, unit]


@inlined
def _ask(io: Machine, buffer: Bytes, setting: Setting, walk: Walk, place: int, head: int, value: int) -> int:
    """One yes-or-no about the candidate at a place, traced when training."""
    row = setting.traced[0]
    if row < setting.trace.shape[0]:
        setting.trace[row, :STILL] = walk.still[place]
        setting.trace[row, STILL:INPUTS] = walk.moving[0]
        setting.trace[row, INPUTS] = head
        setting.trace[row, INPUTS + 1] = value
        setting.traced[0] = row + 1
    return answer(io, buffer, setting.tables.network, walk.totals[place], walk.more[0], head, value)


@inlined
def _code_count(
    io: Machine, buffer: Bytes, setting: Setting, walk: Walk, place: int, heads: int, value: int, largest: int
) -> int:
    """A number within 0..largest by its bit length, then its place in the octave. From 1 where heads is TAIL."""
    length = 0
    if heads == TAIL or _ask(io, buffer, setting, walk, place, POSITIVE, 1 if value else 0):
        length = 1
        while length < LEVELS and 1 << length <= largest:
            if not _ask(io, buffer, setting, walk, place, heads + length, 1 if value >> length else 0):
                break
            length += 1
    number = 0
    if length:
        least = 1 << (length - 1)
        number = least + uniform(io, buffer, value - least, min(least, largest - least + 1))
    return number


@inlined
def _place_of(token: int, support: Ints) -> int:
    """Where a token stands in ascending ids, -1 if it does not."""
    low, high = 0, support.size
    while low < high:
        middle = (low + high) // 2
        if support[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low if low < support.size and support[low] == token else -1


@compiled
def _code_tail(
    io: Machine,
    buffer: Bytes,
    setting: Setting,
    walk: Walk,
    listed: Candidates,
    left: int,
    found: int,
    support: Ints,
    counts: Ints,
) -> int:
    """The tokens that are no candidates. Returns how many."""
    tables, decoding = setting.tables, io[MODE] == DECODE
    passed = np.sort(tables.rank[listed.ids])  # [N] places that cannot occur
    weights = np.zeros(passed.size + 1, np.int64)  # [N + 1] summed unigram weight of those from each on
    for at in range(passed.size - 1, -1, -1):
        weights[at] = weights[at + 1] + tables.unigram[tables.order[passed[at]]]
    largest = min(left, tables.order.size - passed.size)
    if largest == 0:
        io[FAILED] = INVALID
        return 0
    size = 0 if decoding else support.size - found
    size = _code_count(io, buffer, setting, walk, listed.ids.size, TAIL, size, largest)
    if io[FAILED] or (decoding and found + size > support.size):
        io[FAILED] = INVALID
        return 0
    parts, places = np.zeros(size, np.int64), np.zeros(size, np.int64)
    if not decoding:
        _gather(tables, passed, support, counts, parts, places)
    code_composition(io, buffer, setting.factorials, parts, left - size)
    if not io[FAILED]:
        code_places(io, buffer, tables, passed, weights, places)
    if decoding and not io[FAILED]:
        for at in range(size):
            support[found + at], counts[found + at] = tables.order[places[at]], parts[at] + 1
    return size


@compiled
def _gather(tables: Tables, passed: Ints, support: Ints, counts: Ints, parts: Ints, places: Ints) -> None:
    """The tail of a draft: its places ascending, and count - 1 of each."""
    size = 0
    ranks = tables.rank[support]
    for at in np.argsort(ranks):
        rank = ranks[at]
        seat = np.searchsorted(passed, rank)
        if seat == passed.size or passed[seat] != rank:
            places[size], parts[size] = rank, counts[at] - 1
            size += 1
