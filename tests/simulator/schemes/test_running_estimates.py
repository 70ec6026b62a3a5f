"""Estimators of what an edge can see: each finds the numbers of a stream that was made from known ones."""

import math

import numpy as np
import pytest

from channels.uniforms import Uniforms
from simulator.schemes.policies.learned import Learned
from simulator.schemes.policies.running_estimates import (
    AcceptanceEstimate,
    LinkTimes,
    RunningMean,
    distribution_bin,
)

UNIFORM = Uniforms.of(1, "estimates").uniform


def test_a_mean_is_plain_at_first_and_follows_what_changes_later() -> None:
    mean = RunningMean()
    for value in (1.0, 2.0, 6.0):
        mean.observe(value, 10)
    assert mean.value == pytest.approx(3.0)
    for _ in range(60):
        mean.observe(100.0, 10)
    assert mean.value == pytest.approx(100.0, rel=0.01) and math.isnan(RunningMean().value)


def test_acceptance_by_position_is_found_whatever_the_lengths() -> None:
    """Survival need not be geometric. Within 5 sd of what some 380 drafts at a position, each weighing less than the
    one after it, can tell."""
    truth, seen = (0.9, 0.5, 0.8), AcceptanceEstimate.empty(2, 3)
    for number in range(4000):
        drafted, accepted = 1 + number % 3, 0
        while accepted < drafted and UNIFORM(0, number, accepted) < truth[accepted]:
            accepted += 1
        seen.observe(0, [], drafted, accepted)
    for position, chance in enumerate(truth):
        assert seen.of_position(0, position) == pytest.approx(chance, abs=5 * math.sqrt(0.25 / 700) + 0.03)
    assert seen.of_position(1, 0) == pytest.approx(0.75, abs=0.1)  # nothing but what the other operating point taught


def test_a_distribution_that_promises_more_is_told_from_one_that_promises_less_though_few_of_those_are_drawn() -> None:
    sure, unsure = distribution_bin(np.array([0.95, 0.05])), distribution_bin(np.array([0.5, 0.5]))
    seen = AcceptanceEstimate.empty(1, 2)
    for number in range(6000):
        good = UNIFORM(1, number) < 0.7
        seen.look(sure if good else unsure)
        if not good and UNIFORM(2, number) < 0.8:
            continue  # seldom drawn from
        accepted = UNIFORM(3, number) < (0.9 if good else 0.3)
        seen.observe(0, [sure if good else unsure], 1, int(accepted))
    assert seen.estimate(0, 0, sure) == pytest.approx(0.9, abs=0.07)
    assert seen.estimate(0, 0, unsure) == pytest.approx(0.3, abs=0.07)
    assert seen.estimate(0, 0, None) == pytest.approx(0.7 * 0.9 + 0.3 * 0.3, abs=0.07)


def test_a_link_that_stays_is_known_to_rounding_after_a_learning_run() -> None:
    link, now_s = LinkTimes(), 0.0
    for number in range(12):
        bits, now_s = 400.0 + 100 * (number % 4), now_s + 0.2
        link.observe(now_s, bits, 0.04 + bits / 5e3, True)
    assert link.delay_s == pytest.approx(0.04) and 1 / link.per_bit_s(now_s) == pytest.approx(5e3)
    assert link.coherence_s < 0.2


def test_the_coherence_of_a_link_with_two_states_is_found_and_its_forecast_falls_back_to_the_mean() -> None:
    """A telegraph of 0.05 changes a second each way forgets at twice that rate."""
    link, slow, now_s = LinkTimes(), False, 0.0
    for number in range(4000):
        now_s += 0.25
        slow ^= UNIFORM(4, number) < 0.25 * 0.05
        link.observe(now_s, 1000.0, 0.02 + 1000.0 * (1e-4 if slow else 1e-6), number < 8)
    assert 5 < link.coherence_s < 20
    now, later = link.per_bit_s(now_s), link.per_bit_s(now_s + 300)
    assert now == pytest.approx(link.last, rel=1e-6) and later == pytest.approx(link.mean, rel=1e-3)
    assert link.best < 1e-5


def test_lengths_chosen_by_the_link_do_not_bend_the_delay() -> None:
    """Short rounds on slow links: the least-squares line through those would fall."""
    link, now_s = LinkTimes(), 0.0
    for number in range(12):
        bits, now_s = 400.0 + 100 * (number % 4), now_s + 0.2
        link.observe(now_s, bits, 0.04 + bits / 5e4, True)
    for number in range(200):
        bits, rate = (400.0, 5e3) if number % 2 else (1200.0, 5e4)
        now_s += 0.2
        link.observe(now_s, bits, 0.04 + bits / rate, False)
    assert link.delay_s == pytest.approx(0.04)


def test_a_state_holds_all_that_was_learned() -> None:
    learned = Learned.empty(3)
    learned.acceptance.observe(1, [None, 2], 2, 1)
    learned.acceptance.look(2)
    learned.link.observe(1.0, 500.0, 0.1, True)
    learned.verify.observe(0.04, 10)
    learned.decode.observe(0.03, 10)
    learned.header.observe(320.0, 10)
    learned.pass_s.observe(0.006, 10)
    for rung, bits in enumerate((10.0, 20.0, 30.0)):
        learned.bits[rung].observe(bits, 10)
    learned.bins, learned.rung, learned.price, learned.tried[3] = [-1.0, 4.0], 2.0, 20.0, 7.0
    learned.asked_s = learned.timed_s = learned.row_asked_s = 3.0
    assert Learned.of(learned.floats(), 3) == learned
    assert Learned.of(learned.floats(), 2).decisions == 0  # of another number of operating points: nothing is known
