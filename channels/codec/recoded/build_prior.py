"""Builds a prior from a drafter's laws over training text.

    python -m channels.codec.recoded.build_prior LAWS.npz --vocabulary V

The laws file holds `texts` int32 [N, T], and after each token the M likeliest next tokens, `top` int32 [N, T, M], with
their `probabilities` float [N, T, M]. The last tenth of the texts is kept for the network, so that it learns how far
the rows, made from the others, can be trusted.

Rows: E[q(x) | w], shrunk as if w had been seen SHRINK times more often with no law at all; an entry is kept when
n_w b log2(b / (left over * unigram)) is among the largest, down to as many entries as are asked for.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from channels.codec.coder.arithmetic import MEASURE, machine
from channels.codec.coder.fixed_point import log2_factorials
from channels.codec.lattice import quantize
from channels.codec.prior_files import BUNDLED, store_prior
from channels.codec.recoded.fit_network import fit
from channels.codec.recoded.network import HEADS, INPUTS, UNITS
from channels.codec.recoded.network_inputs import WalkSetting
from channels.codec.recoded.prior_tables import LARGEST_OCTAVES, STEPS, Stored, Tables, pack, tables
from channels.codec.recoded.walk import code_draft
from kinds.arrays import Bytes, Int32s, Ints

SHRINK = 2.0
HELD_OUT = 10
POINTS = ((8, 0.0, 64), (64, 0.0, 100), (0, 0.01, 100), (0, 0.0005, 1000))
"""(top k or 0, threshold, resolution): where the network is trained most."""


@dataclass(frozen=True)
class Laws:
    """A drafter's laws along texts."""

    texts: Int32s  # [N, T]
    top: Int32s  # [N, T, M]
    probabilities: npt.NDArray[np.float32]  # [N, T, M]

    @classmethod
    def read(cls, path: Path) -> Laws:
        with np.load(path) as file:
            return cls(file["texts"], file["top"], file["probabilities"])

    def of(self, texts: slice) -> Laws:
        return Laws(self.texts[texts], self.top[texts], self.probabilities[texts])


def build(laws: Laws, vocabulary: int, entries: int, positions: int, steps: int, seed: int) -> Stored:
    """A prior with at most `entries` row entries and a network fitted on `positions` drafts."""
    cut = max(1, len(laws.texts) // HELD_OUT)
    untrained = rows(laws.of(slice(0, -cut)), vocabulary, entries)
    return trained(untrained, laws.of(slice(-cut, None)), positions, steps, seed)


def trained(untrained: Stored, kept: Laws, positions: int, steps: int, seed: int) -> Stored:
    """The prior with a network fitted on drafts from laws its rows were not made from."""
    trace = questions(kept, tables(untrained), positions, seed)
    first, first_bias, second, second_bias = fit(trace, steps, seed)
    return untrained._replace(first=first, first_bias=first_bias, second=second, second_bias=second_bias)


def rows(laws: Laws, vocabulary: int, entries: int) -> Stored:
    """Unigram and rows, with a network of zeros."""
    q = laws.probabilities.reshape(-1).astype(np.float64)
    to = laws.top.reshape(-1).astype(np.int64)
    unigram = np.bincount(to, weights=q, minlength=vocabulary) + 1e-3
    unigram /= unigram.sum()
    times = np.bincount(laws.texts.reshape(-1), minlength=vocabulary)
    pairs = np.repeat(laws.texts.reshape(-1).astype(np.int64), laws.top.shape[-1]) * vocabulary + to
    pairs, inverse = np.unique(pairs, return_inverse=True)
    before, after = pairs // vocabulary, pairs % vocabulary
    share = np.bincount(inverse, weights=q) / (times[before] + SHRINK)
    left_over = 1.0 - np.bincount(before, weights=share, minlength=vocabulary)
    gain = times[before] * share * np.log2(share / (np.maximum(left_over[before], 0.05) * unigram[after]))
    chosen = np.sort(np.argsort(-gain, kind="stable")[: min(entries, int((gain > 0).sum()))])
    return Stored(
        unigram=_octaves(unigram),
        lengths=np.bincount(before[chosen], minlength=vocabulary).astype(np.uint16),
        row_ids=after[chosen].astype(np.int32),
        row_weights=_octaves(share[chosen]),
        first=np.zeros((INPUTS, UNITS), np.int32),
        first_bias=np.zeros(UNITS, np.int32),
        second=np.zeros((HEADS, UNITS), np.int32),
        second_bias=np.zeros(HEADS, np.int32),
    )


def _octaves(share: npt.NDArray[np.floating]) -> Bytes:
    """The stored byte of a share: -log2 in eighths."""
    octaves: Bytes = np.clip(np.rint(-STEPS * np.log2(share)), 0, LARGEST_OCTAVES).astype(np.uint8)
    return octaves


def questions(laws: Laws, prior: Tables, positions: int, seed: int) -> Int32s:
    """The network's inputs, heads and answers on drafts drawn from the laws under many formats."""
    rng = np.random.default_rng(seed)
    trace = np.zeros((positions * 300, INPUTS + 2), np.int32)
    traced = np.zeros(1, np.int64)
    factorials = log2_factorials(1 << 14)
    texts, length = laws.texts.shape
    for _ in range(positions):
        text, at = int(rng.integers(texts)), int(rng.integers(1, length))
        point = POINTS[rng.integers(len(POINTS))] if rng.random() < 0.8 else _random_point(rng)
        support, counts = quantized(laws.top[text, at], laws.probabilities[text, at], point)
        previous = np.empty(0, np.int64)
        if rng.random() < 0.8:
            previous, _ = quantized(laws.top[text, at - 1], laws.probabilities[text, at - 1], point)
        largest = min(point[0] or prior.order.size, point[2])
        setting = WalkSetting(prior, factorials, point[2], largest, trace, traced)
        context = laws.texts[text, : at + 1].astype(np.int64)
        code_draft(machine(MEASURE), np.empty(0, np.uint8), setting, context, previous, support, counts)
    return trace[: traced[0]]


def _random_point(rng: np.random.Generator) -> tuple[int, float, int]:
    resolution = int(2 ** rng.uniform(3, 11))
    if rng.random() < 0.5:
        return int(2 ** rng.uniform(0, 7)), 0.0, resolution
    return 0, float(2 ** rng.uniform(-11, -2)), resolution


def quantized(top: Int32s, q: npt.NDArray[np.float32], point: tuple[int, float, int]) -> tuple[Ints, Ints]:
    """(support, counts) of one law at a point, ids ascending, counts positive."""
    size, threshold, resolution = point
    order = np.lexsort((top, -q))
    kept = order[:size] if size else order[: max(1, int((q >= threshold).sum()))]
    kept = kept[np.argsort(top[kept])]
    counts = quantize(q[kept].astype(np.float64), resolution)
    return top[kept][counts > 0].astype(np.int64), counts[counts > 0]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m channels.codec.recoded.build_prior", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("laws", type=Path, help="the laws, .npz")
    parser.add_argument("--vocabulary", type=int, required=True, help="V, the number of token ids")
    parser.add_argument("--folder", type=Path, default=BUNDLED, help="where to write the prior")
    parser.add_argument("--entries", type=int, default=700_000, help="most row entries (about 2 bytes each on disk)")
    parser.add_argument("--positions", type=int, default=6_000, help="drafts the network is fitted on")
    parser.add_argument("--steps", type=int, default=4_000, help="steps of the fit")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    stored = build(
        Laws.read(arguments.laws),
        arguments.vocabulary,
        arguments.entries,
        arguments.positions,
        arguments.steps,
        arguments.seed,
    )
    path = store_prior(pack(stored), arguments.vocabulary, arguments.folder)
    print(f"{path}: {path.stat().st_size} bytes, {stored.row_ids.size} entries")
    print("Formats find it by default once `prior_files` names it in DEFAULTS")


if __name__ == "__main__":
    main()
