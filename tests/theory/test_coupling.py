"""Theory of the coupled race (Daliri, Musco, Suresh, arXiv 2408.07978): how often two races with one set of
exponentials have one winner.

With unit exponentials e, x wins both races iff e_y >= e_x max(p_y / p_x, q_y / q_x) for all y, so
P(both won by x) = 1 / sum_y max(p_y / p_x, q_y / q_x), where p_x and q_x are positive.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.uniforms import Uniforms
from kinds.arrays import Floats
from models.verification import couple, race, total_variation
from simulator.schemes.acceptance import Coupling


def matches(p: Floats, q: Floats) -> float:
    """P(the races on p [V] and q [V] have one winner)."""
    both = np.flatnonzero((p > 0) & (q > 0))
    return float(sum(1.0 / np.maximum(p / p[x], q / q[x]).sum() for x in both))


@st.composite
def distributions(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Two distributions on 2 to 12 tokens, some without mass, some alike, some apart."""
    size = draw(st.integers(2, 12))
    weights = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1.0)), min_size=size, max_size=size).filter(any)
    p = np.array(draw(weights))
    q = p if draw(st.booleans()) and draw(st.booleans()) else np.array(draw(weights))
    return p / p.sum(), q / q.sum()


@given(distributions())
@settings(max_examples=3 * settings.default.max_examples)
def test_two_races_agree_with_probability_between_the_bound_and_that_of_rejection(pair: tuple[Floats, Floats]) -> None:
    p, q = pair
    apart = float(total_variation(p, q))
    least, most = (1 - apart) / (1 + apart), 1 - apart
    assert least - 1e-12 <= matches(p, q) <= most + 1e-12
    (rejected,) = Coupling().rejection_bound(np.array([apart]), np.array([0.0]))
    assert 1 - matches(p, q) <= rejected + 1e-12


def test_the_bound_is_met_where_the_distributions_share_all_but_one_token_each() -> None:
    """(1 - t) on a shared token and t on one of their own: 1 / (1 + t / (1 - t) + t / (1 - t)) = (1 - t) / (1 + t)."""
    for t in (0.05, 0.3, 0.8):
        p, q = np.array([1 - t, t, 0.0]), np.array([1 - t, 0.0, t])
        assert total_variation(p, q) == pytest.approx(t)
        assert matches(p, q) == pytest.approx((1 - t) / (1 + t), abs=1e-14)


def test_rejection_is_met_by_a_certain_distribution_and_by_any_two_distributions_on_two_tokens_and_by_few_others():
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.5, 0.3, 0.2])
    for one, other in ((p, np.array([0.0, 1.0, 0.0])), (np.array([0.7, 0.3]), np.array([0.4, 0.6])), (p, p)):
        assert matches(one, other) == pytest.approx(1 - float(total_variation(one, other)), abs=1e-14)
    assert matches(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 0.0
    apart = float(total_variation(p, q))
    assert (1 - apart) / (1 + apart) + 0.05 < matches(p, q) < 1 - apart - 0.005


DISTRIBUTIONS = {
    "near": (np.array([0.5, 0.25, 0.15, 0.1]), np.array([0.45, 0.3, 0.1, 0.15])),
    "far": (np.array([0.7, 0.1, 0.1, 0.1]), np.array([0.1, 0.1, 0.2, 0.6])),
    "without mass": (np.array([0.6, 0.4, 0.0, 0.0]), np.array([0.5, 0.0, 0.25, 0.25])),
    "flat against peaked": (np.full(32, 1 / 32), np.array([0.69, *[0.01] * 31])),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_shipped_race_agrees_as_often_as_the_closed_form_says(name: str) -> None:
    """6,000 races with the shipped exponentials and rules, at 5 sd; each distribution's own winners, too."""
    p, q = DISTRIBUTIONS[name]
    source, count = Uniforms.of(3, "race"), 6_000
    exponentials = [source.exponentials(p.size, n) for n in range(count)]
    drafted = [race(q, each) for each in exponentials]
    verdicts = [
        couple(np.array([p, p]), np.array([d]), np.array([e, e])) for d, e in zip(drafted, exponentials, strict=True)
    ]
    agreed, chance = sum(result.accepted for result in verdicts), matches(p, q)
    assert abs(agreed - count * chance) <= 5 * math.sqrt(count * chance * (1 - chance))
    for distribution, winners in ((q, drafted), (p, [race(p, each) for each in exponentials])):
        shares = np.bincount(winners, minlength=p.size) / count
        assert (np.abs(shares - distribution) <= 5.5 * np.sqrt(distribution * (1 - distribution) / count)).all()
