"""What the network is asked on a walk down the candidates, and what it is told.

Its INPUTS are logarithms in 1/32 octave and small numbers times 32: what the prior says of the candidate, what the
context does, where the walk stands, and the format. All of it is a function of (format, context, drafts already
decoded). They are worked out BLOCK candidates at a time, as most walks end early; what the walk changes is added last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import Machine, uniform
from channels.codec.coder.compiled import compiled, inlined
from channels.codec.coder.fixed_point import log2
from channels.codec.recoded.candidates import UNIT, Candidates
from channels.codec.recoded.network import HEADS, INPUTS, UNITS, answer, sums
from channels.codec.recoded.prior_tables import WEIGHT_BITS, Tables
from kinds.arrays import Bytes, Int32s, Ints

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


class WalkSetting(NamedTuple):
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
def prepare(setting: WalkSetting, listed: Candidates, previous: Ints) -> Walk:
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
def look(setting: WalkSetting, walk: Walk, listed: Candidates, previous: Ints, place: int) -> None:
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
                still[row, BEFORE] = OCTAVE if index_of(token, previous) >= 0 else -OCTAVE
    first, base, totals = setting.tables.network.first, walk.base, walk.totals
    for row in range(place, end):
        for unit in range(UNITS):
            total = base[0, unit]
            for input in range(CHANGING):
                total += still[row, input] * first[input, unit]
            totals[row, unit] = total


@compiled
def move(setting: WalkSetting, walk: Walk, left: int, found: int) -> None:
    """The inputs after a token is found."""
    walk.moving[0, LEFT - STILL] = octaves(left) - octaves(setting.resolution)
    walk.moving[0, FOUND - STILL] = octaves(found + 1)
    first, moving, more = setting.tables.network.first, walk.moving, walk.more
    for unit in range(UNITS):
        more[0, unit] = moving[0, 0] * first[STILL, unit] + moving[0, 1] * first[STILL + 1, unit]


@inlined
def _ask(io: Machine, buffer: Bytes, setting: WalkSetting, walk: Walk, place: int, head: int, value: int) -> int:
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
def code_number(
    io: Machine, buffer: Bytes, setting: WalkSetting, walk: Walk, place: int, heads: int, value: int, largest: int
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
def index_of(token: int, support: Ints) -> int:
    """Where a token stands in ascending ids, -1 if it does not."""
    low, high = 0, support.size
    while low < high:
        middle = (low + high) // 2
        if support[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low if low < support.size and support[low] == token else -1
