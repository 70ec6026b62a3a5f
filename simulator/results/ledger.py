"""Where a request's time went: each instant is charged to what one of its unresolved rounds is doing then (I11).

Which round? The oldest of those whose reply is not on its way yet: that one is what the answer waits for. Where a cloud
streams tokens, the reply of token 1 may travel while token 2 is decoded, and the time is decoding time. Only when every
unresolved round has its reply on the way is the time the oldest reply's.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import ClassVar, Final

from simulator.results.columns import BREAKDOWN, Row
from simulator.results.station import Clock

_PLACES: Final = {state: place for place, state in enumerate(BREAKDOWN)}


class SpentTime(Row):
    """Seconds, in the order of BREAKDOWN."""

    __slots__ = ()
    places: ClassVar[Mapping[str, int]] = _PLACES


class Ledger:
    """Charges the time of one request to the columns of `results.BREAKDOWN`, without gap or overlap."""

    def __init__(self, clock: Clock) -> None:
        self._spent_s = array("d", bytes(8 * len(BREAKDOWN)))
        self._clock = clock
        self._since_s = clock.now
        self._current: str | None = None
        """The state that time is charged to from `_since_s` on."""
        self._states: dict[int, str] = {}
        self._replies: dict[int, str] = {}
        self._prompt_pending = False
        self._ended = False

    @property
    def spent(self) -> SpentTime:
        """The time charged to each state so far."""
        return SpentTime(self._spent_s)

    def enter(self, round_number: int, state: str) -> None:
        """The round is in this state, a column of BREAKDOWN, from now on."""
        if not self._ended:
            self._charge()
            states = self._states
            states[round_number] = state
            self._current = state if len(states) == 1 else states[min(states)]

    def reply(self, round_number: int, state: str) -> None:
        """The round's reply is under way, in this state."""
        if not self._ended:
            self._charge()
            self._states.pop(round_number, None)
            self._replies[round_number] = state
            self._find_current()

    def close(self, round_number: int) -> None:
        """The round is resolved."""
        if not self._ended:
            self._charge()
            self._states.pop(round_number, None)
            self._replies.pop(round_number, None)
            self._find_current()

    def end(self) -> None:
        """The request has ended; what happens to its rounds now is not its time."""
        self._charge()
        self._states.clear()
        self._replies.clear()
        self._ended = True

    def prompt_sent(self) -> None:
        """From now on a payload that queues for the uplink waits behind the prompt, until `prompt_arrived`."""
        self._prompt_pending = True

    def prompt_arrived(self) -> None:
        """The prompt is in the cloud."""
        if not self._ended:
            self._charge()
        self._prompt_pending = False

    def _find_current(self) -> None:
        states = self._states or self._replies
        self._current = states[min(states)] if states else None

    def _charge(self) -> None:
        now_s = self._clock.now
        elapsed_s = now_s - self._since_s
        if elapsed_s:
            state = self._current
            assert state is not None, f"I11: from {self._since_s} to {now_s} s the request is in no state"
            if self._prompt_pending and state == "uplink_queue_s":
                state = "prompt_uplink_s"
            self._spent_s[_PLACES[state]] += elapsed_s
            self._since_s = now_s
