"""The tail of a draft: its tokens that are no candidates.

How many they are, t, as the walk codes a count, with heads of its own; their counts likewise, each at most what leaves
one for each still to come, the last not sent; and their ranks in the order of the unigram, candidates left out. With
S(x) the unigram weight of the free ranks from x on, and t ranks still to come from a on, P(first < x) =
1 - (S(x) / S(a))^t, in units of 2^-32 and one unit more for each free rank; then the same with t - 1 from the rank
after it. Counts travel before ranks, in the order of the ranks.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.arithmetic import DECODE, FAILED, INVALID, MODE, Machine, symbol, target
from channels.codec.coder.compiled import compiled
from channels.codec.coder.fixed_point import exp2, log2
from channels.codec.recoded.candidates import Candidates
from channels.codec.recoded.network_inputs import TAIL, TAIL_COUNT, WalkSetting, code_number, move
from channels.codec.recoded.prior_tables import Tables
from kinds.arrays import Bytes, Int32s, Ints


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
