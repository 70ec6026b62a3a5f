"""The conformal threshold: its long-run theorem, its rollback, its cap."""

import numpy as np
import pytest
from codec_strategies import distributions
from hypothesis import given
from hypothesis import strategies as st

from channels.codec.conformal import Conformal, ConformalThreshold

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
