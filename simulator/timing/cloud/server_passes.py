"""How long a server's pass takes, with all that belongs to it.

Where a clock draws, a pass takes as long as the place of its first job says: which of its session's jobs, in which of
its passes; and whether that session meets a slow machine or a fast one. What else happens in the cloud, and when, makes
no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from channels.uniforms import Uniforms
from models.clocks.latency import Latency, Work
from simulator.cell.cloud_config import CloudConfig
from simulator.timing.cloud.job import Share


class PassTimes:
    """Of the servers of a cloud. `spells`: by session, as for the passes at its edge (`EdgePasses`)."""

    def __init__(self, config: CloudConfig, uniforms: Uniforms, spells: Uniforms) -> None:
        self._latency = config.latency
        self._drafter_latency = config.drafter_latency
        self._step_s = config.step_s
        self._judge_s = config.judge_s
        self._decode_s_per_draft = config.decode_s_per_draft
        self._uniforms = uniforms
        self._spells = spells

    def of_s(self, shares: Sequence[Share]) -> float:
        """Seconds of the verifier's pass, after the drafter's passes of jobs that have any, which run side by side, of
        the engine's step around them, one for all, and of the rounds that are read and judged beside it, one after
        another."""
        work = [(share.new_tokens, share.cached_tokens) for share in shares]
        verify_s = self._pass_s(self._latency, work, shares[0], 0) + self._step_s + self._judging_s(shares)
        drafting = [share.drafting for share in shares]
        if not any(drafting):
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

    def _judging_s(self, shares: Sequence[Share]) -> float:
        if not (self._judge_s or self._decode_s_per_draft):
            return 0.0
        judged = [share.job.judged_drafts for share in shares if share.completes]
        return sum(self._judge_s + self._decode_s_per_draft * drafts for drafts in judged if drafts is not None)
