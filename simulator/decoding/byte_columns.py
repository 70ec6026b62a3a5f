"""Columns of numbers as compressed bytes, and back: what a remembered tree is written down as.

A column of whole numbers takes the fewest bytes a number that hold them, the bytes of one weight together; all are
compressed as one, by zstd. Nothing is allocated before what the first bytes say was checked.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.arrays import Floats, Ints

MAGIC = b"sqt3"
"""The first bytes, this format's number among them."""
LARGEST_BYTES = 1 << 29
"""The largest size of all columns together before they are compressed, bytes. Longer ones are not written."""
MOST_NUMBERS = 1 << 26
"""In all columns: read, each takes eight bytes, and in lists more."""
WHOLE = 3
"""Columns of whole numbers, which are followed by one of reals."""
_HEAD = struct.Struct("<4sQ")  # magic, bytes of all that was compressed
_COLUMN = struct.Struct("<BQ")  # place among _INTS, or the number behind them for reals; how many numbers
_REAL = np.dtype("<f8")
_INTS = tuple(np.dtype(name) for name in ("<i1", "<u1", "<i2", "<u2", "<i4", "<u4", "<i8"))


class DamagedError(ValueError):
    """Bytes that were not written here, or have changed since."""


class OversizeError(ValueError):
    """More numbers or bytes than are read again."""


def pack(whole: Sequence[Ints], reals: Floats, rest: bytes) -> bytes:
    """WHOLE columns, int64 [n], one float64 [n], and bytes behind them. Raises OversizeError."""
    assert len(whole) == WHOLE
    heads, bodies = list[bytes](), list[bytes]()
    if (numbers := sum(column.size for column in (*whole, reals))) > MOST_NUMBERS:
        raise OversizeError(f"{numbers} numbers: at most {MOST_NUMBERS}")
    columns: list[Ints | Floats] = [*whole, reals]
    for column in columns:
        dtype = _smallest(column)
        heads.append(_COLUMN.pack(_INTS.index(dtype) if dtype in _INTS else len(_INTS), column.size))
        planes = np.ascontiguousarray(column, dtype=dtype).view(np.uint8).reshape(-1, dtype.itemsize).T
        bodies.append(planes.tobytes())
    plain = b"".join([*heads, *bodies, rest])
    if len(plain) > LARGEST_BYTES:
        raise OversizeError(f"{len(plain)} bytes: at most {LARGEST_BYTES}")
    return _HEAD.pack(MAGIC, len(plain)) + bytes(pa.compress(plain, codec="zstd", asbytes=True))


def unpack(blob: bytes) -> tuple[list[Ints], Floats, bytes]:
    """What was packed. Raises DamagedError."""
    plain = _decompressed(blob)
    place, left = (WHOLE + 1) * _COLUMN.size, MOST_NUMBERS
    if len(plain) < place:
        raise DamagedError(f"{len(plain)} bytes are too few")
    columns = list[npt.NDArray[Any]]()
    for number in range(WHOLE + 1):
        code, length = _COLUMN.unpack_from(plain, number * _COLUMN.size)
        if code > len(_INTS) or (code == len(_INTS)) != (number == WHOLE):
            raise DamagedError(f"column {number} is of another type")
        dtype = (*_INTS, _REAL)[code]
        end, left = place + length * dtype.itemsize, left - length
        if end > len(plain) or left < 0:
            raise DamagedError(f"column {number} is longer than all there is, or may be")
        planes = np.frombuffer(plain, np.uint8, end - place, place).reshape(dtype.itemsize, -1)
        columns.append(np.ascontiguousarray(planes.T).view(dtype).reshape(-1))
        place = end
    return [column.astype(np.int64) for column in columns[:WHOLE]], columns[WHOLE].astype(np.float64), plain[place:]


def _decompressed(blob: bytes) -> bytes:
    if len(blob) < _HEAD.size:
        raise DamagedError(f"{len(blob)} bytes are too few")
    magic, size = _HEAD.unpack_from(blob)
    if magic != MAGIC or size > LARGEST_BYTES:
        raise DamagedError("the first bytes are not a remembered tree's")
    try:
        plain = bytes(pa.decompress(blob[_HEAD.size :], decompressed_size=size, codec="zstd", asbytes=True))
    except (OSError, ValueError) as error:
        raise DamagedError(f"zstd: {error}") from None
    if len(plain) != size:
        raise DamagedError(f"{len(plain)} bytes, not {size}")
    return plain


def _smallest(column: Ints | Floats) -> np.dtype[np.generic]:
    if column.dtype.kind == "f":
        return _REAL
    low, high = (int(column.min()), int(column.max())) if column.size else (0, 0)
    return next(dtype for dtype in _INTS if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max)
