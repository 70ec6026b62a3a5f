"""Builds a bundled prior from drafters' distributions over training text (`tools.drafter_distributions`).

    python -m tools.build_prior LAWS.npz --vocabulary V

The file holds `texts` int32 [N, T], after each token the M likeliest next tokens, `top` int32 [N, T, M], with their
`probabilities` float [N, T, M], and where each token's vector starts, `embedding` float [V, WIDTH]. Readings of one
text by two drafters stand side by side.

The last tenth of the texts is kept for the network, so that it learns how far the rest, made from the others, can be
trusted.

Rows: E[q(x) | w], shrunk as if w had been seen SHRINK times more often with no distribution at all; an entry is kept
when n_w b log2(b / (left over * unigram)) is among the largest, down to as many entries as are asked for. They may go
on from those of another prior, which count as much as START_TOKENS of text.
"""

from __future__ import annotations

import argparse
import io
import lzma
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from channels.codec.coder.arithmetic import MEASURE, machine
from channels.codec.context_coded.context_model import HIDDEN, READ, WIDTH
from channels.codec.context_coded.network import HEADS, INPUTS, UNITS
from channels.codec.context_coded.prior_tables import (
    LARGEST_OCTAVES,
    STEPS,
    WEIGHT_BITS,
    StoredPrior,
    Tables,
    pack,
    row_ids,
    tables,
)
from channels.codec.context_coded.walk import WalkSetting, code_draft
from channels.codec.lattice import quantize
from channels.codec.prior_files import BUNDLED, store_prior
from kinds.arrays import Bytes, Floats, Int32s, Ints
from tools.prior_fits import COMMON, Bigrams, Examples, fit_context_model, fit_network

SHRINK = 2.0
HELD_OUT = 10
START_TOKENS = 240_000
POINTS = ((8, 0.0, 64), (64, 0.0, 100), (0, 0.01, 100), (0, 0.0005, 1000))
"""(top k or 0, threshold, resolution): where the network is trained most."""
OFTEN = (0.3, 0.25, 0.3, 0.15)
"""Frequency of each of them: a draft of the last asks ten times more."""
LEAST = 2e-5
"""Rows are made from larger probabilities alone."""


@dataclass(frozen=True)
class TextDistributions:
    """Drafters' distributions along texts."""

    texts: Int32s  # [N, T]
    top: Int32s  # [N, T, M]
    probabilities: npt.NDArray[np.floating]  # [N, T, M]
    embedding: npt.NDArray[np.float32]  # [V, WIDTH]

    def of(self, texts: slice) -> TextDistributions:
        return replace(self, texts=self.texts[texts], top=self.top[texts], probabilities=self.probabilities[texts])


@dataclass(frozen=True)
class Size:
    """Size of a prior, and the length of its fit."""

    entries: int = 550_000
    """Most row entries, about 2.6 bytes each on disk."""
    batches: int = 1_500
    """Batches that the context model is fitted on."""
    positions: int = 5_000
    """Drafts that the network is fitted on."""
    steps: int = 4_000
    """Steps that the network is fitted for."""


def build(distributions: TextDistributions, size: Size, seed: int, start: StoredPrior | None = None) -> StoredPrior:
    """A prior of these distributions, its rows going on from another's."""
    texts = len(distributions.texts)
    cut = texts - max(1, texts // HELD_OUT)
    cut, half = cut - cut % 2, cut // 4 * 2  # not between two readings of a text
    learned, kept = distributions.of(slice(0, cut)), distributions.of(slice(cut, None))
    halves = distributions.of(slice(0, half)), distributions.of(slice(half, cut))
    whole = rows(learned, size.entries, start)
    examples = [
        Examples(each.texts, each.top, each.probabilities, _bigrams(rows(other, size.entries, start)))
        for each, other in zip(halves, reversed(halves), strict=True)
    ]
    model = fit_context_model(examples, distributions.embedding, size.batches, seed)
    untrained = whole._replace(**model._asdict())
    # the network is fitted on drafts from distributions that nothing else was made from
    trace = questions(kept, tables(untrained), size.positions, seed)
    first, first_bias, second, second_bias = fit_network(trace, size.steps, seed)
    return untrained._replace(first=first, first_bias=first_bias, second=second, second_bias=second_bias)


def rows(distributions: TextDistributions, entries: int, start: StoredPrior | None = None) -> StoredPrior:
    """Unigram and rows, with a context model and a network of zeros."""
    vocabulary = len(distributions.embedding)
    large = distributions.probabilities > LEAST
    q, to = distributions.probabilities[large].astype(np.float64), distributions.top[large].astype(np.int64)
    last = np.broadcast_to(distributions.texts[:, :, None], distributions.top.shape)[large].astype(np.int64)
    unigram = np.bincount(to, weights=q, minlength=vocabulary) + 1e-3
    times = np.bincount(distributions.texts.reshape(-1), minlength=vocabulary).astype(np.float64)
    pairs = last * vocabulary + to
    if start is not None:
        old_unigram, old_pairs, old_shares = _of_start(start)
        often = START_TOKENS * old_unigram / old_unigram.sum()
        q = np.concatenate([q, old_shares * often[old_pairs // vocabulary]])
        pairs, unigram, times = np.concatenate([pairs, old_pairs]), unigram + often, times + often
    unigram /= unigram.sum()
    pairs, inverse = np.unique(pairs, return_inverse=True)
    before, after = pairs // vocabulary, pairs % vocabulary
    share = np.bincount(inverse, weights=q) / (times[before] + SHRINK)
    left_over = 1.0 - np.bincount(before, weights=share, minlength=vocabulary)
    gain = times[before] * share * np.log2(share / (np.maximum(left_over[before], 0.05) * unigram[after]))
    chosen = np.sort(np.argsort(-gain, kind="stable")[: min(entries, int((gain > 0).sum()))])
    lengths = np.bincount(before[chosen], minlength=vocabulary).astype(np.uint16)
    return rows_alone(_octaves(unigram), lengths, after[chosen].astype(np.int32), _octaves(share[chosen]))


def rows_alone(unigram: Bytes, lengths: npt.NDArray[np.uint16], ids: Int32s, weights: Bytes) -> StoredPrior:
    """A prior with a context model and a network of zeros."""
    return StoredPrior(
        unigram,
        lengths,
        ids,
        weights,
        vectors=np.zeros((unigram.size, WIDTH), np.int8),
        hidden=np.zeros((READ, HIDDEN), np.int32),
        hidden_bias=np.zeros(HIDDEN, np.int32),
        output=np.zeros((HIDDEN, WIDTH), np.int32),
        output_bias=np.zeros(WIDTH, np.int32),
        first=np.zeros((INPUTS, UNITS), np.int32),
        first_bias=np.zeros(UNITS, np.int32),
        second=np.zeros((HEADS, UNITS), np.int32),
        second_bias=np.zeros(HEADS, np.int32),
    )


def _of_start(start: StoredPrior) -> tuple[Floats, Ints, Floats]:
    """A prior's unigram, [V], its rows' pairs w V + x, [N], and shares, [N]."""
    share, unigram = (2.0 ** -(octaves.astype(np.float64) / STEPS) for octaves in (start.row_weights, start.unigram))
    last = np.repeat(np.arange(unigram.size), start.lengths)
    return unigram, last * unigram.size + start.row_ids, share


def _bigrams(stored: StoredPrior) -> Bigrams:
    """The distribution of a prior's rows alone."""
    read = tables(stored)
    return Bigrams(
        read.starts,
        read.row_ids.astype(np.int64),
        (read.row_weights / (1 << WEIGHT_BITS)).astype(np.float32),
        (read.unigram / (1 << WEIGHT_BITS)).astype(np.float32),
        read.order[:COMMON].astype(np.int64),
    )


def _octaves(share: npt.NDArray[np.floating]) -> Bytes:
    """The stored byte of a share: -log2 in eighths."""
    octaves: Bytes = np.clip(np.rint(-STEPS * np.log2(share)), 0, LARGEST_OCTAVES).astype(np.uint8)
    return octaves


def questions(distributions: TextDistributions, prior: Tables, positions: int, seed: int) -> Int32s:
    """The network's inputs, heads and answers on drafts drawn from the distributions under many formats."""
    rng = np.random.default_rng(seed)
    trace = np.zeros((1 + positions * 600, INPUTS + 2), np.int32)
    texts, length = distributions.texts.shape
    for _ in range(positions):
        text, at = int(rng.integers(texts)), int(rng.integers(1, length))
        point = POINTS[rng.choice(len(POINTS), p=OFTEN)] if rng.random() < 0.8 else _random_point(rng)
        support, counts = quantized(distributions.top[text, at], distributions.probabilities[text, at], point)
        before = before_counts = np.empty(0, np.int64)
        if rng.random() < 0.8:
            before, before_counts = quantized(
                distributions.top[text, at - 1], distributions.probabilities[text, at - 1], point
            )
        largest = min(point[0] if point[0] and rng.random() < 0.5 else prior.order.size, point[2])
        setting = WalkSetting(prior, point[2], largest, trace=trace)
        known = distributions.texts[text, : at + 1].astype(np.int64), before, before_counts
        code_draft(machine(MEASURE), np.empty(0, np.uint8), setting, *known, support, counts)
    return trace[1 : 1 + trace[0, 0]]


def _random_point(rng: np.random.Generator) -> tuple[int, float, int]:
    resolution = int(2 ** rng.uniform(3, 11))
    if rng.random() < 0.5:
        return int(2 ** rng.uniform(0, 7)), 0.0, resolution
    return 0, float(2 ** rng.uniform(-11, -2)), resolution


def quantized(top: Int32s, q: npt.NDArray[np.float32], point: tuple[int, float, int]) -> tuple[Ints, Ints]:
    """(support, counts) of one distribution at a point, ids ascending, counts positive."""
    size, threshold, resolution = point
    order = np.lexsort((top, -q))
    kept = order[:size] if size else order[: max(1, int((q >= threshold).sum()))]
    kept = kept[np.argsort(top[kept])]
    counts = quantize(q[kept].astype(np.float64), resolution)
    return top[kept][counts > 0].astype(np.int64), counts[counts > 0]


def rows_of(path: Path) -> StoredPrior:
    """The unigram and rows of a prior's file, whichever version of the wire format it is for; all else is zeros."""
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as file:
        ids = row_ids(file["row_ids"], file["lengths"], file["unigram"].size)
        return rows_alone(file["unigram"], file["lengths"], ids, file["row_weights"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.build_prior", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("distributions", type=Path, help="the distributions, .npz")
    parser.add_argument("--vocabulary", type=int, required=True, help="V, the number of token ids")
    parser.add_argument("--folder", type=Path, default=BUNDLED, help="where to write the prior")
    parser.add_argument("--entries", type=int, default=Size.entries, help="most row entries (2.6 bytes each on disk)")
    parser.add_argument("--batches", type=int, default=Size.batches, help="batches of the context model's fit")
    parser.add_argument("--positions", type=int, default=Size.positions, help="drafts the network is fitted on")
    parser.add_argument("--steps", type=int, default=Size.steps, help="steps of the network's fit")
    parser.add_argument("--start", type=Path, help="a prior whose unigram and rows to go on from")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with np.load(arguments.distributions) as file:
        distributions = TextDistributions(*(file[name] for name in ("texts", "top", "probabilities", "embedding")))
    if len(distributions.embedding) != arguments.vocabulary:
        parser.error(
            f"--vocabulary {arguments.vocabulary}: the distributions are over {len(distributions.embedding)} tokens"
        )
    size = Size(arguments.entries, arguments.batches, arguments.positions, arguments.steps)
    start = rows_of(arguments.start) if arguments.start else None
    stored = build(distributions, size, arguments.seed, start)
    path = store_prior(pack(stored), arguments.vocabulary, arguments.folder)
    print(f"{path}: {path.stat().st_size} bytes, {stored.row_ids.size} entries")
    print("Formats find it by default once `prior_files` names it in DEFAULTS")


if __name__ == "__main__":
    main()
