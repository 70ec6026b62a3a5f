"""Batching of jobs into passes: the jobs that wait, their order, and how the next pass is filled. Without a clock."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from simulator.cell.cloud_config import Batching
from simulator.timing.cloud.job import Job, JobState, SessionKey, Share
from simulator.timing.cloud.kv import KvMemory


class JobQueue:
    """Jobs wait here in order of arrival; where prefills are cut into chunks, they wait behind the rest. Where sessions
    are preempted and there is no room for all that wait, those first whose sessions are in and came first."""

    def __init__(self, batching: Batching, token_budget: int | None, kv: KvMemory) -> None:
        self.jobs: dict[Job, None] = {}
        """Those that wait, in order."""
        self.prefills: dict[Job, None] = {}
        """And behind them, where prefills are cut."""
        self.waits_for_batch = type(batching).ready_s is not Batching.ready_s
        """True if a free server may wait for more jobs."""
        self._batching = batching
        self._token_budget = token_budget
        self._kv = kv
        self._is_short = False
        """True if there was no room for all that waited when a pass was formed last."""

    def __len__(self) -> int:
        return len(self.jobs) + len(self.prefills)

    def add(self, job: Job) -> None:
        """The job waits for a pass."""
        (self.prefills if self._batching.chunked and self._may_be_cut(job) else self.jobs)[job] = None

    def remove(self, job: Job) -> bool:
        """Takes the job out of the queue; False where it was not in it."""
        for queue in (self.jobs, self.prefills):
            if job in queue:
                del queue[job]
                return True
        return False

    def put_back(self, jobs: list[Job]) -> None:
        """Jobs that a pass has cut wait at the head again; those that have no more to read, among the rest."""
        reading = [job for job in jobs if self._batching.chunked and self._may_be_cut(job)]
        self.prefills = dict.fromkeys(reading) | self.prefills
        if len(reading) < len(jobs):
            self.jobs = dict.fromkeys(job for job in jobs if job not in reading) | self.jobs

    def oldest(self) -> Job:
        """The waiting job that has been here longest."""
        heads = [next(iter(queue)) for queue in (self.jobs, self.prefills) if queue]
        return min(heads, key=lambda job: job.visit.arrived_s if job.visit else 0.0)

    def ready_s(self) -> float:
        """Time from which on a free server may begin a pass with the waiting jobs."""
        visit = self.oldest().visit
        assert visit is not None
        return self._batching.ready_s(len(self), visit.arrived_s)

    def next_pass(self, running: set[SessionKey]) -> list[Share]:
        """Takes out jobs in order until the cap, the token budget or the memory ends the pass; they hold their memory,
        and their sessions are `running` from now on. Empty where not even the first finds space beside passes under
        way, or, where sessions are preempted, beside those that are in."""
        shares: list[Share] = []
        reread: dict[Job, None] = {}
        budget, cap, chunked = self._token_budget, self._batching.cap, self._batching.chunked
        evicted = self._kv.evicted
        self._is_short = self._kv.limited and not self._kv.fits(
            (job.session, job.text_tokens) for job in chain(self.jobs, self.prefills)
        )
        for job in self._in_order(reread):
            if len(shares) == cap or budget == 0:
                break
            if chunked and job in self.jobs and job not in reread and self._may_be_cut(job):
                reread[job] = None
                if not self._is_short:
                    continue
            share = self._share(job, budget, alone=not shares)
            if share is None:
                break
            out = self._is_short and not self._kv.is_in(job.session)
            if out and (self._kv.evicted > evicted or not self._kv.fits([(job.session, job.text_tokens)])):
                break  # it lets nobody by that is not in
            if not self._kv.admit(job.session, share.cached_tokens + share.new_tokens, running):
                if self._is_short:
                    continue
                break
            running.add(job.session)
            shares.append(share)
            if budget is not None:
                budget = max(0, budget - share.new_tokens)
        for job in reread:
            del self.jobs[job]
            self.prefills[job] = None
        for share in shares:
            del (self.jobs if share.job in self.jobs else self.prefills)[share.job]
        return shares

    def _in_order(self, reread: dict[Job, None]) -> Iterable[Job]:
        """Returns the waiting jobs in the order in which they are considered for a pass."""
        if self._is_short:
            return sorted(chain(self.jobs, self.prefills), key=self._turn)
        return chain(self.jobs, self.prefills, reread) if self._batching.chunked else self.jobs

    def _turn(self, job: Job) -> tuple[bool, bool, int]:
        """Sorts jobs where there is no room for all: those first whose sessions are in, then those that decode and
        verify, then by arrival."""
        waits, arrived = self._kv.turn(job.session)
        return waits, self._batching.chunked and self._may_be_cut(job), arrived

    def _may_be_cut(self, job: Job) -> bool:
        """True if the job has tokens to read into its cache, which it may do chunk by chunk where that is done."""
        return min(self._kv.cached(job.session), job.text_tokens - 1) < job.read_tokens

    def _share(self, job: Job, budget: int | None, alone: bool) -> Share | None:
        cached = min(self._kv.cached(job.session), job.text_tokens - 1)
        new = job.text_tokens - cached
        if budget is not None and new > budget:
            if self._batching.chunked and self._may_be_cut(job):
                new = min(budget, job.read_tokens - cached)
            elif not alone:
                return None
        state: JobState = "prefill" if cached < job.read_tokens else "serve"
        return Share(job, new, cached, cached + new == job.text_tokens, state)
