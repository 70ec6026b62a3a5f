"""The code `recoded` for counts of quantizers other than the lattice: the ids by a walk, given how many they are.

Such counts have no sum that a walk could end with, so K comes first: after another draft of the packet, whether K is
that draft's, a bit at even odds; else the bit length of K, uniform among those of 1..V, then K - 2^(length - 1),
uniform among the numbers of that length up to V. Then, down the `expected_tokens`: is it in the support? The walk ends
once K are. If the list ends first, the ranks of the others follow as in `tail`. The counts follow in id order, as
`enumerative` describes.

Candidates and network take this for a lattice of ELL on at most K ids: what is left of it and the least count both
enter as ELL (K - found) / K, a count of the draft before as count * ELL over their sum; rounded down, and 1 at least.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.arithmetic import DECODE, FAILED, INVALID, MODE, Machine, bit, uniform
from channels.codec.coder.compiled import compiled
from channels.codec.coder.fixed_point import bit_length
from channels.codec.context_coded.expected_tokens import candidates
from channels.codec.context_coded.network import INPUTS, UNITS
from channels.codec.context_coded.walk import (
    OF_WALK,
    POSITIVE,
    WalkSetting,
    ask,
    code_ranks,
    gather,
    index_of,
    look,
    move,
    of_draft,
    passed_ranks,
    rests,
)
from channels.codec.draft import CodecError, Format
from channels.codec.enumerative import code_counts
from kinds.arrays import Bytes, Ints

ELL = 1024  # as fine as the lattices that the network was fitted on: the finer, the longer the list of candidates
EVEN = 1 << 15


def write(
    io: Machine, buffer: Bytes, setting: WalkSetting, format: Format, context: Ints, before: Ints, before_counts: Ints,
    support: Ints, counts: Ints,
) -> None:  # fmt: skip
    """Support and counts, int64 [K], of one draft. `before`: those of the draft before, empty if there is none."""
    _code_size(io, buffer, support.size, before.size, format.vocabulary)
    _code_support(io, buffer, _sized(setting, support.size), context, before, before_counts, support)
    code_counts(io, buffer, setting.factorials, counts, format)


def read(
    io: Machine, buffer: Bytes, setting: WalkSetting, format: Format, context: Ints, before: Ints, before_counts: Ints
) -> tuple[Ints, Ints]:
    """(support, counts), int64 [K], counts positive. Raises CodecError on what `write` cannot have written."""
    size = _code_size(io, buffer, 0, before.size, format.vocabulary)
    support, counts = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    if not io[FAILED]:
        _code_support(io, buffer, _sized(setting, size), context, before, before_counts, support)
    if not io[FAILED]:
        code_counts(io, buffer, setting.factorials, counts, format)
    if io[FAILED]:
        raise CodecError("payload: not a support and its counts")
    return np.sort(support), counts


def _sized(setting: WalkSetting, size: int) -> WalkSetting:
    """What candidates and network take a draft of `size` ids for."""
    return setting._replace(resolution=ELL, largest_support=size)


@compiled
def _code_size(io: Machine, buffer: Bytes, size: int, before: int, most: int) -> int:
    """How many ids, 1..most; `before`: how many the draft before has, 0 if there is none."""
    if before and bit(io, buffer, 1 if size == before else 0, EVEN):
        return before
    length = 1 + uniform(io, buffer, bit_length(size) - 1, bit_length(most))
    least = 1 << (length - 1)
    size = least + uniform(io, buffer, size - least, min(least, most - least + 1))
    if size == before:  # which the bit would have stated
        io[FAILED] = INVALID
    return size


@compiled
def _code_support(
    io: Machine, buffer: Bytes, setting: WalkSetting, context: Ints, before: Ints, before_counts: Ints, support: Ints
) -> None:
    """Ascending ids, int64 [K], K = largest_support; when decoding they are filled in, in the order of the walk."""
    size, decoding = support.size, io[MODE] == DECODE
    listed = candidates(setting.tables, context, ELL)
    network, trace, traced, ids = setting.tables.network, setting.trace, setting.traced, listed.ids
    second, bias, rest = network.second, network.second_bias, rests(listed.weights)
    inputs, fed = np.zeros((ids.size + 1, OF_WALK), np.int32), np.empty((ids.size + 1, UNITS), np.int32)
    base, walked = np.empty(UNITS, np.int32), np.zeros(UNITS + INPUTS - OF_WALK, np.int32)
    as_counts = np.maximum(before_counts * ELL // max(before_counts.sum(), 1), 1)
    found, missed, seen, left = 0, 0, 0, ELL
    of_draft(setting, listed, before, inputs, base)
    move(setting, walked, left, found, missed, left)
    for place in range(ids.size):
        if place == seen:
            seen = look(setting, listed, rest, before, as_counts, place, inputs, base, fed)
        value = 0 if decoding or index_of(ids[place], support) < 0 else 1
        value = ask(io, buffer, second, bias, fed, inputs, place, walked, trace, traced, POSITIVE, value)
        if io[FAILED]:
            return
        if not value:
            missed += 1
            if missed & (missed - 1) == 0:
                move(setting, walked, left, found, missed, left)
            continue
        if decoding:
            support[found] = ids[place]
        found, missed = found + 1, 0
        if found == size:
            return
        left = max(ELL * (size - found) // size, 1)
        move(setting, walked, left, found, missed, left)
    _code_others(io, buffer, setting, ids, found, support)


@compiled
def _code_others(io: Machine, buffer: Bytes, setting: WalkSetting, ids: Ints, found: int, support: Ints) -> None:
    """The ids that are no candidates, after `found` that are."""
    tables, size = setting.tables, support.size - found
    if size > tables.order.size - ids.size:
        io[FAILED] = INVALID
        return
    passed, weights = passed_ranks(tables, ids)
    ranks, unread = np.zeros(size, np.int64), np.zeros(size, np.int64)
    if io[MODE] != DECODE:
        gather(tables, passed, support, support, unread, ranks)
    code_ranks(io, buffer, tables, passed, weights, ranks)
    if io[MODE] == DECODE and not io[FAILED]:
        support[found:] = tables.order[ranks]
