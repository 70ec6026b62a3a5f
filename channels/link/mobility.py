"""Devices that move: when one is handed over from its base station's cell to the next, and what its links lose by it.

From the instant of a hand-over on the device sends and receives nothing for `interruption_s`. What it has to send waits
at the device. What is on its way down waits at the old base station, which forwards it to the new one (over X2 or Xn,
TS 36.300 and 38.300) or does not: then it is lost, as is what was on the air, and is left to the `arq` of the link.
The cell that a device comes to is as busy as the one that it leaves, and its rate goes on in time. A device begins in
cell 0 of its cloud; `cells_per_cloud` says after how many hand-overs it is in the area of the next cloud.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice, pairwise, takewhile
from math import inf, log1p, nan
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from channels.on_off import Window
from channels.uniforms import Uniforms
from kinds import Choice

LONGEST_S: Final = 60.0
"""The longest interruption: what takes longer is an outage."""
SHORTEST_STAY_S: Final = 0.1


class Interruption(NamedTuple):
    """How long a hand-over of some kind interrupts a device, and who says so."""

    seconds: float
    source: str


InterruptionName = Literal["lte", "nr", "daps", "lte_to_3g"]
INTERRUPTIONS: Final[Mapping[InterruptionName, Interruption]] = {
    "lte": Interruption(
        0.0495,
        "LTE, typical: from the command to its completion in the new cell (U: 3GPP TR 36.881; 30 to 60 ms in surveys)",
    ),
    "nr": Interruption(
        0.062,
        "5G NR below 6 GHz, the most that a device may take to a cell that it knows: 20 ms to process, 20 for its "
        "random access, 20 for one SSB period, 2 of margin (U: TS 38.133, 6.1.1)",
    ),
    "daps": Interruption(
        0.0, "dual active protocol stack: both cells serve until the new one does (U: TS 38.300, 9.2.3; up to 2 ms)"
    ),
    "lte_to_3g": Interruption(
        4.5, "LTE to UMTS, measured in a German network (P: github.com/olgen2013/HandoverMeasurements, abstract)"
    ),
}
"""(P) read by us in the source, (U) not: check it before you build on it."""


class Mobility(Choice, family=True):
    """When a device is handed over from one base station to the next."""

    @abstractmethod
    def times_s(self, uniforms: Uniforms) -> Iterator[float]:
        """When a device is handed over that draws its randomness, if any, from `uniforms`: in order, each after the
        pause of the one before; may go on for ever."""


class Still(Mobility):
    """Never: the device stays in its cell."""

    kind: Literal["still"] = "still"

    def times_s(self, uniforms: Uniforms) -> Iterator[float]:
        return iter(())


class Moving(Mobility):
    """What all that move have in common."""

    interruption_s: Annotated[float, Field(ge=0, le=LONGEST_S)] | InterruptionName = Field(
        "lte",
        description="how long a hand-over keeps the device from sending and receiving: seconds, or a name of `sqsim "
        "list links`",
    )
    packets: Literal["forwarded", "lost"] = Field(
        "forwarded",
        description="forwarded: a packet on the air goes on after the interruption, and the old base station forwards "
        "what waits for the device; lost: both are lost",
    )
    forwarding_s: float = Field(
        0.01,
        ge=0,
        le=LONGEST_S,
        description="what forwarding takes; nothing comes down before it is over (assumed)",
    )
    cells_per_cloud: int = Field(
        1,
        ge=1,
        le=1_000_000,
        description="hand-overs until the device is in the area of the next of cloud.clouds, which lie in a ring",
    )

    def pause_s(self, down: bool) -> float:
        """How long a hand-over silences the downlink, or the uplink."""
        given = self.interruption_s
        silent_s = INTERRUPTIONS[given].seconds if isinstance(given, str) else given
        return max(silent_s, self.forwarding_s) if down and self.packets == "forwarded" else silent_s

    def crossings_s(self, uniforms: Uniforms) -> Iterator[float]:
        """When the device comes to another cloud's area."""
        return islice(self.times_s(uniforms), self.cells_per_cloud - 1, None, self.cells_per_cloud)


class ScheduledMoves(Moving):
    """All at given times, as the passengers of a train."""

    kind: Literal["scheduled"] = "scheduled"
    at_s: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field(
        (), description="when, seconds; in order, and further apart than a hand-over takes"
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for before_s, next_s in pairwise(self.at_s):
            if not next_s - before_s > self.pause_s(down=True):
                raise ValueError(
                    f"at_s must be in order, further apart than a hand-over takes, {self.pause_s(down=True):g} s; see "
                    f"{before_s:g}, {next_s:g}"
                )
        return self

    def times_s(self, uniforms: Uniforms) -> Iterator[float]:
        return iter(self.at_s)


class PeriodicMoves(Moving):
    """Each after the same time, at constant speed through cells of one size; a device begins anywhere in its cell."""

    kind: Literal["periodic"] = "periodic"
    every_s: float = Field(
        30.0, ge=SHORTEST_STAY_S, allow_inf_nan=False, description="from one hand-over to the next, seconds"
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if not self.every_s > self.pause_s(down=True):
            raise ValueError(
                f"every_s = {self.every_s:g}: must be more than a hand-over takes, {self.pause_s(down=True):g} s"
            )
        return self

    def times_s(self, uniforms: Uniforms) -> Iterator[float]:
        first_s = uniforms.uniform(0) * self.every_s
        return (first_s + number * self.every_s for number in count())


class RandomMoves(Moving):
    """After exponential times, each counted from the end of the hand-over before."""

    kind: Literal["random"] = "random"
    mean_stay_s: float = Field(
        30.0, ge=SHORTEST_STAY_S, allow_inf_nan=False, description="mean time in a cell between two hand-overs"
    )

    def times_s(self, uniforms: Uniforms) -> Iterator[float]:
        since_s, pause_s = 0.0, self.pause_s(down=True)
        for number in count():
            at_s = since_s - self.mean_stay_s * log1p(-uniforms.uniform(number))
            yield at_s
            since_s = at_s + pause_s


class HandOvers(NamedTuple):
    """Those of one device, as one of its links meets them."""

    mobility: Moving
    uniforms: Uniforms
    """The device's, alike for both ways."""
    down: bool = False
    """Whether the link leads to the device."""
    leaves: bool = False
    """Whether the device leaves a queue or a medium that others share; else the hand-over interrupts what serves it
    alone."""

    def times_s(self) -> Iterator[float]:
        """When each begins."""
        return self.mobility.times_s(self.uniforms)

    @property
    def pause_s(self) -> float:
        """How long nothing is sent."""
        return self.mobility.pause_s(self.down)

    def pauses(self) -> Iterator[Window]:
        """When nothing is sent, for no time at all maybe."""
        return ((at_s, at_s + self.pause_s) for at_s in self.times_s())

    def cuts(self) -> Cuts | None:
        """Which packets are lost; None: none is."""
        return Cuts(self.times_s(), self.down) if self.mobility.packets == "lost" else None


NOBODY_MOVES: Final[Mapping[int, HandOvers]] = {}
"""By device that moves."""


def count_made(movers: Sequence[HandOvers], now_s: float) -> float:
    """How often these devices have been handed over by now; nan where there are none."""
    made = (takewhile(lambda at_s: at_s <= now_s, each.times_s()) for each in movers)
    return float(sum(1 for times_s in made for _ in times_s)) if movers else nan


class Cuts:
    """The packets that hand-overs lose: asked in order of time."""

    def __init__(self, times_s: Iterator[float], down: bool) -> None:
        self._coming_s = times_s
        self._down = down
        self._last_s, self._next_s = -inf, next(self._coming_s, inf)

    def lose(self, joined_s: float, began_s: float, now_s: float) -> bool:
        """Whether a packet is lost that joined its queue, and whose first bit and last bit, now, left at these times:
        one that was on the air at a hand-over, or, on the way down, waited for it."""
        while self._next_s <= now_s:
            self._last_s, self._next_s = self._next_s, next(self._coming_s, inf)
        return (joined_s if self._down else began_s) < self._last_s
