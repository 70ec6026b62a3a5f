"""Numbers of a fixed width that cross the air beside drafts: replies, the prompt, requests, and how busy the cloud was.

Feedback is one integer, accepted + (max_drafts + 1) * token, in ceil(log2((max_drafts + 1) V)) bits, big-endian in the
fewest bytes that hold them; where no token goes with it, accepted alone, in ceil(log2(max_drafts + 1)) bits. A prompt
is its ids, ceil(log2 V) bits each, most significant bit first, then a single 1 bit and zeros up to a whole byte; the
length needs no header.

Branches of a round, each for one outcome of the round before it, go up as one message: their number in a byte, then of
each its outcome, written as a feedback, the length of its payload, except of the last one, and the payload. A length
has two bytes, big-endian; one above 65,534 has four behind the two bytes ff ff.

A request for so many tokens, which the cloud is to decode by itself, is a big-endian integer of two bytes. A status is
three bytes: how long a job queued and how long it was served, each on a scale of equal ratios from 1 ms (1) to 1,000 s
(255), 5.6% a step, with 0 for less; and how many jobs shared its pass, itself included, 255 for that and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Final, NamedTuple

from channels.codec.coder.bit_packing import pack, unpack
from channels.codec.draft import CodecError, Format, check_accepted, check_token

MOST_COUNT: Final = (1 << 16) - 1  # the most tokens that one request may ask for
STATUS_BYTES: Final = 3
_MOST_BRANCHES: Final = 255  # of a message
_LENGTH_BYTES: Final = 2
_LONG: Final = 0xFFFF
_LONG_BYTES: Final = 4
LEAST_S: Final = 1e-3
MOST_S: Final = 1e3
_STEPS: Final = 254  # between those two
_RATIO: Final = log(MOST_S / LEAST_S) / _STEPS
MOST_BATCH: Final = 255


def feedback_bits(format: Format) -> int:
    """The length of every feedback in bits, before padding to bytes."""
    return ((format.max_drafts + 1) * format.vocabulary - 1).bit_length()


def encode_feedback(accepted: int, token: int, format: Format) -> bytes:
    """Returns the number of accepted drafts, 0..max_drafts, and the correction or bonus token, as bytes."""
    check_accepted(accepted, format)
    check_token(token, format)
    return (accepted + (format.max_drafts + 1) * token).to_bytes((feedback_bits(format) + 7) // 8, "big")


def encode_count(accepted: int, format: Format) -> bytes:
    """Returns the number of accepted drafts, 0..max_drafts, as bytes, for rounds in which both ends know that no token
    follows."""
    check_accepted(accepted, format)
    return accepted.to_bytes((format.max_drafts.bit_length() + 7) // 8, "big")


def decode_feedback(payload: bytes, format: Format) -> tuple[int, int]:
    """(accepted, token). Raises CodecError on every byte string that `encode_feedback` cannot have produced."""
    number = int.from_bytes(payload, "big")
    if len(payload) != (feedback_bits(format) + 7) // 8 or number >= (format.max_drafts + 1) * format.vocabulary:
        raise CodecError(f"feedback of {len(payload)} bytes: out of range")
    token, accepted = divmod(number, format.max_drafts + 1)
    return accepted, token


class Branch(NamedTuple):
    """A round's payload if so many drafts of the round before it are accepted and this token follows them."""

    accepted: int
    token: int
    payload: bytes


def encode_branches(branches: Sequence[Branch], format: Format) -> bytes:
    """Returns branches, one at least, as bytes."""
    if not 1 <= len(branches) <= _MOST_BRANCHES:
        raise CodecError(f"{len(branches)} branches: must be within 1 and {_MOST_BRANCHES}")
    parts = [bytes([len(branches)])]
    for number, (accepted, token, payload) in enumerate(branches, 1):
        length = b"" if number == len(branches) else _written_length(len(payload))
        parts += [encode_feedback(accepted, token, format), length, payload]
    return b"".join(parts)


def _written_length(length: int) -> bytes:
    """Returns a length in two bytes, or, of what is as long as a float distribution, in four behind the mark _LONG."""
    if length < _LONG:
        return length.to_bytes(_LENGTH_BYTES, "big")
    if length >= 1 << 8 * _LONG_BYTES:
        raise CodecError(f"branch of {length} bytes: must be below {1 << 8 * _LONG_BYTES}")
    return _LONG.to_bytes(_LENGTH_BYTES, "big") + length.to_bytes(_LONG_BYTES, "big")


def _read_length(content: bytes) -> tuple[int, int]:
    """Returns a length, and the number of bytes that state it. Raises CodecError on a long form of a short length."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "big")
    if length < _LONG:
        return length, _LENGTH_BYTES
    length = int.from_bytes(content[_LENGTH_BYTES:], "big")
    if length < _LONG:
        raise CodecError(f"length of {length}: must be in its short form")
    return length, _LENGTH_BYTES + _LONG_BYTES


def decode_branches(content: bytes, format: Format) -> tuple[Branch, ...]:
    """The branches, whose payloads are not looked at. Raises CodecError on every byte string that `encode_branches`
    cannot have produced."""
    outcome_bytes, place, found = (feedback_bits(format) + 7) // 8, 1, list[Branch]()
    for left in range(content[0] if content else 0, 0, -1):
        accepted, token = decode_feedback(content[place : place + outcome_bytes], format)
        place += outcome_bytes
        length = len(content) - place
        if left > 1:
            length, taken = _read_length(content[place : place + _LENGTH_BYTES + _LONG_BYTES])
            place += taken
        found.append(Branch(accepted, token, content[place : place + length]))
        place += length
    if not found or place != len(content):
        raise CodecError(f"branches of {len(content)} bytes: out of range")
    return tuple(found)


def tokens_bits(tokens: int, format: Format) -> int:
    """The length of a prompt of `tokens` tokens in bits, before padding to bytes."""
    return tokens * format.id_bits + 1


def encode_tokens(tokens: Sequence[int], format: Format) -> bytes:
    """Returns a prompt, which may be empty, as bytes."""
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


class Status(NamedTuple):
    """Status of a job at the cloud: its wait, its service, and the size of its batch."""

    queue_s: float
    serve_s: float
    batch: int


def encode_request(tokens: int) -> bytes:
    """Returns a request that the cloud decode `tokens` tokens, 1..MOST_COUNT, as bytes."""
    if not 1 <= tokens <= MOST_COUNT:
        raise CodecError(f"tokens = {tokens}: must be within 1 and {MOST_COUNT}")
    return tokens.to_bytes(2, "big")


def decode_request(content: bytes) -> int:
    """The count. Raises CodecError on every byte string that `encode_request` cannot have produced."""
    tokens = int.from_bytes(content, "big")
    if len(content) != 2 or not tokens:
        raise CodecError(f"count of {len(content)} bytes: out of range")
    return tokens


def encode_status(status: Status) -> bytes:
    """The nearest status on the scales."""
    return bytes([_level(status.queue_s), _level(status.serve_s), min(max(1, status.batch), MOST_BATCH)])


def decode_status(content: bytes) -> Status:
    """The status. Raises CodecError on every byte string that `encode_status` cannot have produced."""
    if len(content) != STATUS_BYTES or not content[2]:
        raise CodecError(f"status of {len(content)} bytes: out of range")
    return Status(_seconds(content[0]), _seconds(content[1]), content[2])


def _level(time_s: float) -> int:
    if time_s < LEAST_S:
        return 0
    return 1 + round(min(log(time_s / LEAST_S), log(MOST_S / LEAST_S)) / _RATIO)


def _seconds(level: int) -> float:
    return 0.0 if not level else LEAST_S * (MOST_S / LEAST_S) ** ((level - 1) / _STEPS)
