"""Places in the unigram's order, candidates left out: where the tokens of a draft lie that nobody expected.

With S(x) the unigram weight of the free places from x on, and t places still to come from a on, P(first < x) =
1 - (S(x) / S(a))^t, in units of 2^-32 and one unit more for each free place; then the same with t - 1 after it.
"""

from __future__ import annotations

import numpy as np

from channels.codec.arrays import Bytes, Ints
from channels.codec.coder.arithmetic import DECODE, FAILED, INVALID, MODE, Machine, symbol, target
from channels.codec.coder.compiled import compiled
from channels.codec.coder.fixed_point import exp2, log2
from channels.codec.prior import Tables


@compiled
def code_places(io: Machine, buffer: Bytes, tables: Tables, passed: Ints, weights: Ints, places: Ints) -> None:
    """Ascending places of the unigram's order, none of them in `passed`."""
    begin = 0
    for index in range(places.size):
        if io[FAILED]:
            return
        more = places.size - index
        first = int(np.searchsorted(passed, begin))
        whole = tables.rest[begin] - weights[first]
        if whole <= 0:
            io[FAILED] = INVALID
            return
        whole, free = log2(whole), begin - first
        total = _before(tables, passed, weights, whole, free, tables.order.size, more)
        place = places[index]
        if io[MODE] == DECODE:
            value, place, high = target(io, total), begin, tables.order.size
            while high - place > 1:
                middle = (place + high) // 2
                if _before(tables, passed, weights, whole, free, middle, more) <= value:
                    place = middle
                else:
                    high = middle
            places[index] = place
        low = _before(tables, passed, weights, whole, free, place, more)
        size = _before(tables, passed, weights, whole, free, place + 1, more) - low
        symbol(io, buffer, low, size, total)
        begin = place + 1


@compiled
def _before(tables: Tables, passed: Ints, weights: Ints, whole: int, free: int, end: int, more: int) -> int:
    """The cumulative frequency of `the first of `more` places is before end`; one unit more for each place.

    whole: log2 of the weight from where they may begin; free: how many free places lie before that.
    """
    last = np.searchsorted(passed, end)
    remains = tables.rest[end] - weights[last]
    share = 0 if remains <= 0 else exp2(min((whole - log2(max(remains, 1))) * more, 40 << 32))
    return int((1 << 32) - share + end - last - free)
