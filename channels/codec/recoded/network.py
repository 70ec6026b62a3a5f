"""The integer network that gives every yes-or-no of the code `recoded` its probability.

One hidden layer of UNITS rectified units, all heads on it. Inputs are int32 in 1/32 octave (or 32 times a small
number), first weights Q13, hidden values Q7 within 0..2^12 - 1, second weights Q11, logits Q18; a logit, cut to Q7
within +-12, indexes `NO`, the 16-bit probability of "no". No float, no rounding but by shifts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import Machine, bit
from channels.codec.coder.compiled import compiled, inlined
from kinds.arrays import Bytes, Int32s

INPUT_BITS, FIRST_BITS, HIDDEN_BITS, SECOND_BITS, LOGIT_BITS = 5, 13, 7, 11, 7
INPUTS, UNITS, HEADS = 13, 32, 46
LARGEST_HIDDEN = (1 << 12) - 1
LARGEST_WEIGHTS = ((1 << 15) - 1, 1 << 28, (1 << 14) - 1, 1 << 28)
"""Of each part of NetworkWeights, so that sums of products stay within int32."""
LOGIT_RANGE = 12 << LOGIT_BITS
NO = np.clip(np.rint(65536 / (1 + np.exp(np.arange(-LOGIT_RANGE, LOGIT_RANGE + 1) / (1 << LOGIT_BITS)))), 16, 65520)
NO = NO.astype(np.int64)  # [2 LOGIT_RANGE + 1]


class NetworkWeights(NamedTuple):
    """What it weighs with, none beyond LARGEST_WEIGHTS."""

    first: Int32s  # [INPUTS, UNITS]
    first_bias: Int32s  # [UNITS]
    second: Int32s  # [HEADS, UNITS]
    second_bias: Int32s  # [HEADS]


@compiled
def sums(first: Int32s, base: Int32s, inputs: Int32s, totals: Int32s) -> None:
    """Sets `totals`, int32 [N, UNITS], to `base` [UNITS] plus what `inputs` [N, n] give through `first` [n, UNITS]."""
    for row in range(inputs.shape[0]):
        total = totals[row]
        for unit in range(UNITS):
            total[unit] = base[unit]
        for place in range(first.shape[0]):
            value, weights = inputs[row, place], first[place]
            for unit in range(UNITS):
                total[unit] += weights[unit] * value


@inlined
def answer(
    io: Machine, buffer: Bytes, network: NetworkWeights, totals: Int32s, more: Int32s, head: int, value: int
) -> int:
    """Codes a yes (1) or no (0): a head's answer when the hidden units get totals + more, int32 [UNITS] each."""
    logit = network.second_bias[head]
    for unit in range(UNITS):
        active = min(max(totals[unit] + more[unit], 0) >> (INPUT_BITS + FIRST_BITS - HIDDEN_BITS), LARGEST_HIDDEN)
        logit += active * network.second[head, unit]
    place = min(max(logit >> (HIDDEN_BITS + SECOND_BITS - LOGIT_BITS), -LOGIT_RANGE), LOGIT_RANGE)
    return bit(io, buffer, value, NO[place + LOGIT_RANGE])
