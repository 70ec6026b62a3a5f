"""Measures the table behind models/distribution_shapes.py, in some three minutes.

    python -m tools.measure_distribution_shapes

On the verifier's own continuations of the prompts of the pair `smollm2`, at temperature 1: its distributions by rank,
in 64 equal parts from the most certain position to the least, each the mean of log p at a rank, raised to the power
that gives the mean entropy of its positions; and by acceptance, 1 - TV(p, q), in tenths, which of those parts occur.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from kinds.arrays import Floats, Ints
from models.distribution_shapes import TABLE
from models.interface import LoadedPair, Pair
from models.verification import entropy_bits, total_variation
from tools.acceptance_table import distributions_on_own_text

PROMPT_TOKENS, NEW_TOKENS, SEED = 64, 64, 0
SHAPES, LEVELS, CERTAINTIES = 64, 10, 16


def main() -> None:
    import models.zoo  # noqa: F401  registers the pairs

    parser = argparse.ArgumentParser(prog="python -m tools.measure_distribution_shapes", description=__doc__)
    parser.add_argument("--pair", default="smollm2", help="the pair that is measured")
    parser.add_argument("--out", type=Path, default=TABLE, help="the table that is written")
    arguments = parser.parse_args()
    described = Pair.of(arguments.pair)
    pair = described.load()
    about = {
        "what": "laws of the verifier by rank, on its own continuations at temperature 1, by entropy and acceptance",
        "pair": described.kind,
        "fingerprint": described.fingerprint,
        "prompts": len(pair.prompts),
        "prompt_tokens": PROMPT_TOKENS,
        "new_tokens": NEW_TOKENS,
        "seed": SEED,
    }
    text = json.dumps(about | measured(pair), indent=None, separators=(",", ": "))
    arguments.out.write_text(text.replace("],[", "],\n [") + "\n", encoding="utf-8")


def measured(pair: LoadedPair) -> dict[str, object]:
    """The numbers of the table. Raises ValueError where a tenth of the range of acceptance has no position."""
    ranks = _ranks(pair.vocabulary)
    entropies, acceptances, logs = [], [], []
    for index, prompt in enumerate(pair.prompts):
        uniforms = np.random.default_rng([SEED, index]).random(NEW_TOKENS)
        p, q = distributions_on_own_text(pair, prompt.tokens[:PROMPT_TOKENS], 1.0, uniforms)
        entropies += [entropy_bits(distribution) for distribution in p]
        acceptances += (1 - total_variation(p, q)).tolist()
        logs += [np.log(np.maximum(np.sort(distribution)[::-1][ranks - 1], 1e-300)) for distribution in p]
    order = np.argsort(entropies, kind="stable")
    parts = np.array_split(order, SHAPES)
    shape_of = np.empty(len(order), dtype=np.int64)
    for shape, part in enumerate(parts):
        shape_of[part] = shape
    means = [float(np.mean(np.array(entropies)[part])) for part in parts]
    by_rank = [np.array(logs)[part].mean(axis=0) for part in parts]
    shapes = [_sharpened(mean_logs, ranks, bits) for mean_logs, bits in zip(by_rank, means, strict=True)]
    return {
        "positions": len(order),
        "mean_entropy_bits": round(float(np.mean(entropies)), 3),
        "mean_acceptance": round(float(np.mean(acceptances)), 4),
        "vocabulary": pair.vocabulary,
        "ranks": ranks.tolist(),
        "entropy_bits": [round(mean, 3) for mean in means],
        "log_probability": [np.round(shape, 3).tolist() for shape in shapes],
        "by_acceptance": _by_acceptance(np.array(acceptances), shape_of),
    }


def _ranks(vocabulary: int) -> Ints:
    """1, 2, 3, 4, 6, 8, 12, ... to 512, then 1,024, 2,048, ..., and the last."""
    found = sorted({size for n in range(9) for size in (1 << n, 3 << n) if size <= 512} | {512})
    return np.array([*found, *(1 << n for n in range(10, 64) if 1 << n < vocabulary), vocabulary], dtype=np.int64)


def _sharpened(logs: Floats, ranks: Ints, bits: float) -> Floats:
    """Log-probabilities at these ranks of c exp(b logs), interpolated in log rank, of that entropy."""
    everywhere = np.interp(np.log(np.arange(1, ranks[-1] + 1)), np.log(ranks), logs)

    def distribution(power: float) -> Floats:
        weights: Floats = np.exp(power * (everywhere - everywhere[0]))
        weights /= weights.sum()
        return weights

    power = float(brentq(lambda power: entropy_bits(distribution(power)) - bits, 0.3, 3.0))
    found: Floats = np.log(np.maximum(distribution(power)[ranks - 1], 1e-300))
    return found


def _by_acceptance(acceptances: Floats, shape_of: Ints) -> list[list[int]]:
    levels = np.minimum((acceptances * LEVELS).astype(np.int64), LEVELS - 1)
    quantiles = (np.arange(CERTAINTIES) + 0.5) / CERTAINTIES
    found = []
    for level in range(LEVELS):
        there = shape_of[levels == level]
        if not there.size:
            raise ValueError(f"no position has an acceptance within {level / LEVELS:g} and {(level + 1) / LEVELS:g}")
        found.append(np.quantile(there, quantiles, method="inverted_cdf").astype(int).tolist())
    return found


if __name__ == "__main__":
    main()
