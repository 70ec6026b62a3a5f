"""Subsets and compositions under the uniform distribution, through the arithmetic coder.

Ascending positions c_1 < ... < c_k below n travel largest first. Given n and k, P(c_k < x) = C(x, k) / C(n, k), in
units of 2^-32 and from 2^-(log2 C(n, k) - log2 C(x, k)) in the integers of `fixed_point`. Positions down to
x_0 = n 2^(-10 / k) each get their share and one unit more; all below share an escape, after which n is x_0 and k stays.
With c_k known, n becomes c_k and k falls by one. So the cost is at most log2 C(n, k) and about 1e-3 bits a position,
whatever the positions; it is less, by tens of bits of thousands, where the lowest positions are all taken. Of more than
half of all positions, the complement travels.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.arithmetic import DECODE, FAILED, MODE, Machine, symbol, target
from channels.codec.coder.compiled import compiled, leaf
from channels.codec.coder.fixed_point import exp2
from kinds.arrays import Bytes, Ints

ESCAPE = 10  # positions of about the last 2^-ESCAPE of the distribution share one symbol


@leaf
def log2_binomial(table: Ints, n: int, k: int) -> int:
    """log2 C(n, k) as Q32, 0 <= k <= n < table.size."""
    return int(table[n] - table[k] - table[n - k])


@leaf
def below(table: Ints, x: int, k: int, whole: int, bottom: int) -> int:
    """The cumulative frequency of `largest position < x`, x >= bottom; `whole` is log2 C(n, k), `bottom` x_0."""
    share = exp2(max(0, whole - log2_binomial(table, x, k))) if x >= k else 0
    return share + x - bottom + (1 if bottom >= k else 0)


@leaf
def escape(n: int, k: int) -> int:
    """x_0, the least position with a share of its own; below k there is no position left to escape to."""
    bottom = n * exp2((ESCAPE << 32) // k) >> 32
    return bottom if bottom >= k else k - 1


@compiled
def code_subset(io: Machine, buffer: Bytes, table: Ints, positions: Ints, n: int) -> None:
    """Ascending positions, int64 [k] below n < table.size, read from or written to `positions`."""
    k = positions.size
    if 2 * k <= n:
        _code_positions(io, buffer, table, positions, n)
        return
    others = np.zeros(n - k, dtype=np.int64)
    if io[MODE] != DECODE:
        _complement(positions, others, n)
    _code_positions(io, buffer, table, others, n)
    if io[MODE] == DECODE and not io[FAILED]:
        _complement(others, positions, n)


@leaf
def _code_positions(io: Machine, buffer: Bytes, table: Ints, positions: Ints, n: int) -> None:
    k = positions.size
    while k > 0 and not io[FAILED]:
        whole = log2_binomial(table, n, k)
        bottom = escape(n, k)
        total = below(table, n, k, whole, bottom)
        at = positions[k - 1]
        if io[MODE] == DECODE:
            at = _find(table, target(io, total), n, k, whole, bottom)
            positions[k - 1] = at
        begin, end = 0, below(table, max(at + 1, bottom), k, whole, bottom)
        if at >= bottom:
            begin = below(table, at, k, whole, bottom)
        symbol(io, buffer, begin, end - begin, total)
        n = max(at, bottom)
        if at >= bottom:
            k -= 1


@leaf
def _find(table: Ints, value: int, n: int, k: int, whole: int, bottom: int) -> int:
    """The position x >= bottom with below(x) <= value < below(x + 1), or bottom - 1 for the escape.

    Gallops down from the top, then bisects.
    """
    if value < below(table, bottom, k, whole, bottom):
        return bottom - 1
    reach = (n - k + 1) // (k + 1) + 1  # the mean gap
    high, low = n, max(bottom, n - reach)
    while below(table, low, k, whole, bottom) > value:
        high = low
        reach *= 2
        low = max(bottom, low - reach)
    while high - low > 1:
        middle = (low + high) // 2
        if below(table, middle, k, whole, bottom) <= value:
            low = middle
        else:
            high = middle
    return low


@leaf
def _complement(positions: Ints, others: Ints, n: int) -> None:
    """Writes to `others` the values below n that are not among the ascending `positions`."""
    at, out = 0, 0
    for x in range(n):
        if at < positions.size and positions[at] == x:
            at += 1
        elif out < others.size:
            others[out] = x
            out += 1


@compiled
def code_composition(io: Machine, buffer: Bytes, table: Ints, counts: Ints, total: int) -> None:
    """Counts, int64 [K], non-negative with sum `total`, all such vectors alike; total + K - 1 < table.size.

    They travel as the K - 1 ends of parts among total + K - 1 places.
    """
    ends = np.zeros(counts.size - 1, dtype=np.int64)
    if io[MODE] != DECODE:
        place = -1
        for i in range(ends.size):
            place += counts[i] + 1
            ends[i] = place
    code_subset(io, buffer, table, ends, total + ends.size)
    if io[MODE] == DECODE and not io[FAILED]:
        place = -1
        for i in range(ends.size):
            counts[i] = ends[i] - place - 1
            place = ends[i]
        counts[-1] = total + ends.size - place - 1
