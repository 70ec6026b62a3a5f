"""What else crosses the air: the cloud's answer to a packet, and the prompt. Import the names from `wire`.

Feedback is one integer, accepted + (max_drafts + 1) * token, in ceil(log2((max_drafts + 1) V)) bits, big-endian in the
fewest bytes that hold them; where no token goes with it, accepted alone, in ceil(log2(max_drafts + 1)) bits. A prompt
is its ids, ceil(log2 V) bits each, most significant bit first, then a single 1 bit and zeros up to a whole byte; the
length needs no header.

Coded feedback: how many drafts are accepted, then the token after them by `id_distribution`.

In the coder of module `packet`. Of m = max_drafts, each of the first UNARY drafts in turn: it is rejected, 1 of 4, or
accepted, 3 of 4, up to the first that is rejected; where all UNARY are accepted, how many more, uniform in 0..m -
UNARY. The token follows the committed ids and the accepted drafts. To leave out the rejected draft, which no correction
is, would save a tenth of a bit, and is not done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from channels.codec.coder.arithmetic import ENCODE, FAILED, Machine, bit, finish, machine, reader, uniform, written
from channels.codec.coder.bit_packing import pack, unpack
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.draft import CodecError, Format, check_token, latest
from channels.codec.id_distribution import code_ids
from kinds.arrays import Bytes


def feedback_bits(format: Format) -> int:
    """The length of every feedback in bits, before padding to bytes."""
    return ((format.max_drafts + 1) * format.vocabulary - 1).bit_length()


def encode_feedback(accepted: int, token: int, format: Format) -> bytes:
    """How many drafts were accepted, 0..max_drafts, and the correction or bonus token."""
    _check_accepted(accepted, format)
    check_token(token, format)
    return (accepted + (format.max_drafts + 1) * token).to_bytes((feedback_bits(format) + 7) // 8, "big")


def encode_count(accepted: int, format: Format) -> bytes:
    """How many drafts were accepted, 0..max_drafts, where both ends know that no token follows them."""
    _check_accepted(accepted, format)
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
    return tokens * format.id_bits + 1


def encode_tokens(tokens: Sequence[int], format: Format) -> bytes:
    """A prompt, possibly empty."""
    for token in tokens:
        check_token(token, format)
    return pack(tokens, format.id_bits)


def decode_tokens(payload: bytes, format: Format) -> tuple[int, ...]:
    """The prompt. Raises CodecError on every byte string that `encode_tokens` cannot have produced."""
    tokens = unpack(payload, format.id_bits)
    if tokens is None:
        raise CodecError(f"prompt of {len(payload)} bytes: not a whole number of tokens")
    if tokens.size and tokens.max() >= format.vocabulary:
        raise CodecError("prompt: a token is not below the vocabulary")
    return tuple(tokens.tolist())


def _check_accepted(accepted: int, format: Format) -> None:
    if not 0 <= accepted <= format.max_drafts:
        raise CodecError(f"accepted = {accepted}: must be within 0 and {format.max_drafts}")


UNARY = 16
FALLS = 1 << 14  # of 2^16: that a draft is rejected where those before it are accepted
LARGEST_BYTES = 32


def encode_coded_feedback(accepted: int, token: int, format: Format, context: Sequence[int]) -> bytes:
    """How many drafts were accepted, 0..max_drafts, and the correction or bonus token. `context`: the committed ids,
    then the accepted drafts. Raises CodecError where either is out of range."""
    _check_accepted(accepted, format)
    check_token(token, format)
    io, buffer = machine(ENCODE), np.empty(LARGEST_BYTES, dtype=np.uint8)
    _code_accepted(io, buffer, accepted, format.max_drafts)
    known = latest(context, WINDOW, format.vocabulary)
    code_ids(io, buffer, format, np.append(known, token), known.size)
    return written(io, buffer)


def decode_coded_feedback(
    payload: bytes, drafts: Sequence[int], format: Format, context: Sequence[int]
) -> tuple[int, int]:
    """(accepted, token), in answer to a packet of these drafts after the committed ids `context`. Raises CodecError on
    every byte string that `encode_coded_feedback` cannot have produced for it."""
    io, buffer = reader(payload)
    accepted = _code_accepted(io, buffer, 0, format.max_drafts)
    if accepted > len(drafts):
        raise CodecError(f"feedback of {len(payload)} bytes: {accepted} drafts are accepted, {len(drafts)} were sent")
    known = latest([*context[-WINDOW:], *drafts[:accepted]], WINDOW, format.vocabulary)
    text = np.append(known, 0)
    code_ids(io, buffer, format, text, known.size)
    finish(io, buffer)
    if io[FAILED]:
        raise CodecError(f"feedback of {len(payload)} bytes: none of this format")
    return accepted, int(text[-1])


def _code_accepted(io: Machine, buffer: Bytes, accepted: int, most: int) -> int:
    for number in range(min(most, UNARY)):
        if io[FAILED] or not bit(io, buffer, int(accepted > number), FALLS):
            return number
    return UNARY + uniform(io, buffer, accepted - UNARY, most - UNARY + 1) if most > UNARY else most
