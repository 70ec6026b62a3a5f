"""How long the cloud had a job, as its reply may tell: waiting, and in passes."""

from __future__ import annotations

from channels.codec.control import Status
from simulator.results.station import Clock


class ServiceTimes:
    """Of one job after another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent_s = {"queue": 0.0, "serve": 0.0}
        self._current = "queue"
        self._since_s = clock.now

    def submitted(self) -> None:
        """A job is asked for now."""
        self._spent_s = {"queue": 0.0, "serve": 0.0}
        self._current, self._since_s = "queue", self._clock.now

    def does(self, state: str) -> None:
        """It waits for a pass ("cloud_queue_s") or is in one, from now on."""
        self._spent_s[self._current] += self._clock.now - self._since_s
        self._current, self._since_s = "queue" if state == "cloud_queue_s" else "serve", self._clock.now

    def done(self, batch: int) -> Status:
        """It has ended, in a pass of so many jobs."""
        self.does("")
        return Status(self._spent_s["queue"], self._spent_s["serve"], batch)
