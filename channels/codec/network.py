"""The integer network that gives every yes-or-no of the code `recoded` its probability.

One hidden layer of H rectified units, all heads on it. Inputs are int32 in 1/32 octave (or 32 times a small number),
first weights Q13, hidden values Q10 within 0..2^15 - 1, second weights Q12, logits Q22; a logit, cut to Q7 within
+-12, indexes `NO`, the 16-bit probability of "no". No float, no rounding but by shifts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channels.codec.arithmetic import Buffer, Machine, bit
from channels.codec.compiled import inlined

INPUT_BITS, FIRST_BITS, HIDDEN_BITS, SECOND_BITS, LOGIT_BITS = 5, 13, 10, 12, 7
LOGIT_RANGE = 12 << LOGIT_BITS
NO = np.clip(np.rint(65536 / (1 + np.exp(np.arange(-LOGIT_RANGE, LOGIT_RANGE + 1) / (1 << LOGIT_BITS)))), 16, 65520)
NO = NO.astype(np.int64)  # [2 LOGIT_RANGE + 1]

Integers = npt.NDArray[np.int32]


class Network(NamedTuple):
    """Weights: first [inputs, H], first_bias [H], second [heads, H], second_bias [heads]; int32, biases int64."""

    first: Integers
    first_bias: npt.NDArray[np.int64]
    second: Integers
    second_bias: npt.NDArray[np.int64]


@inlined
def hidden(network: Network, inputs: Integers, size: int, base: Integers, units: Integers) -> None:
    """Fills `units`, int32 [H], from the first `size` of `inputs` and `base`, int32 [H], what the others give."""
    for unit in range(units.size):
        units[unit] = base[unit]
    for place in range(size):
        value = inputs[place]
        for unit in range(units.size):
            units[unit] += network.first[place, unit] * value
    for unit in range(units.size):
        units[unit] = min(max(units[unit], 0) >> (INPUT_BITS + FIRST_BITS - HIDDEN_BITS), 32767)


@inlined
def probability_of_no(network: Network, units: Integers, head: int) -> int:
    """The 16-bit probability that the answer of a head is no."""
    total = network.second_bias[head]
    for unit in range(units.size):
        total += np.int64(network.second[head, unit]) * units[unit]
    logit = total >> (HIDDEN_BITS + SECOND_BITS - LOGIT_BITS)
    return int(NO[min(max(logit, -LOGIT_RANGE), LOGIT_RANGE) + LOGIT_RANGE])


@inlined
def answer(io: Machine, buffer: Buffer, network: Network, units: Integers, head: int, value: int) -> int:
    """Codes a yes (1) or no (0)."""
    return bit(io, buffer, value, probability_of_no(network, units, head))
