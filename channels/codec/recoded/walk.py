"""The code `recoded`: the same counts in fewer bits, because the receiver knows some language too.

Both ends list the tokens they expect (`candidates`), best first, and walk down the list; r is what is left of ell, s
how many more ids the support may hold. For each candidate: is its count positive? If so, and s > 1: is it at least 2,
4, 8, ... (while r allows), in the upper half of the numbers up to the next power of two (where r allows all of the
lower), and then which number of that half, all alike; with s = 1 it is r. The walk ends when r = 0; no K_n is sent. If
the list ends first, the rest is the `tail`. Every yes-or-no has its probability from the `network`, by what
`network_inputs` tells it.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.arithmetic import DECODE, FAILED, MODE, Machine
from channels.codec.coder.compiled import compiled
from channels.codec.recoded.candidates import candidates
from channels.codec.recoded.network import INPUTS, UNITS
from channels.codec.recoded.network_inputs import (
    OF_WALK,
    POSITIVE,
    WalkSetting,
    ask,
    code_number,
    index_of,
    look,
    move,
    of_draft,
    rests,
)
from channels.codec.recoded.tail import code_tail
from kinds.arrays import Bytes, Ints


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
