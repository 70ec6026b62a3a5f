"""The output distribution of an acceptance that states none, by exact enumeration of its `judge` at one position.

Given the text, the drafts before a position and the random numbers that accepted them, the token that the position
commits is a function of its draft, of the number that verifies it and of the number that draws a correction or bonus.
All drafts that could have been drawn are verified, and the interval [0, 1) of a number is halved where the outcome
changes, down to FINEST; a rule that changes its mind twice between two of GRID's points is not seen to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import numpy as np

from channels.uniforms import Uniforms
from kinds.arrays import Floats
from simulator.schemes.acceptance import Acceptance, Received
from simulator.schemes.draw import RequestUniforms, RoundUniforms

T = TypeVar("T")
LARGEST_VOCABULARY: Final = 64
"""Ids over which a judge is enumerated: each costs some thirty calls a position."""
FINEST: Final = 2.0**-31
GRID: Final = (*(n / 8 for n in range(8)), 1 - 2.0**-53)
PROBES: Final = GRID[::4]


class NotEnumerableError(Exception):
    """The rule requests something that one position does not decide: other numbers, a later target distribution."""


class _Outcome(NamedTuple):
    """Outcome at a position: True if the draft is accepted, and the token committed there."""

    kept: bool
    token: int


class Unasked(Uniforms):
    """Random numbers that no rule may use that is to be enumerated."""

    __slots__ = ()

    def under(self, *prefix: int) -> Uniforms:
        raise NotEnumerableError("asks for random numbers under addresses of its own")

    def _digest(self, index: tuple[int, ...], size: int) -> bytes:
        raise NotEnumerableError("asks for more than single random numbers")


class _Numbers(Unasked):
    """The verification's numbers of a round: those of the drafts before one as they were, `own` of the draft, and
    `last`, the one other number that may be requested."""

    __slots__ = ("at", "last", "other", "own", "was")
    at: int
    was: Callable[[int], float]
    own: float | None
    last: float
    other: int | None

    def __init__(self, at: int, was: Callable[[int], float], own: float | None, last: float) -> None:
        super().__init__(b"")
        for name, value in (("at", at), ("was", was), ("own", own), ("last", last), ("other", None)):
            object.__setattr__(self, name, value)

    def uniform(self, *index: int) -> float:
        number = index[-1]
        if number < self.at:
            return self.was(number)
        if number == self.at and self.own is not None:
            return self.own
        if self.other not in (None, number):
            raise NotEnumerableError
        object.__setattr__(self, "other", number)
        return self.last


@dataclass(frozen=True)
class VerifiedRound:
    """A round as it was verified: p [L + 1, V], what was received, and how many drafts were accepted."""

    acceptance: Acceptance
    p: Floats
    received: Received
    accepted: int
    uniforms: RoundUniforms
    _cuts: set[float] = field(default_factory=set)
    """Values of the last number at which outcomes were found to change: they often change at the same values."""

    def output(self, at: int, drawn: Floats) -> Floats | None:
        """The distribution [V] of the token at draft `at`, which was reached and drawn from `drawn` [V]; of the bonus
        where `at` is L. None where the vocabulary is too large, or the rule looks at more than this position."""
        if self.p.shape[1] > LARGEST_VOCABULARY or self.acceptance.in_blocks:
            return None
        shares = np.zeros(self.p.shape[1])
        try:
            if at == len(self.received.drafts):
                self._add(shares, 1.0, partial(self._outcome, at, None, None))
            else:
                self._add_drafts(shares, at, drawn)
        except NotEnumerableError:
            return None
        shares /= shares.sum()
        return shares

    def _add_drafts(self, shares: Floats, at: int, drawn: Floats) -> None:
        there = self._outcome(at, int(self.received.drafts[at]), self._was(at), 0.5)
        if there.kept != (self.accepted > at):  # a round cut off here goes otherwise than the whole one did
            raise NotEnumerableError
        for draft in np.flatnonzero(drawn).tolist():
            verified = partial(self._outcome, at, draft)
            for begin, end, probed in pieces(partial(self._probed, verified), ()):
                weight = float(drawn[draft]) * (end - begin)
                if all(outcome.kept for outcome in probed):
                    shares[draft] += weight
                else:
                    self._add(shares, weight, partial(verified, (begin + end) / 2))

    def _was(self, number: int) -> float:
        return self.uniforms.request.verdict.uniform(self.uniforms.round, number)

    def _probed(self, verified: Callable[[float, float], _Outcome], own: float) -> tuple[_Outcome, ...]:
        return tuple(verified(own, last) for last in PROBES)

    def _add(self, shares: Floats, weight: float, verified: Callable[[float], _Outcome]) -> None:
        for begin, end, outcome in pieces(verified, self._cuts):
            shares[outcome.token] += weight * (end - begin)
            self._cuts.update((begin, end))

    def _outcome(self, at: int, draft: int | None, own: float | None, last: float) -> _Outcome:
        """Returns the outcome of a round that ends with this draft at `at`; None: with the draft before it, all
        accepted."""
        before, beyond = tuple(self.received.drafts[:at].tolist()), list[bool]()
        line = before if draft is None else (*before, draft)

        def distribution_after(prefix: tuple[int, ...]) -> Floats:
            if prefix != line[: len(prefix)]:
                raise NotEnumerableError
            if len(prefix) > at:  # after a draft that was not drawn it is not known: this one stands for it
                beyond.append(True)
            shares: Floats = self.p[min(len(prefix), at)]
            return shares

        whole, size = self.received, len(line)
        cut = Received(np.array(line, dtype=np.int64), whole.distributions[:size], whole.vocabulary)
        unasked = Unasked(b"")
        numbers = RequestUniforms(unasked, _Numbers(at, self._was, own, last), unasked)
        result = self.acceptance.judge(distribution_after, cut, self.uniforms._replace(request=numbers))
        if result.accepted > at:
            return _Outcome(True, line[at])
        if result.accepted < at or beyond or not result.drawn:
            raise NotEnumerableError
        return _Outcome(False, result.token)


def pieces(
    value: Callable[[float], T], cuts: Collection[float], grid: Collection[float] = GRID, finest: float = FINEST
) -> list[tuple[float, float, T]]:
    """(begin, end, value) of intervals in order, within each of which the value is the same. They make up [0, 1) but
    for `finest` at each change of it. Points of `grid`, which has 0, and `cuts` are tried first."""
    points = sorted({*grid, *cuts})
    waiting, found = list(pairwise([(point, value(point)) for point in points]))[::-1], list[tuple[float, float, T]]()
    while waiting:
        (begin, first), (end, last) = waiting.pop()
        if first == last:
            if found and found[-1][1:] == (begin, first):
                begin = found.pop()[0]
            found.append((begin, end, first))
        elif end - begin > finest:
            middle = (begin + end) / 2
            between = middle, value(middle)
            waiting += [(between, (end, last)), ((begin, first), between)]
    return found
