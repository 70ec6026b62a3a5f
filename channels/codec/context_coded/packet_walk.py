"""Walks over all distributions of a packet, and its drafted ids, in one call of compiled code, as a call costs as much
as a draft.

Distributions that were walked before need no other walk: the questions of a walk are a tape (`coder.arithmetic`). A
tape is a function of the setting, the text, the distribution before and the distribution, and it is coded again
wherever it belongs.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.arithmetic import (
    FAILED,
    INVALID,
    POSITION,
    Machine,
    Tape,
    replay,
    symbol,
    target,
    uniform,
)
from channels.codec.coder.compiled import compiled, leaf
from channels.codec.context_coded.walk import WalkSetting, code_draft
from kinds.arrays import Bytes, Ints

FLAT, CODED, NOT_SENT = range(3)
"""Forms in which a drafted id travels: below V, by the counts it was drawn from, or not at all."""
NO_TAPE = np.empty((0, 3), dtype=np.int64)
NO_ENDS = np.empty(0, dtype=np.int64)


@compiled
def write_distributions(
    io: Machine, buffer: Bytes, setting: WalkSetting, flat: Ints, sizes: Ints, drawn: Ints, token: int, tape: Tape,
    ends: Ints,
) -> Ints:  # fmt: skip
    """Writes distributions, each followed by the ids drawn from it, each without those before it.

    flat: for each distribution the text before it, ids and counts of the distribution before, ids, and counts, one
    after the other; sizes, int64 [n, 4]: how many there are of text, ids before, ids, and `drawn`. The first of them
    were walked before: tape, and where each ends in it, int64 [at most n]. Returns POSITION after each, int64 [n].
    """
    marks, begin, first, child = np.empty(len(sizes), np.int64), 0, 0, 0
    for place in range(len(sizes)):
        text = flat[begin : begin + sizes[place, 0]]
        begin += text.size
        before = flat[begin : begin + sizes[place, 1]]
        begin += before.size
        before_counts = flat[begin : begin + before.size]
        begin += before.size
        support = flat[begin : begin + sizes[place, 2]]
        begin += support.size
        counts = flat[begin : begin + support.size]
        begin += support.size
        if place < ends.size:
            replay(io, buffer, tape[first : ends[place]])
            first = ends[place]
        else:
            code_draft(io, buffer, setting, text, before, before_counts, support, counts)
        marks[place] = io[POSITION]
        children = drawn[child : child + sizes[place, 3]]
        child += children.size
        write_ids(io, buffer, support, counts, children, token, setting.tables.order.size)
    return marks


@leaf
def write_ids(
    io: Machine, buffer: Bytes, support: Ints, counts: Ints, drawn: Ints, token: int, vocabulary: int
) -> None:
    """Ids drawn from these counts, each without those before it."""
    for place in range(drawn.size if token != NOT_SENT else 0):
        begin, total, size = 0, 0, 0
        for at in range(support.size):
            elder = False
            for other in range(place):
                elder = elder or support[at] == drawn[other]
            if elder:
                continue
            if support[at] < drawn[place]:
                begin += counts[at]
            elif support[at] == drawn[place]:
                size = counts[at]
            total += counts[at]
        if token == FLAT:
            uniform(io, buffer, drawn[place], vocabulary)
        else:
            symbol(io, buffer, begin, size, total)


@compiled
def read_chain(
    io: Machine, buffer: Bytes, setting: WalkSetting, text: Ints, known: int, token: int
) -> tuple[Ints, Ints, Ints]:
    """Reads drafts that follow each other: their ids, into text[known:], and the supports and counts of all, one after
    the other, int64 [sum of K], and where each ends, int64 [n]. Where the machine has FAILED they mean nothing."""
    number, size = text.size - known, 0
    ends = np.zeros(number, np.int64)
    support, counts = np.empty(1 << 10, np.int64), np.empty(1 << 10, np.int64)
    one, its_counts = np.empty(setting.largest_support, np.int64), np.empty(setting.largest_support, np.int64)
    before, before_counts = support[:0], counts[:0]
    for place in range(number):
        found = code_draft(io, buffer, setting, text[: known + place], before, before_counts, one, its_counts)
        if io[FAILED]:
            break
        if size + found > support.size:
            more = np.empty(size + found, np.int64)
            support, counts = np.append(support, more), np.append(counts, more)
        for at in range(found):
            support[size + at], counts[size + at] = one[at], its_counts[at]
        before, before_counts = support[size : size + found], counts[size : size + found]
        text[known + place] = read_id(io, buffer, before, before_counts, token, setting.tables.order.size)
        if io[FAILED]:
            break
        size += found
        ends[place] = size
    return support[:size].copy(), counts[:size].copy(), ends  # which are no longer than they need be


@leaf
def read_id(io: Machine, buffer: Bytes, support: Ints, counts: Ints, token: int, vocabulary: int) -> int:
    """The id drafted from these counts, -1 where it is not sent; the machine has FAILED where it is none of them."""
    if token == NOT_SENT:
        return -1
    if token == FLAT:
        drawn, place = uniform(io, buffer, 0, vocabulary), 0
        while place < support.size and support[place] < drawn:
            place += 1
        if place == support.size or support[place] != drawn:
            io[FAILED] = INVALID
        return drawn
    total, begin, place = 0, 0, 0
    for at in range(counts.size):
        total += counts[at]
    value = target(io, total)
    while begin + counts[place] <= value:
        begin += counts[place]
        place += 1
    symbol(io, buffer, begin, counts[place], total)
    return int(support[place])
