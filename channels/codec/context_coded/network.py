"""The integer network that gives every yes-or-no of the code `recoded` its probability.

One hidden layer of UNITS rectified units, all heads on it. Inputs are int32 in 1/32 octave (or 32 times a small
number), first weights Q13, hidden values Q7 within 0..2^12 - 1, second weights Q11, logits Q18; a logit, cut to Q7
within +-12, indexes `NO`, the 16-bit probability of "no". No float, no rounding but by shifts.

What a unit is fed comes in two rows of int32: one of the candidate, one of the walk's state. They and the weights are
plain arrays, not parts of a tuple: taking arrays out of tuples at every question costs several times the question.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import Machine, bit
from channels.codec.coder.compiled import inlined
from kinds.arrays import Bytes, Int32s

INPUT_BITS, FIRST_BITS, HIDDEN_BITS, SECOND_BITS, LOGIT_BITS = 5, 13, 7, 11, 7
INPUTS, UNITS, HEADS = 20, 48, 92
LARGEST_HIDDEN = (1 << 12) - 1
LARGEST_WEIGHTS = ((1 << 15) - 1, 1 << 28, (1 << 13) - 1, 1 << 28)
"""The largest weight of each part of NetworkWeights, so that sums of products stay within int32."""
LOGIT_RANGE = 12 << LOGIT_BITS
NO = np.clip(np.rint(65536 / (1 + np.exp(np.arange(-LOGIT_RANGE, LOGIT_RANGE + 1) / (1 << LOGIT_BITS)))), 4, 65532)
NO = NO.astype(np.int64)  # [2 LOGIT_RANGE + 1]


class NetworkWeights(NamedTuple):
    """Weights of the network, each at most LARGEST_WEIGHTS."""

    first: Int32s  # [INPUTS, UNITS]
    first_bias: Int32s  # [UNITS]
    second: Int32s  # [HEADS, UNITS]
    second_bias: Int32s  # [HEADS]


@inlined
def answer(
    io: Machine,
    buffer: Bytes,
    second: Int32s,
    bias: Int32s,
    fed: Int32s,
    place: int,
    walked: Int32s,
    head: int,
    value: int,
) -> int:
    """Codes a yes (1) or no (0): a head's answer when the units get fed[place] + walked, int32 [UNITS] each."""
    total = np.int32(0)
    for unit in range(UNITS):
        active = np.int32(np.int32(fed[place, unit] + walked[unit]) >> np.int32(INPUT_BITS + FIRST_BITS - HIDDEN_BITS))
        active = min(max(active, np.int32(0)), np.int32(LARGEST_HIDDEN))
        total = np.int32(total + np.int32(active * second[head, unit]))
    logit = bias[head] + total
    index = min(max(logit >> (HIDDEN_BITS + SECOND_BITS - LOGIT_BITS), -LOGIT_RANGE), LOGIT_RANGE)
    return bit(io, buffer, value, NO[index + LOGIT_RANGE])
