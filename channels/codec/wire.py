"""The wire: drafts to bytes and back, exact on every byte, and how long a packet is before it is built.

A packet holds the drafts of one round, 1 to max_drafts, and nothing else; its length in bytes comes with it. Which code
writes it, and how, is the format's affair (`Format`; modules `packet`, `enumerative`, package `context_coded`).
`fixed_width` has plain replies and the prompt, `ids` packets of ids alone and coded replies.

`context`: the committed token ids both ends hold, then the drafts in flight; codes with a prior read it. Any
sequence of integers will do, an array too; -1 is a token that the receiver lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import ceil, log2

import numpy as np

from channels.codec import packet
from channels.codec.draft import UNSENT, Code, CodecError, Draft, Format, Support
from channels.codec.enumerative import check
from channels.codec.fixed_width import (
    decode_feedback,
    decode_tokens,
    encode_count,
    encode_feedback,
    encode_tokens,
    feedback_bits,
    tokens_bits,
)
from channels.codec.heads import DEAREST_HEAD_BITS
from channels.codec.ids import (
    Race,
    bound_ids_bits,
    decode_coded_feedback,
    decode_ids,
    encode_coded_feedback,
    encode_ids,
    ids_bits,
    largest_ids_bits,
    largest_raced_bits,
)
from channels.codec.paper_counts import dense_bits, paper_bits, size_bits, subset_bits
from channels.codec.quantizers import quantizer
from kinds.arrays import Ints

__all__ = [
    "UNSENT",
    "Code",
    "CodecError",
    "Draft",
    "Format",
    "Race",
    "Support",
    "bound_bits",
    "bound_ids_bits",
    "decode",
    "decode_coded_feedback",
    "decode_feedback",
    "decode_ids",
    "decode_tokens",
    "encode",
    "encode_coded_feedback",
    "encode_count",
    "encode_feedback",
    "encode_ids",
    "encode_tokens",
    "feedback_bits",
    "ids_bits",
    "largest_ids_bits",
    "largest_length_bits",
    "largest_raced_bits",
    "length_bits",
    "tokens_bits",
]


def encode(drafts: Sequence[Draft], format: Format, context: Sequence[int] = ()) -> bytes:
    """The packet of 1 to max_drafts drafts. Raises CodecError where a draft does not fit the format."""
    _check(drafts, format)
    return packet.encode(packet.chain(drafts, format, context), format)


def decode(payload: bytes, format: Format, context: Sequence[int] = ()) -> tuple[Draft, ...]:
    """The drafts of a packet that was encoded under the same format and context.

    Raises CodecError, and nothing else, on every byte string that `encode` cannot have produced under them; what it
    returns encodes to the same bytes.
    """
    trail = packet.Chain(context, format.max_drafts, format.vocabulary)
    return tuple(step.drawn[0] for step in packet.decode(payload, format, trail))


def length_bits(drafts: Sequence[Draft], format: Format, context: Sequence[int] = ()) -> int:
    """The exact length of the packet in bits, before padding to bytes: 8 * len(encode(...)) is the next multiple of 8.

    Raises CodecError as `encode` does.
    """
    _check(drafts, format)
    return packet.measure(packet.chain(drafts, format, context), format)


def largest_length_bits(
    drafts: Sequence[Draft], support: Ints, counts: Ints, format: Format, context: Sequence[int] = ()
) -> int:
    """The length in bits if one more draft were appended, at the dearest token that its counts could draw.

    drafts: those already drawn, 0 to max_drafts - 1 of them. support, counts: int64 [K], as for `Draft`. Raises
    CodecError as `encode` does.
    """
    # A drafted id is coded last and at its count, so the dearest is one of the least count.
    dearest = int(support[np.where(counts > 0, counts, counts.sum() + 1).argmin()]) if support.size else UNSENT
    appended = Draft(UNSENT if format.token == "unsent" else dearest, support, counts)
    return length_bits([*drafts, appended], format, context)


def bound_bits(sizes: Iterable[int], format: Format) -> int:
    """No packet of drafts with these numbers of positive counts is longer: a bound in bits that costs next to nothing.

    Each draft by the paper's count, or by its quantizer's bound where that is not the lattice, with the dearest token;
    for the coder's roundings 1% and a byte, and what a packet's header costs at most.
    """
    header = log2(format.max_drafts) + (DEAREST_HEAD_BITS if format.code == "recoded" else 0)
    return 8 + ceil(1.01 * (header + sum(_draft_bound(size, format) for size in sizes)))


@lru_cache(maxsize=1 << 16)
def _draft_bound(size: int, format: Format) -> float:
    """The most bits that a draft of `size` positive counts costs, its token included: the paper's count is more."""
    V, ell, chosen = format.vocabulary, format.resolution, quantizer(format.quantizer, format.resolution)
    if format.code == "enumerative" and format.support == "dense":
        distribution = dense_bits(V, ell)
    elif format.code == "enumerative" and format.support_size is not None:
        distribution = paper_bits(V, format.support_size, ell)
    else:
        distribution = subset_bits(V, size) + chosen.bound_bits(size) + size_bits(V)
    return distribution + token_bound(size, format)


def token_bound(size: int, format: Format) -> float:
    """The most bits that an id costs which is drafted from `size` positive counts."""
    if format.token == "coded":
        return log2(quantizer(format.quantizer, format.resolution).largest_ratio(size))
    return log2(format.vocabulary) if format.token == "flat" else 0.0


def _check(drafts: Sequence[Draft], format: Format) -> None:
    """CodecError unless there are 1 to max_drafts drafts, each of which the format can carry."""
    if not 1 <= len(drafts) <= format.max_drafts:
        raise CodecError(f"{len(drafts)} drafts: a packet holds 1 to {format.max_drafts}")
    for draft in drafts:
        check_draft(draft, format)


def check_draft(draft: Draft, format: Format) -> None:
    """CodecError unless the format can carry this draft."""
    if draft.support[-1] >= format.vocabulary:
        raise CodecError(f"support: {draft.support[-1]} is not below the vocabulary, {format.vocabulary}")
    check(draft, format)
    if format.support_size is not None and draft.support.size > format.support_size:
        raise CodecError(f"support: {draft.support.size} ids, a fixed support holds {format.support_size}")
    if (draft.token == UNSENT) != (format.token == "unsent"):
        raise CodecError(f"token {draft.token}: the format's token is {format.token!r}")
