"""The arithmetic coder, in integers only, written once for both directions.

An interval [low, low + range) of 56-bit registers; a symbol with cumulative frequency `start`, frequency `size` and
total `total` <= 2^32 narrows it to step * start, step * size with step = range // total; while range < 2^48, the top
byte leaves. The packet is the shortest bit string whose zero-extension lies in the final interval: with m the least
integer such that 2^(56 - m) <= range, the first multiple of 2^(56 - m) not below low, m bits of it, after the bytes
that left. So the length depends on the sequence of ranges alone, and every string of symbols has one packet.

`io` is the machine, int64 [5]: MODE, CODE (low; when decoding, the packet's value minus low), RANGE, POSITION (bytes
that left, or were read past the first seven), FAILED. `buffer` is the packet, uint8. A model calls `symbol`, `bit` or
`uniform` with the value when encoding and gets it back; when decoding it passes anything and gets the value read. A
decoder that has FAILED gives numbers in range that mean nothing: every loop over symbols ends there.
"""

from __future__ import annotations

import numpy as np

from channels.codec.coder.compiled import inlined, leaf
from channels.codec.coder.fixed_point import bit_length, log2
from kinds.arrays import Bytes, Ints

ENCODE, DECODE, MEASURE = 0, 1, 2
MODE, CODE, RANGE, POSITION, FAILED = 0, 1, 2, 3, 4
REGISTER_BITS = 56
FULL, SMALL = 1 << REGISTER_BITS, 1 << (REGISTER_BITS - 8)
LARGEST_TOTAL = 1 << 32
INVALID = 1  # value of FAILED: no encoder makes these bytes

Machine = Ints  # int64 [5], by the five names above
NOTHING = np.empty(0, dtype=np.uint8)
"""The buffer of a machine that writes no packet."""


def machine(mode: int) -> Machine:
    """A machine at the start of a packet. A decoder is a `reader`, which has its first bytes."""
    return np.array([mode, 0, FULL, 0, 0], dtype=np.int64)


def reader(payload: bytes) -> tuple[Machine, Bytes]:
    """A decoder at the start of a packet, and its buffer."""
    io, size = machine(DECODE), REGISTER_BITS // 8
    io[CODE] = int.from_bytes(payload[:size].ljust(size, b"\0"), "big")
    return io, np.frombuffer(bytearray(payload), dtype=np.uint8)


def written(io: Machine, buffer: Bytes) -> bytes:
    """The packet that an encoder has written, which its buffer holds whole."""
    return buffer[: finish(io, buffer)].tobytes()


@inlined
def narrow(io: Machine, buffer: Bytes, offset: int, width: int) -> None:
    """The interval becomes [low + offset, low + offset + width)."""
    if io[MODE] == DECODE:
        io[CODE] -= offset
    elif io[MODE] == ENCODE:
        io[CODE] += offset
        if io[CODE] >= FULL:
            io[CODE] -= FULL
            _carry(io, buffer)
    io[RANGE] = width
    if width < SMALL:
        _shift(io, buffer)


@leaf
def _shift(io: Machine, buffer: Bytes) -> None:
    """Moves bytes out of, or into, the registers, until the interval is no longer small."""
    while io[RANGE] < SMALL:
        position = io[POSITION]
        if io[MODE] == ENCODE:
            if position < buffer.size:
                buffer[position] = io[CODE] >> (REGISTER_BITS - 8)
            io[CODE] = (io[CODE] & (SMALL - 1)) << 8
        elif io[MODE] == DECODE:
            entering = position + REGISTER_BITS // 8
            io[CODE] = io[CODE] << 8 | (buffer[entering] if entering < buffer.size else 0)
            if position == buffer.size:  # no packet of that many bytes asks for one more
                io[FAILED] = INVALID
        io[RANGE] <<= 8
        io[POSITION] = position + 1


@leaf
def _carry(io: Machine, buffer: Bytes) -> None:
    """Adds one to the bytes that left."""
    at = min(io[POSITION], buffer.size) - 1
    while at >= 0 and buffer[at] == 255:
        buffer[at] = 0
        at -= 1
    if at >= 0:
        buffer[at] += 1


@leaf
def target(io: Machine, total: int) -> int:
    """Returns the cumulative frequency, below `total`, in which the next symbol lies. For decoding."""
    value = int(io[CODE] // (io[RANGE] // total))
    if io[FAILED] or value >= total:
        io[FAILED] = INVALID
        return total - 1
    return value


@leaf
def symbol(io: Machine, buffer: Bytes, begin: int, size: int, total: int) -> None:
    """The symbol with cumulative frequency `begin` and frequency `size` >= 1 of `total` (found by `target`)."""
    step = io[RANGE] // total
    narrow(io, buffer, step * begin, step * size)


@leaf
def uniform(io: Machine, buffer: Bytes, value: int, total: int) -> int:
    """A value below `total` >= 1, all alike."""
    if total == 1:
        return 0
    if io[MODE] == DECODE:
        value = target(io, total)
    symbol(io, buffer, value, 1, total)
    return value


@inlined
def bit(io: Machine, buffer: Bytes, value: int, zero: int) -> int:
    """A bit that is 0 with probability zero / 2^16, 0 < zero < 2^16."""
    split = (io[RANGE] >> 16) * zero
    if io[MODE] == DECODE:
        value = 1 if io[CODE] >= split else 0
    narrow(io, buffer, split if value else 0, io[RANGE] - split if value else split)
    return value


@leaf
def length_bits(io: Machine) -> int:
    """The packet's length if it ended here."""
    return int(8 * io[POSITION] + REGISTER_BITS + 1 - bit_length(io[RANGE]))


@leaf
def cost(io: Machine) -> int:
    """Returns the cost of all that has been coded so far, in Q32 bits."""
    return int((8 * io[POSITION] + REGISTER_BITS << 32) - log2(io[RANGE]))


@leaf
def finish(io: Machine, buffer: Bytes) -> int:
    """Ends a packet and returns its bytes. Decoding: FAILED unless it is one. Encoding: where they are more than the
    buffer holds, those beyond were counted but not kept, and the packet must be written again."""
    bits = REGISTER_BITS + 1 - bit_length(io[RANGE])  # 0..8
    unit = 1 << (REGISTER_BITS - bits)
    size = int(io[POSITION] + (bits + 7) // 8)
    if io[MODE] == ENCODE:
        value = (io[CODE] + unit - 1) // unit * unit
        if value >= FULL:
            value -= FULL
            _carry(io, buffer)
        if bits and size <= buffer.size:
            buffer[size - 1] = value >> (REGISTER_BITS - 8)
    elif io[MODE] == DECODE:
        padding = (1 << (8 - bits)) - 1 if bits else 0
        if size != buffer.size or io[CODE] >= unit or (bits and buffer[size - 1] & padding):
            io[FAILED] = INVALID
    return size
