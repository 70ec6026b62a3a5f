"""A request whose answer is decoded already, in time: passes, messages and queues, and nothing else.

Between two visits to the cloud all that such a request does concerns its own device: when its passes end, when its
payload is in, when its reply is. So it has an event where a payload comes to the cloud, and the cloud has one where a
pass ends; what lies between follows from these by sums and maxima. Where devices share an uplink, the payload is put by
an event of its own. The times are the same floats as where each step is an event (`timing.driver`), ties go the same
way (`timing.event_loop`), and the tables are the same bytes.
"""

from __future__ import annotations

from itertools import accumulate
from math import inf, nan

from simulator.cell.device_classes import Equipped
from simulator.cell.workload import Workload
from simulator.protocols.accounts import note_payload
from simulator.protocols.decoded_answer import DecodedAnswer, is_decodable
from simulator.protocols.machine import DOWNLINK, UPLINK, SubmitJob
from simulator.results.observer import END
from simulator.results.requests import Request
from simulator.results.rounds import TimedRounds
from simulator.timing.cloud.job import Job, JobState
from simulator.timing.device import Device
from simulator.timing.driver import DOWNLINK_COLUMNS, JOB_STATES, UPLINK_COLUMNS, Network, ordered_job
from simulator.timing.event_loop import Call, Last, delay_until, later
from simulator.timing.link import Link
from simulator.timing.planned_link import Carried, PlannedLink


def can_be_decoded(each: Equipped, uplink: Link, downlink: Link, workload: Workload) -> bool:
    """Whether requests to devices of this class may be timed after they are decoded: a device serves one at a time and
    gives none up, none goes on with another, all that happens to a packet is known when it joins, which is when its
    round is drafted, and no time decides tokens. What a receiver draws is added up in the order in which messages come,
    so they must come by events then."""
    planned = isinstance(uplink, PlannedLink) and isinstance(downlink, PlannedLink)
    one_by_one = each.edge.concurrency == 1 and workload.all_are_awaited and not workload.talks
    return planned and one_by_one and not each.downlink.has_power and is_decodable(each.scheme)


def finds_room(answer: DecodedAnswer, network: Network, device: int) -> bool:
    """Whether no packet of the answer waits for its device's window, whatever is unacknowledged then: of the prompt, a
    payload and the frame that ended the request before, and of two replies."""
    uplink, downlink = planned_links(network)
    up_bits = answer.prompt_bits, answer.largest_payload_bits, 0
    return uplink.has_room(device, up_bits) and downlink.has_room(device, [answer.largest_reply_bits] * 2)


def planned_links(network: Network) -> tuple[PlannedLink, PlannedLink]:
    uplink, downlink = network.links[UPLINK], network.links[DOWNLINK]
    assert isinstance(uplink, PlannedLink) and isinstance(downlink, PlannedLink)
    return uplink, downlink


class DecodedRequest:
    """Both ends of one request, to its last token: `Device.answered` is called then."""

    def __init__(self, network: Network, device: Device, request: Request, answer: DecodedAnswer) -> None:
        self._uplink, self._downlink = planned_links(network)
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
        self._prompt: Carried | None = None
        self._payload: Carried | None = None
        self._reply: Carried | None = None
        """Those of the open round, once they are put."""
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

    def close(self) -> None:
        """The request has ended. Unless the cloud knows that the answer is made, the edge sends a bare header, and the
        cloud keeps the cache until that has come."""
        assert self._request.closed_rounds == len(self._answer.rounds), "I1: a request is given up that is awaited"
        self._request.write_up = None
        if not self._answer.is_made:
            self._put_alone(END, 0, self._end_in)

    def _put_alone(self, number: int, bits: int, then: Call) -> None:
        """Has a message of no round join the uplink. `then`: once it is in."""
        index = (*self._key, number)

        def put() -> None:
            self._prompt = carried = self._uplink.carry(index, bits, self._env.now, UPLINK_COLUMNS)
            if carried.left_s < inf:
                later(self._env, carried.takes_s, then)

        self._network.join(UPLINK, index, put)

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
        if network.own_uplink and put_s < self._horizon_s:
            self._send(put_s)
        else:  # others may put something on the same uplink before
            self._env.later_from(now_s, delay_s, self._drafted)

    def _drafted(self, _: object) -> None:
        self._network.join(UPLINK, (*self._key, self._round.number), lambda: self._send(self._env.now))

    def _send(self, now_s: float) -> None:
        round_ = self._round
        index = *self._key, round_.number
        self._payload = payload = self._uplink.carry(index, round_.payload.bits, now_s, UPLINK_COLUMNS)
        self._does(payload)
        if payload.left_s < inf:
            self._env.later_from(now_s, payload.takes_s, self._payload_in)

    def _reply_in(self, _: object) -> None:
        self._env.at_last(Last.READ, self._key, lambda: self._answered(self._env.now))

    def _does(self, carried: Carried, *, reply: bool = False) -> None:
        """The open round does from now on what its message does."""
        self._doings += carried.doings
        if self._round.number == 1:
            self._request.ledger.enter_all(1, carried.doings, reply=reply)

    def _answered(self, now_s: float) -> None:
        """The reply is read; the next round begins, or the answer is complete."""
        request, round_, payload, reply = self._request, self._round, self._payload, self._reply
        assert payload is not None and reply is not None
        self._downlink.carried_in(reply, now_s)
        if round_.number == 1:
            request.ledger.close(1, now_s)
        else:
            request.ledger.spend(self._doings, now_s)
        self._rounds.time((
            self._started_s, payload.put_s, payload.delivered_s, payload.packet_bits, len(payload.cut) or 1,
            reply.put_s, now_s, reply.packet_bits, len(reply.cut) or 1, now_s,
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
        assert self._prompt is not None
        self._uplink.carried_in(self._prompt, self._env.now)
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
        assert self._payload is not None
        self._uplink.carried_in(self._payload, self._env.now)
        self._due = True
        if not self._ready:
            self._request.ledger.enter(1, self._job_column)
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
            self._doings.append((self._env.now, column))
            if self._round.number == 1:
                self._request.ledger.enter(1, column)

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
        round_, now_s = self._round, self._env.now
        index = *self._key, round_.number
        self._reply = reply = self._downlink.carry(index, round_.reply_bits, now_s, DOWNLINK_COLUMNS)
        self._does(reply, reply=True)
        in_s = now_s + reply.takes_s
        if round_ is not self._answer.rounds[-1] and in_s < self._horizon_s:
            self._answered(in_s)
        elif in_s < inf:
            later(self._env, reply.takes_s, self._reply_in)

    def _end_in(self, _: object) -> None:
        assert self._prompt is not None
        self._uplink.carried_in(self._prompt, self._env.now)
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
