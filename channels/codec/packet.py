"""A packet as one run of the arithmetic coder: how many drafts, then each draft's support, counts and drafted id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from channels.codec import enumerative
from channels.codec.arithmetic import (
    DECODE,
    ENCODE,
    FAILED,
    INVALID,
    MEASURE,
    OVERFLOW,
    Buffer,
    Machine,
    finish,
    length_bits,
    machine,
    start,
    symbol,
    target,
    uniform,
)
from channels.codec.draft import UNSENT, CodecError, Draft, Format, Ids

FIRST_BYTES = 1 << 10


def encode(drafts: Sequence[Draft], format: Format, context: Sequence[int]) -> bytes:
    """The packet of valid drafts."""
    room = FIRST_BYTES
    while True:
        io, buffer = machine(ENCODE), np.empty(room, dtype=np.uint8)
        _write(io, buffer, drafts, format, context)
        size = finish(io, buffer)
        if io[FAILED] != OVERFLOW:
            return buffer[:size].tobytes()
        room = size


def measure(drafts: Sequence[Draft], format: Format, context: Sequence[int]) -> int:
    """The packet's length in bits, before padding to bytes."""
    io = machine(MEASURE)
    _write(io, _NOTHING, drafts, format, context)
    return int(length_bits(io))


def decode(payload: bytes, format: Format, context: Sequence[int]) -> tuple[Draft, ...]:
    """The drafts of a packet. Raises CodecError unless `encode` can have produced it."""
    io, buffer = machine(DECODE), np.frombuffer(bytearray(payload), dtype=np.uint8)
    start(io, buffer)
    number = 1 + uniform(io, buffer, 0, format.max_drafts)
    drafts = []
    for _ in range(number):
        support, counts = enumerative.read(io, buffer, format)
        drafts.append(Draft.of(_read_token(io, buffer, support, counts, format), support, counts))
    finish(io, buffer)
    if io[FAILED]:
        raise CodecError(f"payload of {len(payload)} bytes: not a packet of this format")
    return tuple(drafts)


def _write(io: Machine, buffer: Buffer, drafts: Sequence[Draft], format: Format, context: Sequence[int]) -> None:
    uniform(io, buffer, len(drafts) - 1, format.max_drafts)
    for draft in drafts:
        enumerative.write(io, buffer, draft, format)
        _write_token(io, buffer, draft, format)


def _write_token(io: Machine, buffer: Buffer, draft: Draft, format: Format) -> None:
    if format.token == "flat":
        uniform(io, buffer, draft.token, format.vocabulary)
    elif format.token == "coded":
        place = int(draft.support.searchsorted(draft.token))
        symbol(io, buffer, int(draft.counts[:place].sum()), int(draft.counts[place]), int(draft.counts.sum()))


def _read_token(io: Machine, buffer: Buffer, support: Ids, counts: Ids, format: Format) -> int:
    if format.token == "unsent":
        return UNSENT
    if format.token == "flat":
        token = int(uniform(io, buffer, 0, format.vocabulary))
        place = int(support.searchsorted(token))
        if place == support.size or support[place] != token:
            io[FAILED] = INVALID
        return token
    ends = counts.cumsum()
    place = int(ends.searchsorted(target(io, int(ends[-1])), side="right"))
    symbol(io, buffer, int(ends[place] - counts[place]), int(counts[place]), int(ends[-1]))
    return int(support[place])


_NOTHING = np.empty(0, dtype=np.uint8)
