"""A model whose logits are off by a little: by as much as is said, and by the text alone."""

from __future__ import annotations

import numpy as np
import pytest

from models.computed_text import open_drifted
from models.interface import CachedText
from models.synthetic import MarkovModel

V = 2_000
TABLE = np.random.default_rng(0).dirichlet(np.ones(V), 2)
MODEL = MarkovModel(V, lambda state: TABLE[state], contexts=2)
TEXT = (5, 8, 3)


def log_ratios(text: CachedText, temperature: float) -> np.ndarray:
    return np.log(text.distributions(TEXT, 2) / MODEL.open(temperature).distributions(TEXT, 2))


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_log_distributions_are_off_by_the_drift_over_the_temperature(temperature: float) -> None:
    off = log_ratios(open_drifted(MODEL, temperature, 0.01), temperature)
    assert off.std(axis=1) == pytest.approx([0.01 / temperature] * 2, rel=0.1)  # 5 sd of a sample of 2,000
    assert abs(np.corrcoef(off)[0, 1]) < 0.12
    assert open_drifted(MODEL, temperature, 0.01).distributions(TEXT, 2).sum(axis=1) == pytest.approx([1, 1], abs=1e-12)


def test_distributions_depend_on_the_text_and_not_on_how_it_was_read() -> None:
    whole, bits = open_drifted(MODEL, 1.0, 0.1), open_drifted(MODEL, 1.0, 0.1)
    distributions = whole.distributions(TEXT, 3)
    assert np.array_equal(np.concatenate([bits.distributions(TEXT[: n + 1], 1) for n in range(3)]), distributions)
    assert whole.cached == bits.cached == TEXT
    whole.crop(1)
    assert whole.cached == TEXT[:1] and np.array_equal(whole.distributions(TEXT, 3), distributions)
    assert not np.array_equal(whole.distributions((5, 9, 3), 1), distributions[2:])


def test_no_drift_and_no_temperature_change_nothing() -> None:
    for drift, temperature in ((0.0, 1.0), (0.1, 0.0)):
        distributions = open_drifted(MODEL, temperature, drift).distributions(TEXT, 2)
        assert np.array_equal(distributions, MODEL.open(temperature).distributions(TEXT, 2))
