"""What the whole context adds for a token, beyond its last one: a small language model in integers.

Each id has a vector of WIDTH small integers. The last LAST tokens' vectors, and the sum of all in the window, each
15/16 as heavy as the next, pass one hidden layer of rectified HIDDEN units and give a vector h; h v(x), in 1/32 octave,
is by how much the weight of x after the last token is to be raised (a log-bilinear model, Mnih and Hinton 2007, on top
of a bigram distribution). Inputs are in units of 1/16, weights Q12, hidden values Q8, h Q10.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channels.codec.coder.compiled import compiled
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
    read, sums, units = np.zeros(READ, np.int64), np.zeros(WIDTH, np.int64), np.zeros(HIDDEN, np.int64)
    for place in range(max(0, context.size - SUMMED), context.size):
        token = context[place]
        for at in range(WIDTH):
            sums[at] -= sums[at] >> 4
            if token >= 0:
                sums[at] += vectors[token, at] << 4
    for back in range(min(LAST, context.size)):
        token = context[context.size - 1 - back]
        if token >= 0:
            for at in range(WIDTH):
                read[back * WIDTH + at] = vectors[token, at] << 4
    read[LAST * WIDTH :] = sums
    units[:] = model.hidden_bias
    for place in range(READ):
        value = read[place]
        for unit in range(HIDDEN):
            units[unit] += value * hidden[place, unit]
    for at in range(WIDTH):
        total = np.int64(model.output_bias[at])
        for unit in range(HIDDEN):
            total += min(max(units[unit] >> 8, 0), (1 << 15) - 1) * output[unit, at]
        scaled = int(total >> 10)
        h[at] = min(max(scaled, -(1 << 15)), 1 << 15)
    return h


@compiled
def raised(vectors: npt.NDArray[np.int8], h: Int32s, token: int) -> int:
    """By how many 1/32 octaves a token's weight is raised."""
    row, total = vectors[token], 0
    for at in range(row.size):  # compiled, a loop of unknown length over int32 products goes by eights
        total += int(np.int32(h[at] * np.int32(row[at])))
    octaves = int(total >> 5)
    return min(max(octaves, -LARGEST_RAISE), LARGEST_RAISE)


def distribution_vectors(
    texts: Int32s, top: Int32s, probabilities: npt.NDArray[np.floating], vocabulary: int, seed: int
) -> npt.NDArray[np.float32]:
    """A vector for each id, float32 [V, WIDTH], from distributions after each token of `texts` [N, T]: ids `top` [N, T,
    M] with their probabilities [N, T, M]. Of fewer than WIDTH ids the last entries are 0."""
    from scipy.sparse import coo_array  # here: a run that only codes does without
    from scipy.sparse.linalg import svds

    last = np.broadcast_to(texts[:, :, None], top.shape).reshape(-1)
    shares = probabilities.reshape(-1).astype(np.float64)
    table = coo_array((shares, (top.reshape(-1), last)), (vocabulary, vocabulary)).tocsr()
    table.data = np.sqrt(table.data)
    size = min(WIDTH, vocabulary - 1)
    left, values, _ = svds(table, k=size, random_state=seed)
    vectors = np.zeros((vocabulary, WIDTH), np.float32)
    vectors[:, :size] = left * values
    return vectors
