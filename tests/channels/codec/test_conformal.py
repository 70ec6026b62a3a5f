"""The conformal threshold: its long-run theorem, its rollback, its cap; and the running quantile against a search over
all thresholds."""

import numpy as np
import pytest
from codec_strategies import distributions
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from channels.codec.conformal import Conformal, ConformalThreshold, RunningQuantile

RULES = st.builds(Conformal, target=st.floats(0.0, 0.5), step=st.floats(1e-3, 5.0), initial=st.floats(-0.5, 1.0))


@given(RULES, distributions(), st.floats(-0.5, 1.0), st.integers(1, 5))
def test_the_cap_acts_on_what_is_sent_and_not_on_the_update(rule, q, beta, k_max):
    capped = Conformal(rule.target, rule.step, rule.initial, k_max=k_max)
    free = rule.support(q, beta)
    sent = capped.support(q, beta)
    assert 1 <= sent.size == min(k_max, free.size)
    assert set(sent) <= set(free)
    assert min(q[sent]) >= max(np.delete(q, sent)[np.isin(np.delete(np.arange(q.size), sent), free)], default=0.0)
    assert capped.dropped_mass(q, beta) == rule.dropped_mass(q, beta) == pytest.approx(1 - q[free].sum(), abs=1e-12)


@given(RULES, st.floats(-2.0, 1.0), st.floats(0.0, 1.0))
def test_threshold_is_clipped_above_only(rule, beta, dropped):
    assert rule.next(beta, dropped) == min(1.0, beta - rule.step * (dropped - rule.target))


@pytest.mark.parametrize(
    ("rollback", "kept"),
    [("through_rejection", [1, 2, 3, 4, 4]), ("accepted_only", [0, 1, 2, 3, 4]), ("none", [4, 4, 4, 4, 4])],
)
def test_rollback_keeps_the_updates_it_says(rollback, kept):
    for accepted, updates in enumerate(kept):
        threshold = ConformalThreshold(0.1, 0.5, 0.9, rollback)
        beta = 0.9
        for n, dropped in enumerate([0.3, 0.0, 0.8, 0.5]):
            threshold.observe(dropped)
            beta = min(1.0, beta - 0.5 * (dropped - 0.1)) if n < updates else beta
        threshold.feedback(accepted, 4)
        assert threshold.beta == beta


@pytest.mark.parametrize("mass", [float("nan"), -1e-9, 1 + 1e-9, float("inf")])
def test_a_mass_that_no_distribution_drops_moves_nothing(mass):
    threshold = ConformalThreshold(0.1, 0.5, 0.9)
    with pytest.raises(ValueError, match=r"dropped_mass = .*: must be within 0 and 1"):
        threshold.observe(mass)
    assert threshold.beta == 0.9


def test_a_proposal_that_was_not_sent_is_undone_by_any_rollback():
    threshold = ConformalThreshold(0.1, 0.5, 0.9, "none")
    threshold.observe(0.3)
    sent = threshold.beta
    threshold.observe(0.7)
    threshold.feedback(1, 1)
    assert threshold.beta == sent


@pytest.mark.parametrize(
    "fields",
    [(-0.1, 1e-3, 0.1), (0.1, 0.0, 0.1), (0.1, 1e-3, 1.5), (0.1, 1e-3, float("nan")), (0.1, 1e-3, 0.1, "some")],
)
def test_nonsense_is_refused(fields):
    with pytest.raises(ValueError, match="must be"):
        Conformal(*fields)
    with pytest.raises(ValueError, match="must be at least 1"):
        Conformal(0.1, 1e-3, 0.1, k_max=0)
    with pytest.raises(ValueError, match="out of order"):
        ConformalThreshold(0.1, 1e-3, 0.1).feedback(0, 1)


TARGETS = st.floats(0.0, 1.0)
QUANTILES = st.builds(
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


@given(QUANTILES, st.lists(distributions(max_size=12), max_size=20), distributions())
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


@pytest.mark.parametrize(
    "fields",
    [(-0.1, 0.1), (1.1, 0.1), (0.1, 1.5), (0.1, float("nan")), (0.1, 0.1, 0), (0.1, 0.1, 8, 0.0), (0.1, 0.1, 8, 1.5)],
)
def test_a_quantile_of_nonsense_is_refused(fields):
    with pytest.raises(ValueError, match="must be"):
        RunningQuantile(*fields)


@given(st.integers(1, 20_000), st.sampled_from([0.001, 0.05, 1.0]), st.floats(0.0, 1.0), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_what_a_wide_distribution_bears_is_that_of_all_sorted(size, shape, target, seed):
    q = np.random.default_rng(seed).dirichlet(np.full(size, shape))
    ascending = np.sort(q)
    for aim in (target, float(ascending[: size // 2].sum()), 0.0, 1e-3):
        spared = int(np.searchsorted(np.cumsum(ascending), min(aim, 1.0), side="right"))
        expected = float(ascending[spared]) if spared < size - 1 else 1.0
        assert RunningQuantile(min(aim, 1.0), 0.1).largest_borne(q) == expected
