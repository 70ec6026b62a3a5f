"""The code `recoded`, context-modelled: the same counts in fewer bits, as the receiver knows some language too.

Both ends list the tokens they expect (`expected_tokens`), best first, and walk down the list; r is what is left of ell,
s how many more ids the support may hold. For each candidate: is its count positive? If so, and s > 1: is it at least 2,
4, 8, ... (while r allows), in the upper half of the numbers up to the next power of two (where r allows all of the
lower), and then which number of that half, all alike; with s = 1 it is r. The walk ends when r = 0; no K_n is sent. If
the list ends first, the rest is the tail. Every yes-or-no has its probability from the `network`.

The tail of a draft: its tokens that are no candidates.

How many they are, t, as the walk codes a count, with heads of its own; their counts likewise, each at most what leaves
one for each still to come, the last not sent; and their ranks in the order of the unigram, candidates left out. With
S(x) the unigram weight of the free ranks from x on, and t ranks still to come from a on, P(first < x) =
1 - (S(x) / S(a))^t, in units of 2^-32 and one unit more for each free rank; then the same with t - 1 from the rank
after it. Counts travel before ranks, in the order of the ranks.

The questions to the network on a walk down the candidates, and its inputs.

Its INPUTS are logarithms in 1/32 octave and small numbers times 32: what the prior has of the candidate, what the
context and the draft before do, where the walk stands, and the format. All of it is a function of (format, context,
drafts already decoded). Those of candidates are worked out BLOCK at a time, as most walks end early.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import DECODE, FAILED, INVALID, MODE, Machine, symbol, target, uniform
from channels.codec.coder.compiled import compiled, inlined
from channels.codec.coder.fixed_point import bit_length, exp2, log2
from channels.codec.context_coded.expected_tokens import UNIT, Candidates, candidates
from channels.codec.context_coded.network import HEADS, INPUTS, UNITS, answer, fed_by
from channels.codec.context_coded.prior_tables import WEIGHT_BITS, Tables
from kinds.arrays import Bytes, Int32s, Ints


@compiled
def code_draft(
    io: Machine, buffer: Bytes, setting: WalkSetting, context: Ints, before: Ints, before_counts: Ints, support: Ints,
    counts: Ints,
) -> int:  # fmt: skip
    """Codes one draft: `support`, `counts`, int64 [K], ascending ids and positive counts. Returns K.

    When decoding, the arrays have room for the largest support and are filled, in the order of the walk. `before` and
    `before_counts`: those of the draft before in this packet, empty if there is none.
    """
    listed = candidates(setting.tables, context, setting.resolution)
    network, trace, traced, ids = setting.tables.network, setting.trace, setting.traced, listed.ids
    second, bias, rest = network.second, network.second_bias, rests(listed.weights)
    inputs, fed = np.zeros((ids.size + 1, OF_WALK), np.int32), np.empty((ids.size + 1, UNITS), np.int32)
    base, walked = np.empty(UNITS, np.int32), np.zeros(UNITS + INPUTS - OF_WALK, np.int32)
    left, found, missed, least, decoding = setting.resolution, 0, 0, setting.resolution, io[MODE] == DECODE
    most, seen = setting.largest_support, 0
    of_draft(setting, listed, before, inputs, base)
    move(setting, walked, left, found, missed, least)
    for place in range(ids.size + 1):
        if place == seen:
            seen = look(setting, listed, rest, before, before_counts, place, inputs, base, fed)
        if place == ids.size:
            break
        at = -1 if decoding else index_of(ids[place], support)
        count = counts[at] if at >= 0 else 0
        positive = ask(io, buffer, second, bias, fed, inputs, place, walked, trace, traced, POSITIVE, 1 if count else 0)
        if io[FAILED]:
            return found
        if not positive:
            missed += 1
            if missed & (missed - 1) == 0:
                move(setting, walked, left, found, missed, least)
            continue
        if found + 1 == most:
            count = left
        else:
            count = code_number(
                io, buffer, second, bias, fed, inputs, place, walked, trace, traced, POSITIVE, count, left
            )
        if decoding:
            support[found], counts[found] = ids[place], count
        found, left, missed, least = found + 1, left - count, 0, min(least, count)
        if left == 0 or io[FAILED]:
            return found
        move(setting, walked, left, found, missed, least)
    return found + code_tail(
        io, buffer, setting, second, bias, fed, inputs, walked, listed, left, found, support, counts
    )


@compiled
def code_tail(
    io: Machine, buffer: Bytes, setting: WalkSetting, second: Int32s, bias: Int32s, fed: Int32s, inputs: Int32s,
    walked: Int32s, listed: Candidates, left: int, found: int, support: Ints, counts: Ints,
) -> int:  # fmt: skip
    """The tokens that are no candidates. Returns how many."""
    tables, decoding, place, trace, traced = (
        setting.tables, io[MODE] == DECODE, listed.ids.size, setting.trace, setting.traced,
    )  # fmt: skip
    passed, weights = passed_ranks(tables, listed.ids)
    largest = min(left, tables.order.size - passed.size, setting.largest_support - found)
    if largest == 0:
        io[FAILED] = INVALID
        return 0
    size = 0 if decoding else support.size - found
    size = code_number(io, buffer, second, bias, fed, inputs, place, walked, trace, traced, TAIL, size, largest)
    if io[FAILED]:
        return 0
    tail, ranks = np.ones(size, np.int64), np.zeros(size, np.int64)
    if not decoding:
        gather(tables, passed, support, counts, tail, ranks)
    for at in range(size - 1):
        move(setting, walked, left, size - 1 - at, 0, left)
        largest = left - (size - 1 - at)
        tail[at] = code_number(
            io, buffer, second, bias, fed, inputs, place, walked, trace, traced, TAIL_COUNT, tail[at], largest
        )
        left -= tail[at]
        if io[FAILED]:
            return 0
    tail[size - 1] = left
    code_ranks(io, buffer, tables, passed, weights, ranks)
    if decoding and not io[FAILED]:
        for at in range(size):
            support[found + at], counts[found + at] = tables.order[ranks[at]], tail[at]
    return size


@compiled
def passed_ranks(tables: Tables, ids: Ints) -> tuple[Ints, Ints]:
    """The ranks of the candidates, which cannot occur, int64 [N]; the unigram weight of those from each on, [N + 1]."""
    passed = np.sort(tables.rank[ids])
    weights = np.zeros(passed.size + 1, np.int64)
    for at in range(passed.size - 1, -1, -1):
        weights[at] = weights[at + 1] + tables.unigram[tables.order[passed[at]]]
    return passed, weights


@compiled
def gather(tables: Tables, passed: Ints, support: Ints, counts: Ints, tail: Ints, ranks: Ints) -> None:
    """The tail of a draft: its ranks ascending, and the count of each."""
    size = 0
    all_ranks = tables.rank[support]
    for at in np.argsort(all_ranks):
        rank = all_ranks[at]
        seat = np.searchsorted(passed, rank)
        if seat == passed.size or passed[seat] != rank:
            ranks[size], tail[size] = rank, counts[at]
            size += 1


@compiled
def code_ranks(io: Machine, buffer: Bytes, tables: Tables, passed: Ints, weights: Ints, ranks: Ints) -> None:
    """Ascending ranks in the unigram's order, none of them in `passed`."""
    begin = 0
    for index in range(ranks.size):
        if io[FAILED]:
            return
        more = ranks.size - index
        first = int(np.searchsorted(passed, begin))
        whole = tables.rest[begin] - weights[first]
        if whole <= 0:
            io[FAILED] = INVALID
            return
        whole, free = log2(whole), begin - first
        total = _frequency_before(tables, passed, weights, whole, free, tables.order.size, more)
        rank = ranks[index]
        if io[MODE] == DECODE:
            value, rank, high = target(io, total), begin, tables.order.size
            while high - rank > 1:
                middle = (rank + high) // 2
                if _frequency_before(tables, passed, weights, whole, free, middle, more) <= value:
                    rank = middle
                else:
                    high = middle
            ranks[index] = rank
        low = _frequency_before(tables, passed, weights, whole, free, rank, more)
        size = _frequency_before(tables, passed, weights, whole, free, rank + 1, more) - low
        symbol(io, buffer, low, size, total)
        begin = rank + 1


@compiled
def _frequency_before(tables: Tables, passed: Ints, weights: Ints, whole: int, free: int, end: int, more: int) -> int:
    """The cumulative frequency of `the first of `more` ranks is before end`; one unit more for each rank.

    whole: log2 of the weight from where they may begin; free: how many free ranks lie before that.
    """
    last = np.searchsorted(passed, end)
    remains = tables.rest[end] - weights[last]
    share = 0 if remains <= 0 else exp2(min((whole - log2(max(remains, 1))) * more, 40 << 32))
    return int((1 << 32) - share + end - last - free)


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
    trace: Int32s = np.zeros((0, INPUTS + 2), np.int32)  # [rows, INPUTS + 2]: inputs, head, answer; no rows: no trace
    traced: Ints = np.zeros(1, np.int64)  # [1] rows filled


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
