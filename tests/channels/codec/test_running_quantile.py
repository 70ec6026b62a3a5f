"""The running quantile: its thresholds against a search over all of them, and what it says of the distributions it has
seen."""

import numpy as np
import pytest
from codec_strategies import distributions
from hypothesis import assume, given
from hypothesis import strategies as st

from channels.codec.conformal import RunningQuantile

TARGETS = st.floats(0.0, 1.0)
RULES = st.builds(
    RunningQuantile, target=TARGETS, initial=st.floats(-0.5, 1.0), window=st.integers(1, 8), level=st.floats(0.01, 1.0)
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
    assert RunningQuantile(target, 0.1).largest_borne(q) == largest


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
    assert RunningQuantile(target, 0.1).largest_borne(np.array(q)) == borne


@given(RULES, st.lists(distributions(max_size=12), max_size=20), distributions())
def test_threshold_is_an_order_statistic_of_the_window(rule, past, q):
    seen = ()
    for distribution in past:
        seen = rule.next(seen, distribution)
    window = [rule.largest_borne(distribution) for distribution in past][-rule.window :]
    assert list(seen) == window
    expected = rule.initial
    if window:  # the least of them that at least a share `level` does not exceed
        expected = min(beta for beta in window if sum(other <= beta for other in window) >= rule.level * len(window))
    assert rule.threshold(seen) == expected
    kept = [token for token in range(q.size) if q[token] >= expected]
    assert rule.support(q, seen).tolist() == (kept or [int(q.argmax())])


@given(RULES, st.lists(distributions(max_size=12), min_size=1, max_size=20))
def test_fewer_distributions_of_the_window_than_the_level_would_have_dropped_more(rule, past):
    seen = ()
    for distribution in past:
        seen = rule.next(seen, distribution)
    over = sum(
        dropped(distribution, rule.threshold(seen)) > rule.target + 1e-12 for distribution in past[-rule.window :]
    )
    assert over < rule.level * len(seen)


def test_it_follows_distributions_that_change():
    """After a window of flat distributions it keeps them whole; after a window of peaked ones it cuts their tails."""
    rule = RunningQuantile(0.1, 1.0, window=5)
    flat, peaked = np.full(10, 0.1), np.array([0.91, *[0.01] * 9])
    seen, sizes = (), []
    for distribution in [flat] * 5 + [peaked] * 5 + [flat] * 5:
        sizes.append(rule.support(distribution, seen).size)
        seen = rule.next(seen, distribution)
    assert sizes == [1, *[10] * 4, 1, 1, 1, 1, 1, *[1] * 3, 10, 10]


@pytest.mark.parametrize(
    "fields",
    [(-0.1, 0.1), (1.1, 0.1), (0.1, 1.5), (0.1, float("nan")), (0.1, 0.1, 0), (0.1, 0.1, 8, 0.0), (0.1, 0.1, 8, 1.5)],
)
def test_nonsense_is_refused(fields):
    with pytest.raises(ValueError, match="must be"):
        RunningQuantile(*fields)
