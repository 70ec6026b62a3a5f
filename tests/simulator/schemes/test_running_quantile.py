"""The running quantile against a search over all thresholds."""

import numpy as np
import pytest
from codec_strategies import distributions
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.schemes.sparsifiers.running_quantile import KeepRunningQuantile, largest_borne

TARGETS = st.floats(0.0, 1.0)
QUANTILES = st.builds(
    KeepRunningQuantile,
    target=TARGETS,
    initial=st.floats(-0.5, 1.0),
    window=st.integers(1, 8),
    level=st.floats(0.01, 1.0),
)


def dropped(q, beta):
    """The mass outside {q >= beta}, or outside the most probable token where that is empty."""
    kept = [mass for mass in q.tolist() if mass >= beta] or [max(q.tolist())]
    return 1.0 - sum(kept)


@given(distributions(), TARGETS)
def test_a_distribution_bears_its_threshold_and_none_that_is_larger(q, target):
    candidates = sorted({1.0, *q.tolist()})
    assume(all(abs(dropped(q, beta) - target) > 1e-12 for beta in candidates))
    largest = max(beta for beta in candidates if dropped(q, beta) <= target or beta == candidates[0])
    assert largest_borne(q, target) == largest


@pytest.mark.parametrize(
    ("q", "target", "borne"),
    [
        ([0.5, 0.25, 0.125, 0.125], 0.125, 0.125),  # two alike, of which no threshold drops only one
        ([0.5, 0.25, 0.125, 0.125], 0.25, 0.25),
        ([0.5, 0.25, 0.125, 0.125], 0.5, 1.0),  # the most probable is enough
        ([0.5, 0.5], 0.25, 0.5),
        ([0.5, 0.5], 0.5, 1.0),
        ([0.5, 0.5, 0.0], 0.0, 0.5),  # dropping nothing costs nothing
        ([1.0], 0.0, 1.0),
    ],
)
def test_thresholds_of_distributions_worked_out_by_hand(q, target, borne):
    assert largest_borne(np.array(q), target) == borne


@given(QUANTILES, st.lists(distributions(max_size=12), max_size=20), distributions())
def test_threshold_is_an_order_statistic_of_the_window(rule, past, q):
    seen = rule.entry(None)
    for distribution in past:
        seen = rule.advance(distribution, seen)
    window = [largest_borne(distribution, rule.target) for distribution in past][-rule.window :]
    assert list(seen) == window
    expected = rule.initial
    if window:  # the least of them that at least a share `level` does not exceed
        expected = min(beta for beta in window if sum(other <= beta for other in window) >= rule.level * len(window))
    kept = [token for token in range(q.size) if q[token] >= expected]
    assert rule.support(q, seen).tolist() == (kept or [int(q.argmax())])
