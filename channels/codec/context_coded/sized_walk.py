"""The code `recoded` for counts of quantizers other than the lattice: the ids by a walk, given how many they are.

Such counts have no sum that a walk could end with, so K comes first: after another draft of the packet, whether K is
that draft's, a bit at even odds; else the bit length of K, uniform among those of 1..V, then K - 2^(length - 1),
uniform among the numbers of that length up to V. Then, down the `expected_tokens`: is it in the support? The walk ends
once K are. If the list ends first, the ranks of the others follow as in `tail`. The counts follow in id order, as
`enumerative` describes.

Candidates and network take this for a lattice of ELL on at most K ids: what is left of it and the least count both
enter as ELL (K - found) / K, a count of the draft before as count * ELL over their sum; rounded down, and 1 at least.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.arithmetic import FAILED, INVALID, Machine, bit, uniform
from channels.codec.coder.compiled import leaf
from channels.codec.coder.fixed_point import bit_length
from channels.codec.context_coded.walk import WalkSetting, code_draft
from channels.codec.draft import CodecError, Format
from channels.codec.enumerative import code_counts, factorials
from kinds.arrays import Bytes, Ints

ELL = 1024  # as fine as the lattices that the network was fitted on: the finer, the longer the list of candidates
EVEN = 1 << 15
NO_COUNTS = np.empty(0, dtype=np.int64)


def write(
    io: Machine, buffer: Bytes, setting: WalkSetting, format: Format, context: Ints, before: Ints, before_counts: Ints,
    support: Ints, counts: Ints,
) -> None:  # fmt: skip
    """Support and counts, int64 [K], of one draft. `before`: those of the draft before, empty if there is none."""
    _code_size(io, buffer, support.size, before.size, format.vocabulary)
    _code_support(io, buffer, setting, context, before, before_counts, support)
    code_counts(io, buffer, factorials(format), counts, format)


def read(
    io: Machine, buffer: Bytes, setting: WalkSetting, format: Format, context: Ints, before: Ints, before_counts: Ints
) -> tuple[Ints, Ints]:
    """(support, counts), int64 [K], counts positive. Raises CodecError on what `write` cannot have written."""
    size = _code_size(io, buffer, 0, before.size, format.vocabulary)
    support, counts = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    if not io[FAILED]:
        _code_support(io, buffer, setting, context, before, before_counts, support)
    if not io[FAILED]:
        code_counts(io, buffer, factorials(format), counts, format)
    if io[FAILED]:
        raise CodecError("payload: not a support and its counts")
    return support, counts


def _code_support(
    io: Machine, buffer: Bytes, setting: WalkSetting, context: Ints, before: Ints, before_counts: Ints, support: Ints
) -> None:
    """Ascending ids, int64 [K], of a draft of that many."""
    as_counts = np.maximum(before_counts * ELL // max(int(before_counts.sum()), 1), 1)
    sized = setting._replace(resolution=ELL, largest_support=support.size, sized=True)
    code_draft(io, buffer, sized, context, before, as_counts, support, NO_COUNTS)


@leaf
def _code_size(io: Machine, buffer: Bytes, size: int, before: int, most: int) -> int:
    """Codes the number of ids, 1..most. before: the number of ids of the draft before, 0 if there is none."""
    if before and bit(io, buffer, 1 if size == before else 0, EVEN):
        return before
    length = 1 + uniform(io, buffer, bit_length(size) - 1, bit_length(most))
    least = 1 << (length - 1)
    size = least + uniform(io, buffer, size - least, min(least, most - least + 1))
    if size == before:  # which the bit would have stated
        io[FAILED] = INVALID
    return size
