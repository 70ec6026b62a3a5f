"""Listening of the far end of a link: always, or only for some moments after it has sent."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from kinds import Choice


class Listening(Choice, family=True):
    """Times at which a device receives on its downlink, chosen by `kind`."""

    @property
    def windows_s(self) -> tuple[float, ...]:
        """Delays after each frame of its own at which it receives one frame, in seconds, ascending; (): at any time."""
        return ()


class Always(Listening):
    """The receiver is on."""

    kind: Literal["always"] = "always"


class AfterSending(Listening):
    """Receive windows: after each frame that the device has sent it listens a few times, and takes one frame at most.

    LoRaWAN's class A (L2 1.0.4, section 3.3). A device that still awaits something when its windows have passed sends
    an empty frame, a bare header, which opens the next; Iridium's modems call that a mailbox check. From the end of its
    frame until it has received one, or the last window has passed, the device sends nothing.
    """

    kind: Literal["after_sending"] = "after_sending"
    delays_s: tuple[float, ...] = Field(
        (1.0, 2.0),
        min_length=1,
        description="From the end of an uplink frame to each receive window, seconds, ascending (LoRaWAN: RX1, RX2).",
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        times_s = (0.0, *self.delays_s)
        if not all(before < after < float("inf") for before, after in pairwise(times_s)):
            raise ValueError(f"delays_s = {self.delays_s}: must be ascending, above 0 s")
        return self

    @property
    def windows_s(self) -> tuple[float, ...]:
        return self.delays_s
