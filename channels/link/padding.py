"""Padding of what a packet carries, so that its size tells less: a byte 0x80, then zeros (ISO/IEC 7816-4, method 2 of
ISO/IEC 9797-1), up to a multiple. The receiver finds its end at the last byte that is not 0, so no length is sent; the
mark costs 8 bits, and a whole multiple where what is carried fills one.
"""

from __future__ import annotations

from math import ceil
from typing import Final

_MARK: Final = b"\x80"
MARK_BITS: Final = 8 * len(_MARK)


def padded_bits(bits: int, multiple_bits: int) -> int:
    """The length of `bits`, whole bytes, once they are padded to a multiple of `multiple_bits`, whole bytes too."""
    return ceil((bits + MARK_BITS) / multiple_bits) * multiple_bits


def pad(content: bytes, multiple_bits: int) -> bytes:
    """Returns the bytes that are sent in place of `content`: 8 * len(...) == padded_bits(8 * len(content),
    multiple_bits)."""
    return (content + _MARK).ljust(padded_bits(8 * len(content), multiple_bits) // 8, b"\0")


def unpad(padded: bytes) -> bytes:
    """The content again. Raises ValueError where there is no mark."""
    content = padded.rstrip(b"\0")
    if not content.endswith(_MARK):
        raise ValueError("a packet without the mark that ends its content")
    return content[: -len(_MARK)]
