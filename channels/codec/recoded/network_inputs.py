"""What the network is asked on a walk down the candidates, and what it is told.

Its INPUTS are logarithms in 1/32 octave and small numbers times 32: what the prior says of the candidate, what the
context and the draft before do, where the walk stands, and the format. All of it is a function of (format, context,
drafts already decoded). Those of candidates are worked out BLOCK at a time, as most walks end early.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import Machine, uniform
from channels.codec.coder.compiled import compiled, inlined
from channels.codec.coder.fixed_point import bit_length, log2
from channels.codec.recoded.candidates import UNIT, Candidates
from channels.codec.recoded.network import HEADS, INPUTS, UNITS, answer, fed_by
from channels.codec.recoded.prior_tables import WEIGHT_BITS, Tables
from kinds.arrays import Bytes, Int32s, Ints

LEVELS = HEADS // 4  # bit lengths of counts
POSITIVE, TAIL, TAIL_COUNT, UPPER = 0, LEVELS, 2 * LEVELS, 3 * LEVELS
"""Heads: is it positive; POSITIVE + j: is the count at least 2^j, j >= 1; TAIL + j: does the tail hold 2^j or more;
TAIL_COUNT + j: is a count of the tail; UPPER + j: is a number of j bits in the upper half of these."""
(
    WEIGHT, BASE, UNIGRAM, RAISED, OCCURRED, FOLLOWED, PLACE, REST, BEFORE,
    ROW_REST, ELL, SIZE, FIRST, BEFORE_SIZE, TOP,
    LEFT, FOUND, ROOM, MISSED, LEAST,
) = range(INPUTS)  # fmt: skip
"""Inputs. Of a candidate: its weight, those after the last token alone and of the unigram, by how much the context
raised it, how often it occurred, and followed the last token, its place in the list, the weight of all from it on, its
count in the draft before. Of the draft: what the row leaves over, ell, the largest support, whether it is the packet's
first, how many ids the draft before had, the first candidate's weight. Of the walk: what is left of ell, tokens found,
how many more there may be, how many candidates (in bits) since the last found, the least count found."""
BLOCK = 32  # candidates that are looked at together
OF_DRAFT, OF_WALK = ROW_REST, LEFT  # where inputs of the draft and of the walk begin
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


@compiled
def octaves(x: int) -> int:
    """log2 x in 1/32 octave, x >= 1."""
    return log2(x) >> 27


@compiled
def rests(weights: Ints) -> Ints:
    """Q30 weight of the candidates from each on, and of all else. int64 [N + 1]."""
    rest = np.empty(weights.size + 1, np.int64)
    rest[0] = UNIT
    for place in range(weights.size):
        rest[place + 1] = max(rest[place] - weights[place], UNIT >> 10)
    return rest


@compiled
def of_draft(setting: WalkSetting, listed: Candidates, before: Ints, inputs: Int32s, base: Int32s) -> None:
    """Inputs of the draft, into every row of `inputs`, int32 [N + 1, OF_WALK], and what they give with the bias.

    before: the ids of the draft before. `base`, int32 [UNITS], is set to the latter.
    """
    inputs[:, ROW_REST] = octaves(listed.left_over) - WHOLE
    inputs[:, ELL] = octaves(setting.resolution)
    inputs[:, SIZE] = octaves(setting.largest_support)
    inputs[:, FIRST] = 0 if before.size else OCTAVE
    inputs[:, BEFORE_SIZE] = octaves(before.size) + OCTAVE if before.size else 0
    inputs[:, TOP] = octaves(listed.weights[0]) - WHOLE if listed.weights.size else -WHOLE
    first, bias = setting.tables.network.first, setting.tables.network.first_bias
    for unit in range(UNITS):
        base[unit] = bias[unit] + fed_by(first, inputs, 0, OF_DRAFT, OF_WALK, unit)


@compiled
def look(
    setting: WalkSetting,
    listed: Candidates,
    rest: Ints,
    before: Ints,
    before_counts: Ints,
    place: int,
    inputs: Int32s,
    base: Int32s,
    fed: Int32s,
) -> int:
    """Inputs of the next BLOCK candidates, or of the tail after them, and what the units are fed; returns their end."""
    size, unigram, ell = listed.ids.size, setting.tables.unigram_octaves, octaves(setting.resolution)
    end = min(place + BLOCK, size) if place < size else size + 1
    for row in range(place, end):
        inputs[row, PLACE] = octaves(row + 1)
        inputs[row, REST] = octaves(rest[row]) - WHOLE
        inputs[row, WEIGHT] = inputs[row, REST]
        if row < size:
            token = listed.ids[row]
            inputs[row, WEIGHT] = octaves(listed.weights[row]) - WHOLE
            inputs[row, BASE] = octaves(listed.base[row] + 1) - WHOLE
            inputs[row, UNIGRAM] = unigram[token]
            inputs[row, RAISED] = listed.raised[row]
            inputs[row, OCCURRED] = OCTAVE * min(listed.occurred[row], 3)
            inputs[row, FOLLOWED] = OCTAVE * min(listed.followed[row], 4)
            if before.size:
                at = index_of(token, before)
                inputs[row, BEFORE] = 12 * OCTAVE + octaves(before_counts[at]) - ell if at >= 0 else -OCTAVE
    first = setting.tables.network.first
    for row in range(place, end):
        for unit in range(UNITS):
            fed[row, unit] = base[unit] + fed_by(first, inputs, row, 0, OF_DRAFT, unit)
    return end


@compiled
def move(setting: WalkSetting, walked: Int32s, left: int, found: int, missed: int, least: int) -> None:
    """What the walk's state gives the units, and that state, into `walked`, int32 [UNITS + INPUTS - OF_WALK]."""
    walked[UNITS + LEFT - OF_WALK] = octaves(left) - octaves(setting.resolution)
    walked[UNITS + FOUND - OF_WALK] = octaves(found + 1)
    walked[UNITS + ROOM - OF_WALK] = octaves(setting.largest_support - found)
    walked[UNITS + MISSED - OF_WALK] = OCTAVE * bit_length(missed)
    walked[UNITS + LEAST - OF_WALK] = octaves(least)
    first = setting.tables.network.first
    for unit in range(UNITS):
        total = np.int32(0)
        for place in range(OF_WALK, INPUTS):
            total = np.int32(total + np.int32(walked[UNITS - OF_WALK + place] * first[place, unit]))
        walked[unit] = total


@inlined
def ask(
    io: Machine, buffer: Bytes, second: Int32s, bias: Int32s, fed: Int32s, inputs: Int32s, place: int, walked: Int32s,
    trace: Int32s, traced: Ints, head: int, value: int,
) -> int:  # fmt: skip
    """One yes-or-no about the candidate at a place, traced when training. `walked`: see `move`."""
    row = traced[0]
    if row < trace.shape[0]:
        trace[row, :OF_WALK] = inputs[place]
        trace[row, OF_WALK:INPUTS] = walked[UNITS:]
        trace[row, INPUTS] = head
        trace[row, INPUTS + 1] = value
        traced[0] = row + 1
    return answer(io, buffer, second, bias, fed, place, walked, head, value)


@compiled
def code_number(
    io: Machine, buffer: Bytes, second: Int32s, bias: Int32s, fed: Int32s, inputs: Int32s, place: int, walked: Int32s,
    trace: Int32s, traced: Ints, heads: int, value: int, largest: int,
) -> int:  # fmt: skip
    """A number within 1..largest by its bit length, the half it lies in of these, and its place in there."""
    length = 1
    while length < LEVELS and 1 << length <= largest:
        longer = 1 if value >> length else 0
        if not ask(io, buffer, second, bias, fed, inputs, place, walked, trace, traced, heads + length, longer):
            break
        length += 1
    least = 1 << (length - 1)
    reach, half = min(least, largest - least + 1), least // 2
    if reach > half > 0:
        upper = 1 if value >= least + half else 0
        if ask(io, buffer, second, bias, fed, inputs, place, walked, trace, traced, UPPER + length - 1, upper):
            least, reach = least + half, reach - half
        else:
            reach = half
    return least + uniform(io, buffer, value - least, reach)


@compiled
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
