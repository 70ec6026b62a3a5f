"""Rates that follow a Markov chain, stepping in time or, as the Q-S code does, once per message."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from math import inf
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from channels.link.rates import SECOND, Curve, MessageIndex, Position, Rate
from channels.link.step_curve import StepCurve
from channels.uniforms import Uniforms

Rates = tuple[float, ...]
Matrix = tuple[tuple[float, ...], ...]


class _Chain(Rate):
    """States with a rate each, and the probabilities of a step. The defaults are Q-S's channel."""

    bps: Rates = Field((2e6, 6e6), min_length=1, description="Rate of each state, bits per second.")
    transition: Matrix = Field(
        ((0.5, 0.5), (0.5, 0.5)), description="Row i: probabilities that state i is followed by each state; sums to 1."
    )

    @model_validator(mode="after")
    def _stochastic(self) -> Self:
        size = len(self.bps)
        if any(not 0 <= bps < inf for bps in self.bps):
            raise ValueError("bps must be finite and at least 0 in each state")
        if len(self.transition) != size or any(len(row) != size for row in self.transition):
            raise ValueError(f"transition must have {size} rows of {size}, one for each rate")
        for number, row in enumerate(self.transition):
            if any(not 0 <= value <= 1 for value in row) or abs(sum(row) - 1) > 1e-9:
                raise ValueError(f"transition row {number} must hold probabilities that sum to 1")
        steps = np.array(self.transition) > 0
        reached = np.linalg.matrix_power(steps | np.eye(size, dtype=bool), size)  # [size, size], in so many steps
        if not (reached @ (np.array(self.bps) > 0)).all():
            raise ValueError("from each state the chain must be able to reach one with a rate above 0")
        return self

    @property
    def fastest_bps(self) -> float:
        return max(self.bps)

    def steps(self) -> Callable[[int, float], int]:
        """The chain's step: a state and a uniform number give the next state."""
        cumulative = [list(accumulate(row))[:-1] for row in self.transition]
        return lambda state, uniform: bisect_right(cumulative[state], uniform)


class Markov(_Chain):
    """The chain steps at fixed intervals, from state 0 at 0 s."""

    kind: Literal["markov"] = "markov"
    step_s: float = Field(
        0.1,
        ge=1e-5,
        allow_inf_nan=False,
        description="Time between two steps of the chain, seconds; at least 10 microseconds, below any radio's slot.",
    )

    def curve(self, uniforms: Uniforms) -> Curve:
        return _MarkovCurve(self, uniforms)


class MarkovPerMessage(_Chain):
    """The chain steps once per round of a request, from a random state at round 0; repeats of a packet, and a second
    message of the round, stay in it."""

    kind: Literal["markov_per_message"] = "markov_per_message"
    time_alone: ClassVar[bool] = False

    def curve(self, uniforms: Uniforms) -> Curve:
        return _PerMessageCurve(self, uniforms)


class _MarkovCurve(StepCurve):
    def __init__(self, rate: Markov, uniforms: Uniforms) -> None:
        super().__init__()
        self._rate = rate
        self._step = rate.steps()
        self._uniform = uniforms.uniform
        self._state = 0

    def _segment(self, number: int) -> tuple[float, float]:
        if number:
            self._state = self._step(self._state, self._uniform(number))
        return (number + 1) * self._rate.step_s, self._rate.bps[self._state]


class _PerMessageCurve(Curve):
    """The state of (device, request, round) follows from the numbers at (device, request, 0..round) alone."""

    def __init__(self, rate: MarkovPerMessage, uniforms: Uniforms) -> None:
        self._bps = rate.bps
        self._step = rate.steps()
        self._uniform = uniforms.uniform
        self._latest: dict[int, tuple[int, int, int]] = {}

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        """The bits for the first message of the first request; the curve of another is its own."""
        return self._bps[self._state((0, 0, 0))] * (t1_s - t0_s) if t1_s > t0_s else 0.0

    def ready_s(self, position: Position, bits: float) -> float:
        return position.time_s if self._bps[self._state(position.message)] > 0 else inf

    def finish(self, position: Position, bits: float) -> Position:
        bps = self._bps[self._state(position.message)]
        busy_s = bits / bps if bps > 0 else inf
        return Position(position.time_s + busy_s, 0.0, position.message)

    def _state(self, message: MessageIndex) -> int:
        device, request, number = message
        last = max(0, number) % SECOND
        known_request, number, state = self._latest.get(device, (-1, 0, 0))
        if known_request != request or number > last:
            number, state = 0, int(self._uniform(device, request, 0) * len(self._bps))
        while number < last:
            number += 1
            state = self._step(state, self._uniform(device, request, number))
        self._latest[device] = (request, number, state)
        return state
