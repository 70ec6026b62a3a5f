"""Subsets and compositions under the uniform law, through the arithmetic coder.

Ascending positions c_1 < ... < c_k below n travel largest first: given n and k, P(c_k < x) = C(x, k) / C(n, k), which
is computed as 2^32 * 2^-(log2 C(n, k) - log2 C(x, k)) in the integers of `fixed`, plus x - k + 1 so that no position
is without a share; then c_{k-1} given c_k and k - 1, and so on. The cost exceeds log2 C(n, k) by under 1e-4 bits a
position. Of more than half of all positions, the complement travels.
"""

from __future__ import annotations

import numpy as np

from channels.codec.arithmetic import DECODE, FAILED, MODE, Buffer, Machine, symbol, target
from channels.codec.compiled import compiled
from channels.codec.draft import Ids
from channels.codec.fixed import exp2


@compiled
def log2_binomial(table: Ids, n: int, k: int) -> int:
    """log2 C(n, k) as Q32, 0 <= k <= n < table.size."""
    return int(table[n] - table[k] - table[n - k])


@compiled
def below(table: Ids, x: int, k: int, whole: int) -> int:
    """The cumulative frequency of `largest position < x`; `whole` is log2 C(n, k)."""
    if x < k:
        return 0
    return exp2(max(0, whole - log2_binomial(table, x, k))) + x - k + 1


@compiled
def code_subset(io: Machine, buffer: Buffer, table: Ids, positions: Ids, n: int) -> None:
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


@compiled
def _code_positions(io: Machine, buffer: Buffer, table: Ids, positions: Ids, n: int) -> None:
    for k in range(positions.size, 0, -1):
        whole = log2_binomial(table, n, k)
        total = below(table, n, k, whole)
        at = positions[k - 1]
        if io[MODE] == DECODE:
            at = _find(table, target(io, total), n, k, whole)
            positions[k - 1] = at
        begin = below(table, at, k, whole)
        symbol(io, buffer, begin, below(table, at + 1, k, whole) - begin, total)
        if io[FAILED]:
            return
        n = at


@compiled
def _find(table: Ids, value: int, n: int, k: int, whole: int) -> int:
    """The position x with below(x) <= value < below(x + 1): gallops down from the top, then bisects."""
    reach = (n - k + 1) // (k + 1) + 1  # the mean gap
    high, low = n, max(k - 1, n - reach)
    while below(table, low, k, whole) > value:
        high = low
        reach *= 2
        low = max(k - 1, low - reach)
    while high - low > 1:
        middle = (low + high) // 2
        if below(table, middle, k, whole) <= value:
            low = middle
        else:
            high = middle
    return low


@compiled
def _complement(positions: Ids, others: Ids, n: int) -> None:
    """Writes to `others` the values below n that are not among the ascending `positions`."""
    at, out = 0, 0
    for x in range(n):
        if at < positions.size and positions[at] == x:
            at += 1
        elif out < others.size:
            others[out] = x
            out += 1


@compiled
def code_composition(io: Machine, buffer: Buffer, table: Ids, counts: Ids, total: int) -> None:
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
