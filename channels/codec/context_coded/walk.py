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
from channels.codec.coder.compiled import compiled, inlined, leaf
from channels.codec.coder.fixed_point import bit_length, exp2, log2
from channels.codec.context_coded.expected_tokens import UNIT, Candidates, candidates
from channels.codec.context_coded.network import HEADS, INPUTS, UNITS, answer
from channels.codec.context_coded.prior_tables import WEIGHT_BITS, Tables
from kinds.arrays import Bytes, Int32s, Ints


@compiled
def code_draft(
    io: Machine, buffer: Bytes, setting: WalkSetting, context: Ints, before: Ints, before_counts: Ints, support: Ints,
    counts: Ints,
) -> int:  # fmt: skip
    """Codes one draft: `support`, `counts`, int64 [K], ascending ids and positive counts. Returns K.

    When decoding, the arrays have room for the largest support and are filled, in ascending order. `before` and
    `before_counts`: those of the draft before in this packet, empty if there is none. Where the setting is `sized`,
    `counts` are neither read nor filled.
    """
    listed = candidates(setting.tables, context, setting.resolution)
    network, most, sized, trace = setting.tables.network, setting.largest_support, setting.sized, setting.trace
    ids, second, bias, unigram = listed.ids, network.second, network.second_bias, setting.tables.unigram_octaves
    rows, walked = np.empty((ids.size + 1, ROW), np.int32), np.empty(UNITS + INPUTS, np.int32)
    base, ell = network.first_bias.copy(), setting.resolution
    of_draft(network.first, ell, most, listed.left_over, listed.weights, before.size, walked, base)
    left, found, rest = walk(
        io, buffer, network.first, second, bias, unigram, listed, before, before_counts, base, rows, walked, trace,
        ell, most, sized, support, counts,
    )  # fmt: skip
    if left and not io[FAILED]:
        look(network.first, unigram, listed, rest, before, before_counts, ids.size, ids.size + 1, base, rows, ell)
        found += code_tail(io, buffer, setting, second, bias, rows, walked, ids, left, found, support, counts)
    if io[MODE] == DECODE and not io[FAILED]:
        ascend(support[:found], counts[:found])
    return found


@leaf
def walk(
    io: Machine, buffer: Bytes, first: Int32s, second: Int32s, bias: Int32s, unigram: Int32s, listed: Candidates,
    before: Ints, before_counts: Ints, base: Int32s, rows: Int32s, walked: Int32s, trace: Int32s, ell: int, most: int,
    sized: bool, support: Ints, counts: Ints,
) -> tuple[int, int, int]:  # fmt: skip
    """Down the candidates. Returns what is left of ell, how many were found, and the Q30 weight of all else."""
    ids, left, found, missed, least, seen, rest = listed.ids, ell, 0, 0, ell, 0, UNIT
    decoding = io[MODE] == DECODE
    move(first, walked, ell, most, left, found, missed, least)
    for place in range(ids.size):
        if place == seen:
            seen = min(place + BLOCK, ids.size)
            rest = look(first, unigram, listed, rest, before, before_counts, place, seen, base, rows, ell)
        at = -1 if decoding else index_of(ids[place], support)
        value = ask(io, buffer, second, bias, rows, place, walked, trace, POSITIVE, 1 if at >= 0 else 0)
        if io[FAILED]:
            break
        if not value:
            missed += 1
            if missed & (missed - 1) == 0:
                move(first, walked, ell, most, left, found, missed, least)
            continue
        found, missed = found + 1, 0
        if sized:
            left = max(ell * (most - found) // most, 1) if found < most else 0
            least = left
        else:
            count = counts[at] if at >= 0 else 0
            if found == most:
                count = left
            else:
                count = code_number(io, buffer, second, bias, rows, place, walked, trace, POSITIVE, count, left)
            if decoding:
                counts[found - 1] = count
            left, least = left - count, min(least, count)
        if decoding:
            support[found - 1] = ids[place]
        if left == 0 or io[FAILED]:
            break
        move(first, walked, ell, most, left, found, missed, least)
    return left, found, rest


@compiled
def code_tail(
    io: Machine, buffer: Bytes, setting: WalkSetting, second: Int32s, bias: Int32s, rows: Int32s, walked: Int32s,
    ids: Int32s, left: int, found: int, support: Ints, counts: Ints,
) -> int:  # fmt: skip
    """The tokens that are none of the candidates `ids`. Returns how many."""
    tables, decoding, place, trace, sized = setting.tables, io[MODE] == DECODE, ids.size, setting.trace, setting.sized
    free = tables.order.size - ids.size
    largest = setting.largest_support - found if sized else min(left, free, setting.largest_support - found)
    if largest == 0 or largest > free:
        io[FAILED] = INVALID
        return 0
    passed, weights = passed_ranks(tables, ids)
    size = largest
    if not sized:
        size = 0 if decoding else support.size - found
        size = code_number(io, buffer, second, bias, rows, place, walked, trace, TAIL, size, largest)
    if io[FAILED]:
        return 0
    tail, ranks = np.ones(size, np.int64), np.zeros(size, np.int64)
    if not decoding:
        gather(tables, passed, support, counts, tail, ranks)
    for at in range(0 if sized else size - 1):
        move(tables.network.first, walked, setting.resolution, setting.largest_support, left, size - 1 - at, 0, left)
        largest = left - (size - 1 - at)
        tail[at] = code_number(io, buffer, second, bias, rows, place, walked, trace, TAIL_COUNT, tail[at], largest)
        left -= tail[at]
        if io[FAILED]:
            return 0
    tail[size - 1] = left
    code_ranks(io, buffer, tables, passed, weights, ranks)
    if decoding and not io[FAILED]:
        for at in range(size):
            support[found + at] = tables.order[ranks[at]]
            if not sized:
                counts[found + at] = tail[at]
    return size


@compiled
def ascend(support: Ints, counts: Ints) -> None:
    """Sorts ids, and their counts with them, where there are any."""
    if not counts.size:
        support.sort()
        return
    keys = support << COUNT_BITS | counts
    keys.sort()
    for at in range(keys.size):
        support[at], counts[at] = keys[at] >> COUNT_BITS, keys[at] & ((1 << COUNT_BITS) - 1)


@compiled
def passed_ranks(tables: Tables, ids: Int32s) -> tuple[Ints, Ints]:
    """The ranks of the candidates, which cannot occur, int64 [N]; the unigram weight of those from each on, [N + 1]."""
    passed = np.sort(tables.rank[ids].astype(np.int64))
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
            ranks[size], tail[size] = rank, counts[at] if counts.size else 0
            size += 1


@leaf
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


@leaf
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
ROW = UNITS + 16  # what the units are fed of a candidate, then its inputs
OCTAVE = 32
WHOLE = WEIGHT_BITS * OCTAVE
COUNT_BITS = 24  # a resolution is below 2^22, an id below 2^20


class WalkSetting(NamedTuple):
    """Setting under which a draft is coded: its tables, ell, the support's largest size, whether the support has
    exactly that size and its counts travel otherwise, and the trace of training."""

    tables: Tables
    resolution: int
    largest_support: int
    sized: bool = False
    trace: Int32s = np.zeros((0, INPUTS + 2), np.int32)
    """[1 + rows, INPUTS + 2]: how many rows are filled; inputs, head, answer of each question. No rows: no trace."""


@leaf
def octaves(x: int) -> int:
    """log2 x in 1/32 octave, x >= 1."""
    return log2(x) >> 27


@leaf
def of_draft(
    first: Int32s, ell: int, most: int, left_over: int, weights: Int32s, before: int, walked: Int32s, base: Int32s
) -> None:
    """Inputs of the draft, into `walked`, and what they give the units, added to `base`, int32 [UNITS].

    before: how many ids the draft before has.
    """
    walked[UNITS + ROW_REST] = octaves(left_over) - WHOLE
    walked[UNITS + ELL] = octaves(ell)
    walked[UNITS + SIZE] = octaves(most)
    walked[UNITS + FIRST] = 0 if before else OCTAVE
    walked[UNITS + BEFORE_SIZE] = octaves(before) + OCTAVE if before else 0
    walked[UNITS + TOP] = octaves(weights[0]) - WHOLE if weights.size else -WHOLE
    for place in range(OF_DRAFT, OF_WALK):
        add(base, walked[UNITS + place], first, place)


@leaf
def add(units: Int32s, value: int, first: Int32s, place: int) -> None:
    """Adds the contribution of an input of this value to the units. Sums stay within int32, so that the loop is
    vectorised."""
    narrow = np.int32(value)
    for unit in range(UNITS):
        units[unit] = np.int32(units[unit] + np.int32(narrow * first[place, unit]))


@leaf
def look(
    first: Int32s, unigram: Int32s, listed: Candidates, rest: int, before: Ints, before_counts: Ints, begin: int,
    end: int, base: Int32s, rows: Int32s, ell: int,
) -> int:  # fmt: skip
    """Inputs of candidates, or of the tail after them, and what the units are fed. rest: the Q30 weight of the
    candidates from `begin` on, and of all else; returns that from `end` on."""
    size = listed.ids.size
    for row in range(begin, end):
        left_over, base_weight, common, lifted, occurred, followed, had = octaves(rest) - WHOLE, 0, 0, 0, 0, 0, 0
        weight = left_over
        if row < size:
            token, seat = listed.ids[row], listed.seats[row]
            weight, base_weight = octaves(listed.weights[row]) - WHOLE, octaves(listed.base[seat] + 1) - WHOLE
            common, lifted = unigram[token], listed.raised[seat]
            occurred, followed = OCTAVE * min(listed.occurred[seat], 3), OCTAVE * min(listed.followed[seat], 4)
            if before.size:
                at = index_of(token, before)
                had = 12 * OCTAVE + octaves(before_counts[at]) - octaves(ell) if at >= 0 else -OCTAVE
            rest = max(rest - listed.weights[row], UNIT >> 10)
        given = weight, base_weight, common, lifted, occurred, followed, octaves(row + 1), left_over, had
        for place in range(OF_DRAFT):
            rows[row, UNITS + place] = given[place]
        for unit in range(UNITS):
            total = base[unit]
            for place in range(OF_DRAFT):
                total = np.int32(total + np.int32(np.int32(given[place]) * first[place, unit]))
            rows[row, unit] = total
    return rest


@leaf
def move(first: Int32s, walked: Int32s, ell: int, most: int, left: int, found: int, missed: int, least: int) -> None:
    """Writes the walk's state and its contribution to the units into `walked`, int32 [UNITS + INPUTS]."""
    state = (
        octaves(left) - octaves(ell),
        octaves(found + 1),
        octaves(most - found),
        OCTAVE * bit_length(missed),
        octaves(least),
    )
    for place in range(INPUTS - OF_WALK):
        walked[UNITS + OF_WALK + place] = state[place]
    for unit in range(UNITS):
        total = np.int32(0)
        for place in range(INPUTS - OF_WALK):
            total = np.int32(total + np.int32(np.int32(state[place]) * first[OF_WALK + place, unit]))
        walked[unit] = total


@inlined
def ask(
    io: Machine, buffer: Bytes, second: Int32s, bias: Int32s, rows: Int32s, place: int, walked: Int32s, trace: Int32s,
    head: int, value: int,
) -> int:  # fmt: skip
    """Codes one yes-or-no about the candidate at a place, traced when training. `walked`: see `move`."""
    if trace.shape[0] and trace[0, 0] + 1 < trace.shape[0]:
        trace[0, 0] += 1
        row = trace[0, 0]
        for at in range(INPUTS):
            trace[row, at] = rows[place, UNITS + at] if at < OF_DRAFT else walked[UNITS + at]
        trace[row, INPUTS], trace[row, INPUTS + 1] = head, value
    return answer(io, buffer, second, bias, rows, place, walked, head, value)


@leaf
def code_number(
    io: Machine, buffer: Bytes, second: Int32s, bias: Int32s, rows: Int32s, place: int, walked: Int32s, trace: Int32s,
    heads: int, value: int, largest: int,
) -> int:  # fmt: skip
    """A number within 1..largest by its bit length, the half it lies in of these, and its place in there."""
    length = 1
    while length < LEVELS and 1 << length <= largest:
        longer = 1 if value >> length else 0
        if not ask(io, buffer, second, bias, rows, place, walked, trace, heads + length, longer):
            break
        length += 1
    least = 1 << (length - 1)
    reach, half = min(least, largest - least + 1), least // 2
    if reach > half > 0:
        upper = 1 if value >= least + half else 0
        if ask(io, buffer, second, bias, rows, place, walked, trace, UPPER + length - 1, upper):
            least, reach = least + half, reach - half
        else:
            reach = half
    return least + uniform(io, buffer, value - least, reach)


@leaf
def index_of(token: int, support: Ints) -> int:
    """Returns the place of a token in ascending ids, -1 if it is not among them."""
    low, high = 0, support.size
    while low < high:
        middle = (low + high) // 2
        if support[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low if low < support.size and support[low] == token else -1
