"""A gateway in time: one drafter for all devices of a class, its users. It serves passes as a server of the cloud does
(`cloud`): those that wait share one, as `edge.gateway` says, and its time is that of all their sequences together.

A user's round goes on pass by pass, each of which waits for its turn. One that is not wanted any more goes on to its
end, where a device's own processor would stop. Messages, encoding and all else are a device's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import simpy

from channels.uniforms import Uniforms
from simulator.cell.cloud_config import CloudConfig
from simulator.cell.device_classes import Equipped
from simulator.decoding.nodes import EdgeNode
from simulator.protocols import machine
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound
from simulator.timing.cloud import Cloud, Job
from simulator.timing.cloud.job import JobState
from simulator.timing.device import Device
from simulator.timing.request_process import DrivenRequest

Work = tuple[int, int]
"""(new, cached) tokens of a pass of one sequence."""


def gateway(env: simpy.Environment, users: Equipped, uniforms: Uniforms, spells: Uniforms) -> Cloud:
    """Returns the drafter of a gateway. Its memory has room for all its users (`Equipped.check_memory`)."""
    assert users.edge.gateway is not None
    config = CloudConfig(batching=users.edge.gateway, kv_tokens=None, latency=users.draft_latency)
    return Cloud(env, config, None, uniforms, spells, name=f"{users.name}gateway")


class GatewayUser(Device):
    """Device whose passes are made at a gateway. Its station is the gateway's, one for all users."""

    def __init__(
        self,
        drafter: Cloud,
        number: int,
        env: simpy.Environment,
        serve: Callable[..., simpy.events.ProcessGenerator],
        on_end: Callable[[Device, Request], None],
        places: int = 1,
    ) -> None:
        super().__init__(number, env, serve, on_end, places)
        self.station = drafter.station
        self._drafter = drafter
        self._job: Job | None = None
        self._jobs = 0

    def make_pass(self, request: Request, work: Work, report: Callable[[JobState], None]) -> simpy.Event:
        """The gateway makes a pass over a request's sequence, in its turn. Returns the event of its end. `report`: the
        pass waits, or begins."""
        made = simpy.Event(self._drafter.env)

        def ended() -> None:
            self._job = None
            made.succeed()

        session, (new, cached) = (request.device, request.number), work
        self._drafter.pool.kv.admit(session, cached, ())  # what the pass finds in the cache, rejected drafts dropped
        self._jobs += 1
        self._job = Job(
            session=session,
            text_tokens=cached + new,
            read_tokens=cached,
            request_tokens=cached + new,
            report=report,
            done=ended,
            number=self._jobs,
        )
        self._drafter.submit(self._job)
        return made

    def work(self, until_s: float, from_s: float | None = None) -> None:
        """Encoding takes none of the gateway's time for passes."""

    def end_work(self) -> None:
        """The pass that is waited for, if any, is not wanted any more: one under way goes on for its other users."""
        job, self._job = self._job, None
        if job is not None:
            self._drafter.withdraw(job)

    def _end_served(self, request: Request, outcome: str) -> None:
        self.end_work()
        self._drafter.forget((request.device, request.number))
        super()._end_served(request, outcome)


class GatewayRequest(DrivenRequest):
    """Request of a gateway's user. What is hidden behind a verification result includes the waits for passes."""

    _device: GatewayUser

    def _make_passes(self, command: machine.DraftAll, drafted: EdgeNode, left: tuple[int, ...], cached: int) -> int:
        passes, round_ = self._network.edge_passes, self._request.open[command.round]
        works = passes.works(left[0], cached, left[1:]) if left else []
        round_.edge_passes, round_.pass_ends_s, round_.drafts_per_pass = 0, [], passes.drafts_per_pass
        self._hidden_since_s = self._env.now if command.hidden else None
        self._next_pass(round_, works, "draft_s" if command.node.cached else "prefill_s")
        return len(works)

    def _next_pass(self, round_: OpenRound, works: list[Work], state: str) -> None:
        """Makes the passes that a round still needs, then has it encoded. `state`: of the first of them."""
        if works:
            self._make_pass(round_, state, works[0], partial(self._passed, round_, works[1:]))
            return
        assert self._drafted is not None
        self._enter(round_.number, "encode_s")
        encode_s = self._network.devices.edge.encode_s_per_draft * self._drafted.distributions
        self._until(self._env.timeout(encode_s), self._round_drafted)

    def _passed(self, round_: OpenRound, works: list[Work]) -> None:
        round_.edge_passes += 1
        round_.pass_ends_s = [*round_.pass_ends_s, self._env.now]
        self._next_pass(round_, works, "draft_s")

    def _pass_for(
        self, round_: OpenRound, state: str | None, new: int, cached: int, made: int, passes: int = 0
    ) -> None:
        self._work = round_, self._env.now
        (work,) = self._network.edge_passes.works(new, cached)
        self._make_pass(round_, state, work, partial(self._worked, passes))

    def _make_pass(self, round_: OpenRound, state: str | None, work: Work, then: Callable[[], None]) -> None:
        """Has a pass made, then goes on. `state`: what the round is charged for; None: what it was before."""

        def report(job_state: JobState) -> None:
            if state is not None:
                self._enter(round_.number, "edge_queue_s" if job_state == "queue" else state)

        self._until(self._device.make_pass(self._request, work, report), then)
