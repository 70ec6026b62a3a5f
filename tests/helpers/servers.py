"""The cloud alone on a bench: jobs handed in at given times, and a note of when each began and was done.

Times are whole numbers in floats, so that sums are exact and results may be compared with `==`.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import simpy

from channels.uniforms import Uniforms
from models.latency.latency import Latency, Work
from simulator.cell.cloud_config import CloudConfig
from simulator.timing.cloud import Cloud, Job
from simulator.timing.cloud.job import JobState, SessionKey

TICKS = {"kind": "affine", "base_s": 0.0, "per_token_s": 1.0}
"""A pass lasts as many seconds as it has new tokens: a job says by its tokens how long it takes."""


class Noted(Latency):
    """A pass of new + cached / 1024 seconds that notes its work, for tests that ask what was computed."""

    kind: Literal["noted_in_tests"] = "noted_in_tests"
    works: ClassVar[list[tuple[tuple[int, int], ...]]] = []

    def pass_s(self, work: Work) -> float:
        self.works.append(tuple(work))
        return float(sum(new for new, _ in work)) + sum(cached for _, cached in work) / 1024


@dataclass(eq=False)
class Visit:
    """What became of one job."""

    job: Job
    arrived_s: float
    began_s: list[float] = field(default_factory=list)
    done_s: list[float] = field(default_factory=list)
    states: list[tuple[float, JobState]] = field(default_factory=list)
    """From when on it was in which."""


class Bench:
    """A cloud of its own clock. `visits` holds every job in order of submission."""

    def __init__(self, seed: int = 0, *, env: simpy.Environment | None = None, **fields: object) -> None:
        self.env = simpy.Environment() if env is None else env
        config = CloudConfig.model_validate({"latency": TICKS, **fields})
        rng = (Uniforms.of(seed, purpose) for purpose in ("passes", "spells"))
        self.cloud = Cloud(self.env, config, config.server_tokens(drafts_here=False), *rng)
        self.visits: list[Visit] = []

    def submit(
        self,
        session: SessionKey,
        tokens: int,
        *,
        prefill: bool = False,
        read: int = 0,
        request: int | None = None,
        cloud_drafts: int = 0,
        verified_drafts: int | None = None,
    ) -> Visit:
        """Hands in a job now. A `prefill` reads all its tokens, others the first `read`; of its session's request this
        is all, unless `request` says how much there is."""
        env = self.env

        def report(state: JobState) -> None:
            visit.states.append((env.now, state))
            if state != "queue":
                visit.began_s.append(env.now)

        job = Job(
            session=session,
            text_tokens=tokens,
            read_tokens=tokens if prefill else read,
            request_tokens=tokens if request is None else request,
            report=report,
            done=lambda: self.on_done(visit),
            cloud_drafts=cloud_drafts,
            verified_drafts=verified_drafts,
        )
        visit = Visit(job, env.now)
        self.visits.append(visit)
        self.cloud.submit(job)
        return visit

    def on_done(self, visit: Visit) -> None:
        """What a job's end leads to; benches that go on from there override it."""
        visit.done_s.append(self.env.now)

    def at(self, time_s: float, session: SessionKey, tokens: int, **fields: float | None) -> None:
        """Hands in a job at that time."""
        self.call(time_s, lambda: self.submit(session, tokens, **fields))

    def call(self, time_s: float, action: object) -> None:
        """Does something at that time."""
        assert callable(action)
        self.env.timeout(time_s - self.env.now).callbacks.append(lambda _: action())

    def feed(self, arrivals_s: list[float], tokens: list[int]) -> None:
        """A process that hands in one job of a session of its own at each of these times."""
        self.env.process(self._feed(arrivals_s, tokens))

    def _feed(self, arrivals_s: list[float], tokens: list[int]) -> simpy.events.ProcessGenerator:
        for number, (arrival_s, size) in enumerate(zip(arrivals_s, tokens, strict=True)):
            yield self.env.timeout(arrival_s - self.env.now)
            self.submit((0, number), size)

    def settle(self) -> None:
        """Has all happen that happens at this instant: what is handed in next comes after it."""
        while self.env.peek() <= self.env.now:
            self.env.step()

    def run(self, until_s: float | None = None) -> None:
        """Runs until nothing is left to happen, or to `until_s`."""
        self.env.run(until_s)
