"""A race never drops the best beyond the error it states, and says how far its leader may be off."""

import numpy as np
import pytest
from scipy import stats

from kinds.arrays import Floats
from simulator.tuning.racing import Race

LOOKS = (4, 8, 16)
RACES = 300
ALPHA = 0.2
"""Much, so that a few hundred races tell whether it is kept."""
MOST = int(stats.binom.ppf(1 - 1e-7, RACES, ALPHA))


def _costs(rng: np.random.Generator, logs: Floats) -> Floats:
    """Costs of settings with these mean logarithms [n] on the last look's seeds; a seed shifts all, and each."""
    n, seeds = logs.size, LOOKS[-1]
    return np.exp(logs[:, None] + 0.5 * rng.standard_normal((1, seeds)) + 0.2 * rng.standard_normal((n, seeds)))


def _dropped(costs: Floats, race: Race, place: int) -> tuple[bool, int, float]:
    """Whether the setting at this place is stopped; the last leader, and how far it may be behind."""
    racing = np.arange(len(costs))
    for seeds in LOOKS:
        standing = race.look(costs[racing, :seeds])
        leader, behind = int(racing[standing.leader]), standing.behind
        racing = racing[~standing.worse]
        if place not in racing:
            return True, leader, behind
    return False, leader, behind


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.3])
def test_the_best_is_dropped_no_more_often_than_stated_and_the_leader_is_no_further_behind(spread: float) -> None:
    """All alike is the hardest case for the first, since anyone may look worse; false alarm: 1e-7 each."""
    rng = np.random.default_rng(17)
    race = Race(12, len(LOOKS), confidence=1 - ALPHA)
    logs = spread * np.arange(12.0)
    dropped = beyond = 0
    for _ in range(RACES):
        gone, leader, behind = _dropped(_costs(rng, logs), race, 0)
        dropped += gone
        beyond += gone or np.expm1(logs[leader] - logs[0]) > behind
    assert dropped <= MOST and beyond <= MOST


def test_what_is_found_worse_is_by_a_paired_t_test_of_the_logarithms() -> None:
    """The same from scipy, on two settings: the level of one test is alpha / (looks (n - 1))."""
    rng = np.random.default_rng(5)
    costs = _costs(rng, np.array([0.0, 0.25]))[:, :6]
    p = float(stats.ttest_rel(np.log(costs[1]), np.log(costs[0]), alternative="greater").pvalue)
    for level, worse in ((p * 1.001, True), (p * 0.999, False)):
        standing = Race(2, 3, confidence=1 - 3 * level).look(costs)
        assert standing.leader == 0 and list(standing.worse) == [False, worse]


def test_settings_alike_in_every_seed_both_stay_and_one_worse_in_every_seed_alike_goes() -> None:
    costs = np.exp(np.random.default_rng(1).standard_normal((1, 5))) * np.array([[1.0], [1.0], [1.01]])
    standing = Race(3, 4).look(costs)
    assert list(standing.worse) == [False, False, True] and standing.behind == 0.0


def test_one_seed_tells_nothing_and_one_setting_is_the_best() -> None:
    assert Race(2, 4).look(np.array([[1.0], [5.0]])).behind == np.inf
    assert not Race(2, 4).look(np.array([[1.0], [5.0]])).worse.any()
    assert Race(1, 4).look(np.array([[1.0, 2.0]])).behind == 0.0


@pytest.mark.parametrize("cost", [0.0, -1.0, np.nan, np.inf])
def test_a_cost_that_is_no_positive_number_is_refused(cost: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Race(2, 4).look(np.array([[1.0, 1.0], [1.0, cost]]))


@pytest.mark.parametrize("settings, looks, confidence", [(0, 1, 0.9), (2, 0, 0.9), (2, 1, 1.0)])
def test_a_race_needs_settings_looks_and_a_confidence(settings: int, looks: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Race(settings, looks, confidence)
