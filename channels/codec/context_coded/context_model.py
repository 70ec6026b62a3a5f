"""A small language model in integers: it weighs a token by the whole context, beyond the last token alone.

Each id has a vector of WIDTH small integers. The last LAST tokens' vectors, and the sum of all in the window, each
15/16 as heavy as the next, pass one hidden layer of rectified HIDDEN units and give a vector h; h v(x), in 1/32 octave,
is by how much the weight of x after the last token is to be raised (a log-bilinear model, Mnih and Hinton 2007, on top
of a bigram distribution). Inputs are in units of 1/16, weights Q12, hidden values Q8, h Q10.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channels.codec.coder.compiled import compiled, leaf
from kinds.arrays import Int32s, Ints

WIDTH, LAST, HIDDEN = 32, 4, 64
READ = (LAST + 1) * WIDTH
LARGEST_LEVEL = 15  # of a vector's entries
SUMMED = 64  # how many tokens the sum reaches back: the weight of an older one is below 1/60
LARGEST_WEIGHT = 1 << 20
LARGEST_RAISE = 8 * 32  # 8 octaves, up or down


class ContextWeights(NamedTuple):
    """The model; no entry beyond LARGEST_LEVEL in the vectors, LARGEST_WEIGHT elsewhere."""

    vectors: npt.NDArray[np.int8]  # [V, WIDTH]
    hidden: Int32s  # [READ, HIDDEN]
    hidden_bias: Int32s  # [HIDDEN]
    output: Int32s  # [HIDDEN, WIDTH]
    output_bias: Int32s  # [WIDTH]


@compiled
def wanted(model: ContextWeights, context: Ints) -> Int32s:
    """h after a context, int32 [WIDTH]; zeros after none. -1 is a token that the receiver lacks."""
    vectors, hidden, output = model.vectors, model.hidden, model.output
    h = np.zeros(WIDTH, np.int32)
    if context.size == 0 or context[-1] < 0:
        return h
    read, units, totals = np.zeros(READ, np.int32), np.empty(HIDDEN, np.int64), np.empty(WIDTH, np.int64)
    sums = read[LAST * WIDTH :]
    for place in range(max(0, context.size - SUMMED), context.size):
        token = context[place]
        for at in range(WIDTH):
            sums[at] -= sums[at] >> 4
            if token >= 0:
                sums[at] += np.int32(vectors[token, at]) << 4
    for back in range(min(LAST, context.size)):
        token = context[context.size - 1 - back]
        if token >= 0:
            for at in range(WIDTH):
                read[back * WIDTH + at] = np.int32(vectors[token, at]) << 4
    units[:] = model.hidden_bias
    for place in range(0, READ, 4):  # int32 by int32 is one instruction, and four at a time leave the sums in place
        a, b, c, d = (
            np.int64(read[place]),
            np.int64(read[place + 1]),
            np.int64(read[place + 2]),
            np.int64(read[place + 3]),
        )
        for unit in range(HIDDEN):
            units[unit] += (
                a * hidden[place, unit] + b * hidden[place + 1, unit]
                + c * hidden[place + 2, unit] + d * hidden[place + 3, unit]
            )  # fmt: skip
    totals[:] = model.output_bias
    for unit in range(HIDDEN):
        active = np.int64(min(max(units[unit] >> 8, 0), (1 << 15) - 1))
        if active:
            for at in range(WIDTH):
                totals[at] += active * output[unit, at]
    for at in range(WIDTH):
        h[at] = min(max(totals[at] >> 10, -(1 << 15)), 1 << 15)
    return h


@leaf
def raised(vectors: npt.NDArray[np.int8], h: Int32s, token: int) -> int:
    """Returns by how many 1/32 octaves a token's weight is raised."""
    row, total = vectors[token], 0
    for at in range(row.size):  # compiled, a loop of unknown length over int32 products goes by eights
        total += int(np.int32(h[at] * np.int32(row[at])))
    octaves = int(total >> 5)
    return min(max(octaves, -LARGEST_RAISE), LARGEST_RAISE)


@leaf
def all_raised(columns: npt.NDArray[np.int8], h: Int32s, raises: Int32s) -> None:
    """Writes by how many 1/32 octaves tokens' weights are raised into raises, int32 [n]. columns: their vectors, int8
    [WIDTH, at least n]."""
    raises[:] = 0
    for row in range(0, WIDTH, 4):
        a, b, c, d = h[row], h[row + 1], h[row + 2], h[row + 3]
        for at in range(raises.size):
            raises[at] = np.int32(
                raises[at] + np.int32(a * np.int32(columns[row, at])) + np.int32(b * np.int32(columns[row + 1, at]))
                + np.int32(c * np.int32(columns[row + 2, at])) + np.int32(d * np.int32(columns[row + 3, at]))
            )  # fmt: skip
    for at in range(raises.size):
        raises[at] = min(max(raises[at] >> np.int32(5), np.int32(-LARGEST_RAISE)), np.int32(LARGEST_RAISE))
