"""What comes down where the edge finds its own correction: ids, each with a height, of which the edge takes the first
whose count is no higher.

After a rejection the correction follows max(0, p - qhat), of which the cloud has p and the edge qhat = count / ell. A
list of candidates is coded as in `draft_scalars`: of each its id, after the committed ids and the accepted drafts, then
its height in 0..ell - 1. Of one id that comes again, the height is what it is above the last one less 1: all up to
there was refused. The rejected id, which no candidate is, ends a list that is shorter than usual. The first list of a
round comes behind how many drafts are accepted (`ids`); where all are, the bonus token follows as in coded feedback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from channels.codec.coder.arithmetic import ENCODE, FAILED, Machine, machine, reader, written
from channels.codec.context_coded.expected_tokens import WINDOW
from channels.codec.draft import CodecError, Format, check_accepted, check_token, close, latest
from channels.codec.draft_scalars import NUMBERED_ID_BYTES, code_numbered_id, code_one_id
from channels.codec.ids import code_accepted
from kinds.arrays import Bytes


class Candidate(NamedTuple):
    """An id and its height, in units of 1 / ell: it is the correction where the edge's count of it is no higher."""

    token: int
    height: int


Candidates = tuple[Candidate, ...]


class CandidateList(NamedTuple):
    """What is known of a list before it is read: how many it has at most, after which text, the rejected id, and the
    candidates of the round before it, all of them refused."""

    most: int
    context: Sequence[int]
    rejected: int
    refused: Candidates = ()


def encode_first(accepted: int, found: Candidates, known: CandidateList, format: Format) -> bytes:
    """The first list of a round of which so many drafts are accepted. Raises CodecError as `encode_more` does."""
    check_accepted(accepted, format)
    io, buffer = machine(ENCODE), _buffer(known)
    code_accepted(io, buffer, accepted, format.max_drafts)
    _write(io, buffer, found, known, format)
    return written(io, buffer)


def encode_more(found: Candidates, known: CandidateList, format: Format) -> bytes:
    """A later list. Raises CodecError where a candidate is out of range, the rejected id, or refused already."""
    io, buffer = machine(ENCODE), _buffer(known)
    _write(io, buffer, found, known, format)
    return written(io, buffer)


def decode_accepted(payload: bytes, drafts: int, format: Format) -> int:
    """How many of the drafts are accepted, by a round's first list or its coded feedback. Raises CodecError."""
    io, buffer = reader(payload)
    accepted = code_accepted(io, buffer, 0, format.max_drafts)
    if accepted > drafts:
        raise CodecError(f"reply of {len(payload)} bytes: {accepted} drafts are accepted, {drafts} were sent")
    return accepted


def decode_list(payload: bytes, known: CandidateList, format: Format, *, first: bool) -> Candidates:
    """The candidates of a list. Raises CodecError on every byte string that neither `encode_first` nor `encode_more`
    can have produced where this much is known."""
    io, buffer = reader(payload)
    if first:
        code_accepted(io, buffer, 0, format.max_drafts)
    text, floors = latest(known.context, WINDOW, format.vocabulary), _floors(known.refused)
    found = list[Candidate]()
    while len(found) < known.most and not io[FAILED]:
        after = code_one_id(io.copy(), buffer, format, text, 0)
        if after[-1] == known.rejected:
            code_one_id(io, buffer, format, text, 0)
            break
        after, above = code_numbered_id(io, buffer, format, text, 0, 0)
        token = int(after[-1])
        height = floors.get(token, 0) + above
        if height >= format.resolution:
            raise CodecError(f"list of {len(payload)} bytes: a height of {height}, must be below {format.resolution}")
        found.append(Candidate(token, height))
        floors[token] = height + 1
    close(io, buffer, "list", "no candidates of this format")
    return tuple(found)


def _write(io: Machine, buffer: Bytes, found: Candidates, known: CandidateList, format: Format) -> None:
    if len(found) > known.most:
        raise CodecError(f"{len(found)} candidates: a list holds {known.most} at most")
    text, floors = latest(known.context, WINDOW, format.vocabulary), _floors(known.refused)
    for token, height in found:
        check_token(token, format)
        floor = floors.get(token, 0)
        if token == known.rejected or not floor <= height < format.resolution:
            raise CodecError(
                f"candidate {token} at {height}: is rejected, or refused, or not below {format.resolution}"
            )
        code_numbered_id(io, buffer, format, text, token, height - floor)
        floors[token] = height + 1
    if len(found) < known.most:
        code_one_id(io, buffer, format, text, known.rejected)


def _floors(refused: Candidates) -> dict[int, int]:
    """By id, the least height that is not refused."""
    return {token: height + 1 for token, height in refused}


def _buffer(known: CandidateList) -> Bytes:
    return np.empty(NUMBERED_ID_BYTES * (known.most + 2), dtype=np.uint8)
