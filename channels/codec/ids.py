"""Token ids where no distribution goes with them: packets of ids, and replies.

A packet holds n ids, 1 to m = max_drafts, in the coder of module `packet`. First n (`heads`), then each id by
`code_ids` of `id_distribution`, after the context and the ids before it in the packet; where both ends hold the races
that the ids have won, by `code_raced_id`.

Coded feedback: how many drafts are accepted (`heads`), then the token after them by `id_distribution`. The token
follows the committed ids and the accepted drafts.
To leave out the rejected draft, which no correction is, would save a tenth of a bit, and is not done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, log2

import numpy as np

from channels.codec.coder.arithmetic import (
    ENCODE,
    FAILED,
    MEASURE,
    NOTHING,
    Machine,
    length_bits,
    machine,
    reader,
    written,
)
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.draft import CodecError, Format, check_accepted, check_token, close, integers, latest
from channels.codec.heads import FULL_SHARE, code_accepted, code_number
from channels.codec.id_distribution import bound_bits, code_ids, code_raced_id, dearest, raced_bound_bits
from kinds.arrays import Bytes, Ints

Race = Callable[[int], Ints]
"""The words [V] of the race that the id at a place of the packet, 0.., has won; after the ids before it, which
determine its index in the text."""
LARGEST_ID_BYTES = 8


def encode_ids(tokens: Sequence[int], format: Format, context: Sequence[int] = (), race: Race | None = None) -> bytes:
    """The packet of 1 to max_drafts ids. `context`: the ids that both ends hold before them, oldest first.

    Raises CodecError where there are more or fewer ids, or one is not below V.
    """
    ids = _checked(tokens, format)
    buffer = np.empty(LARGEST_ID_BYTES * (ids.size + 1), dtype=np.uint8)
    io = _write(machine(ENCODE), buffer, ids, format, context, race)
    return written(io, buffer)


def decode_ids(
    payload: bytes, format: Format, context: Sequence[int] = (), race: Race | None = None
) -> tuple[int, ...]:
    """The ids of a packet. Raises CodecError on every byte string that `encode_ids` cannot have produced."""
    io, buffer = reader(payload)
    number = code_number(io, buffer, 1, format.max_drafts)
    known = latest(context, WINDOW, format.vocabulary)
    text = np.append(known, np.zeros(number, dtype=np.int64))
    _code(io, buffer, format, text, known.size, race)
    close(io, buffer, "payload", "not the ids of a packet of this format")
    return tuple(text[known.size :].tolist())


def ids_bits(tokens: Sequence[int], format: Format, context: Sequence[int] = (), race: Race | None = None) -> int:
    """The exact length of the packet in bits, before padding to bytes. Raises CodecError as `encode_ids` does."""
    return length_bits(_write(machine(MEASURE), NOTHING, _checked(tokens, format), format, context, race))


def largest_ids_bits(tokens: Sequence[int], support: Ints, format: Format, context: Sequence[int] = ()) -> int:
    """The length in bits if one more id were appended, the dearest of `support`, int64 [K].

    tokens: those before it, 0 to max_drafts - 1 of them. Raises CodecError as `encode_ids` does, and where the support
    is empty.
    """
    ids = integers("support", support)
    if not ids.size or not 0 <= ids.min() <= ids.max() < format.vocabulary:
        raise CodecError(f"support: must be ids within 0 and {format.vocabulary - 1}, at least one")
    text = np.append(latest(context, WINDOW, format.vocabulary), np.asarray(tokens, dtype=np.int64))
    return max(ids_bits([*tokens, each], format, context) for each in dearest(format, text, ids).tolist())


def largest_raced_bits(tokens: Sequence[int], format: Format, context: Sequence[int], race: Race) -> int:
    """No packet with one more id, whichever, is longer. tokens: those before it, 0 to max_drafts - 1 of them."""
    ids = np.asarray(tokens, dtype=np.int64)
    written = _write(machine(MEASURE), NOTHING, ids, format, context, race, more=1)
    return length_bits(written) + ceil(1.001 * raced_bound_bits(format)) + 1


def bound_ids_bits(number: int, format: Format, *, raced: bool = False) -> int:
    """No packet of that many ids is longer: a bound in bits that costs next to nothing."""
    each = raced_bound_bits(format) if raced else bound_bits(format)
    return 2 + ceil(1.001 * (log2((FULL_SHARE + 1) * format.max_drafts) + number * each))


def _write(
    io: Machine, buffer: Bytes, ids: Ints, format: Format, context: Sequence[int], race: Race | None, more: int = 0
) -> Machine:
    """Writes the packet; of one with `more` ids, all but those."""
    known = latest(context, WINDOW, format.vocabulary)
    code_number(io, buffer, ids.size + more, format.max_drafts)
    _code(io, buffer, format, np.append(known, ids), known.size, race)
    return io


def _code(io: Machine, buffer: Bytes, format: Format, text: Ints, first: int, race: Race | None) -> None:
    """Codes the ids text[first:]; decoding fills them in."""
    if race is None:
        code_ids(io, buffer, format, text, first)
        return
    for place in range(first, text.size):
        text[place] = code_raced_id(io, buffer, format, text[:place], race(place - first), int(text[place]))
        if io[FAILED]:
            return


def _checked(tokens: Sequence[int], format: Format) -> Ints:
    """The ids as int64 [n]; CodecError unless they are 1 to max_drafts ids below V."""
    ids = integers("tokens", np.asarray(tokens))
    if ids.ndim != 1 or not 1 <= ids.size <= format.max_drafts:
        raise CodecError(f"{ids.size} ids: a packet holds 1 to {format.max_drafts}")
    if not 0 <= ids.min() <= ids.max() < format.vocabulary:
        raise CodecError(f"tokens: hold {ids.min()} to {ids.max()}, must be ids below {format.vocabulary}")
    return ids


LARGEST_BYTES = 32


def encode_coded_feedback(accepted: int, token: int, format: Format, context: Sequence[int]) -> bytes:
    """Returns the number of accepted drafts, 0..max_drafts, and the correction or bonus token, as bytes. `context`: the
    committed ids, then the accepted drafts. Raises CodecError where either is out of range."""
    check_accepted(accepted, format)
    check_token(token, format)
    io, buffer = machine(ENCODE), np.empty(LARGEST_BYTES, dtype=np.uint8)
    code_accepted(io, buffer, accepted, format.max_drafts)
    known = latest(context, WINDOW, format.vocabulary)
    code_ids(io, buffer, format, np.append(known, token), known.size)
    return written(io, buffer)


def decode_coded_feedback(
    payload: bytes, drafts: Sequence[int], format: Format, context: Sequence[int]
) -> tuple[int, int]:
    """(accepted, token), in answer to a packet of these drafts after the committed ids `context`. Raises CodecError on
    every byte string that `encode_coded_feedback` cannot have produced for it."""
    io, buffer = reader(payload)
    accepted = code_accepted(io, buffer, 0, format.max_drafts)
    if accepted > len(drafts):
        raise CodecError(f"feedback of {len(payload)} bytes: {accepted} drafts are accepted, {len(drafts)} were sent")
    known = latest([*context[-WINDOW:], *drafts[:accepted]], WINDOW, format.vocabulary)
    text = np.append(known, 0)
    code_ids(io, buffer, format, text, known.size)
    close(io, buffer, "feedback", "none of this format")
    return accepted, int(text[-1])
