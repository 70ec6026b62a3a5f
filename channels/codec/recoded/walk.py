"""The code `recoded`: the same counts in fewer bits, because the receiver knows some language too.

Both ends list the tokens they expect (`candidates`), best first, and walk down the list; r is what is left of ell. For
each candidate: is its count positive? If so, is it at least 2, 4, 8, ... (while r allows), and then which of the
numbers up to the next power of two, all alike. The walk ends when r = 0; no K_n is sent. If the list ends first, the
rest is the `tail`. Every yes-or-no has its probability from the `network`, by what `network_inputs` tells it.
"""

from __future__ import annotations

from channels.codec.coder.arithmetic import DECODE, FAILED, INVALID, MODE, Machine
from channels.codec.coder.compiled import compiled
from channels.codec.recoded.candidates import candidates
from channels.codec.recoded.network_inputs import (
    BLOCK,
    POSITIVE,
    WalkSetting,
    code_number,
    index_of,
    look,
    move,
    prepare,
)
from channels.codec.recoded.tail import code_tail
from kinds.arrays import Bytes, Ints


@compiled
def code_draft(
    io: Machine, buffer: Bytes, setting: WalkSetting, context: Ints, previous: Ints, support: Ints, counts: Ints
) -> int:
    """Codes one draft: `support`, `counts`, int64 [K], ascending ids and positive counts. Returns K.

    When decoding, the arrays have room for the largest support and are filled, in the order of the walk. `previous`:
    the support of the draft before in this packet, empty if there is none.
    """
    listed = candidates(setting.tables, context, setting.resolution)
    walk = prepare(setting, listed, previous)
    left, found, decoding = setting.resolution, 0, io[MODE] == DECODE
    move(setting, walk, left, found)
    for place in range(listed.ids.size):
        if place % BLOCK == 0:
            look(setting, walk, listed, previous, place)
        token = listed.ids[place]
        at = -1 if decoding else index_of(token, support)
        count = counts[at] if at >= 0 else 0
        count = code_number(io, buffer, setting, walk, place, POSITIVE, count, left)
        if count == 0 and not io[FAILED]:
            continue
        if io[FAILED] or found == support.size:
            io[FAILED] = INVALID
            return found
        if decoding:
            support[found], counts[found] = token, count
        found += 1
        left -= count
        if left == 0:
            return found
        move(setting, walk, left, found)
    look(setting, walk, listed, previous, listed.ids.size)
    return found + code_tail(io, buffer, setting, walk, listed, left, found, support, counts)
