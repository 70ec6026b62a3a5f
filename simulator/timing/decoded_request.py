"""A request whose answer is decoded already, in time: passes, messages and queues, and nothing else.

Between two visits to the cloud all that such a request does concerns its own device: when its passes end, when its
payload is in, when its reply is. So it has an event where a payload comes to the cloud, and the cloud has one where a
pass ends; what lies between follows from these by sums and maxima. Where devices share an uplink, the payload is put by
an event of its own. The times are the same floats as where each step is an event (`timing.driver`), ties go the same
way (`timing.event_loop`), and the tables are the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from math import inf, nan

from simulator.cell.device_classes import Equipped
from simulator.cell.workload import Workload
from simulator.protocols.accounts import note_payload
from simulator.protocols.decoded_answer import DecodedAnswer, is_decodable
from simulator.protocols.machine import DOWNLINK, UPLINK, SubmitJob
from simulator.results.ledger import THEMSELVES, Course
from simulator.results.observer import END
from simulator.results.requests import Request
from simulator.results.rounds import TimedRounds
from simulator.timing.cloud.job import Job, JobState
from simulator.timing.device import Device
from simulator.timing.driver import DOWNLINK_STATES, JOB_STATES, UPLINK_STATES, Network, ordered_job
from simulator.timing.event_loop import Call, Last, delay_until, later
from simulator.timing.link import Link
from simulator.timing.messages import Message, unheard


def can_be_decoded(each: Equipped, uplink: Link, downlink: Link, workload: Workload) -> bool:
    """Whether requests to devices of this class may be timed after they are decoded: a device serves one at a time and
    gives none up, none goes on with another, no packet's times depend on other devices' later ones, and no time decides
    tokens. What a receiver draws is added up in the order in which messages come, so they must come by events then."""
    one_by_one = each.edge.concurrency == 1 and workload.all_are_awaited and not workload.talks
    return (
        uplink.is_foreseeable
        and downlink.is_foreseeable
        and one_by_one
        and not each.downlink.has_power
        and is_decodable(each.scheme)
    )


class DecodedRequest:
    """Both ends of one request, to its last token: `Device.answered` is called then."""

    def __init__(self, network: Network, device: Device, request: Request, answer: DecodedAnswer) -> None:
        self._uplink, self._downlink = network.links[UPLINK], network.links[DOWNLINK]
        self._network = network
        self._env = network.env
        self._device = device
        self._request = request
        self._answer = answer
        self._key = (request.device, request.number)
        self._horizon_s = network.workload.horizon_s
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
        self._former: Message | None = None
        """The reply before it."""
        self._job: Job | None = None
        """The one in the cloud."""
        self._jobs = 0
        self._job_column = "prompt_uplink_s"
        """What the latest job does, a column of BREAKDOWN."""
        self._ready = False
        """Whether the prompt is in the verifier's cache."""
        self._due = False
        """Whether the payload is in the cloud."""
        request.rounds = self._rounds = TimedRounds(self._answer.known)
        request.write_up = self._write_up

    def start(self) -> None:
        """Begins to serve the request."""
        now_s = self._env.now
        if self._network.workload.prompt_at_cloud:
            self._read_prompt()
        else:
            self._request.ledger.prompt_sent()
            self._put_alone(0, self._answer.prompt_bits, self._prompt_in)
        self._draft(now_s)
        if self._prompt is not None and self._network.runs_ahead:  # the payload may delay it, if it is sent again
            self._comes(self._prompt, self._uplink.in_s(self._prompt), self._prompt_in)

    def close(self) -> None:
        """The request has ended. Unless the cloud knows that the answer is made, the edge sends a bare header, and the
        cloud keeps the cache until that has come."""
        assert self._request.closed_rounds == len(self._answer.rounds), "I1: a request is given up that is awaited"
        self._request.write_up = None
        if not self._answer.is_made:
            self._put_alone(END, 0, self._end_in)
            if self._network.runs_ahead:
                self._follow_end()

    def _put_alone(self, number: int, bits: int, then: Callable[[object], None]) -> None:
        """Has a message of no round join the uplink. `then`: once it is in; by its device's own clock others may be put
        before."""
        ahead = self._network.runs_ahead
        self._prompt = message = Message((*self._key, number), (), then, bits=bits)
        if ahead:
            message.to = unheard

        def put() -> None:
            if ahead:
                self._uplink.put(message, self._env.now)
            else:
                self._carry(self._uplink, message, self._env.now, then)

        self._network.join(UPLINK, message.index, put)

    def _carry(self, link: Link, message: Message, now_s: float, then: Call) -> None:
        """Puts a message then. `then`: once it is in."""
        in_s = link.carry(message, now_s)
        if in_s is not None:
            self._comes(message, in_s, then)

    def _comes(self, message: Message, in_s: float, then: Call) -> None:
        if in_s < inf:
            self._env.later_from(message.foreseen_s, delay_until(message.foreseen_s, in_s), then)

    def _follow_end(self, _: object = None) -> None:
        """Lets the links run no further than the run, as the next request may begin before the message is in."""
        assert self._prompt is not None
        now_s = self._env.now
        self._uplink.senders[self._request.device].transmitter.clock.run(now_s)
        if self._prompt.done and self._prompt.delivered_s <= now_s:
            self._end_in(None)
            return
        next_s = self._prompt.delivered_s if self._prompt.done else self._uplink.next_s(self._request.device)
        if next_s < inf:
            later(self._env, delay_until(now_s, next_s), self._follow_end)

    # At the edge.

    def _draft(self, now_s: float) -> None:
        """The edge drafts, encodes and sends the open round, from then on."""
        round_, network, request = self._round, self._network, self._request
        durations_s = network.edge_passes.of_round_s(
            request, round_.number, round_.new_tokens, round_.cached_tokens, round_.later_passes
        )
        _, *ends_s = accumulate(durations_s, initial=now_s)
        first_s, last_s = ends_s[0], ends_s[-1]
        encoded_s = last_s + network.edge.encode_s_per_draft * round_.distributions
        delay_s = delay_until(now_s, encoded_s)
        put_s = now_s + delay_s
        self._device.work(encoded_s, now_s)
        self._started_s, self._ends_s, self._payload, self._reply = now_s, ends_s, None, None
        if last_s > put_s:  # the clock rounds it to an instant before
            first_s, last_s = min(first_s, put_s), put_s
        self._doings = [(now_s, "draft_s"), (last_s, "encode_s")]
        if not round_.cached_tokens:
            self._doings[:1] = (now_s, "prefill_s"), (first_s, "draft_s")
        if round_.number == 1:
            request.ledger.enter_all(1, self._doings)
        if network.runs_ahead and put_s < self._horizon_s:
            self._send(put_s)
        else:  # others may put something on the same uplink before
            self._env.later_from(now_s, delay_s, self._drafted)

    def _drafted(self, _: object) -> None:
        self._network.join(UPLINK, (*self._key, self._round.number), lambda: self._send(self._env.now))

    def _send(self, now_s: float) -> None:
        round_, index = self._round, (*self._key, self._round.number)
        self._payload = Message(index, (), self._payload_in, self._on_uplink, bits=round_.payload.bits)
        self._carry(self._uplink, self._payload, now_s, self._payload_in)

    def _on_uplink(self, message: Message, course: Course) -> None:
        self._does(course, UPLINK_STATES)

    def _on_downlink(self, message: Message, course: Course) -> None:
        self._does(course, DOWNLINK_STATES, reply=True)

    def _does(self, course: Course, columns: Mapping[str, str] = THEMSELVES, *, reply: bool = False) -> None:
        """The open round does this from now on; it replaces what it was to do later."""
        doings, now_s = self._doings, course[0][0]
        while doings and doings[-1][0] > now_s:
            doings.pop()
        for from_s, state in course:
            doings.append((from_s, columns[state]))
        if self._round.number == 1:
            self._request.ledger.enter_all(1, course, columns, reply=reply)

    def _reply_in(self, _: object) -> None:
        self._env.at_last(Last.READ, self._key, lambda: self._answered(self._env.now))

    def _answered(self, now_s: float) -> None:
        """The reply is read; the next round begins, or the answer is complete."""
        request, round_, payload, reply = self._request, self._round, self._payload, self._reply
        assert payload is not None and reply is not None
        if self._prompt is not None or payload.acked_s > now_s:
            self._uplink.acknowledge([each for each in (self._prompt, payload) if each is not None], now_s)
            self._prompt = None
        self._former = reply
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
        if round_.number < len(self._answer.rounds):
            self._round = self._answer.rounds[round_.number]
            self._draft(now_s)
        else:
            self._device.answered(request, self._answer.kept)

    # In the cloud.

    def _prompt_in(self, _: object) -> None:
        self._request.ledger.prompt_arrived()
        self._read_prompt()

    def _read_prompt(self) -> None:
        if self._answer.prefill is None:
            self._ready = True
        else:
            self._submit(self._answer.prefill)
        if self._due:
            self._serve()

    def _payload_in(self, _: object) -> None:
        if self._former is not None and self._former.acked_s > self._env.now:
            self._downlink.acknowledge([self._former], self._env.now)
        self._due = True
        if not self._ready:
            self._does([(self._env.now, self._job_column)])
        if self._ready or self._job is not None:
            self._serve()

    def _serve(self) -> None:
        """Has the open round verified: the first joins the prompt's job, if no pass of that is under way."""
        command, job = self._round.job, self._job
        if self._ready:
            self._submit(command)
        elif job is not None and not self._network.cloud.runs(self._key):
            job.extend(command.text_tokens, command.verified_drafts)
            self._ready, job.done = True, self._verified

    def _submit(self, command: SubmitJob) -> None:
        self._jobs += 1
        done = self._verified if self._ready else self._prefilled
        self._job = ordered_job(command, self._network, self._request, self._jobs, self._job_enters, done)
        self._network.cloud.submit(self._job)

    def _job_enters(self, state: JobState) -> None:
        self._job_column = column = self._round.job.serves if state == "serve" else JOB_STATES[state]
        if self._due:
            self._does([(self._env.now, column)])

    def _prefilled(self) -> None:
        self._ready, self._job = True, None
        if self._due:
            self._submit(self._round.job)

    def _verified(self) -> None:
        """The round is verified, and the reply goes out."""
        round_, cloud = self._round, self._network.cloud
        self._due, self._job = False, None
        cloud.crop(self._key, round_.kept_tokens)
        if round_ is self._answer.rounds[-1] and self._answer.is_made:
            cloud.forget(self._key)
        self._network.join(DOWNLINK, (*self._key, round_.number), self._send_reply)

    def _send_reply(self) -> None:
        round_, now_s, index = self._round, self._env.now, (*self._key, self._round.number)
        self._reply = reply = Message(index, (), self._reply_in, self._on_downlink, bits=round_.reply_bits)
        in_s = self._downlink.carry(reply, now_s)
        if in_s is not None and round_ is not self._answer.rounds[-1] and in_s < self._horizon_s:
            self._answered(in_s)
        elif in_s is not None:
            self._comes(reply, in_s, self._reply_in)

    def _end_in(self, _: object) -> None:
        self._network.cloud.forget(self._key)

    # In the books.

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
