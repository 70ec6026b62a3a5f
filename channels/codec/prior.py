"""What both ends know of language before the first packet: integer tables, named by their hash.

A prior holds, for a vocabulary, how often a drafter's law gives each token (`unigram`), the tokens it gives most after
each token (`rows`), and the weights of the `network` that turns such evidence into probabilities. Weights are Q30; on
disk a weight is one byte v that stands for 2^(30 - v / 8). A file is LZMA over numpy's npz (`pack`); `shelf` says
where files lie.
"""

from __future__ import annotations

import io
import lzma
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channels.codec.draft import CodecError, Ids
from channels.codec.network import Integers, Network
from channels.codec.shelf import FOLDERS, read_prior

WEIGHT_BITS = 30
STEPS = 8
WEIGHTS = np.rint(2.0 ** (WEIGHT_BITS - np.arange(256) / STEPS)).astype(np.int64)

Bytes = npt.NDArray[np.uint8]


class Tables(NamedTuple):
    """The integer tables, ready for the compiled code. V tokens, N entries."""

    unigram: Ids  # [V] Q30 weight of each id
    unigram_octaves: Integers  # [V] its log2 in 1/32 octave, negative
    order: Ids  # [V] ids, largest unigram weight first, lowest id among equals
    rank: Ids  # [V] place of each id in `order`
    rest: Ids  # [V + 1] summed weight of the places from each on
    starts: Ids  # [V + 1] where each token's row starts
    row_ids: Ids  # [N] ascending within a row
    row_weights: Ids  # [N] Q30
    slots: Ids  # [V] scratch, all -1 between calls
    network: Network


class Stored(NamedTuple):
    """What a file holds. Sizes and ranges are checked on reading."""

    unigram: Bytes  # [V]
    lengths: npt.NDArray[np.uint16]  # [V] entries in each row
    row_ids: npt.NDArray[np.int32]  # [N]
    row_weights: Bytes  # [N]
    first: Integers
    first_bias: Integers
    second: Integers
    second_bias: Integers


def tables(stored: Stored) -> Tables:
    """The tables of a stored prior."""
    unigram = WEIGHTS[stored.unigram]
    order = np.argsort(stored.unigram, kind="stable").astype(np.int64)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return Tables(
        unigram=unigram,
        unigram_octaves=-4 * stored.unigram.astype(np.int32),
        order=order,
        rank=rank,
        rest=np.append(np.cumsum(unigram[order][::-1])[::-1], 0),
        starts=np.concatenate([[0], np.cumsum(stored.lengths, dtype=np.int64)]),
        row_ids=stored.row_ids.astype(np.int64),
        row_weights=WEIGHTS[stored.row_weights],
        slots=np.full(order.size, -1, dtype=np.int64),
        network=Network(stored.first, stored.first_bias, stored.second, stored.second_bias),
    )


def pack(stored: Stored) -> bytes:
    """The bytes of a prior's file."""
    lengths = stored.lengths.astype(np.int64)
    first = np.concatenate([[0], np.cumsum(lengths)])[:-1][lengths > 0]
    gaps = np.diff(stored.row_ids, prepend=0)
    gaps[first] = stored.row_ids[first]  # ascending within a row, so gaps are small
    parts = {**stored._asdict(), "row_ids": gaps.astype("<u4").view(np.uint8).reshape(-1, 4).T[:3].copy()}
    raw = io.BytesIO()
    np.savez(raw, **parts)
    return lzma.compress(raw.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def unpack(content: bytes) -> Stored:
    """The prior of a file's bytes. Raises CodecError when they are not one."""
    try:
        with np.load(io.BytesIO(lzma.decompress(content))) as file:
            parts = {name: file[name] for name in Stored._fields}
    except (lzma.LZMAError, ValueError, KeyError, OSError) as error:
        raise CodecError(f"prior: not a prior's file ({error})") from None
    planes = parts["row_ids"].astype(np.int64)  # [3, N]
    gaps = planes[0] | planes[1] << 8 | planes[2] << 16
    lengths = parts["lengths"].astype(np.int64)
    totals = np.concatenate([[0], np.cumsum(gaps)])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ids = totals[1:] - np.repeat(totals[starts[:-1]], lengths)
    if ids.size and ids.max() >= parts["unigram"].size:
        raise CodecError("prior: a row holds an id outside its vocabulary")
    return Stored(**{**parts, "row_ids": ids.astype(np.int32)})


@cache
def find(fingerprint: str, vocabulary: int) -> Tables:
    """The tables of a prior. Raises CodecError when no folder has it or it is for another vocabulary."""
    content = read_prior(fingerprint, vocabulary)
    if content is None:
        raise CodecError(f"prior = {fingerprint!r}: no such file for {vocabulary} tokens in {FOLDERS}")
    stored = unpack(content)
    if stored.unigram.size != vocabulary:
        raise CodecError(f"prior = {fingerprint!r}: holds {stored.unigram.size} tokens, not {vocabulary}")
    return tables(stored)
