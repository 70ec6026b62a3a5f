"""Every outcome of a step that asks for random numbers, each with its probability.

Between the points where its outcome changes, a number is replaced by the midpoint, weighted by the length of the
interval. The points are found by halving; those that a caller guesses are tried first. A rule that changes its mind
twice between two points of GRID, back to where it was, is not noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from channels.uniforms import Uniforms
from simulator.schemes.enumeration import NotEnumerableError, Unasked, pieces

T = TypeVar("T")
Given = tuple[float, ...]
Guesses = Callable[[Given], Iterable[float]]  # where the outcome may change with the number that follows those given
GRID: Final = (0.0, 0.25, 0.5, 0.75, 1 - 2.0**-53)
RESTS: Final = (1 / 6, 1 / 2, 5 / 6)
"""Values of the numbers after the one that is moved, which show if it matters to them."""
FINEST: Final = 2.0**-44
BESIDE: Final = 1e-15  # how far from a guess, on both sides, it is tried
MOST: Final = 12  # numbers that a step may ask for


class NumbersAskedWronglyError(NotEnumerableError):
    """A step asks for random numbers that are not its own."""


class ScriptedNumbers(Unasked):
    """Numbers in the order in which they are first asked for: those given, and one value for all the others."""

    __slots__ = ("_given", "_places", "_rest")
    _given: Sequence[float]
    _rest: float
    _places: dict[tuple[int, ...], int]

    def __init__(self, given: Sequence[float] = (), rest: float = 0.5) -> None:
        super().__init__(b"")
        self.give(given, rest)

    def give(self, given: Sequence[float], rest: float = 0.5) -> None:
        """Begins anew, with these numbers."""
        for name, value in (("_given", given), ("_rest", rest), ("_places", {})):
            object.__setattr__(self, name, value)

    @property
    def count(self) -> int:
        """Number of different numbers asked for since `give`."""
        return len(self._places)

    def uniform(self, *index: int) -> float:
        place = self._places.setdefault(index, len(self._places))
        return self._given[place] if place < len(self._given) else self._rest


class Forbidden(Uniforms):
    """Numbers that are another step's: `why` says whose."""

    __slots__ = ("why",)
    why: str

    def __init__(self, why: str) -> None:
        super().__init__(b"")
        object.__setattr__(self, "why", why)

    def uniform(self, *index: int) -> float:
        raise NumbersAskedWronglyError(self.why)

    def under(self, *prefix: int) -> Uniforms:
        raise NumbersAskedWronglyError(self.why)

    def _digest(self, index: tuple[int, ...], size: int) -> bytes:
        raise NumbersAskedWronglyError(self.why)


def outcomes(
    step: Callable[[], T],
    numbers: ScriptedNumbers,
    guesses: Callable[[tuple[float, ...]], Iterable[float]],
    given: tuple[float, ...] = (),
) -> Iterator[tuple[tuple[float, ...], float]]:
    """(numbers, probability) of the intervals on which the step's outcome is the same, given the first numbers. Raises
    NotEnumerableError where the step asks for too many, or for other than single numbers."""
    numbers.give(given)
    step()
    if numbers.count <= len(given):
        yield given, 1.0
        return
    if len(given) == MOST:
        raise NotEnumerableError(f"asks for more than {MOST} random numbers")

    def seen(number: float) -> tuple[T, ...]:
        found = list[T]()
        for rest in RESTS:
            numbers.give((*given, number), rest)
            found.append(step())
            if numbers.count <= len(given) + 1:
                break
        return tuple(found)

    guessed = {guess + side for guess in guesses(given) for side in (-BESIDE, BESIDE) if 0 < guess + side < 1}
    found = pieces(seen, guessed, GRID, FINEST)
    total = sum(end - begin for begin, end, _ in found)
    for begin, end, _ in found:
        for path, share in outcomes(step, numbers, guesses, (*given, (begin + end) / 2)):
            yield path, share * (end - begin) / total
