"""How long drafter passes on the devices of a class take."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

from channels.uniforms import Uniforms
from models.clocks.latency import Latency
from simulator.results.requests import Request


class EdgePasses:
    """Of one clock. Where it draws, a pass takes as long as its request and its place there say, whenever it is made.

    `spells`: whether a request meets a slow machine or a fast one, by device and request, the same for its passes in
    the cloud.
    """

    def __init__(self, latency: Latency, uniforms: Uniforms, spells: Uniforms) -> None:
        self._latency = latency
        self._spells = spells
        self._uniforms = uniforms if latency.random else None
        self._known_s = _durations_s(latency)

    def of_round_s(
        self, request: Request, round_number: int, new: int, cached: int, later: tuple[int, ...] = (), made: int = 0
    ) -> tuple[float, ...]:
        """Seconds of each of some passes of one sequence, behind `made` others in the round: the first one runs over
        `new` tokens on top of `cached`, each later one over so many more."""
        if self._uniforms is None:
            return self._known_s(new, cached, later)
        uniforms = self._uniforms.under(request.device, request.number, round_number)
        spell = self._spells.uniform(request.device, request.number)
        passes = enumerate(_works(new, cached, later), made)
        return tuple(self._latency.drawn_s([work], uniforms.uniform(place), spell) for place, work in passes)


@lru_cache(maxsize=64)
def _durations_s(latency: Latency) -> Callable[[int, int, tuple[int, ...]], tuple[float, ...]]:
    """Worked out once for all devices of a kind."""

    @lru_cache(maxsize=1 << 14)
    def durations_s(new: int, cached: int, later: tuple[int, ...]) -> tuple[float, ...]:
        return tuple(latency.pass_s([work]) for work in _works(new, cached, later))

    return durations_s


def _works(new: int, cached: int, later: tuple[int, ...]) -> list[tuple[int, int]]:
    runs = (new, *later)
    return list(zip(runs, accumulate(runs, initial=cached), strict=False))
