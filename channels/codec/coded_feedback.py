"""The cloud's answer to a packet, coded: how many drafts stand, then the token after them by `id_law`.

In the coder of module `packet`. Of m = max_drafts, each of the first UNARY drafts in turn: it does not stand, 1 of 4,
or it does, 3 of 4, up to the first that does not; where all UNARY do, how many more, uniform in 0..m - UNARY. The token
follows the committed ids and the drafts that stand. To leave out the rejected draft, which no correction is, would save
a tenth of a bit, and is not done.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from channels.codec.coder.arithmetic import (
    DECODE,
    ENCODE,
    FAILED,
    Machine,
    bit,
    finish,
    machine,
    start,
    uniform,
)
from channels.codec.context import latest
from channels.codec.draft import CodecError, Format
from channels.codec.id_law import code_ids
from channels.codec.recoded.candidates import WINDOW
from kinds.arrays import Bytes

UNARY = 16
FALLS = 1 << 14
"""Of 2^16: that a draft does not stand where those before it do."""
LARGEST_BYTES = 32


def encode_coded_feedback(accepted: int, token: int, format: Format, context: Sequence[int]) -> bytes:
    """How many drafts stood, 0..max_drafts, and the correction or bonus token. `context`: the committed ids, then the
    drafts that stood. Raises CodecError where either is out of range."""
    if not 0 <= accepted <= format.max_drafts:
        raise CodecError(f"accepted = {accepted}: must be within 0 and {format.max_drafts}")
    if not 0 <= token < format.vocabulary:
        raise CodecError(f"token {token}: must be within 0 and {format.vocabulary - 1}")
    io, buffer = machine(ENCODE), np.empty(LARGEST_BYTES, dtype=np.uint8)
    _code_accepted(io, buffer, accepted, format.max_drafts)
    known = latest(context, WINDOW, format.vocabulary)
    code_ids(io, buffer, format, np.append(known, token), known.size)
    return buffer[: finish(io, buffer)].tobytes()


def decode_coded_feedback(
    payload: bytes, drafts: Sequence[int], format: Format, context: Sequence[int]
) -> tuple[int, int]:
    """(accepted, token), in answer to a packet of these drafts after the committed ids `context`. Raises CodecError on
    every byte string that `encode_coded_feedback` cannot have produced for it."""
    io, buffer = machine(DECODE), np.frombuffer(bytearray(payload), dtype=np.uint8)
    start(io, buffer)
    accepted = _code_accepted(io, buffer, 0, format.max_drafts)
    if accepted > len(drafts):
        raise CodecError(f"feedback of {len(payload)} bytes: {accepted} drafts stand, {len(drafts)} were sent")
    known = latest([*context[-WINDOW:], *drafts[:accepted]], WINDOW, format.vocabulary)
    text = np.append(known, 0)
    code_ids(io, buffer, format, text, known.size)
    finish(io, buffer)
    if io[FAILED]:
        raise CodecError(f"feedback of {len(payload)} bytes: none of this format")
    return accepted, int(text[-1])


def _code_accepted(io: Machine, buffer: Bytes, accepted: int, most: int) -> int:
    """Codes a number in 0..most."""
    for number in range(min(most, UNARY)):
        if io[FAILED] or not bit(io, buffer, int(accepted > number), FALLS):
            return number
    return UNARY + uniform(io, buffer, accepted - UNARY, most - UNARY + 1) if most > UNARY else most
