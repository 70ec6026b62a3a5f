"""Which of several clouds has each session, and which is nearest to its device."""

from __future__ import annotations

from collections import Counter

from simulator.cell.relocation import Relocation
from simulator.timing.cloud.job import SessionKey


class Placement:
    """Where sessions are, and whether they are to follow their devices. `relocation` is None where there is one cloud,
    and nothing is kept."""

    def __init__(self, clouds: int, relocation: Relocation | None) -> None:
        self.relocation = relocation
        self._clouds = clouds
        self._crossed: Counter[int] = Counter()
        """How often each device has come to another cloud's area."""
        self._at: dict[SessionKey, int] = {}
        """The cloud that has a session's cache, or to which that is under way."""
        self._served: set[SessionKey] = set()
        """Sessions with a job."""
        self._continued: dict[SessionKey, SessionKey] = {}
        """By a turn under way to its conversation's cloud: the session before, of which that holds the text."""
        self._sends_until_s = [0.0] * clouds
        """When each cloud has sent what it sends to others."""

    def __bool__(self) -> bool:
        """Whether any session is somewhere."""
        return bool(self._at)

    def cloud(self, session: SessionKey) -> int:
        """The number of the cloud that has it."""
        return self._at.get(session, 0)

    def place(self, session: SessionKey) -> None:
        """The session is with the cloud nearest to its device, unless one has it already."""
        self._at.setdefault(session, self._nearest(session[0]))

    def begin_job(self, session: SessionKey) -> None:
        """It has a job, so it stays where it is."""
        self._served.add(session)

    def end_job(self, session: SessionKey) -> None:
        """It has none any more."""
        self._served.discard(session)

    def forget(self, session: SessionKey) -> None:
        """The session is over."""
        self._at.pop(session, None)
        self._continued.pop(session, None)

    def expect(self, session: SessionKey, turn: SessionKey) -> None:
        """The next turn of a session's conversation is on its way, to the cloud that has that."""
        self._continued[turn] = session

    def adopt(self, session: SessionKey, turn: SessionKey) -> None:
        """What was a session's is the next turn's."""
        self._continued.pop(turn, None)
        if session in self._at:
            self._at[turn] = self._at.pop(session)

    def cross(self, device: int) -> list[SessionKey]:
        """The device comes to the area of the next cloud; its sessions."""
        self._crossed[device] += 1
        return [each for each in self._at if each[0] == device]

    def detour_s(self, session: SessionKey) -> float:
        """How much longer a message of this session travels, either way, since its cloud is not its device's."""
        at = self._at.get(self._continued.get(session, session))
        if self.relocation is None or at is None or at == self._nearest(session[0]):
            return 0.0
        return self.relocation.backhaul_s

    def may_follow(self, session: SessionKey) -> bool:
        """Whether it is elsewhere than its device, and has no job."""
        here = self._at.get(session)
        return here is not None and here != self._nearest(session[0]) and session not in self._served

    def send(self, session: SessionKey, sent_bytes: float, now_s: float) -> float:
        """Its cloud sends it to the one nearest to its device, after what it sends already; when it is there."""
        assert self.relocation is not None
        here, self._at[session] = self._at[session], self._nearest(session[0])
        until_s = max(now_s, self._sends_until_s[here]) + 8 * sent_bytes / self.relocation.backhaul_bps
        self._sends_until_s[here] = until_s
        return until_s + self.relocation.backhaul_s

    def _nearest(self, device: int) -> int:
        return (device + self._crossed[device]) % self._clouds
