"""The long-run theorem of the conformal threshold against adversaries that see it, after every single draft.

The rule is written down here a second time, without laws: a draft drops a mass that its adversary chooses, anything
below 1 where the threshold is above 0, and nothing at or below 0. Both bounds of `channels.codec.conformal` are on the
sum of alpha_n - alpha; one of them is false for a threshold that is clipped at 0 as well. The shipped rule, on real
distributions over V tokens, comes after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
DRAFTS: Final = 8192
ROUNDING: Final = 1e-9
Adversary = Callable[[float, float], float]
"""What is dropped, from the threshold and the step."""


def greedy(beta: float, step: float) -> float:
    """All it can, at once."""
    return 1.0 if beta > 0 else 0.0


def patient(beta: float, step: float) -> float:
    """Nothing until the threshold is at 1 again."""
    return 1.0 if beta >= 1 else 0.0


def careful(beta: float, step: float) -> float:
    """Half of the threshold's way down to 0, again and again, so that it stays above."""
    return min(1.0, beta / (2 * step)) if beta > 0 else 0.0


def excesses(
    step: float, initial: float, target: float, adversary: Adversary, floor: float = -np.inf
) -> Iterator[float]:
    """Sums of alpha_n - alpha after each draft. `floor`: where the threshold is clipped below."""
    beta, excess = initial, 0.0
    for _ in range(DRAFTS):
        dropped = adversary(beta, step)
        assert 0 <= dropped <= 1 and (dropped == 0 or beta > 0)
        beta = max(floor, min(1.0, beta - step * (dropped - target)))
        excess += dropped - target
        yield excess


def one_sided(step: float, initial: float, target: float) -> float:
    return max(0.0, initial + step * (1 - target)) / step


def papers(step: float, initial: float, target: float) -> float:
    return (abs(initial) + 1 + step * target) / step


@pytest.mark.parametrize("adversary", [greedy, patient, careful])
def test_theorem_holds_after_every_draft_whatever_the_step_start_and_target(adversary: Adversary) -> None:
    for step, initial, target in RULES:
        most = max(excesses(step, initial, target, adversary))
        assert most <= one_sided(step, initial, target) + ROUNDING, (step, initial, target)
        if step * (1 - 2 * target) <= 1:
            assert most <= papers(step, initial, target) + ROUNDING, (step, initial, target)


def test_one_sided_bound_is_never_above_the_papers_where_that_holds() -> None:
    for step, initial, target in RULES:
        if step * (1 - 2 * target) <= 1:
            assert one_sided(step, initial, target) <= papers(step, initial, target) + ROUNDING


@pytest.mark.parametrize(("step", "initial"), [(1e-3, 0.1), (1e-2, 0.5), (0.1, 1.0), (3.0, 0.2)])
def test_adversaries_come_within_a_draft_of_the_one_sided_bound(step: float, initial: float) -> None:
    """So no smaller bound of this form is true."""
    for target in (0.0, 5e-4):
        short = one_sided(step, initial, target) - max(excesses(step, initial, target, greedy))
        assert -ROUNDING <= short <= 1


def test_papers_bound_is_false_beyond_its_step() -> None:
    step, initial, target = 3.0, 0.2, 0.0
    most = max(excesses(step, initial, target, greedy))
    assert most > papers(step, initial, target) + 0.1


@pytest.mark.parametrize("target", [5e-4, 0.1])
@pytest.mark.parametrize("step", [1e-3, 1e-2, 0.1])
def test_clipped_at_0_both_bounds_are_false(step: float, target: float) -> None:
    """The threshold forgets how far below it was: every second draft may drop everything, for ever."""
    initial = 0.1
    *_, last = excesses(step, initial, target, greedy, floor=0.0)
    assert last / DRAFTS + target == pytest.approx(0.5, abs=initial / step / DRAFTS + 0.01)
    assert last > 2 * papers(step, initial, target) > 2 * one_sided(step, initial, target)
    *_, unclipped = excesses(step, initial, target, greedy)
    assert unclipped <= one_sided(step, initial, target) + ROUNDING


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
