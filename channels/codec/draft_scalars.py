"""Uplink packets of an edge that corrects: drafted ids, qhat(d) of each, and the last correction (arXiv 2507.12000).

qhat(d) is a count over the resolution ell, so it travels exactly, as an integer. A packet is, for each draft, its id in
ceil(log2 V) bits and its count less 1 in ceil(log2 ell) bits, most significant bit first; then a single 1 bit and zeros
up to a whole byte. A token by itself, such as a correction before a packet, is its id in whole bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from channels.codec.coder.bit_packing import pack, unpack
from channels.codec.draft import CodecError, Draft, Format, check_token


def encode(drafts: Sequence[Draft], format: Format) -> bytes:
    """The packet of 1 to max_drafts drafts: of their distributions, the counts of the drafted ids alone. Raises
    CodecError."""
    if not 1 <= len(drafts) <= format.max_drafts:
        raise CodecError(f"{len(drafts)} drafts: a packet holds 1 to {format.max_drafts}")
    return pack([_number(draft, format) for draft in drafts], _width(format))


def decode(payload: bytes, format: Format) -> tuple[Draft, ...]:
    """The drafts, each with its own count and no other. Raises CodecError on every byte string that `encode` cannot
    have produced."""
    numbers = unpack(payload, _width(format))
    if numbers is None or not 1 <= numbers.size <= format.max_drafts:
        raise CodecError(f"packet of {len(payload)} bytes: not 1 to {format.max_drafts} drafts")
    tokens, counts = numbers >> _count_bits(format), (numbers & (1 << _count_bits(format)) - 1) + 1
    if tokens.max() >= format.vocabulary or counts.max() > format.resolution:
        raise CodecError("packet: an id is not below the vocabulary, or a count is above the resolution")
    return tuple(
        Draft(token, np.array([token]), np.array([count]))
        for token, count in zip(tokens.tolist(), counts.tolist(), strict=True)
    )


def packet_bits(drafts: int, format: Format) -> int:
    """The length of every packet of so many drafts, before padding to bytes."""
    return drafts * _width(format) + 1


def encode_token(token: int, format: Format) -> bytes:
    """A token in whole bytes. Raises CodecError where it is not below the vocabulary."""
    check_token(token, format)
    return token.to_bytes(token_bytes(format), "big")


def decode_token(content: bytes, format: Format) -> int:
    """The token. Raises CodecError on every byte string that `encode_token` cannot have produced."""
    token = int.from_bytes(content, "big")
    if len(content) != token_bytes(format) or token >= format.vocabulary:
        raise CodecError(f"token in {len(content)} bytes: out of range")
    return token


def token_bytes(format: Format) -> int:
    """The length of a token by itself."""
    return (format.id_bits + 7) // 8


def _number(draft: Draft, format: Format) -> int:
    """Id and count as one integer."""
    return draft.token << _count_bits(format) | _count(draft, format) - 1


def _count(draft: Draft, format: Format) -> int:
    """The count of a drafted id that a packet can hold."""
    count = draft.count(draft.token)
    if not count or draft.token >= format.vocabulary:
        raise CodecError(f"token {draft.token}: must be below the vocabulary, {format.vocabulary}, and have a count")
    if count > format.resolution:
        raise CodecError(f"counts: {count} is above the resolution, {format.resolution}")
    return count


def _width(format: Format) -> int:
    """Returns the number of bits of one draft."""
    return format.id_bits + _count_bits(format)


def _count_bits(format: Format) -> int:
    return (format.resolution - 1).bit_length()
