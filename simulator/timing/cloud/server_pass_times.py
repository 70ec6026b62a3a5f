"""How long the passes of the cloud's servers take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from channels.uniforms import Uniforms
from models.latency.latency import Latency, Work, block_passes
from simulator.cell.cloud_config import CloudConfig
from simulator.timing.cloud.job import Share


class PassTimes:
    """How long a server's pass takes, with all that belongs to it.

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
