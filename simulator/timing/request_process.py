"""A request's life in time, as one SimPy process (`serve`): its turn on the device, the drafter's passes, the payload
put, in the cloud, verified, the reply in, and on to its last token.

Where no time decides tokens, which is most cells, the process walks over rounds that are decoded already
(`DecodedRequest`). Where one does, or each step is to be an event, it drives the machines of the protocol
(`DrivenRequest`): it carries out what they command, and knows how long that takes. `Serving` says why.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import accumulate
from math import inf, isnan, nan
from typing import Any, Final

import simpy
from simpy.events import ProcessGenerator

from simulator.cell.cloud_config import request_tokens
from simulator.cell.device_classes import Equipped
from simulator.decoding.decoder import Decoder
from simulator.decoding.nodes import EdgeNode, Tokens
from simulator.protocols import machine, protocol_of
from simulator.protocols.accounts import Terms, note_payload
from simulator.protocols.decoded_answer import DecodedAnswer, DecodedRound, decoded_answer
from simulator.protocols.machine import (
    DOWNLINK,
    UPLINK,
    Event,
    LinkRole,
    MessageArrived,
    MessageKind,
    Need,
    Order,
    Signal,
)
from simulator.results.ledger import THEMSELVES, Course
from simulator.results.observer import BRANCHES, END, JOINS, ROUND
from simulator.results.requests import BranchWork, HiddenRead, Request
from simulator.results.rounds import InstantTransfer, OpenRound, SharedTransfer, TimedRounds, Transfer
from simulator.results.station import Clock
from simulator.timing.cloud import Cloud, Job
from simulator.timing.cloud.job import JobState, SessionKey
from simulator.timing.conversation import NOTHING, Conversation
from simulator.timing.device import Device, EdgePasses
from simulator.timing.event_loop import (
    EndOfInstant,
    Last,
    OwnClock,
    at_last,
    delay_until,
    end_of_instant,
    later,
    until,
)
from simulator.timing.link import Link
from simulator.timing.messages import Message, course_from, unheard
from simulator.timing.receive_windows import ReceiveWindows

UPLINK_STATES: Final = {
    "queue": "uplink_queue_s",
    "transmit": "uplink_transmit_s",
    "retransmit": "retransmit_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}
DOWNLINK_STATES: Final = {
    "queue": "downlink_queue_s",
    "transmit": "downlink_s",
    "retransmit": "downlink_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}
JOB_STATES: Final = {"queue": "cloud_queue_s", "prefill": "prefill_s"}

READING_AT_WORK: Final = frozenset({Need.LOOKAHEAD, Need.PARTS, Need.CLOUD_FIRST, Need.PREPARES})
"""The needs of machines to which messages come while they work."""


class Serving(Enum):
    """Serving of the requests of a class of devices, with its reason. WALKS go over rounds that are decoded already;
    for all others the protocol's machines are driven."""

    WALKED = "no time decides a token, and all that happens to a packet is known when it is put"
    WALKED_AHEAD = "as WALKED, on lanes of each device's own, whose clock may run ahead of the run's"
    WATCHED = "as WALKED, but an observer receives each step, so that each is an event"
    TIME_DECIDES = "a time decides tokens, or when a round is drafted"
    GIVEN_UP = "requests may be given up, go on with another, or be served side by side"
    LINKS = "what happens to a packet is not known when it is put"
    LISTENS = "what a receiver draws is added up in the order in which messages come, so that they come by events"
    BESIDE = "requests of another class, on a link that both use, are not decoded before they are timed"
    GATEWAY = "passes of the drafter are shared, so that no end of theirs is known before they begin"


WALKS: Final = frozenset({Serving.WALKED, Serving.WALKED_AHEAD})


@dataclass(slots=True, eq=False)
class Network:
    """Network that the devices of a class share."""

    env: simpy.Environment
    links: Mapping[LinkRole, Link]
    cloud: Cloud
    devices: Equipped
    edge_passes: EdgePasses
    serving: Serving
    windows: ReceiveWindows | None = None
    """Receive windows, if some device receives only after sending."""
    conversations: Mapping[int, Conversation] = field(default_factory=dict)
    """Conversations by device, if they talk."""
    clocks: Mapping[int, OwnClock] = field(default_factory=dict)
    """Clock of each device's links, if it may run ahead (`Serving.WALKED_AHEAD`)."""
    driven: type[DrivenRequest] = field(default_factory=lambda: DrivenRequest)
    """Class of requests that are not WALKED."""
    reads_at_work: bool = field(init=False)
    """True if messages may come to edges at work, which then take up both at the end of the instant."""
    in_turn: frozenset[LinkRole] = field(init=False)
    """The links that messages join at the end of an instant, by device, request and round: those that devices
    share."""

    def __post_init__(self) -> None:
        scheme = self.devices.scheme
        self.reads_at_work = bool(protocol_of(scheme).edge.needs(scheme) & READING_AT_WORK)
        self.in_turn = frozenset(role for role, link in self.links.items() if link.is_shared)


def serve(network: Network, decoder: Decoder, device: Device, request: Request, turn: simpy.Event) -> ProcessGenerator:
    """A request's life: its turn on the device, then its rounds, to its last token."""
    yield turn
    if device.serves(request):
        exchange = opened(network, decoder, device, request)
        device.begin(request, exchange)
        yield from exchange.life()


def opened(network: Network, decoder: Decoder, device: Device, request: Request) -> DecodedRequest | DrivenRequest:
    """Returns a request as it is served: walked, or driven."""
    state, policy, _ = device.kept or (None, None, 0)
    conversation = network.conversations.get(device.number)
    held = NOTHING if conversation is None else conversation.take(request)
    request.held = held[:2]
    decoding = decoder.decoding(device.number, request.number, request.prompt, state, request.output_tokens)
    terms = Terms(decoding, request.output_tokens, request.end_tokens, policy, *request.held)
    if network.serving in WALKS:
        answer = decoded_answer(terms, network.edge_passes.drafts_per_pass)
        return DecodedRequest(network, device, request, answer)
    return network.driven(network, device, request, terms, held.session)


class DecodedRequest:
    """A request whose answer is decoded already, in time: passes, messages and queues, and nothing else.

    Between two visits to the cloud all that it does concerns its own device: when its passes end, when its payload is
    in, when its reply is. So it waits for events where a payload comes to the cloud and where a pass ends; what lies
    between follows from these by sums and maxima, and it may know a time before the clock has reached it. The times
    are the same floats as where each step is an event (`DrivenRequest`), and ties go the same way.
    """

    def __init__(self, network: Network, device: Device, request: Request, answer: DecodedAnswer) -> None:
        self._uplink, self._downlink = network.links[UPLINK], network.links[DOWNLINK]
        self._network = network
        self._env = network.env
        self._device = device
        self._request = request
        self._answer = answer
        self._key = (request.device, request.number)
        self._clock = network.clocks.get(device.number)
        self._round = self._answer.rounds[0]
        """The open one."""
        self._started_s = nan
        self._doings: list[tuple[float, str]] = []
        """What it has done and will do, as far as that is known, by columns of BREAKDOWN."""
        self._ends_s: list[float] = []
        """When each pass of its drafter ends."""
        self._prompt: Message | None = None
        self._payload: Message | None = None
        self._reply: Message | None = None
        """Those of the open round, once they are put."""
        self._jobs = 0
        self._job_column = "prompt_uplink_s"
        """What the latest job does, a column of BREAKDOWN."""
        request.rounds = self._rounds = TimedRounds(self._answer.known)
        request.write_up = self._write_up

    def life(self) -> ProcessGenerator:
        """Yields the events of the request, from its turn on the device to its last token."""
        env, network, answer, request = self._env, self._network, self._answer, self._request
        uplink, downlink, horizon_s = self._uplink, self._downlink, network.devices.workload.horizon_s
        ahead_s = 0.0 if self._clock is None else horizon_s
        now_s, last = env.now, answer.rounds[-1]
        come: simpy.Event | None = None
        former: Message | None = None

        if not network.devices.workload.prompt_at_cloud:
            request.ledger.prompt_sent()
            if UPLINK in network.in_turn:
                yield end_of_instant(env, Last.PUT, (*self._key, 0))
            self._prompt = Message((*self._key, 0), (), unheard, bits=answer.prompt_bits)
            come = self._put(uplink, self._prompt, now_s)
        prompt_in = env.process(self._bring_prompt(come))

        for round_ in answer.rounds:
            index = (*self._key, round_.number)

            # The drafter's passes on the device, then the encoding.
            put_s = self._draft(round_, now_s)
            if put_s >= ahead_s:  # others may put something on the same uplink before
                yield until(env, put_s)

            if UPLINK in network.in_turn:
                yield end_of_instant(env, Last.PUT, index)

            # The payload is put, and is in. It acknowledges the reply before it.
            self._payload = payload = Message(index, (), unheard, self._on_uplink, bits=round_.payload.bits)
            yield self._come(payload, self._put(uplink, payload, put_s))
            if former is not None and former.acked_s > env.now:
                downlink.acknowledge([former], env.now)

            # In the cloud, which has to have read the prompt, and verified.
            if round_.number > 1:
                _, verified = self._submit(round_.job)
            else:
                verified = yield from self._join_prompt(prompt_in)
            yield verified
            network.cloud.crop(self._key, round_.kept_tokens)
            if round_ is last and answer.is_made:
                network.cloud.forget(self._key)

            # The reply is put, and is in.
            if DOWNLINK in network.in_turn:
                yield end_of_instant(env, Last.PUT, index)
            self._reply = former = Message(index, (), unheard, self._on_downlink, bits=round_.reply_bits)
            come = self._put(downlink, former, env.now)
            if come is not None or round_ is last or self._in_s(former) >= horizon_s:
                yield self._come(former, come)
                yield end_of_instant(env, Last.READ, self._key)
            now_s = former.delivered_s
            self._take(round_, now_s)

        self._device.answered(request, answer.kept)

    def _put(self, link: Link, message: Message, at_s: float) -> simpy.Event | None:
        """Puts a message. Returns the event that it is in; None where the link's clock may run ahead and say when
        (`_in_s`)."""
        come = self._env.event() if self._clock is None else None
        if come is not None:
            message.to = lambda _: come.succeed()
        link.put(message, at_s)
        return come

    def _come(self, message: Message, come: simpy.Event | None) -> simpy.Event:
        """Returns the event that a message is in, of which `_put` has returned `come`."""
        return until(self._env, self._in_s(message)) if come is None else come

    def _in_s(self, message: Message) -> float:
        """Runs the device's own clock ahead until a message is in. Returns when that is; inf: not before the
        horizon."""
        assert self._clock is not None
        while not message.done and self._clock.step():
            pass
        return message.delivered_s if message.done else inf

    def _draft(self, round_: DecodedRound, now_s: float) -> float:
        """The processor drafts and encodes a round from then on. Returns when the payload is put."""
        network, request = self._network, self._request
        durations_s = network.edge_passes.of_round_s(
            request, round_.number, round_.new_tokens, round_.cached_tokens, round_.later_passes
        )
        _, *ends_s = accumulate(durations_s, initial=now_s)
        first_s, last_s = ends_s[0], ends_s[-1]
        encoded_s = last_s + network.devices.edge.encode_s_per_draft * round_.distributions
        put_s = now_s + delay_until(now_s, encoded_s)
        self._device.work(encoded_s, now_s)
        self._round, self._payload, self._reply = round_, None, None
        self._started_s, self._ends_s = now_s, ends_s
        if last_s > put_s:  # the clock rounds it to an instant before
            first_s, last_s = min(first_s, put_s), put_s
        self._doings = doings = [(now_s, "draft_s"), (last_s, "encode_s")]
        if not round_.cached_tokens:
            doings[:1] = (now_s, "prefill_s"), (first_s, "draft_s")
        if round_.number == 1:
            request.ledger.enter_all(1, doings)
        return put_s

    def _on_uplink(self, message: Message, course: Course) -> None:
        self._does(course, UPLINK_STATES)

    def _on_downlink(self, message: Message, course: Course) -> None:
        self._does(course, DOWNLINK_STATES, reply=True)

    def _does(self, course: Course, columns: Mapping[str, str] = THEMSELVES, *, reply: bool = False) -> None:
        """The open round is in these states from then on, and not in those that were known for later."""
        doings, from_s = self._doings, course[0][0]
        while doings and doings[-1][0] > from_s:
            doings.pop()
        for from_s, state in course:
            doings.append((from_s, columns[state]))
        if self._round.number == 1:
            self._request.ledger.enter_all(1, course, columns, reply=reply)

    def _take(self, round_: DecodedRound, now_s: float) -> None:
        """The reply is read, and the round is over."""
        request, payload, reply = self._request, self._payload, self._reply
        assert payload is not None and reply is not None
        if self._prompt is not None or payload.acked_s > now_s:
            self._uplink.acknowledge([each for each in (self._prompt, payload) if each is not None], now_s)
            self._prompt = None
        if round_.number == 1:
            request.ledger.close(1, now_s)
        else:
            request.ledger.spend(self._doings, now_s)
        self._rounds.time((
            self._started_s, payload.put_s, payload.delivered_s, payload.delivered_bits, payload.delivered_attempts,
            reply.put_s, now_s, reply.delivered_bits, reply.delivered_attempts, now_s,
        ))  # fmt: skip
        request.states.append(round_.node.state)
        request.take_tokens(round_.tokens, round_.tail_tokens, now_s)

    # In the cloud.

    def _bring_prompt(self, come: simpy.Event | None) -> ProcessGenerator:
        """The prompt comes in, if it goes up at all, and is read. Returns its job and the end of that, if any."""
        if self._prompt is not None:
            yield self._come(self._prompt, come)
            self._request.ledger.prompt_arrived()
        return None if self._answer.prefill is None else self._submit(self._answer.prefill)

    def _join_prompt(self, prompt_in: simpy.Process) -> ProcessGenerator:
        """The first round waits for its prompt, and takes the place of the job that reads it, unless a pass of that is
        under way. Returns the end of its own job."""
        self._request.ledger.enter(1, self._job_column)
        reading = yield prompt_in
        if reading is not None:
            job, read = reading
            if not read.triggered and not self._network.cloud.runs(self._key):
                job.extend(self._round.job.text_tokens, self._round.job.verified_drafts)
                return read
            yield read
        return self._submit(self._round.job)[1]

    def _submit(self, command: machine.SubmitJob) -> tuple[Job, simpy.Event]:
        """Submits a job. Returns it and the event of its end."""
        self._jobs += 1
        ends = self._env.event()
        job = ordered_job(command, self._network, self._request, self._jobs, self._job_enters, ends.succeed)
        self._network.cloud.submit(job)
        return job, ends

    def _job_enters(self, state: JobState) -> None:
        self._job_column = column = self._round.job.serves if state == "serve" else JOB_STATES[state]
        if self._payload is not None and self._payload.delivered_s <= self._env.now:
            self._does(((self._env.now, column),))

    # The end.

    def close(self) -> None:
        """The request has ended. Unless the cloud knows that the answer is made, the edge sends a bare header, and the
        cloud keeps the cache until that has come."""
        assert self._request.closed_rounds == len(self._answer.rounds), "I1: a request is given up that is awaited"
        self._request.write_up = None
        if not self._answer.is_made:
            self._env.process(self._end_in_cloud())

    def _end_in_cloud(self) -> ProcessGenerator:
        env, index = self._env, (*self._key, END)
        if UPLINK in self._network.in_turn:
            yield end_of_instant(env, Last.PUT, index)
        frame = Message(index, (), unheard, bits=0)
        come, clock = self._put(self._uplink, frame, env.now), self._clock
        if come is not None:
            yield come
        elif (
            clock is not None
        ):  # the links run no further than the run, as the next request may begin before the frame is in
            while not frame.delivered_s <= env.now:
                yield until(env, frame.delivered_s if frame.done else clock.next_s)
                clock.run(env.now)
        self._network.cloud.forget(self._key)

    def _write_up(self) -> None:
        """Writes down in the request what its open round has come to by now, as the run ends."""
        request, number = self._request, self._round.number
        notes = request.begin_round(number, self._started_s)
        notes.pass_ends_s = self._ends_s
        if self._payload is not None:
            note_payload(notes, self._round.payload, self._round.node)
            notes.payload = self._payload
        if self._reply is not None:
            notes.verified, notes.reply = self._round.verified, self._reply
        if number > 1:
            request.ledger.enter_all(number, self._doings)


class ServedRequest:
    """Request as every driver keeps it: the states of its edge's processor and of its job, by any clock."""

    def __init__(self, request: Request, clock: Clock) -> None:
        self._request = request
        self._ledger = request.ledger
        self._clock = clock
        self._hidden_since_s: float | None = None
        """Since when the processor has worked behind a verification result."""
        self._reads = 0
        """Tokens that the drafter reads behind what the cloud does; 0: none."""
        self._job_state = "prompt_uplink_s"
        """What the latest job does, a column of BREAKDOWN."""
        self._behind_job = 0
        """The round whose time is a prefill's; 0: none."""

    def _passes(
        self,
        round_: OpenRound,
        cached: int,
        began_s: float,
        ends_s: list[float],
        *,
        hidden: bool,
        drafts_per_pass: int = 1,
    ) -> None:
        """The processor drafts a round from then on: when its passes end is known. One that is cut in its first pass
        is void, and no time is charged to it."""
        course = [(began_s, "draft_s" if cached else "prefill_s")]
        if ends_s:
            if not cached:
                course.append((ends_s[0], "draft_s"))
            course.append((ends_s[-1], "encode_s"))
        self._ledger.enter_all(round_.number, course)
        round_.edge_passes, round_.pass_ends_s = len(ends_s), ends_s
        round_.drafts_per_pass = drafts_per_pass
        self._hidden_since_s = began_s if hidden else None

    def _show(self) -> None:
        """The processor's work is hidden behind no verification result from now on."""
        if self._hidden_since_s is None:
            return
        if self._reads:
            self._request.read.append(HiddenRead(self._hidden_since_s, self._clock.now, self._reads))
            self._reads = 0
        self._request.hidden_draft_s += self._clock.now - self._hidden_since_s
        self._hidden_since_s = None


def ordered_job(
    command: machine.SubmitJob,
    network: Network,
    request: Request,
    number: int,
    report: Callable[[JobState], None],
    done: Callable[[], object],
) -> Job:
    """The job that a machine orders, by its number among those of its session."""
    return Job(
        session=(request.device, request.number),
        text_tokens=command.text_tokens,
        read_tokens=command.read_tokens,
        request_tokens=request_tokens(len(request.prompt.tokens), request.output_tokens, network.devices.scheme.drafts),
        report=report,
        done=done,
        cloud_drafts=command.cloud_drafts,
        verified_drafts=command.verified_drafts,
        number=number,
    )


class DrivenRequest(ServedRequest):
    """Request with both its ends, whose machines are handed events and answer with commands."""

    def __init__(
        self, network: Network, device: Device, request: Request, terms: Terms, former: SessionKey | None = None
    ) -> None:
        """`former`: the session of the device's last request, where the cloud may still hold something of it."""
        super().__init__(request, network.env)
        scheme = terms.decoding.setting.scheme
        protocol = protocol_of(scheme)
        self._network = network
        self._env = network.env
        self._device = device
        self._key = (request.device, request.number)
        self._edge: machine.EdgeMachine | None = protocol.edge(terms)
        """None once the request has ended."""
        self._cloud: machine.CloudMachine | None = None if protocol.cloud is None else protocol.cloud(terms)
        """None where nothing of the request is in the cloud any more."""
        self._conversation = network.conversations.get(device.number)
        self._held, self._edge_held, self._former = terms.held, terms.edge_held, former
        self._cloud_text = Tokens()
        """What the cloud has of the text, of which it keeps the cache."""
        self._messages: dict[LinkRole, list[Message]] = {role: [] for role in network.links}
        """By link, what was put on it and not acknowledged by the other end, in order."""
        # At the edge.
        self._work_ends: tuple[simpy.Event, Callable[[], None]] | None = None
        """The event that ends what the edge does, and what it does then; None: it waits for messages."""
        self._unread: list[MessageArrived] = []
        """Messages that have come to the edge and are not read."""
        self._called = EndOfInstant(self._env, Last.READ, self._key)
        """Happens when the edge is to look up: a message is here, or its work is done where both may be."""
        self._drafted: EdgeNode | None = None
        """The round that is being drafted, as it will be."""
        self._read_tokens = 0
        """The tokens up to which the drafter's passes have read: of a block of drafts none is read that it makes."""
        self._work: tuple[OpenRound, float] | None = None
        """The round that the processor works for step by step, and since when."""
        self._aside: tuple[int, str] | None = None
        """The tokens of work for branches, and what it does (`BranchWork`)."""
        self._replies_due = 0
        """Replies to the last message that are still out, where their number is known."""
        self._branches: dict[int, Message] = {}
        """The messages with branches behind the round that is out, by their numbers."""
        self._courses: dict[int, Course] = {}
        """What each of them does, as reported last."""
        self._growing: Message | None = None
        """The message of the partial round that is drafted."""
        self._sent: Message | None = None
        """What the edge has put last."""
        self._put_s = nan
        """When it last put bits of a round."""
        self._payload: Transfer = InstantTransfer()
        """The payload of the round put last."""
        # In the cloud.
        self._job: tuple[Job, machine.SubmitJob] | None = None
        self._jobs = 0
        """The number of jobs so far."""
        self._text = Tokens()
        """The text after the last of them, as the cloud knows it."""
        self._answer_is_made = False
        """Whether the cloud knows it."""

    def life(self) -> ProcessGenerator:
        """Yields what the edge waits for, one event after the other, until the request has ended: its work's end, or
        that it is called. Of both at one instant the work comes first. What it does then its machine says; the methods
        below carry that out in the order of a round: turn on the processor, passes, payload put, in the cloud,
        verified, reply in."""
        self._tell_edge(None)
        while self._edge is not None:
            work = self._work_ends
            yield self._called if work is None or self._network.reads_at_work else work[0]
            if work is not None and work[0].processed and work is self._work_ends:
                self._work_ends = None
                work[1]()
            if self._called.processed:
                self._called, unread, self._unread = EndOfInstant(self._env, Last.READ, self._key), self._unread, []
                for arrived in unread:
                    self._tell_edge(arrived)

    def close(self) -> None:
        """The request has ended, answered or not: nothing of it is wanted any more, at neither end. Unless both ends
        know that the answer is made and here, the edge sends a message of a bare header; the cloud goes on until
        that has come."""
        assert self._edge is not None, "I1: a request ends twice"
        self._show()
        self._edge.close()
        self._edge = self._work_ends = None
        self._call()
        self._withdraw_all(UPLINK)
        self._has_all()
        if self._former is not None:
            self._network.cloud.forget(self._former)
        if self._cloud is None:
            return
        if self._request.remaining_tokens or not self._answer_is_made:
            self._join(UPLINK, Message((*self._key, END), (b"",), self._end_in_cloud))
        else:
            self._cloud = None

    # Events.

    def _tell_edge(self, event: Event | None) -> None:
        if self._edge is not None:  # no name here holds on to it, as it may end in this step
            for command in self._edge.step(event):
                HANDLERS[type(command)](self, command)

    def _tell_cloud(self, event: MessageArrived | machine.JobDone | Signal) -> None:
        if self._cloud is not None:
            for command in self._cloud.step(event):
                HANDLERS[type(command)](self, command)

    def _call(self, _: simpy.Event | None = None) -> None:
        """Has the edge look up at the end of this instant."""
        if not self._called.triggered:
            self._called.succeed()

    def _until(self, event: simpy.Event, then: Callable[[], None]) -> None:
        """Has the edge do this once the event comes, unless it gives up what it does until then."""
        self._work_ends = event, then
        if self._network.reads_at_work:
            event.callbacks.append(self._call)

    def _edge_receives(self, message: Message) -> None:
        if self._edge is not None:
            assert message.kind is not None
            arrived = MessageArrived(message.kind, message.index[2] & ROUND, message.arrived)
            self._acknowledge(UPLINK, self._edge.acknowledged(arrived))
            if self._replies_due and arrived.kind is MessageKind.REPLY:
                self._replies_due -= 1
                if not self._replies_due:
                    self._has_all()
            if self._edge.reads_at_once:
                self._tell_edge(arrived)
            else:
                self._unread.append(arrived)
                self._call()

    def _cloud_receives(self, message: Message) -> None:
        assert self._cloud is not None and message.kind is not None
        arrived = MessageArrived(message.kind, message.index[2] & ROUND, message.arrived)
        if arrived.kind is MessageKind.PROMPT:
            self._ledger.prompt_arrived()
            self._take_over()
        else:
            self._acknowledge(DOWNLINK, self._cloud.acknowledged(arrived))
        self._tell_cloud(arrived)

    def _take_over(self) -> None:
        """The prompt is here: what the cloud held for the device's last request is this one's, or freed."""
        former, self._former = self._former, None
        if former is not None and self._held:
            self._network.cloud.adopt(former, self._key, self._held)
        elif former is not None:
            self._network.cloud.forget(former)

    def _end_in_cloud(self, message: Message) -> None:
        """The edge's message has arrived that nothing of the request is wanted any more."""
        if self._job is not None:
            self._network.cloud.withdraw(self._job[0])
            self._job = None
        self._withdraw_all(DOWNLINK)
        self._network.cloud.forget(self._key)
        self._cloud = None

    # Commands about the processor.

    def _turn(self, round_number: int, then: Callable[[], None], *, hidden: bool = False) -> None:
        """Takes the processor, and goes on: now, or once it is free."""
        called = self._device.call(self._request)
        if called is None:
            then()
        else:
            if not hidden:
                self._enter(round_number, "edge_queue_s")
            self._until(called, then)

    def _take_turn(self, command: machine.TakeTurn) -> None:
        if command.round not in self._request.open:
            self._begin_round(command)
        self._turn(command.round, partial(self._tell_edge, Signal.TURN), hidden=command.hidden)

    def _draft_all(self, command: machine.DraftAll) -> None:
        if command.round not in self._request.open:
            self._begin_round(command)
        self._turn(command.round, partial(self._draft_now, command))

    def _draft_now(self, command: machine.DraftAll) -> None:
        """The processor drafts and encodes a round from now on."""
        node, made, passes = command.node, command.made, self._network.edge_passes
        self._drafted = drafted = command.session.compose(node, command.drafts)
        cached = max(passes.cached(node.cached, self._read_tokens), self._edge_held)
        runs = (node.length - cached, *drafted.later_passes)
        count = self._make_passes(command, drafted, runs[made:], cached + sum(runs[:made]))
        self._read_tokens = node.length + (made + count - 1) * passes.drafts_per_pass

    def _make_passes(self, command: machine.DraftAll, drafted: EdgeNode, left: tuple[int, ...], cached: int) -> int:
        """Makes the passes that a round still needs, then has it encoded: its whole course is known. Returns their
        number. `left`: the new tokens of each, if each makes one draft; `cached`: those before the first."""
        now_s, number, passes = self._env.now, command.round, self._network.edge_passes
        durations_s = passes.of_round_s(self._request, number, left[0], cached, left[1:], command.made) if left else ()
        _, *ends_s = accumulate(durations_s, initial=now_s)
        self._passes(
            self._request.open[number],
            command.node.cached,
            now_s,
            ends_s,
            hidden=command.hidden,
            drafts_per_pass=passes.drafts_per_pass,
        )
        if not ends_s:
            self._ledger.enter(number, "encode_s")
        end_s = [now_s, *ends_s][-1] + self._network.devices.edge.encode_s_per_draft * drafted.distributions
        self._device.work(end_s)
        self._until(self._env.timeout(delay_until(now_s, end_s)), self._round_drafted)
        return len(ends_s)

    def _round_drafted(self) -> None:
        assert self._drafted is not None
        if self._hidden_since_s is not None:
            self._show()
        self._device.rest(self._request)
        self._tell_edge(machine.RoundDrafted(self._drafted))

    def _draft_pass(self, command: machine.DraftPass) -> None:
        """The pass that makes the next draft: none, where an earlier one has made it with others."""
        node, round_, passes = command.node, self._request.open[command.round], self._network.edge_passes
        if len(node.drafts) % passes.drafts_per_pass:
            self._work_for(round_, "draft_s", 0.0)
            return
        cached, self._read_tokens = max(passes.cached(node.cached, self._read_tokens), self._edge_held), node.length
        new, made = node.length - cached, round_.edge_passes
        if command.hidden:
            round_.edge_passes += 1  # it may close before the pass ends
            self._hidden_since_s, self._reads = self._env.now, new
            self._pass_for(round_, None, new, cached, made)
        else:
            self._pass_for(round_, "draft_s" if node.cached else "prefill_s", new, cached, made, passes=1)

    def _prepare_pass(self, command: machine.PreparePass) -> None:
        round_ = self._request.open[command.round]
        self._hidden_since_s, self._aside = self._env.now, (command.tokens, "draft")
        self._pass_for(round_, None, command.tokens, command.cached, round_.edge_passes + command.made)

    def _encode(self, command: machine.Encode) -> None:
        encode_s = self._network.devices.edge.encode_s_per_draft * command.drafts
        if command.hidden:
            self._hidden_since_s, self._aside = self._env.now, (command.drafts, "encode")
        self._work_for(self._request.open[command.round], None if command.hidden else "encode_s", encode_s)

    def _pass_for(
        self, round_: OpenRound, state: str | None, new: int, cached: int, made: int, passes: int = 0
    ) -> None:
        """The processor makes a pass, behind `made` others in the round. `passes`: how many it counts for there."""
        (pass_s,) = self._network.edge_passes.of_round_s(self._request, round_.number, new, cached, made=made)
        self._work_for(round_, state, pass_s, passes)

    def _work_for(self, round_: OpenRound, state: str | None, duration_s: float, passes: int = 0) -> None:
        """`state`: what the round is charged for; None: what it was before."""
        if state is not None:
            self._enter(round_.number, state)
        self._device.work(self._env.now + duration_s)
        self._work = round_, self._env.now
        self._until(self._env.timeout(duration_s), partial(self._worked, passes))

    def _worked(self, passes: int) -> None:
        self._end_work().edge_passes += passes
        self._tell_edge(Signal.WORKED)

    def _end_work(self) -> OpenRound:
        """Answers the round that was worked for. What was done while its message was all in the cloud is hidden."""
        assert self._work is not None
        self._show()
        (round_, began_s), self._work = self._work, None
        aside, self._aside = self._aside, None
        if aside is not None:
            self._request.prepared.append(BranchWork(began_s, self._env.now, *aside))
        if self._is_in_cloud:
            self._request.hidden_draft_s += self._env.now - max(began_s, round_.payload.delivered_s)
        return round_

    def _wait_until(self, command: machine.WaitUntil) -> None:
        self._enter(command.round, "edge_queue_s")
        self._device.rest(self._request)
        self._until(self._env.timeout(command.until_s - self._env.now), partial(self._waited, command.round))

    def _waited(self, round_number: int) -> None:
        self._turn(round_number, partial(self._tell_edge, Signal.WAITED))

    def _order(self, command: Order) -> None:
        if command is Order.SETTLED:
            self._show()
            self._has_all()
        elif command is Order.REST:
            self._device.rest(self._request)
        elif command is Order.AWAIT:
            self._await_answer()
        elif command is Order.LOOK:
            link = self._network.links[UPLINK].seen_by(self._request.device)
            block, watts = self._network.edge_passes.drafts_per_pass, self._network.devices.watts
            self._tell_edge(machine.TimeIs(self._env.now, self._put_s, self._payload.bits, link, block, watts))
        elif command is Order.JOIN:
            if not self._network.cloud.runs(self._key):
                self._tell_cloud(Signal.JOINS)
        else:
            self._work_ends = None
            if self._work is not None:
                self._end_work()
                self._device.end_work()

    def _enter(self, round_number: int, state: str) -> None:
        """The request waits for this work of the edge, unless the cloud has all of the round that will come."""
        if not self._is_in_cloud:
            self._ledger.enter(round_number, state)

    @property
    def _is_in_cloud(self) -> bool:
        """True if the far end has handed over the partial round that is drafted."""
        return self._growing is not None and not isnan(self._growing.delivered_s)

    # Commands about rounds.

    def _begin_round(self, command: machine.BeginRound | machine.DraftAll | machine.TakeTurn) -> None:
        self._growing = None
        self._request.begin_round(command.round, self._env.now)

    def _open_in_cloud(self, command: machine.OpenInCloud) -> None:
        number, now_s = command.round, self._env.now
        round_ = self._request.open.get(number) or self._request.begin_round(number, now_s)
        round_.payload, round_.drafted = InstantTransfer.instant(now_s), command.drafts

    def _open_branch(self, command: machine.OpenBranch | machine.TakeBranch) -> None:
        if command.round not in self._request.open:
            self._request.begin_round(command.round, self._env.now)

    def _enter_state(self, command: machine.EnterState) -> None:
        state = command.state
        if state is None:
            self._behind_job, state = command.round, self._job_state
        self._ledger.enter(command.round, state)

    def _close_round(self, command: machine.CloseRound) -> None:
        number, tokens, now_s = command.round, command.tokens, self._env.now
        round_ = self._request.open[number]
        if command.decoded is not None:
            round_.payload = round_.reply = InstantTransfer.instant(now_s)
            round_.verified = command.decoded
        round_.prepared = command.prepared._replace(wasted_bits=round_.prepared.wasted_bits)
        assert len(tokens) == round_.verified.tokens, "I9: edge and cloud differ"
        self._request.close_round(number, tokens, now_s)

    def _flush_rounds(self, command: machine.FlushRounds) -> None:
        request, now_s = self._request, self._env.now
        rounds = [(request.open[number], drafts) for number, drafts in command.rounds]
        void = {round_.number for round_, _ in rounds}
        messages = self._messages[UPLINK]
        while messages and messages[-1].index[2] in void:  # the latest first: none is let go by one before it
            self._network.links[UPLINK].withdraw(messages.pop())
        for round_, drafts in rounds:
            message = round_.payload
            assert isinstance(message, Message) and not round_.verified.tokens, (
                "I3: a round is verified that was drafted on drafts that were not accepted"
            )
            on_air_bits = max(message.sent_bits + message.bound_bits, message.delivered_bits)
            request.flush_round(round_.number, drafts, on_air_bits, now_s)
        if command.cut is not None:
            round_, drafted = request.open[command.cut], self._drafted
            assert drafted is not None
            self._work_ends = None
            self._show()
            self._device.end_work()
            self._device.rest(request)
            made = drafted.made_by(round_.drafts_per_pass * bisect_right(round_.pass_ends_s, now_s))
            request.flush_round(command.cut, made, 0, now_s)

    def _drop_rounds(self, command: machine.DropRounds) -> None:
        if command.void:
            self._ledger.void(command.void)
        for number in command.rounds:
            self._request.notes(number).dropped = True

    def _done(self, command: machine.Done) -> None:
        if self._edge is not None and self._edge.reads_at_once:
            later(self._env, 0.0, partial(self._end, command))
        else:
            self._end(command)

    def _end(self, command: machine.Done, _: simpy.Event | None = None) -> None:
        if self._edge is None:
            return
        if self._conversation is not None:
            edge_tokens = 0 if command.kept is None else command.kept.cached
            self._conversation.keep(self._request, self._cloud_text, edge_tokens)
        self._device.answered(self._request, command.kept)

    # Commands about messages.

    def _send(self, command: machine.SendMessage) -> None:
        kind, number, parts = command.kind, command.round, command.parts
        if kind is MessageKind.PROMPT:
            self._send_prompt(command)
            return
        if kind is MessageKind.JOIN:
            self._put(Message((*self._key, number + JOINS), parts, self._cloud_receives, kind=kind), command.replies)
            return
        round_, index = self._request.open[number], (*self._key, number)
        message = Message(index, parts, self._cloud_receives, self._on_uplink, open=command.grows, kind=kind)
        if command.payload is not None and command.node is not None:
            note_payload(round_, command.payload, command.node)
        round_.payload = self._payload = message
        self._put_s = self._env.now
        self._growing = message if command.grows else None
        self._put(message, command.replies, awaits=not command.grows)

    def _send_prompt(self, command: machine.SendMessage) -> None:
        if self._network.devices.workload.prompt_at_cloud:
            self._take_over()
            self._tell_cloud(MessageArrived(command.kind, 0, command.parts))
            return
        self._ledger.prompt_sent()
        self._put(Message((*self._key, 0), command.parts, self._cloud_receives, kind=command.kind), command.replies)

    def _put(self, message: Message, replies: int = 0, *, awaits: bool = True) -> None:
        self._sent = message
        self._messages[UPLINK].append(message)
        self._join(UPLINK, message)
        if self._network.windows is not None:
            self._replies_due = replies
            if replies and awaits:
                self._await_answer()

    def _send_branches(self, command: machine.SendBranches) -> None:
        index = (*self._key, command.round + command.number * BRANCHES)
        message = Message(index, (command.content,), self._cloud_receives, self._note, kind=MessageKind.BRANCHES)
        self._branches[command.number] = message
        self._put_s = self._env.now
        self._put(message)

    def _drop_branches(self, command: machine.DropBranches) -> None:
        round_, messages, kept = self._request.open[command.round], self._messages[UPLINK], command.kept
        wasted_bits = 0
        for number, message in reversed(self._branches.items()):  # the latest first, as below
            if number == kept:
                wasted_bits += message.bits - command.kept_bits
                continue
            if message in messages:
                messages.remove(message)
            self._network.links[UPLINK].withdraw(message)
            wasted_bits += max(message.sent_bits + message.bound_bits, message.delivered_bits)
        round_.prepared = round_.prepared._replace(wasted_bits=wasted_bits)
        self._branches = {} if kept is None else {kept: self._branches[kept]}

    def _take_branch(self, command: machine.TakeBranch) -> None:
        self._open_branch(command)
        round_, message, now_s = self._request.open[command.round], self._branches.pop(command.number), self._env.now
        note_payload(round_, command.payload, command.node)
        round_.started_s = message.put_s
        round_.payload = self._payload = SharedTransfer(message, command.payload.bits)
        course = self._courses.pop(command.number)
        if not message.done:
            self._ledger.enter_all(command.round, course_from(course, now_s), UPLINK_STATES)
            message.report = self._on_uplink

    def _note(self, message: Message, course: Course) -> None:
        """Notes what a message does of which nobody knows yet whether anything waits for it."""
        self._courses[message.index[2] // BRANCHES] = course

    def _add_part(self, command: machine.AddPart) -> None:
        message = self._sent
        assert message is not None
        if command.payload is not None and command.node is not None:
            note_payload(self._request.open[message.index[2]], command.payload, command.node)
        if self._network.links[UPLINK].add(message, command.part, ends=command.ends):
            self._put_s = self._env.now

    def _reply(self, command: machine.SendReply) -> None:
        """The device gets its bytes alone."""
        index, round_ = (*self._key, command.round), self._request.notes(command.round)
        message = Message(index, (command.content,), self._edge_receives, self._on_downlink, kind=command.kind)
        round_.reply = message
        if command.verified is not None:
            round_.verified = command.verified
        self._messages[DOWNLINK].append(message)
        self._join(DOWNLINK, message)

    def _join(self, role: LinkRole, message: Message) -> None:
        """Has a message join a link: now, or in its turn at the end of this instant."""
        link = self._network.links[role]
        if role in self._network.in_turn:
            at_last(self._env, Last.PUT, message.index, lambda _: link.put(message))
        else:
            link.put(message)

    def _acknowledge(self, role: LinkRole, through: int) -> None:
        """The other end has all that was put on this link of rounds up to this one."""
        messages = self._messages[role]
        come = 0
        while come < len(messages) and messages[come].index[2] & ROUND <= through:
            come += 1
        if come:
            self._network.links[role].acknowledge(messages[:come])
            del messages[:come]

    def _withdraw_all(self, role: LinkRole) -> None:
        """Withdraws everything that is under way on a link."""
        messages = self._messages[role]
        while messages:  # the latest first, as above
            if not (message := messages.pop()).done:
                self._network.links[role].withdraw(message)

    def _on_uplink(self, message: Message, course: Course) -> None:
        self._ledger.enter_all(message.index[2] & ROUND, course, UPLINK_STATES)

    def _on_downlink(self, message: Message, course: Course) -> None:
        self._ledger.enter_all(message.index[2] & ROUND, course, DOWNLINK_STATES, reply=True)

    def _await_answer(self) -> None:
        """The device has put what it put last, or nothing, and waits: it will see to it that it can be answered."""
        if self._network.windows is not None:
            self._network.windows.awaits(self._device.number, self._request.number, self._sent)

    def _has_all(self) -> None:
        """The device waits for nothing more."""
        if self._network.windows is not None:
            self._network.windows.has_all(self._device.number)

    # Commands about the cloud's passes.

    def _submit(self, command: machine.SubmitJob) -> None:
        if command.joins:
            assert self._job is not None
            job = self._job[0]
            job.extend(command.text_tokens, command.verified_drafts)
            self._job = job, command
            return
        self._jobs += 1
        job = ordered_job(command, self._network, self._request, self._jobs, self._job_enters, self._job_done)
        self._job = job, command
        self._network.cloud.submit(job)

    def _job_enters(self, state: JobState) -> None:
        assert self._job is not None
        command = self._job[1]
        self._job_state = column = command.serves if state == "serve" else JOB_STATES[state]
        number = command.round or self._behind_job
        if number:
            self._ledger.enter(number, column)

    def _job_done(self) -> None:
        assert self._job is not None
        (job, command), self._job, self._behind_job = self._job, None, 0
        node, verified = command.run()
        self._text = node.committed
        self._network.cloud.crop(self._key, node.cached)
        self._tell_cloud(machine.JobDone(node, verified, job.batch, job.queue_s, job.serve_s))

    def _free(self, command: machine.FreeCache) -> None:
        self._answer_is_made = True
        if self._conversation is not None and self._conversation.is_kept:
            self._cloud_text = self._text
            self._network.cloud.keep(self._key)
        else:
            self._network.cloud.forget(self._key)


HANDLERS: Final[dict[type, Callable[[DrivenRequest, Any], None]]] = {
    machine.AddPart: DrivenRequest._add_part,
    machine.BeginRound: DrivenRequest._begin_round,
    machine.CloseRound: DrivenRequest._close_round,
    machine.Done: DrivenRequest._done,
    machine.DropBranches: DrivenRequest._drop_branches,
    machine.DraftAll: DrivenRequest._draft_all,
    machine.DraftPass: DrivenRequest._draft_pass,
    machine.DropRounds: DrivenRequest._drop_rounds,
    machine.Encode: DrivenRequest._encode,
    machine.EnterState: DrivenRequest._enter_state,
    machine.FlushRounds: DrivenRequest._flush_rounds,
    machine.FreeCache: DrivenRequest._free,
    machine.OpenBranch: DrivenRequest._open_branch,
    machine.OpenInCloud: DrivenRequest._open_in_cloud,
    machine.PreparePass: DrivenRequest._prepare_pass,
    Order: DrivenRequest._order,
    machine.SendBranches: DrivenRequest._send_branches,
    machine.SendMessage: DrivenRequest._send,
    machine.SendReply: DrivenRequest._reply,
    machine.SubmitJob: DrivenRequest._submit,
    machine.TakeBranch: DrivenRequest._take_branch,
    machine.TakeTurn: DrivenRequest._take_turn,
    machine.WaitUntil: DrivenRequest._wait_until,
}
"""Methods that carry out each command."""
