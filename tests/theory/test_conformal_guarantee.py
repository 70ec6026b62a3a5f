"""The long-run theorem of the conformal threshold against an adversary that sees it, after every single draft.

The shipped rule meets distributions over V tokens that are chosen against it. Both bounds of `channels.codec.conformal`
are on the sum of alpha_n - alpha; a threshold that is clipped at 0 as well breaks them.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np
import pytest

from channels.codec.conformal import Conformal
from simulator.studies.convergence import against, dropped_at_worst

STEPS: Final = (1e-3, 1e-2, 0.1, 0.7, 1.0, 3.0)
INITIALS: Final = (-0.5, 0.0, 1e-3, 0.1, 0.5, 1.0)
TARGETS: Final = (0.0, 5e-4, 0.1, 0.4)
RULES: Final = tuple(product(STEPS, INITIALS, TARGETS))
ROUNDING: Final = 1e-9


def one_sided(step: float, initial: float, target: float) -> float:
    return max(0.0, initial + step * (1 - target)) / step


def papers(step: float, initial: float, target: float) -> float:
    return (abs(initial) + 1 + step * target) / step


class ClippedAtZero(Conformal):
    """The rule that one might take for it."""

    def next(self, beta: float, dropped_mass: float) -> float:
        return max(0.0, super().next(beta, dropped_mass))


V: Final = 64


@pytest.mark.parametrize("rollback", ["through_rejection", "accepted_only", "none"])
def test_shipped_rule_keeps_its_bounds_against_laws_chosen_by_one_who_sees_it(rollback: str) -> None:
    for step, initial, target in RULES:
        rule = Conformal(target, step, initial, rollback)  # type: ignore[arg-type]
        excess = dropped_at_worst(rule, V, 600) - target * np.arange(601)
        assert (excess <= rule.most_excess + ROUNDING).all()
        assert rule.most_excess == pytest.approx(one_sided(step, initial, target))
        assert rule.papers_excess == pytest.approx(papers(step, initial, target))
        assert not rule.papers_excess_holds or (excess <= rule.papers_excess + ROUNDING).all()


def test_shipped_rule_clipped_at_0_breaks_them() -> None:
    """On V tokens the threshold must climb to 1/V within a draft to be robbed again: eta alpha >= 1/V."""
    target, step, initial = 0.2, 0.1, 0.1
    whole, clipped = Conformal(target, step, initial), ClippedAtZero(target, step, initial)
    excess = dropped_at_worst(clipped, V, 600)[-1] - 600 * target
    assert excess > 5 * max(whole.most_excess, whole.papers_excess)
    assert dropped_at_worst(whole, V, 600)[-1] - 600 * target <= whole.most_excess


@pytest.mark.parametrize("beta", [-0.2, 0.0, 1e-9, 0.01, 1 / V, 0.0157, 0.1, 0.6, 1.0])
def test_no_law_drops_more_at_a_threshold_than_the_adversary_thinks(beta: float) -> None:
    """Everything but one token above 1/V, V - 1 times the threshold below, nothing at 0."""
    most = 0.0 if beta <= 0 else 1 - 1 / V if beta > 1 / V else (V - 1) * beta
    generator = np.random.Generator(np.random.Philox(int(1e6 * abs(beta))))
    laws = [generator.dirichlet(np.full(V, spread)) for spread in (0.01, 0.1, 1, 10, 1000) for _ in range(200)]
    for step, initial, target in RULES:
        rule = Conformal(target, step, initial)
        law = against(rule, beta, V)
        assert law.min() >= 0 and law.sum() == pytest.approx(1, abs=1e-12)
        assert rule.dropped_mass(law, beta) <= most + ROUNDING
    assert max(rule.dropped_mass(law, beta) for law in laws) <= most + ROUNDING


@pytest.mark.parametrize(("step", "initial"), [(1e-3, 0.1), (1e-2, 0.5), (0.1, 1.0), (0.1, 0.1), (3.0, 0.2)])
def test_shipped_rule_is_driven_close_to_its_bound(step: float, initial: float) -> None:
    """All but what V tokens cannot do: 1/V of a draft, and the last 1/V of the threshold."""
    rule = Conformal(5e-4, step, initial)
    worst = max(dropped_at_worst(rule, V, 2000) - rule.target * np.arange(2001))
    assert 0 <= rule.most_excess - worst <= 1 / V + 1.01 / (step * V)
