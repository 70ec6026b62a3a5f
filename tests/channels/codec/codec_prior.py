"""A small prior for tests, built by the shipped builder from the distributions of a seeded Markov source."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from channels.codec import prior_files
from channels.codec.context_coded import build_prior, prior_tables
from channels.codec.context_coded.context_model import WIDTH

VOCABULARY = 300


@cache
def markov():
    """Next-token distributions of each token, float64 [V, V], Zipf-like and peaked."""
    rng = np.random.default_rng(11)
    law = rng.gamma(0.08, size=(VOCABULARY, VOCABULARY)) / np.arange(1, VOCABULARY + 1) + 1e-9
    return law / law.sum(axis=1, keepdims=True)


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
    """The fingerprint of the small prior, which is where `prior_files` finds it."""
    tokens = texts(40, 30, 3)
    law = markov()[tokens]  # [N, T, V]
    top = np.argsort(-law, axis=-1, kind="stable")[..., :100].astype(np.int32)
    vectors = np.random.default_rng(2).normal(size=(VOCABULARY, WIDTH)).astype(np.float32)
    laws = build_prior.TextDistributions(tokens, top, np.take_along_axis(law, top, -1).astype(np.float32), vectors)
    folder = Path(mkdtemp())
    prior_files.FOLDERS.append(folder)
    content = prior_tables.pack(build_prior.build(laws, build_prior.Size(5_000, 20, 250, 400), 0))
    return prior_files.store_prior(content, VOCABULARY, folder).stem.partition("-")[2]
