"""What each class of devices takes of the cloud: its part of the passes' time, rounds verified."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from simulator.timing.cloud.job import Share
from simulator.timing.cloud.server_pass_times import PassTimes
from simulator.timing.cloud.server_pool import Server


class ClassUse:
    """What each class has had so far. `classes`: the class of each device; without any nothing is counted.

    A pass over sequences of several classes is split: each class has the part that its sequences would take, each alone
    in a pass, of what all would. Where none would take any time, all sequences count alike.
    """

    def __init__(self, classes: Sequence[str], times: PassTimes) -> None:
        self._classes = classes
        self._times = times
        self._served_s: dict[str, float] = defaultdict(float)
        self._running: dict[Server, dict[str, float]] = {}
        """What each class has of the pass that a server runs, together 1."""
        self.round_passes: Counter[str] = Counter()
        """See `Cloud.round_passes`."""

    def service_s(self, name: str, now_s: float) -> float:
        """Server-seconds of passes so far, those lost or under way included."""
        running = sorted(self._running, key=lambda server: server.number)
        under_way_s = sum((now_s - server.since_s) * self._running[server].get(name, 0.0) for server in running)
        return self._served_s[name] + under_way_s

    def begin(self, server: Server) -> None:
        """A server begins a pass."""
        if self._classes:
            self._running[server] = self._parts(server.shares)
            for share in server.shares:
                self.round_passes[self._classes[share.job.session[0]]] += share.verifies

    def end(self, server: Server, pass_s: float) -> None:
        """A server's pass has ended after so many seconds."""
        for name, part in self._running.pop(server, {}).items():
            self._served_s[name] += part * pass_s

    def _parts(self, shares: Sequence[Share]) -> dict[str, float]:
        names = [self._classes[share.job.session[0]] for share in shares]
        if len({*names}) == 1:
            return {names[0]: 1.0}
        alone_s = [self._times.of_s([share]) for share in shares]
        if not (whole_s := sum(alone_s)):
            alone_s, whole_s = [1.0] * len(shares), len(shares)
        parts: dict[str, float] = defaultdict(float)
        for name, its_s in zip(names, alone_s, strict=True):
            parts[name] += its_s / whole_s
        return parts
