"""Ledger of a request's time: each instant is charged to the state of one of its unresolved rounds (I11).

Which round? The oldest of those whose reply is not on its way yet: that one is what the answer waits for. Where a cloud
streams tokens, the reply of token 1 may travel while token 2 is decoded, and the time is decoding time. Only when every
unresolved round has its reply on the way is the time the oldest reply's. A round that was drafted ahead on drafts that
are not accepted is waited for no more from that verification result on, though its edge has yet to receive it.

The first parts of a partial round are on the air while its edge drafts on: the time is the edge's until it has put the
last one, and the cloud's from when the far end has handed the round over, if that is sooner.

Who knows what a round will do next says so at once, with the time: such marks wait, and time is charged when a round is
closed. What is stated of a round replaces what was stated of it for later.
"""

from __future__ import annotations

from array import array
from bisect import insort_right
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import ClassVar, Final, Protocol

from simulator.results.column_names import BREAKDOWN, NamedRow
from simulator.results.station import Clock

Course = Sequence[tuple[float, str]]
"""States in order, each with the time from which on it holds."""
_PLACES: Final = {state: place for place, state in enumerate(BREAKDOWN)}
THEMSELVES: Final = {state: state for state in BREAKDOWN}
_BEHIND_THE_PROMPT: Final = _PLACES | {"uplink_queue_s": _PLACES["prompt_uplink_s"]}


class SpentTime(NamedRow):
    """Seconds, in the order of BREAKDOWN."""

    __slots__ = ()
    places: ClassVar[Mapping[str, int]] = _PLACES


_Mark = tuple[float, int, str, bool]
"""Mark of a time from which on a round, or (True) its reply, is in a state."""
_time: Final = itemgetter(0)


class Follower(Protocol):
    """Follower of a ledger."""

    def does(self, round_number: int, state: str, from_s: float) -> None:
        """The round, or its reply, is in this state from then on, as far as is known now: also where no time belongs to
        it."""
        ...

    def spent(self, round_number: int, state: str, from_s: float, to_s: float) -> None:
        """Time is charged to this state, by the doings of this round."""
        ...


class Ledger:
    """Charges the time of one request to the columns of `results.BREAKDOWN`, without gap or overlap."""

    def __init__(self, clock: Clock, follower: Follower | None = None) -> None:
        self._spent_s = array("d", bytes(8 * len(BREAKDOWN)))
        self._clock = clock
        self._follower = follower
        self._since_s = clock.now
        """Up to when time is charged."""
        self._current: str | None = None
        """The state that time is charged to from then on, until the first mark."""
        self._marks: list[_Mark] = []
        """In order of time; those of the future among them."""
        self._states: dict[int, str] = {}
        self._replies: dict[int, str] = {}
        self._places = _PLACES
        """The index, by state, of the column that time in it is charged to."""
        self._void = range(0)
        """Rounds that no time belongs to."""
        self._ended = False

    @property
    def spent(self) -> SpentTime:
        """The time charged to each state so far."""
        if not self._ended:
            self._settle()
        return SpentTime(self._spent_s)

    def enter(self, round_number: int, state: str, from_s: float | None = None, reply: bool = False) -> None:
        """The round, or its reply, is in this state, a column of BREAKDOWN, from that time on; by default, now."""
        if from_s is None:
            from_s = self._clock.now
        marks = self._marks
        if self._follower is not None and not self._ended:
            self._follower.does(round_number, state, from_s)
        if self._ended or round_number in self._void:
            return
        if marks and from_s < marks[-1][0]:
            self._marks = marks = [mark for mark in marks if mark[1] != round_number or mark[0] <= from_s]
            insort_right(marks, (from_s, round_number, state, reply), key=_time)
        else:
            marks.append((from_s, round_number, state, reply))

    def enter_all(
        self, round_number: int, course: Course, columns: Mapping[str, str] = THEMSELVES, *, reply: bool = False
    ) -> None:
        """The round, or its reply, is in these states one after another; `columns`: the column of each."""
        marks = self._marks
        if self._follower or self._ended or self._void or (marks and course[0][0] < marks[-1][0]):
            for from_s, state in course:
                self.enter(round_number, columns[state], from_s, reply)
        else:
            for from_s, state in course:
                marks.append((from_s, round_number, columns[state], reply))

    def close(self, round_number: int, at_s: float | None = None) -> None:
        """The round is resolved now, or at that instant ahead, before which nothing else will be stated."""
        if not self._ended:
            self._settle(at_s)
            self._states.pop(round_number, None)
            self._replies.pop(round_number, None)
            if self._marks:
                self._marks = [mark for mark in self._marks if mark[1] != round_number]
            self._current = self._deciding() if self._states or self._replies else None

    def spend(self, doings: Iterable[tuple[float, str]], until_s: float) -> None:
        """The only round under way was in these states since the one before it was resolved, and is resolved then.
        Nobody follows."""
        spent_s, places, since_s, current = self._spent_s, self._places, self._since_s, -1
        for from_s, state in doings:
            if from_s > since_s:
                spent_s[current] += from_s - since_s
                since_s = from_s
            current = places[state]
        spent_s[current] += until_s - since_s
        self._since_s = until_s

    def void(self, rounds: range) -> None:
        """Stops waiting for these rounds, whatever is still stated of them."""
        if not self._ended:
            self._settle()
            self._void = rounds
            self._states = {number: state for number, state in self._states.items() if number not in rounds}
            self._marks = [mark for mark in self._marks if mark[1] not in rounds]
            self._current = self._deciding()

    def end(self) -> None:
        """The request has ended; what happens to its rounds now, or was to happen, is not its time."""
        self._settle()
        self._states.clear()
        self._replies.clear()
        self._marks.clear()
        self._ended = True

    def prompt_sent(self) -> None:
        """Makes a payload that queues for the uplink wait behind the prompt from now on, until `prompt_arrived`."""
        self._settle()
        self._places = _BEHIND_THE_PROMPT

    def prompt_arrived(self) -> None:
        """The prompt is in the cloud."""
        if not self._ended:
            self._settle()
        self._places = _PLACES

    def _settle(self, until_s: float | None = None) -> None:
        now_s = self._clock.now if until_s is None else until_s
        marks, states, replies = self._marks, self._states, self._replies
        spent_s, places, since_s, current = self._spent_s, self._places, self._since_s, self._current
        past = 0
        for from_s, number, state, reply in marks:
            if from_s > now_s:
                break
            past += 1
            if from_s > since_s:
                assert current is not None, f"I11: from {since_s} to {from_s} s the request is in no state"
                spent_s[places[current]] += from_s - since_s
                if self._follower is not None:
                    self._tell(current, since_s, from_s)
                since_s = from_s
            if not reply:
                states[number] = state
            else:
                states.pop(number, None)
                replies[number] = state
            current = state if len(states) + len(replies) == 1 else self._deciding()
        if past:
            del marks[:past]
        if now_s > since_s:
            assert current is not None, f"I11: from {since_s} to {now_s} s the request is in no state"
            spent_s[places[current]] += now_s - since_s
            if self._follower is not None:
                self._tell(current, since_s, now_s)
            since_s = now_s
        self._since_s, self._current = since_s, current

    def _tell(self, state: str, from_s: float, to_s: float) -> None:
        assert self._follower is not None
        column = BREAKDOWN[self._places[state]]
        self._follower.spent(min(self._states or self._replies), column, from_s, to_s)

    def _deciding(self) -> str | None:
        states = self._states or self._replies
        return states[min(states)] if states else None
