"""Where an exchange takes place: the device and what it computes with, its links, the cloud, and the request's books.

What every protocol does the same way is here too: how long drafter passes take, how a prompt goes up, and the cloud's
manners towards a session (one job at a time, replies that may be withdrawn, room that is free once the answer is made,
or once the device's word has come that it wants none).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import simpy

from channels.codec import wire
from simulator.cell.cloud_config import request_tokens
from simulator.cell.device_classes import Edge
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import CloudNode, Verified
from simulator.results.observer import END, SECOND
from simulator.results.requests import Request, holds_any
from simulator.results.rounds import OpenRound, TwoPassages
from simulator.timing.cloud import Cloud, Job
from simulator.timing.cloud.job import JobState
from simulator.timing.device import Device, EdgeState
from simulator.timing.link import Link
from simulator.timing.messages import Message, unheard
from simulator.timing.protocols.edge_passes import EdgePasses
from simulator.timing.receive_windows import ReceiveWindows

UPLINK_STATES = {
    "queue": "uplink_queue_s",
    "transmit": "uplink_transmit_s",
    "retransmit": "retransmit_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}
DOWNLINK_STATES = {
    "queue": "downlink_queue_s",
    "transmit": "downlink_s",
    "retransmit": "downlink_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}
ASK = b"\x00"
"""Of the message that asks for all of a round; its header tells what it is."""
JOB_STATES = {"queue": "cloud_queue_s", "prefill": "prefill_s"}


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """What the devices of a class have in common."""

    env: simpy.Environment
    uplink: Link
    downlink: Link
    cloud: Cloud
    edge: Edge
    edge_passes: EdgePasses
    prompt_at_cloud: bool
    windows: ReceiveWindows | None = None
    """Where some device hears only after sending."""


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Of one request. `kept`: what the device has kept of its last one."""

    network: Network
    device: Device
    request: Request
    decoding: RequestDecoding
    kept: EdgeState | None

    def awaits_answer(self, sent: Message | None) -> None:
        """The device has sent this, or nothing, and waits: it will see to it that it can be answered."""
        if self.network.windows is not None:
            self.network.windows.awaits(self.device.number, self.request.number, sent)

    def has_answer(self) -> None:
        """The device waits for nothing more."""
        if self.network.windows is not None:
            self.network.windows.has_all(self.device.number)


@lru_cache(maxsize=1 << 12)
def token_bytes(tokens: tuple[int, ...], format: wire.Format) -> bytes:
    """Tokens as they cross the air: a prompt, which many requests may share."""
    return wire.encode_tokens(tokens, format)


@lru_cache(maxsize=1 << 12)
def bytes_tokens(content: bytes, format: wire.Format) -> tuple[int, ...]:
    """The tokens in a prompt or in a streamed reply. Raises CodecError."""
    return wire.decode_tokens(content, format)


def send_prompt(site: Site, to: Callable[[bytes], None]) -> Message | None:
    """The prompt's bytes go to the cloud, over the uplink unless they are there already. Answers the message if any."""
    prompt = token_bytes(site.request.prompt.tokens, site.decoding.format)
    if site.network.prompt_at_cloud:
        to(prompt)
        return None

    def arrived(message: Message) -> None:
        site.request.ledger.prompt_arrived()
        to(message.arrived[0])

    site.request.ledger.prompt_sent()
    message = Message((site.request.device, site.request.number, 0), (prompt,), arrived)
    site.network.uplink.put(message)
    return message


class CloudHandler(ABC):
    """The cloud's end of one exchange. No process: it acts when a message or a pass ends."""

    serve_state: ClassVar[str]
    """The column of BREAKDOWN for passes over tokens that are new."""

    def __init__(self, site: Site, device_hears: Callable[[Message], None]) -> None:
        self._site = site
        self._device_hears = device_hears
        self._key = (site.request.device, site.request.number)
        self._ledger = site.request.ledger
        scheme, request = site.decoding.setting.scheme, site.request
        self._request_tokens = request_tokens(len(request.prompt.tokens), request.output_tokens, scheme.drafts)
        self._job: Job | None = None
        self._jobs = 0
        """Asked for so far."""
        self._batch = 0
        """Jobs in the last pass of the last job."""
        self._replies: dict[int, Message] = {}
        self._asked: dict[int, Message] = {}
        """By round, what asked for all of one that is not judged yet."""
        self._heard: Message | None = None
        """The last reply that the device has got."""
        self._made = False
        """Whether the cloud knows that all of the answer is made."""

    @abstractmethod
    def prompt_arrived(self, prompt: bytes) -> None:
        """The prompt's bytes are in the cloud. Raises CodecError."""

    @abstractmethod
    def job_does(self, state: str) -> None:
        """The job is in this state, a column of BREAKDOWN, from now on."""

    @abstractmethod
    def job_done(self) -> None:
        """The job's last pass has ended."""

    def close(self) -> None:
        """The device wants nothing more of the request. Unless both ends know that the answer is made and here, it says
        so in a message of a bare header; the cloud goes on until that has come."""
        self._device_hears = unheard  # or the two ends would hold each other, and the models' caches with them
        if self._site.request.remaining_tokens or not self._made:
            self._site.network.uplink.put(Message((*self._key, END), (b"",), self.end))

    def end(self, message: Message) -> None:
        """The device's word has come that nothing of the request is wanted any more."""
        network = self._site.network
        if self._job is not None:
            network.cloud.withdraw(self._job)
            self._job = None
        for reply in reversed(self._replies.values()):  # the latest first: none is let go by one before it
            network.downlink.withdraw(reply)
        self._replies.clear()
        network.cloud.forget(self._key)

    def free_if_made(self, node: CloudNode) -> bool:
        """Frees the session's cache where all of the answer is made, as far as the cloud can know; answers whether it
        is. A correction that the edge draws counts, and may be an end of text that the cloud does not know of."""
        request = self._site.request
        answer = node.committed[len(request.prompt.tokens) :]
        self._made = len(answer) + node.owed >= request.output_tokens or holds_any(answer, request.end_tokens)
        if self._made:
            self._site.network.cloud.forget(self._key)
        return self._made

    def submit(
        self, text_tokens: int, read_tokens: int, cloud_drafts: int = 0, judged_drafts: int | None = None
    ) -> None:
        """Asks for a pass over the first `text_tokens` of the text, of which the first `read_tokens` are only read. A
        drafter in the cloud makes `cloud_drafts` before it, or else runs over the same tokens. Behind it so many drafts
        are judged; None: no round is."""
        self._jobs += 1
        self._job = Job(
            session=self._key,
            text_tokens=text_tokens,
            read_tokens=read_tokens,
            request_tokens=self._request_tokens,
            report=self._job_does,
            done=self._ended,
            cloud_drafts=cloud_drafts,
            judged_drafts=judged_drafts,
            number=self._jobs,
            mirrors=self._site.decoding.setting.scheme.drafts_in_cloud and not cloud_drafts,
        )
        self._site.network.cloud.submit(self._job)

    def reply(self, round_: OpenRound, verified: Verified, status: bytes = b"") -> None:
        """Puts the reply on the downlink, with how the cloud is at its end; the device gets its bytes."""
        message = Message((*self._key, round_.number), (verified.reply + status,), self._delivered, self._reply_does)
        asked = self._asked.pop(round_.number, None)
        round_.verified, round_.reply = verified, message if asked is None else TwoPassages(message, asked)
        self._put(message)

    def ask(self, round_: OpenRound) -> None:
        """Puts a word on the downlink: the round's payload will not do, all of it is wanted."""

        def does(message: Message, state: str) -> None:
            self._ledger.enter(round_.number, DOWNLINK_STATES[state], message.since_s)

        message = Message((*self._key, round_.number + SECOND), (ASK,), self._delivered, does)
        round_.asked = True
        self._asked[round_.number] = message
        self._put(message)

    def answered(self) -> None:
        """The device has built on the last reply: that acknowledges it."""
        if self._heard is not None:
            self._site.network.downlink.acknowledge(self._heard)
            self._heard = None

    def _put(self, message: Message) -> None:
        self._replies[message.index[2]] = message
        self._site.network.downlink.put(message)

    def _job_does(self, state: JobState) -> None:
        self.job_does(self.serve_state if state == "serve" else JOB_STATES[state])

    def _ended(self) -> None:
        assert self._job is not None
        self._batch, self._job = self._job.batch, None
        self.job_done()

    def _reply_does(self, message: Message, state: str) -> None:
        self._ledger.reply(message.index[2], DOWNLINK_STATES[state], message.since_s)

    def _delivered(self, message: Message) -> None:
        self._heard = self._replies.pop(message.index[2])
        self._device_hears(message)
