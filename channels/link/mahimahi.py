"""Delivery opportunities as recorded by mahimahi: each line of a trace is a millisecond at which 1,500 bytes may leave.

Equal stamps repeat an opportunity, the file repeats at its end, and what a packet leaves of an opportunity goes to the
next packet if one waits. A packet that comes at the very millisecond of an opportunity is too late for it. Whole
milliseconds and whole opportunities are counted in integers, so that the service is exact to the bit.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from channels.link.rates import Curve, Position, Rate, Start, start_words
from channels.uniforms import Uniforms
from kinds import ConfigError
from kinds.files import GivenPath, read_lines

OPPORTUNITY_BITS: Final = 12_000
_TOLERANCE_MS: Final = 1e-6
"""Clock readings this close below a stamp count as the stamp: sums of float seconds miss whole milliseconds by less."""
_TOLERANCE_BITS: Final = 1e-3
"""A packet short of less than this is served: the parts that a shared link gives to each are no whole bits."""
_LATEST_MS: Final = 10**12


class Mahimahi(Rate):
    """A mahimahi trace file, or a generated one in the same form."""

    kind: Literal["mahimahi"] = "mahimahi"
    path: GivenPath | None = Field(
        None, description="Trace file: one whole number a line, milliseconds; null: a generated cellular trace of 60 s."
    )

    start_s: Start = None

    @model_validator(mode="after")
    def _file_is_sound(self) -> Self:
        self.read()
        return self

    def read(self) -> tuple[int, ...]:
        """The stamps of one lap, milliseconds. Raises ConfigError that names the first bad line."""
        return generated_trace() if self.path is None else read_mahimahi(self.path)

    @property
    def begins(self) -> str:
        return start_words(self.start_s, repeats=True)

    def curve(self, uniforms: Uniforms) -> Curve:
        """A start is a whole millisecond, as the stamps are."""
        stamps_ms = self.read()
        start_ms = uniforms.uniform(0) * stamps_ms[-1] if self.start_s is None else 1000 * self.start_s
        return MahimahiCurve(stamps_ms, math.floor(start_ms + _TOLERANCE_MS) % stamps_ms[-1])


class MahimahiCurve(Curve):
    """Opportunities counted in integers; `credit_bits` is what is left of those at the position's instant. 0 s of a run
    is `start_ms` of the trace."""

    def __init__(self, stamps_ms: tuple[int, ...], start_ms: int = 0) -> None:
        self._stamps_ms = stamps_ms
        self._lap_ms = stamps_ms[-1]
        self._start_ms = start_ms

    def served_bits(self, t0_s: float, t1_s: float) -> float:
        return max(0, self._count(t1_s) - self._count(t0_s)) * OPPORTUNITY_BITS if t1_s > t0_s else 0

    def finish(self, position: Position, bits: float) -> Position:
        lacking_bits = bits - position.credit_bits - _TOLERANCE_BITS
        if lacking_bits <= 0:
            return position._replace(credit_bits=max(0.0, position.credit_bits - bits))
        if self.over(position.time_s):
            return Position(math.inf, 0.0, position.message)
        gone = self._count(position.time_s)
        needed = math.ceil(lacking_bits / OPPORTUNITY_BITS)
        laps, place = divmod(gone + needed - 1, len(self._stamps_ms))
        time_s = (laps * self._lap_ms + self._stamps_ms[place] - self._start_ms) / 1000
        granted_bits = (self._count(time_s) - gone) * OPPORTUNITY_BITS
        return Position(time_s, max(0.0, position.credit_bits + granted_bits - bits), position.message)

    def _count(self, time_s: float) -> int:
        """Opportunities of the trace at or before an instant of the run."""
        laps, into_ms = divmod(math.floor(time_s * 1000 + _TOLERANCE_MS) + self._start_ms, self._lap_ms)
        return laps * len(self._stamps_ms) + bisect_right(self._stamps_ms, into_ms)


def read_mahimahi(path: Path) -> tuple[int, ...]:
    """The stamps of a trace file, milliseconds. Raises ConfigError that names the file and the first bad line."""
    stamps_ms: list[int] = []
    place = f"{path}, line 1"
    for place, line in read_lines(path):
        if not (line.isascii() and line.isdigit()):
            raise ConfigError(f"{place}: one whole number of milliseconds, got {line!r}")
        if len(line) > len(str(_LATEST_MS)) or int(line) > _LATEST_MS:
            raise ConfigError(f"{place}: at most {_LATEST_MS} ms, got {line[:20]}...")
        if stamps_ms and int(line) < stamps_ms[-1]:
            raise ConfigError(f"{place}: stamps must not fall, got {line} after {stamps_ms[-1]}")
        stamps_ms.append(int(line))
    if not stamps_ms:
        raise ConfigError(f"{place}: the file is empty; at least one stamp")
    if stamps_ms[-1] == 0:
        raise ConfigError(f"{place}: the last stamp is the length of the trace and must not be 0")
    return tuple(stamps_ms)


def generated_trace(seconds: int = 60) -> tuple[int, ...]:
    """Stamps of a made-up cellular uplink whose rate moves, second by second, on a scale from 24 kbit/s to 1.5 Mbit/s.

    The walk follows a linear congruence in integers, so that every machine makes the same trace.
    """
    gaps_ms = (500, 250, 125, 64, 32, 16, 8)
    state, level, stamps_ms = 1, 3, list[int]()
    for second in range(seconds):
        state = (1_103_515_245 * state + 12_345) % 2**31
        level = min(len(gaps_ms) - 1, max(0, level + (state >> 16) % 3 - 1))
        stamps_ms += [1000 * second + offset for offset in range(gaps_ms[level], 1001, gaps_ms[level])]
    return tuple(stamps_ms)
