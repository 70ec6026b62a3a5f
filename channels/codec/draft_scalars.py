"""What goes up where the edge corrects: drafted ids, of each qhat(d) alone, and the last correction (arXiv 2507.12000).

qhat(d) is a count over the resolution ell, so it travels exactly, as an integer. A packet is, for each draft, its id in
ceil(log2 V) bits and its count less 1 in ceil(log2 ell) bits, most significant bit first; then a single 1 bit and zeros
up to a whole byte. A token by itself, such as a correction before a packet, is its id in whole bytes.

A coded packet is one of the arithmetic coder: the correction, where there is one; how many drafts; of each its id, then
its count less 1. Of a correction for which ids were offered (`candidates`), first the place of that which was taken:
each in turn is taken, 9 of 16, or passed by; where all are, the id. Ids are coded as in `ids`, after the context and
what comes before them. A number in 0..N = ell - 1 that belongs to an id, such as a count: the likelier the id, the
larger. First its length in bits k, of frequency SHARES[k - e] with e = length of ell less the bits that the id has
taken, within 0 and the length of N; then what is below its leading bit, uniform. Shares fitted to drafts and candidates
of both bundled pairs at ell = 20 to 4,096: a count takes 3.0 to 9.3 bits there, .4 to .9 less than with lengths that
are alike, and 1.3 to 2.7 less than flat.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2
from typing import Final, NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import (
    DECODE,
    ENCODE,
    FAILED,
    INVALID,
    MEASURE,
    MODE,
    NOTHING,
    Machine,
    bit,
    cost,
    length_bits,
    machine,
    reader,
    symbol,
    target,
    uniform,
    written,
)
from channels.codec.coder.bit_packing import pack, unpack
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.draft import CodecError, Draft, Format, check_token, close, latest
from channels.codec.id_distribution import bound_bits, code_ids, dearest
from channels.codec.ids import FULL_SHARE, code_number
from kinds.arrays import Bytes, Ints

SHARES: Final = np.array([1, 2, 4, 8, 16, 16, 12, 8, 6, 4, 3, 2, 1])
"""By how many bits a number is longer than expected, from -4 on; beyond the ends, as at the ends."""
FIRST: Final = -4
NUMBERED_ID_BYTES: Final = 12
"""The most that an id takes with its number."""
TAKEN: Final = 9 << 12
"""Of 2^16: that an offered id is the correction, where those before it are not."""


class Owed(NamedTuple):
    """The correction that a packet begins with, and the ids that were offered for it, each once."""

    correction: int
    offered: tuple[int, ...] = ()


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


def encode_coded(drafts: Sequence[Draft], format: Format, context: Sequence[int], owed: Owed | None = None) -> bytes:
    """The coded packet of 1 to max_drafts drafts, behind the correction where there is one. `context`: the ids that
    both ends hold, oldest first. Raises CodecError."""
    buffer = np.empty(NUMBERED_ID_BYTES * (len(drafts) + 2) + _offered_bytes(owed), dtype=np.uint8)
    return written(_write(machine(ENCODE), buffer, drafts, format, context, owed), buffer)


def decode_coded(
    payload: bytes, format: Format, context: Sequence[int], offered: tuple[int, ...] | None = None
) -> tuple[int | None, tuple[Draft, ...]]:
    """The correction, where the packet begins with one, and the drafts, each with its own count and no other.
    `offered`: the ids that were offered for it, None where there is none. Raises CodecError on every byte string that
    `encode_coded` cannot have produced for this context."""
    io, buffer = reader(payload)
    text = latest(context, WINDOW, format.vocabulary)
    if offered is not None:
        text = _code_owed(io, buffer, format, text, Owed(0, offered))
    correction, drafts = (None if offered is None else int(text[-1])), list[Draft]()
    for _ in range(code_number(io, buffer, 1, format.max_drafts)):
        text, count = code_numbered_id(io, buffer, format, text, 0, 0)
        drafts.append(Draft(int(text[-1]), text[-1:], np.array([count + 1])))
        if io[FAILED]:
            break
    close(io, buffer, "packet", "no ids with counts of this format")
    return correction, tuple(drafts)


def coded_bits(drafts: Sequence[Draft], format: Format, context: Sequence[int], owed: Owed | None = None) -> int:
    """The exact length of the coded packet in bits, before padding to bytes. Raises CodecError as that does."""
    return length_bits(_write(machine(MEASURE), NOTHING, drafts, format, context, owed))


def largest_coded_bits(
    drafts: Sequence[Draft], support: Ints, format: Format, context: Sequence[int], owed: Owed | None = None
) -> int:
    """No coded packet with one more draft, of whichever id of `support`, int64 [K], is longer. drafts: 0 to
    max_drafts - 1 of them."""
    before = _write(machine(MEASURE), NOTHING, drafts, format, context, owed, more=1)
    ids = [] if owed is None else [owed.correction]
    text = np.array([*latest(context, WINDOW, format.vocabulary), *ids, *(draft.token for draft in drafts)], np.int64)
    lengths = [length_bits(_after(before, format, text, each)) for each in dearest(format, text, support).tolist()]
    return max(lengths) + ceil(_bound_number_bits(format)) + 2


def bound_coded_bits(drafts: int, format: Format, owed: Owed | None = None) -> int:
    """No coded packet of so many drafts is longer, nor what `largest_coded_bits` says: a bound in bits that costs next
    to nothing."""
    corrections = 0 if owed is None else 1
    ids = (drafts + corrections) * bound_bits(format) + drafts * _bound_number_bits(format)
    return 4 + ceil(1.001 * (log2((FULL_SHARE + 1) * format.max_drafts) + ids)) + 8 * _offered_bytes(owed)


def code_one_id(io: Machine, buffer: Bytes, format: Format, text: Ints, token: int) -> Ints:
    """Codes an id after a text, int64 [n]; returns the text with it."""
    longer = np.append(text, token)
    if not io[FAILED]:
        code_ids(io, buffer, format, longer, text.size)
    return longer


def code_numbered_id(
    io: Machine, buffer: Bytes, format: Format, text: Ints, token: int, number: int
) -> tuple[Ints, int]:
    """Codes an id after a text, int64 [n], and a number in 0..ell - 1 that belongs to it; returns the text with the id,
    and the number."""
    before = cost(io)
    longer = code_one_id(io, buffer, format, text, token)
    most, id_bits = format.resolution - 1, int(cost(io) - before >> 32)
    if io[FAILED]:
        return longer, 0
    lengths = np.arange(most.bit_length() + 1)
    expected = min(max(0, format.resolution.bit_length() - id_bits), int(lengths[-1]))
    shares = SHARES[np.clip(lengths - expected - FIRST, 0, SHARES.size - 1)]
    ends = np.cumsum(shares)
    length = number.bit_length()
    if io[MODE] == DECODE:
        length = int(np.searchsorted(ends, target(io, int(ends[-1])), side="right"))
    symbol(io, buffer, int(ends[length] - shares[length]), int(shares[length]), int(ends[-1]))
    if length < 2:
        return longer, length
    lead = 1 << length - 1
    return longer, lead + uniform(io, buffer, number - lead, min(lead, most + 1 - lead))


def _code_owed(io: Machine, buffer: Bytes, format: Format, text: Ints, owed: Owed) -> Ints:
    """Codes the correction after a text, int64 [n]; returns the text with it."""
    for token in owed.offered:
        if not io[FAILED] and not bit(io, buffer, int(token != owed.correction), TAKEN):
            return np.append(text, token)
    longer = code_one_id(io, buffer, format, text, owed.correction)
    if int(longer[-1]) in owed.offered:  # and was passed by
        io[FAILED] = INVALID
    return longer


def _offered_bytes(owed: Owed | None) -> int:
    """No place among the offered ids takes more: each that is passed by is 1.2 bits."""
    return 0 if owed is None else 1 + len(owed.offered) // 4


def _bound_number_bits(format: Format) -> float:
    return log2(int(SHARES.sum()) + format.resolution.bit_length()) + (format.resolution - 1).bit_length()


def _write(
    io: Machine,
    buffer: Bytes,
    drafts: Sequence[Draft],
    format: Format,
    context: Sequence[int],
    owed: Owed | None,
    more: int = 0,
) -> Machine:
    """Writes the coded packet; of one with `more` drafts, all but those."""
    if not 1 <= len(drafts) + more <= format.max_drafts:
        raise CodecError(f"{len(drafts) + more} drafts: a packet holds 1 to {format.max_drafts}")
    text = latest(context, WINDOW, format.vocabulary)
    if owed is not None:
        check_token(owed.correction, format)
        text = _code_owed(io, buffer, format, text, owed)
    code_number(io, buffer, len(drafts) + more, format.max_drafts)
    for draft in drafts:
        text, _ = code_numbered_id(io, buffer, format, text, draft.token, _count(draft, format) - 1)
    return io


def _after(before: Machine, format: Format, text: Ints, token: int) -> Machine:
    """A machine that measures, one id on."""
    io = before.copy()
    code_one_id(io, NOTHING, format, text, token)
    return io


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
    """Bits of one draft."""
    return format.id_bits + _count_bits(format)


def _count_bits(format: Format) -> int:
    return (format.resolution - 1).bit_length()
