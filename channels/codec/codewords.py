"""How each quantizer's counts travel, given the support: as one of its codewords, all alike.

All are positive (ids with none are not in the support). `lattice`: counts - 1, a composition of ell - K. `dual`: the
shift j below min(K, ell + 1), then for j = 0 as `lattice` and else n, a composition of ell - j. `cubic`: each level
below ell. `logarithmic`: each level below ell, the counts being its table's.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.arithmetic import FAILED, INVALID, LARGEST_TOTAL, Machine, uniform
from channels.codec.coder.compiled import compiled
from channels.codec.coder.fixed_point import log2
from channels.codec.coder.subsets import code_composition, log2_binomial
from channels.codec.draft import CodecError, Format
from channels.codec.quantizers import Logarithmic
from kinds.arrays import Bytes, Ints


def check(counts: Ints, format: Format) -> None:
    """CodecError unless the positive counts, int64 [K], are a codeword of the format's quantizer."""
    ell, size, total = format.resolution, counts.size, int(counts.sum())
    if format.quantizer == "lattice" and total != ell:
        raise CodecError(f"counts: sum is {total}, must be the resolution, {ell}")
    if (
        format.quantizer == "dual"
        and total != ell
        and (total != size * ell or counts[0] % size == 0 or (counts % size != counts[0] % size).any())
    ):
        raise CodecError("counts: not a point of the dual lattice")
    if format.quantizer == "cubic" and counts.max() > ell:
        raise CodecError(f"counts: {counts.max()} is above the resolution, {ell}")
    if format.quantizer == "logarithmic" and not np.isin(counts, Logarithmic(ell).table()).all():
        raise CodecError("counts: not counts of the logarithmic quantizer")


def code_counts(io: Machine, buffer: Bytes, table: Ints, counts: Ints, format: Format) -> None:
    """Positive counts, int64 [K], read from or written to the array."""
    ell, size = format.resolution, counts.size
    if format.quantizer == "lattice":
        _shifted(io, buffer, table, counts, ell - size, 1, 1)
    elif format.quantizer == "dual":
        shift = uniform(io, buffer, shift_of(counts, format), min(size, ell + 1))
        if shift:
            _shifted(io, buffer, table, counts, ell - shift, size, shift)
        else:
            _shifted(io, buffer, table, counts, ell - size, 1, 1)
    elif format.quantizer == "cubic":
        _code_levels(io, buffer, counts, ell)
    else:
        table_of_levels = Logarithmic(ell).table()
        levels = np.searchsorted(table_of_levels, counts)
        _code_levels(io, buffer, levels, ell)
        counts[:] = table_of_levels[levels]
    if format.quantizer != "lattice" and counts.sum() > LARGEST_TOTAL:
        io[FAILED] = INVALID


def shift_of(counts: Ints, format: Format) -> int:
    """The shift j of counts of `dual`, 0 of all others."""
    if format.quantizer != "dual" or int(counts.sum()) == format.resolution:
        return 0
    return int(counts[0]) % counts.size


def counts_cost(table: Ints, size: int, shift: int, format: Format) -> int:
    """What `code_counts` chooses among for `size` positive counts of this shift, in Q32 bits; table: log2 n!, Q32."""
    ell = format.resolution
    if format.quantizer in ("cubic", "logarithmic"):
        return size * log2(ell)
    shifts = log2(min(size, ell + 1)) if format.quantizer == "dual" else 0
    total = ell - shift if shift else ell - size
    return shifts + log2_binomial(table, total + size - 1, size - 1)


@compiled
def _code_levels(io: Machine, buffer: Bytes, levels: Ints, ell: int) -> None:
    """Levels within 1..ell, int64 [K], read from or written to the array."""
    for place in range(levels.size):
        if io[FAILED]:
            return
        levels[place] = 1 + uniform(io, buffer, levels[place] - 1, ell)


def _shifted(io: Machine, buffer: Bytes, table: Ints, counts: Ints, total: int, unit: int, shift: int) -> None:
    """Counts shift + unit * n, n a composition of `total`."""
    if total < 0:
        io[FAILED] = INVALID
        return
    parts = (counts - shift) // unit
    code_composition(io, buffer, table, parts, total)
    counts[:] = shift + unit * parts
