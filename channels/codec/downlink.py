"""What else crosses the air: the cloud's answer to a packet, and the prompt. Import the names from `wire`.

Feedback is one integer, accepted + (max_drafts + 1) * token, in ceil(log2((max_drafts + 1) V)) bits, big-endian in the
fewest bytes that hold them; where no token goes with it, accepted alone, in ceil(log2(max_drafts + 1)) bits. A prompt
is its ids, ceil(log2 V) bits each, most significant bit first, then a single 1 bit and zeros up to a whole byte; the
length needs no header.
"""

from __future__ import annotations

from collections.abc import Sequence

from channels.codec.coder.bit_packing import pack, unpack
from channels.codec.draft import CodecError, Format


def feedback_bits(format: Format) -> int:
    """The length of every feedback in bits, before padding to bytes."""
    return ((format.max_drafts + 1) * format.vocabulary - 1).bit_length()


def encode_feedback(accepted: int, token: int, format: Format) -> bytes:
    """How many drafts stood, 0..max_drafts, and the correction or bonus token."""
    if not 0 <= accepted <= format.max_drafts:
        raise CodecError(f"accepted = {accepted}: must be within 0 and {format.max_drafts}")
    _check_token(token, format)
    return (accepted + (format.max_drafts + 1) * token).to_bytes((feedback_bits(format) + 7) // 8, "big")


def encode_count(accepted: int, format: Format) -> bytes:
    """How many drafts stood, 0..max_drafts, where both ends know that no token follows them."""
    if not 0 <= accepted <= format.max_drafts:
        raise CodecError(f"accepted = {accepted}: must be within 0 and {format.max_drafts}")
    return accepted.to_bytes((format.max_drafts.bit_length() + 7) // 8, "big")


def decode_feedback(payload: bytes, format: Format) -> tuple[int, int]:
    """(accepted, token). Raises CodecError on every byte string that `encode_feedback` cannot have produced."""
    number = int.from_bytes(payload, "big")
    if len(payload) != (feedback_bits(format) + 7) // 8 or number >= (format.max_drafts + 1) * format.vocabulary:
        raise CodecError(f"feedback of {len(payload)} bytes: out of range")
    token, accepted = divmod(number, format.max_drafts + 1)
    return accepted, token


def tokens_bits(tokens: int, format: Format) -> int:
    """The length of a prompt of `tokens` tokens in bits, before padding to bytes."""
    return tokens * _width(format) + 1


def encode_tokens(tokens: Sequence[int], format: Format) -> bytes:
    """A prompt, possibly empty."""
    for token in tokens:
        _check_token(token, format)
    return pack(tokens, _width(format))


def decode_tokens(payload: bytes, format: Format) -> tuple[int, ...]:
    """The prompt. Raises CodecError on every byte string that `encode_tokens` cannot have produced."""
    tokens = unpack(payload, _width(format))
    if tokens is None:
        raise CodecError(f"prompt of {len(payload)} bytes: not a whole number of tokens")
    if tokens.size and tokens.max() >= format.vocabulary:
        raise CodecError("prompt: a token is not below the vocabulary")
    return tuple(tokens.tolist())


def _width(format: Format) -> int:
    """Bits of one token id."""
    return (format.vocabulary - 1).bit_length()


def _check_token(token: int, format: Format) -> None:
    if not 0 <= token < format.vocabulary:
        raise CodecError(f"token {token}: must be within 0 and {format.vocabulary - 1}")
