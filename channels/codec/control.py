"""Small fields beside drafts: how many tokens the cloud is to decode by itself, and how busy the cloud was.

A count is a big-endian integer of two bytes. A status is three bytes: how long a job queued and how long it was served,
each on a scale of equal ratios from 1 ms (1) to 1,000 s (255), 5.6% a step, with 0 for less; and how many jobs shared
its pass, itself included, 255 for that and more.
"""

from __future__ import annotations

from math import log
from typing import Final, NamedTuple

from channels.codec.draft import CodecError

MOST_COUNT: Final = (1 << 16) - 1  # the most tokens that one request may ask for
STATUS_BYTES: Final = 3
LEAST_S: Final = 1e-3
MOST_S: Final = 1e3
_STEPS: Final = 254  # between those two
_RATIO: Final = log(MOST_S / LEAST_S) / _STEPS
MOST_BATCH: Final = 255


class Status(NamedTuple):
    """How the cloud served a job."""

    queue_s: float
    serve_s: float
    batch: int


def encode_count(tokens: int) -> bytes:
    """How many tokens the cloud is to decode, 1..MOST_COUNT."""
    if not 1 <= tokens <= MOST_COUNT:
        raise CodecError(f"tokens = {tokens}: must be within 1 and {MOST_COUNT}")
    return tokens.to_bytes(2, "big")


def decode_count(content: bytes) -> int:
    """The count. Raises CodecError on every byte string that `encode_count` cannot have produced."""
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
