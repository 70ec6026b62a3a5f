"""Drafted ids for a receiver that holds the distributions they were drawn from, and a checksum of those
distributions.

Ids (coder and symbols of `packet`): drafts - 1, uniform below max_drafts; then each drafted id, the symbol of its count
among the counts of its draft in id order, so at -log2 qhat. The receiver must have the distribution of each draft,
which may depend on the drafts before it, to read on. Checksum: BLAKE2b of, for each draft, id and size, then support
and counts, all as int64, little-endian, cut to some bits. Two different rounds have the same one with probability
2^-bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np

from channels.codec.coder.arithmetic import ENCODE, FAILED, Machine, finish, machine, reader, uniform, written
from channels.codec.draft import CodecError, Draft
from channels.codec.packet import read_drafted, write_drafted
from kinds.arrays import Bytes, Ints

DistributionAfter = Callable[[tuple[int, ...]], tuple[Ints, Ints]]
"""distribution_after(ids): support and positive counts, int64 [K], of the draft that follows these."""


def encode_drafted(drafts: Sequence[Draft], max_drafts: int) -> bytes:
    """The ids of 1 to max_drafts drafts. Raises CodecError where there are others."""
    if not 1 <= len(drafts) <= max_drafts:
        raise CodecError(f"{len(drafts)} drafts: a packet holds 1 to {max_drafts}")
    io, buffer = machine(ENCODE), np.empty(8 + 5 * len(drafts), dtype=np.uint8)  # an id takes 32 bits at most
    uniform(io, buffer, len(drafts) - 1, max_drafts)
    for draft in drafts:
        write_drafted(io, buffer, draft)
    return written(io, buffer)


def count_drafted(payload: bytes, max_drafts: int) -> int:
    """How many ids are in a packet, 1 to max_drafts: all that can be known without the distributions. Raises
    CodecError where there is no such number."""
    io, _, number = _read_number(payload, max_drafts)
    if io[FAILED]:
        raise CodecError(f"payload of {len(payload)} bytes: no ids of 1 to {max_drafts} drafts")
    return number


def decode_drafted(payload: bytes, max_drafts: int, distribution_after: DistributionAfter) -> tuple[Draft, ...]:
    """The drafts of a packet, whose distributions are asked for one by one. Raises CodecError on all that
    `encode_drafted` cannot have produced of drafts with these distributions."""
    io, buffer, number = _read_number(payload, max_drafts)
    drafts: list[Draft] = []
    while len(drafts) < number and not io[FAILED]:
        support, counts = distribution_after(tuple(draft.token for draft in drafts))
        drafts.append(Draft(read_drafted(io, buffer, support, counts), support, counts))
    finish(io, buffer)
    if io[FAILED]:
        raise CodecError(f"payload of {len(payload)} bytes: no ids of drafts with these distributions")
    return tuple(drafts)


def _read_number(payload: bytes, max_drafts: int) -> tuple[Machine, Bytes, int]:
    io, buffer = reader(payload)
    return io, buffer, 1 + uniform(io, buffer, 0, max_drafts)


def checksum(drafts: Sequence[Draft], bits: int) -> bytes:
    """Returns a checksum of ids, supports and counts, in so many bits, a multiple of 8."""
    digest = blake2b(digest_size=bits // 8)
    for draft in drafts:
        digest.update(np.array([draft.token, draft.support.size], dtype="<i8").tobytes())
        digest.update(draft.support.astype("<i8").tobytes())
        digest.update(draft.counts.astype("<i8").tobytes())
    return digest.digest()
