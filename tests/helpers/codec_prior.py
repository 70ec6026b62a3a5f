"""A small prior for tests, built as the bundled ones are from the distributions of a seeded Markov source."""

from functools import cache
from pathlib import Path

import numpy as np
from filelock import FileLock

from channels.codec import prior_files
from channels.codec.coder.compiled import ROOT, hash_of_modules
from channels.codec.context_coded import prior_tables
from channels.codec.context_coded.context_model import WIDTH
from kinds.files import cache_folder
from tools import build_prior

VOCABULARY = 300


@cache
def markov():
    """Next-token distributions of each token, float64 [V, V], Zipf-like and peaked."""
    rng = np.random.default_rng(11)
    distribution = rng.gamma(0.08, size=(VOCABULARY, VOCABULARY)) / np.arange(1, VOCABULARY + 1) + 1e-9
    return distribution / distribution.sum(axis=1, keepdims=True)


def texts(number, length, seed):
    """Token ids drawn from the source, int32 [number, length]."""
    rng, cumulative = np.random.default_rng(seed), markov().cumsum(axis=1)
    tokens = np.zeros((number, length), np.int32)
    for at in range(1, length):
        uniform = rng.random((number, 1))
        tokens[:, at] = np.minimum((cumulative[tokens[:, at - 1]] < uniform).sum(axis=1), VOCABULARY - 1)
    return tokens


@cache
def fingerprint():
    """The fingerprint of the small prior, which is where `prior_files` finds it: built once by the same code."""
    sources = ROOT, Path(build_prior.__file__).parent, Path(__file__).parent
    folder = cache_folder() / "tests" / "-".join(map(hash_of_modules, sources))
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        stored = next(folder.glob("*.prior"), None) or prior_files.store_prior(_content(), VOCABULARY, folder)
    prior_files.FOLDERS.append(folder)
    return stored.stem.partition("-")[2]


def _content():
    tokens = texts(40, 30, 3)
    distribution = markov()[tokens]  # [N, T, V]
    top = np.argsort(-distribution, axis=-1, kind="stable")[..., :100].astype(np.int32)
    vectors = np.random.default_rng(2).normal(size=(VOCABULARY, WIDTH)).astype(np.float32)
    distributions = build_prior.TextDistributions(
        tokens, top, np.take_along_axis(distribution, top, -1).astype(np.float32), vectors
    )
    return prior_tables.pack(build_prior.build(distributions, build_prior.Size(5_000, 20, 250, 400), 0))
