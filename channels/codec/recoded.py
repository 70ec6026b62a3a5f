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

from channels.codec.arithmetic import DECODE, FAILED, INVALID, MODE, Buffer, Machine, symbol, target, uniform
from channels.codec.compiled import compiled, inlined
from channels.codec.draft import Ids
from channels.codec.evidence import UNIT, Candidates, candidates
from channels.codec.fixed import exp2, log2
from channels.codec.network import Integers, answer, hidden
from channels.codec.positions import code_composition
from channels.codec.prior import Tables

INPUTS = 14
LEVELS = 23  # bit lengths of counts
POSITIVE, COUNT, TAIL = 0, 0, LEVELS
"""Heads: is it positive; COUNT + j: is the count at least 2^j, j >= 1; TAIL + j: are there at least 2^j in the tail."""
HEADS = 2 * LEVELS
WEIGHT, UNIGRAM, OCCURRED, FOLLOWED, PLACE, LEFT, EXPECTED, FOUND, BEFORE, REST, ROW_REST, ELL, SIZE, FIRST = range(14)
OCTAVE = 32


class Setting(NamedTuple):
    """What a draft is coded under: its tables, log2 n!, ell, the support's largest size, and the trace of training."""

    tables: Tables
    factorials: Ids
    resolution: int
    largest_support: int
    trace: Integers  # [rows, INPUTS + 2]: inputs, head, answer; no rows: nothing is traced
    traced: Ids  # [1] rows filled


class Walk(NamedTuple):
    """The network's inputs and hidden units at the present step."""

    inputs: Integers
    base: Integers  # [H] what the inputs that stay the same through a draft add up to
    units: Integers  # [H]


@inlined
def octaves(x: int) -> int:
    """log2 x in 1/32 octave, x >= 1."""
    return log2(x) >> 27


@compiled
def code_draft(
    io: Machine, buffer: Buffer, setting: Setting, context: Ids, previous: Ids, support: Ids, counts: Ids
) -> int:
    """Codes one draft: `support`, `counts`, int64 [K], ascending ids and positive counts. Returns K.

    When decoding, the arrays have room for the largest support and are filled, in the order of the walk. `previous`:
    the support of the draft before in this packet, empty if there is none.
    """
    listed = candidates(setting.tables, context, setting.resolution)
    size = setting.tables.network.first_bias.size
    walk = Walk(np.zeros(INPUTS, np.int32), np.zeros(size, np.int32), np.zeros(size, np.int32))
    _constants(walk, setting, listed, previous)
    left, rest, found = setting.resolution, UNIT + 0, 0
    decoding = io[MODE] == DECODE
    for place in range(listed.ids.size):
        if left == 0 or io[FAILED]:
            return found
        token = listed.ids[place]
        count = 0 if decoding else _count_of(token, support, counts)
        _look(walk, setting, listed, previous, place, left, rest, found)
        count = _code_count(io, buffer, setting, walk, POSITIVE, count, left)
        rest = max(rest - listed.weights[place], UNIT >> 10)
        if count:
            if decoding:
                if found == support.size:
                    io[FAILED] = INVALID
                    return found
                support[found], counts[found] = token, count
            found += 1
            left -= count
    if left == 0 or io[FAILED]:
        return found
    _look_beyond(walk, setting, listed, left, rest, found)
    return found + _code_tail(io, buffer, setting, walk, listed, left, found, support, counts)


@compiled
def _constants(walk: Walk, setting: Setting, listed: Candidates, previous: Ids) -> None:
    inputs = walk.inputs
    inputs[ROW_REST] = octaves(listed.left_over) - 30 * OCTAVE
    inputs[ELL] = octaves(setting.resolution)
    inputs[SIZE] = octaves(setting.largest_support)
    inputs[FIRST] = 0 if previous.size else OCTAVE
    network = setting.tables.network
    for unit in range(walk.base.size):
        walk.base[unit] = network.first_bias[unit]
        for place in range(ROW_REST, INPUTS):
            walk.base[unit] += network.first[place, unit] * inputs[place]


@inlined
def _look(
    walk: Walk, setting: Setting, listed: Candidates, previous: Ids, place: int, left: int, rest: int, found: int
) -> None:
    """The inputs for one candidate, and the hidden units."""
    inputs, token = walk.inputs, listed.ids[place]
    inputs[WEIGHT] = octaves(listed.weights[place]) - 30 * OCTAVE
    inputs[UNIGRAM] = setting.tables.unigram_octaves[token]
    inputs[OCCURRED] = OCTAVE * min(listed.occurred[place], 3)
    inputs[FOLLOWED] = OCTAVE * min(listed.followed[place], 4)
    inputs[PLACE] = octaves(place + 1)
    inputs[BEFORE] = 0
    if previous.size:
        at = np.searchsorted(previous, token)
        inputs[BEFORE] = OCTAVE if at < previous.size and previous[at] == token else -OCTAVE
    _progress(walk, setting, left, rest, found)


@compiled
def _look_beyond(walk: Walk, setting: Setting, listed: Candidates, left: int, rest: int, found: int) -> None:
    """The inputs for the tail as a whole."""
    inputs = walk.inputs
    inputs[WEIGHT] = octaves(rest) - 30 * OCTAVE
    inputs[PLACE] = octaves(listed.ids.size + 1)
    inputs[UNIGRAM] = inputs[OCCURRED] = inputs[FOLLOWED] = inputs[BEFORE] = 0
    _progress(walk, setting, left, rest, found)


@inlined
def _progress(walk: Walk, setting: Setting, left: int, rest: int, found: int) -> None:
    inputs = walk.inputs
    inputs[REST] = octaves(rest) - 30 * OCTAVE
    inputs[LEFT] = octaves(left) - inputs[ELL]
    inputs[EXPECTED] = octaves(left) + inputs[WEIGHT] - inputs[REST]
    inputs[FOUND] = octaves(found + 1)
    hidden(setting.tables.network, inputs, ROW_REST, walk.base, walk.units)


@inlined
def _ask(io: Machine, buffer: Buffer, setting: Setting, walk: Walk, head: int, value: int) -> int:
    """One yes-or-no, traced when training."""
    row = setting.traced[0]
    if row < setting.trace.shape[0]:
        for place in range(INPUTS):
            setting.trace[row, place] = walk.inputs[place]
        setting.trace[row, INPUTS] = head
        setting.trace[row, INPUTS + 1] = value
        setting.traced[0] = row + 1
    return answer(io, buffer, setting.tables.network, walk.units, head, value)


@compiled
def _code_count(io: Machine, buffer: Buffer, setting: Setting, walk: Walk, heads: int, value: int, largest: int) -> int:
    """A number within 0..largest by its bit length, then its place in the octave. From 1 where heads is TAIL."""
    length = 0
    if heads == TAIL or _ask(io, buffer, setting, walk, POSITIVE, 1 if value else 0):
        length = 1
        while length < LEVELS and 1 << length <= largest:
            if not _ask(io, buffer, setting, walk, heads + length, 1 if value >> length else 0):
                break
            length += 1
    if length == 0:
        return 0
    least = 1 << (length - 1)
    return least + uniform(io, buffer, value - least, min(least, largest - least + 1))


@inlined
def _count_of(token: int, support: Ids, counts: Ids) -> int:
    at = np.searchsorted(support, token)
    return int(counts[at]) if at < support.size and support[at] == token else 0


@compiled
def _code_tail(
    io: Machine,
    buffer: Buffer,
    setting: Setting,
    walk: Walk,
    listed: Candidates,
    left: int,
    found: int,
    support: Ids,
    counts: Ids,
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
    size = _code_count(io, buffer, setting, walk, TAIL, size, largest)
    if io[FAILED] or (decoding and found + size > support.size):
        io[FAILED] = INVALID
        return 0
    parts, places = np.zeros(size, np.int64), np.zeros(size, np.int64)
    if not decoding:
        _gather(tables, passed, support, counts, parts, places)
    code_composition(io, buffer, setting.factorials, parts, left - size)
    if not io[FAILED]:
        _code_places(io, buffer, tables, passed, weights, places)
    if decoding and not io[FAILED]:
        for at in range(size):
            support[found + at], counts[found + at] = tables.order[places[at]], parts[at] + 1
    return size


@compiled
def _gather(tables: Tables, passed: Ids, support: Ids, counts: Ids, parts: Ids, places: Ids) -> None:
    """The tail of a draft: its places ascending, and count - 1 of each."""
    size = 0
    ranks = tables.rank[support]
    for at in np.argsort(ranks):
        rank = ranks[at]
        seat = np.searchsorted(passed, rank)
        if seat == passed.size or passed[seat] != rank:
            places[size], parts[size] = rank, counts[at] - 1
            size += 1


@compiled
def _code_places(io: Machine, buffer: Buffer, tables: Tables, passed: Ids, weights: Ids, places: Ids) -> None:
    """Ascending places of the unigram's order, none of them in `passed`."""
    begin = 0
    for index in range(places.size):
        more = places.size - index
        total = _before(tables, passed, weights, begin, tables.order.size, more)
        if total == 0:
            io[FAILED] = INVALID
            return
        place = places[index]
        if io[MODE] == DECODE:
            value, place, high = target(io, total), begin, tables.order.size
            while high - place > 1:
                middle = (place + high) // 2
                if _before(tables, passed, weights, begin, middle, more) <= value:
                    place = middle
                else:
                    high = middle
            places[index] = place
        low = _before(tables, passed, weights, begin, place, more)
        size = _before(tables, passed, weights, begin, place + 1, more) - low
        symbol(io, buffer, low, size, total)
        if io[FAILED]:
            return
        begin = place + 1


@compiled
def _before(tables: Tables, passed: Ids, weights: Ids, begin: int, end: int, more: int) -> int:
    """The cumulative frequency of `the first of `more` places from begin on is before end`; one more for each place."""
    first, last = np.searchsorted(passed, begin), np.searchsorted(passed, end)
    free = end - begin - (last - first)
    whole = tables.rest[begin] - weights[first]
    remains = tables.rest[end] - weights[last]
    if whole <= 0:
        return 0
    share = 0 if remains <= 0 else exp2(min((log2(whole) - log2(max(remains, 1))) * more, 40 << 32))
    return int((1 << 32) - share + free)
