"""Outcomes of steps that ask for random numbers, beside their probabilities in closed form."""

from collections import defaultdict
from collections.abc import Callable

import pytest

from simulator.checking.paths import MOST, Forbidden, NumbersAskedWronglyError, ScriptedNumbers, outcomes
from simulator.schemes.enumeration import NotEnumerableError


def shares(step: Callable[[ScriptedNumbers], object], guesses: tuple[float, ...] = ()) -> dict[object, float]:
    """Outcome -> probability."""
    numbers, found = ScriptedNumbers(), defaultdict[object, float](float)
    for path, share in outcomes(lambda: step(numbers), numbers, lambda _: guesses):
        numbers.give(path)
        found[step(numbers)] += share
    return found


@pytest.mark.parametrize("guesses", [(), (0.3,), (0.29, 0.5)])
def test_a_threshold_that_nobody_guessed_is_found(guesses: tuple[float, ...]) -> None:
    assert shares(lambda u: u.uniform(1, 0) < 0.3, guesses) == pytest.approx({True: 0.3, False: 0.7}, abs=1e-12)


def test_numbers_asked_for_at_once_and_one_after_the_other_give_the_same() -> None:
    def at_once(numbers: ScriptedNumbers) -> str:
        first, second = numbers.uniform(0), numbers.uniform(1)
        return "stop" if first < 0.25 else "high" if second > 0.6 else "low"

    def in_turn(numbers: ScriptedNumbers) -> str:
        return "stop" if numbers.uniform(0) < 0.25 else "high" if numbers.uniform(1) > 0.6 else "low"

    expected = {"stop": 0.25, "high": 0.75 * 0.4, "low": 0.75 * 0.6}
    assert shares(at_once) == pytest.approx(expected, abs=1e-12)
    assert shares(in_turn) == pytest.approx(expected, abs=1e-12)


def test_a_number_asked_for_twice_is_the_same() -> None:
    assert shares(lambda u: (u.uniform(3) < 0.5) == (u.uniform(3) < 0.5)) == {True: 1.0}


def test_a_step_that_asks_for_too_much_is_refused() -> None:
    with pytest.raises(NotEnumerableError, match=f"more than {MOST}"):
        shares(lambda u: sum(u.uniform(n) for n in range(MOST + 1)) < 0)
    with pytest.raises(NotEnumerableError, match="more than single"):
        shares(lambda u: u.exponentials(4, 1).argmin())
    with pytest.raises(NumbersAskedWronglyError, match="another's"):
        Forbidden("another's").uniform(1)
