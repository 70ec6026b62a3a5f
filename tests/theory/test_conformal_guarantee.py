"""The long-run theorem of the conformal threshold against adversaries that see it, after every single draft.

First an adversary chooses the mass that a draft drops: anything up to 1 where the threshold is above 0, and nothing at
or below 0. Then it chooses distributions over V tokens. Both bounds of `channels.codec.conformal` are on the sum of
alpha_n - alpha; one of them is false beyond its step, and both are for a threshold that is clipped at 0 as well.
"""

from collections.abc import Callable
from itertools import product
from typing import Final

import numpy as np
import pytest

from channels.codec.conformal import Conformal
from kinds.arrays import Floats
from simulator.studies.convergence import against, dropped_at_worst

STEPS: Final = (1e-3, 1e-2, 0.1, 0.7, 1.0, 3.0)
INITIALS: Final = (-0.5, 0.0, 1e-3, 0.1, 0.5, 1.0)
TARGETS: Final = (0.0, 5e-4, 0.1, 0.4)
RULES: Final = tuple(Conformal(target, step, initial) for step, initial, target in product(STEPS, INITIALS, TARGETS))
DRAFTS: Final = 6000
ROUNDING: Final = 1e-9
Adversary = Callable[[float, float], float]
"""What is dropped, from the threshold and the step."""


class ClippedAtZero(Conformal):
    """The rule that one might take for it."""

    def next(self, beta: float, dropped_mass: float) -> float:
        return max(0.0, super().next(beta, dropped_mass))


def greedy(beta: float, step: float) -> float:
    """All it can, at once."""
    return 1.0 if beta > 0 else 0.0


def patient(beta: float, step: float) -> float:
    """Nothing until the threshold is at 1 again."""
    return 1.0 if beta >= 1 else 0.0


def careful(beta: float, step: float) -> float:
    """Half of the threshold's way down to 0, again and again, so that it stays above."""
    return min(1.0, beta / (2 * step)) if beta > 0 else 0.0


def excesses(rule: Conformal, adversary: Adversary = greedy, drafts: int = DRAFTS) -> Floats:
    """Sums of alpha_n - alpha after each draft, [drafts]."""
    beta, dropped = rule.initial, np.zeros(drafts)
    for n in range(drafts):
        dropped[n] = adversary(beta, rule.step)
        assert 0 <= dropped[n] <= 1 and (dropped[n] == 0 or beta > 0)
        beta = rule.next(beta, dropped[n])
    return (dropped - rule.target).cumsum()


def test_bounds_are_those_of_the_theorem_and_ours_is_never_above_the_papers_where_that_holds() -> None:
    for rule in RULES:
        ours = max(0.0, rule.initial + rule.step * (1 - rule.target)) / rule.step
        assert rule.most_excess == pytest.approx(ours)
        assert rule.papers_excess == pytest.approx((abs(rule.initial) + 1 + rule.step * rule.target) / rule.step)
        assert rule.papers_excess_holds == (rule.step * (1 - 2 * rule.target) <= 1)
        assert not rule.papers_excess_holds or ours <= rule.papers_excess + ROUNDING


@pytest.mark.parametrize("adversary", [greedy, patient, careful])
def test_theorem_holds_after_every_draft_whatever_the_step_start_and_target(adversary: Adversary) -> None:
    for rule in RULES:
        most = excesses(rule, adversary, 2_500).max()
        assert most <= rule.most_excess + ROUNDING, rule
        assert not rule.papers_excess_holds or most <= rule.papers_excess + ROUNDING, rule


def test_papers_bound_is_false_beyond_its_step() -> None:
    rule = Conformal(0.0, 3.0, 0.2)
    assert not rule.papers_excess_holds and excesses(rule).max() > rule.papers_excess + 0.1


@pytest.mark.parametrize("target", [5e-4, 0.1])
@pytest.mark.parametrize("step", [1e-3, 1e-2, 0.1])
def test_clipped_at_0_both_bounds_are_false(step: float, target: float) -> None:
    """The threshold forgets how far below it was: every second draft may drop everything, for ever."""
    whole, clipped = Conformal(target, step, 0.1), ClippedAtZero(target, step, 0.1)
    last = excesses(clipped)[-1]
    assert last / DRAFTS + target == pytest.approx(0.5, abs=0.1 / step / DRAFTS + 0.01)
    assert last > 2 * whole.papers_excess > 2 * whole.most_excess >= 2 * (excesses(whole)[-1] - ROUNDING)


V: Final = 64


def test_shipped_rule_keeps_its_bounds_against_distributions_chosen_by_one_who_sees_it() -> None:
    for rule in RULES:
        excess = dropped_at_worst(rule, V, 600) - rule.target * np.arange(601)
        assert (excess <= rule.most_excess + ROUNDING).all()
        assert not rule.papers_excess_holds or (excess <= rule.papers_excess + ROUNDING).all()


@pytest.mark.parametrize("beta", [-0.2, 0.0, 1e-9, 0.01, 1 / V, 0.0157, 0.1, 0.6, 1.0])
def test_no_distribution_drops_more_at_a_threshold_than_the_adversary_thinks(beta: float) -> None:
    """Everything but one token above 1/V, V - 1 times the threshold below, nothing at 0."""
    most = 0.0 if beta <= 0 else 1 - 1 / V if beta > 1 / V else (V - 1) * beta
    generator = np.random.Generator(np.random.Philox(int(1e6 * abs(beta))))
    distributions = [generator.dirichlet(np.full(V, spread)) for spread in (0.01, 0.1, 1, 10, 1000) for _ in range(200)]
    for rule in RULES:
        distribution = against(rule, beta, V)
        assert distribution.min() >= 0 and distribution.sum() == pytest.approx(1, abs=1e-12)
        assert rule.dropped_mass(distribution, beta) <= most + ROUNDING
    assert max(rule.dropped_mass(distribution, beta) for distribution in distributions) <= most + ROUNDING


@pytest.mark.parametrize(("step", "initial"), [(1e-3, 0.1), (1e-2, 0.5), (0.1, 1.0), (0.1, 0.1), (3.0, 0.2)])
def test_shipped_rule_is_driven_close_to_its_bound(step: float, initial: float) -> None:
    """All but what V tokens cannot do: 1/V of a draft, and the last 1/V of the threshold. So no smaller bound of this
    form is true."""
    rule = Conformal(5e-4, step, initial)
    worst = max(dropped_at_worst(rule, V, 2000) - rule.target * np.arange(2001))
    assert 0 <= rule.most_excess - worst <= 1 / V + 1.01 / (step * V)
