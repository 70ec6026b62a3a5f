"""What a prior is learned from: texts that a model writes, and its distributions along them, against the model's own
rows."""

import numpy as np
import pytest

from models.synthetic import Synthetic
from scenarios.command.inspect.prior import MOST_KEPT, likeliest, written


def quiet(done, total, what):
    assert 0 < done <= total


@pytest.mark.parametrize("size", [16, 400])
def test_distributions_along_texts_are_the_models_largest_first(size):
    pair = Synthetic(size=size, contexts=size, prompts=3, prompt_tokens=8).load()
    texts = np.random.default_rng(0).integers(size, size=(3, 7)).astype(np.int32)
    ids, probabilities = likeliest(pair.drafter, texts, 0.7, quiet)
    assert ids.shape == probabilities.shape == (3, 7, min(size, MOST_KEPT))
    for text, at in np.ndindex(3, 7):
        distribution = pair.drafter.open(0.7).distributions(tuple(texts[text, : at + 1].tolist()), 1)[0]
        assert probabilities[text, at] == pytest.approx(np.sort(distribution)[::-1][:MOST_KEPT], rel=1e-6)
        assert distribution[ids[text, at]] == pytest.approx(probabilities[text, at], rel=1e-6)


def test_texts_go_on_from_prompts_by_the_models_distribution_and_differ_where_prompts_come_again():
    pair = Synthetic(size=8, contexts=8, entropy_bits=1.0, prompts=3, prompt_tokens=8).load()
    texts = written(pair.verifier, pair.prompts, 60, 40, 1.0, 5, quiet)
    for index, text in enumerate(texts):
        assert tuple(text[:8]) == pair.prompts[index % 3].tokens
    assert len({text.tobytes() for text in texts}) == 60
    assert (texts == written(pair.verifier, pair.prompts, 60, 40, 1.0, 5, quiet)).all()
    # 1,860 drawn tokens; expected counts of each successor, chi-square over at most 64 cells: 1e-6 quantile below 140
    statistic = 0.0
    for last in range(8):
        distribution = pair.verifier.open(1.0).distributions((last,), 1)[0]
        after = texts[:, 10:][texts[:, 9:-1] == last]
        seen, expected = np.bincount(after, minlength=8), distribution * after.size
        large = expected > 5
        statistic += float(((seen - expected)[large] ** 2 / expected[large]).sum())
    assert statistic < 140
