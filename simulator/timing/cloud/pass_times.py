"""Times of the passes of the cloud's servers, and the share of each class of devices in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from channels.uniforms import Uniforms
from models.latency.latency import Latency, Work, block_passes
from simulator.cell.cloud_config import CloudConfig
from simulator.timing.cloud.job import Server, Share


class PassTimes:
    """Times of a server's passes, with all that belongs to them.

    Where the latency model draws, a pass takes as long as the index of its first job says: which of its session's jobs,
    in which of its passes; and whether that session meets a slow machine or a fast one (`spells`, as for the passes at
    its edge). What else happens in the cloud, and when, makes no difference.
    """

    def __init__(self, config: CloudConfig, uniforms: Uniforms, spells: Uniforms) -> None:
        self._latency = config.latency
        self._drafter_latency = config.drafter_latency
        self._drafts_per_pass = config.drafts_per_pass
        self._step_s = config.step_s
        self._judge_s = config.judge_s
        self._decode_s_per_draft = config.decode_s_per_draft
        self._uniforms = uniforms
        self._spells = spells

    def of_s(self, shares: Sequence[Share]) -> float:
        """Seconds of the verifier's pass, after the drafter's passes of jobs that have any, which run side by side, of
        the engine's step around them, one for all, and of the rounds that are read and verified beside it, one after
        another."""
        work, drafting = [], []
        for share in shares:
            work.append((share.new_tokens, share.cached_tokens))
            if share.job.cloud_drafts:
                completes = share.completes  # or no draft is made
                drafting.append(block_passes(share.drafting, self._drafts_per_pass) if completes else share.drafting)
        verify_s = self._step_s + (
            self._pass_s(self._latency, work, shares[0], 0) if self._latency.random else self._latency.pass_s(work)
        )
        if self._judge_s or self._decode_s_per_draft:
            verify_s += self._verification_s(shares)
        if not drafting:
            return verify_s
        passes = enumerate(zip_longest(*drafting), 1)
        return verify_s + sum(
            self._pass_s(self._drafter_latency, [work for work in side_by_side if work], shares[0], place)
            for place, side_by_side in passes
        )

    def _pass_s(self, latency: Latency, work: Work, first: Share, place: int) -> float:
        if not latency.random:
            return latency.pass_s(work)
        job = first.job
        uniform = self._uniforms.uniform(*job.session, job.number, job.passes, place)
        return latency.drawn_s(work, uniform, self._spells.uniform(*job.session))

    def _verification_s(self, shares: Sequence[Share]) -> float:
        verified = [share.job.verified_drafts for share in shares if share.completes]
        return sum(self._judge_s + self._decode_s_per_draft * drafts for drafts in verified if drafts is not None)


class ClassUse:
    """Use of the servers by each class so far. `classes`: the class of each device; without any nothing is counted.

    A pass over sequences of several classes is split: each class has the part that its sequences would take, each alone
    in a pass, of what all would. Where none would take any time, all sequences count alike.
    """

    def __init__(self, classes: Sequence[str], times: PassTimes) -> None:
        self._classes = classes
        self._times = times
        self._served_s: dict[str, float] = defaultdict(float)
        self._running: dict[Server, dict[str, float]] = {}
        """What each class has of the pass that a server runs, together 1."""

    def service_s(self, name: str, now_s: float) -> float:
        """Server-seconds of passes so far, those lost or under way included."""
        running = sorted(self._running, key=lambda server: server.number)
        under_way_s = sum((now_s - server.since_s) * self._running[server].get(name, 0.0) for server in running)
        return self._served_s[name] + under_way_s

    def begin(self, server: Server) -> None:
        """A server begins a pass."""
        if self._classes:
            self._running[server] = self._parts(server.shares)

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
