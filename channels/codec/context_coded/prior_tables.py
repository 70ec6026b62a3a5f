"""Priors: integer tables of language that both ends hold before the first packet, named by their hash.

A prior holds, for a vocabulary, how often drafters' distributions give each token (`unigram`), the tokens they give
most after each token (`rows`), the `context_model`, and the weights of the `network` that turns what is known of a
token into probabilities. Weights of tokens are Q30; on disk one is a byte v, at most LARGEST_OCTAVES, that stands for
2^(30 - v / 8). A file is LZMA over numpy's npz (`pack`); `prior_files` says where files lie.
"""

from __future__ import annotations

import io
import lzma
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channels.codec.context_coded.context_model import (
    HIDDEN,
    LARGEST_LEVEL,
    LARGEST_WEIGHT,
    READ,
    WIDTH,
    ContextWeights,
)
from channels.codec.context_coded.network import HEADS, INPUTS, LARGEST_WEIGHTS, UNITS, NetworkWeights
from channels.codec.draft import LARGEST_VOCABULARY, CodecError
from channels.codec.prior_files import folders, read_prior
from kinds.arrays import Bytes, Int32s, Ints

WEIGHT_BITS = 30
MOST_COMMON = 2048
STEPS = 8
LARGEST_OCTAVES = 239  # the largest byte of a weight: beyond it weights round to 0
WEIGHTS = np.rint(2.0 ** (WEIGHT_BITS - np.arange(256) / STEPS)).astype(np.int64)


class Tables(NamedTuple):
    """The integer tables, ready for the compiled code. V tokens, N entries, C frequent tokens."""

    unigram: Int32s  # [V] Q30 weight of each id
    unigram_octaves: Int32s  # [V] its log2 in 1/32 octave, negative
    order: Int32s  # [V] ids, largest unigram weight first, lowest id among equals
    rank: Int32s  # [V] where each id stands in `order`
    rest: Ints  # [V + 1] summed weight of the ranks from each on
    starts: Ints  # [V + 1] where each token's row starts
    row_ids: Int32s  # [N] within a row the largest weight first, the lowest id among equals
    row_weights: Int32s  # [N] Q30
    row_rest: Int32s  # [V] Q30, what a row leaves over, at least 2^20
    slots: Int32s  # [V] scratch, all -1 between calls
    common: Int32s  # [C] weights of the first of `order`, at most MOST_COMMON of them
    common_vectors: npt.NDArray[np.int8]  # [WIDTH, C] their vectors as columns
    model: ContextWeights
    network: NetworkWeights


class StoredPrior(NamedTuple):
    """Contents of a file. Sizes and ranges are checked on reading: compiled code indexes by them and checks nothing."""

    unigram: Bytes  # [V]
    lengths: npt.NDArray[np.uint16]  # [V] entries in each row
    row_ids: Int32s  # [N]
    row_weights: Bytes  # [N]
    vectors: npt.NDArray[np.int8]
    hidden: Int32s
    hidden_bias: Int32s
    output: Int32s
    output_bias: Int32s
    first: Int32s
    first_bias: Int32s
    second: Int32s
    second_bias: Int32s


def tables(stored: StoredPrior) -> Tables:
    unigram = WEIGHTS[stored.unigram]
    order = np.argsort(stored.unigram, kind="stable").astype(np.int32)
    common = order[:MOST_COMMON]
    last = np.repeat(np.arange(order.size), stored.lengths)
    by_weight = np.lexsort((stored.row_ids, stored.row_weights, last))
    row_weights = WEIGHTS[stored.row_weights]
    held = np.zeros(order.size, np.int64)
    np.add.at(held, last, row_weights)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size, dtype=np.int32)
    return Tables(
        unigram=unigram.astype(np.int32),
        unigram_octaves=-4 * stored.unigram.astype(np.int32),
        order=order,
        rank=rank,
        rest=np.append(np.cumsum(unigram[order][::-1])[::-1], 0),
        starts=np.concatenate([[0], np.cumsum(stored.lengths, dtype=np.int64)]),
        row_ids=stored.row_ids[by_weight],
        row_weights=row_weights[by_weight].astype(np.int32),
        row_rest=np.maximum((1 << WEIGHT_BITS) - held, 1 << WEIGHT_BITS - 10).astype(np.int32),
        slots=np.full(order.size, -1, dtype=np.int32),
        common=unigram[common].astype(np.int32),
        common_vectors=np.ascontiguousarray(stored.vectors[common].T),
        model=ContextWeights(*(getattr(stored, name) for name in ContextWeights._fields)),
        network=NetworkWeights(stored.first, stored.first_bias, stored.second, stored.second_bias),
    )


def pack(stored: StoredPrior) -> bytes:
    """The bytes of a prior's file."""
    lengths = stored.lengths.astype(np.int64)
    first = np.concatenate([[0], np.cumsum(lengths)])[:-1][lengths > 0]
    gaps = np.diff(stored.row_ids, prepend=0)
    gaps[first] = stored.row_ids[first]  # ascending within a row, so gaps are small
    parts = {**stored._asdict(), "row_ids": gaps.astype("<u4").view(np.uint8).reshape(-1, 4).T[:3].copy()}
    raw = io.BytesIO()
    np.savez(raw, **parts)
    return lzma.compress(raw.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def unpack(content: bytes) -> StoredPrior:
    """The prior of a file's bytes. Raises CodecError, and nothing else, when they are not one."""
    try:
        with np.load(io.BytesIO(lzma.decompress(content))) as file:
            parts = {name: file[name] for name in StoredPrior._fields}
    except Exception as error:  # lzma, zipfile and numpy raise a dozen kinds between them
        raise CodecError(f"prior: not a prior's file ({error})") from None
    _check(parts)
    return StoredPrior(**{**parts, "row_ids": row_ids(parts["row_ids"], parts["lengths"], parts["unigram"].size)})


def _check(parts: dict[str, npt.NDArray[np.generic]]) -> None:
    """CodecError unless the parts are of the types, shapes and ranges that `pack` writes."""
    V, N = parts["unigram"].size, parts["row_weights"].size
    weights = zip(((INPUTS, UNITS), (UNITS,), (HEADS, UNITS), (HEADS,)), LARGEST_WEIGHTS, strict=True)
    expected: dict[str, tuple[type[np.integer], tuple[int, ...], int, int]] = {
        "unigram": (np.uint8, (V,), 0, LARGEST_OCTAVES),
        "lengths": (np.uint16, (V,), 0, V),
        "row_ids": (np.uint8, (3, N), 0, 255),
        "row_weights": (np.uint8, (N,), 0, LARGEST_OCTAVES),
        "vectors": (np.int8, (V, WIDTH), -LARGEST_LEVEL, LARGEST_LEVEL),
        "hidden": (np.int32, (READ, HIDDEN), -LARGEST_WEIGHT, LARGEST_WEIGHT),
        "hidden_bias": (np.int32, (HIDDEN,), -(1 << 30), 1 << 30),
        "output": (np.int32, (HIDDEN, WIDTH), -LARGEST_WEIGHT, LARGEST_WEIGHT),
        "output_bias": (np.int32, (WIDTH,), -(1 << 30), 1 << 30),
        **{
            name: (np.int32, shape, -most, most)
            for name, (shape, most) in zip(NetworkWeights._fields, weights, strict=True)
        },
    }
    if not 2 <= V <= LARGEST_VOCABULARY:
        raise CodecError(f"prior: {V} tokens, must be within 2 and {LARGEST_VOCABULARY}")
    for name, (kind, shape, least, most) in expected.items():
        part = parts[name]
        if part.dtype != kind or part.shape != shape:
            raise CodecError(f"prior: {name} is {part.dtype} {part.shape}, must be {np.dtype(kind)} {shape}")
        if part.size and not least <= part.min() <= part.max() <= most:
            raise CodecError(f"prior: {name} holds {part.min()} to {part.max()}, must be within {least} and {most}")


def row_ids(planes: Bytes, lengths: npt.NDArray[np.uint16], vocabulary: int) -> Int32s:
    """The ids of all rows, int32 [N], from the bytes of their gaps, uint8 [3, N], least significant first."""
    gaps = planes.astype(np.int64)
    gaps = gaps[0] | gaps[1] << 8 | gaps[2] << 16
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    if starts[-1] != gaps.size:
        raise CodecError(f"prior: {gaps.size} row entries, the rows' lengths say {starts[-1]}")
    totals = np.concatenate([[0], np.cumsum(gaps)])
    ids = totals[1:] - np.repeat(totals[starts[:-1]], lengths)
    if ids.size and ids.max() >= vocabulary:
        raise CodecError("prior: a row holds an id outside its vocabulary")
    later = np.ones(gaps.size, dtype=bool)  # all but each row's first
    later[starts[:-1][lengths > 0]] = False
    if not gaps[later].all():
        raise CodecError("prior: the ids of a row must be ascending")
    found: Int32s = ids.astype(np.int32)
    return found


@cache
def find(fingerprint: str, vocabulary: int) -> Tables:
    """The tables of a prior. Raises CodecError when no folder has it or it is for another vocabulary."""
    content = read_prior(fingerprint, vocabulary)
    if content is None:
        looked = ", ".join(map(str, folders()))
        raise CodecError(f"prior = {fingerprint!r}: no such file for {vocabulary} tokens in {looked}")
    stored = unpack(content)
    if stored.unigram.size != vocabulary:
        raise CodecError(f"prior = {fingerprint!r}: holds {stored.unigram.size} tokens, not {vocabulary}")
    return tables(stored)
