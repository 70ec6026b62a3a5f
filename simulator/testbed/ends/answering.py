"""The cloud's end of one request, whatever the protocol: what it is told, its jobs, one at a time, and its replies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from channels.codec import wire
from models.interface import Prompt
from simulator.cell.cloud_config import request_tokens
from simulator.decoding.decoder import Decoder, RequestDecoding
from simulator.decoding.nodes import Verified
from simulator.testbed.ends.passes import RealJob, RealPasses
from simulator.testbed.ends.post import Post
from simulator.testbed.ends.restore import RestoredRequest
from simulator.testbed.journal import Journal, RoundVerified
from simulator.testbed.packet_header import MessageAddress, MessageKind, RealMessage
from simulator.timing.cloud.job import JobState


@dataclass(frozen=True, slots=True, eq=False)
class Premises:
    """What all requests have in common at the cloud."""

    decoder: Decoder
    format: wire.Format
    post: Post
    journal: Journal
    passes: RealPasses


class AnsweredRounds(ABC):
    """Of its request it knows what has come, and how many tokens are to be answered."""

    def __init__(self, premises: Premises, device: int, number: int, output_tokens: int) -> None:
        self.number = number
        """Of the request, at its device."""
        self._premises = premises
        self._key = (device, number)
        self._output_tokens = output_tokens
        self._decoding: RequestDecoding | None = None
        self._request_tokens = 0
        self._job: RealJob | None = None

    def hear(self, letter: RealMessage) -> None:
        """A letter of the request is here, maybe before one that was sent earlier. Raises CodecError."""
        kind, content = letter.address.kind, letter.content
        if kind is MessageKind.PAYLOAD:
            self._payload_arrived(letter.address.round, content)
        elif self._decoding is None:
            self._begin(_told(kind, content, self._premises.format))

    def close(self) -> None:
        """Nothing of the request is wanted any more."""
        if self._job is not None:
            self._premises.passes.withdraw(self._job)
            self._job = None
        self._premises.passes.forget(self._key)

    @abstractmethod
    def _open(self, decoding: RequestDecoding, told: RestoredRequest) -> None:
        """The prompt is here, or where to go on."""

    @abstractmethod
    def _payload_arrived(self, round_number: int, payload: bytes) -> None:
        """What the edge has sent of a round."""

    def _submit(
        self,
        round_number: int,
        run: Callable[[], None],
        done: Callable[[], None],
        *,
        text_tokens: int,
        read_tokens: int,
        cloud_drafts: int = 0,
    ) -> None:
        """Asks for a pass, as `CloudHandler.submit` does. `run` is what is made in it, `done` what comes of it."""

        def ended() -> None:
            self._job = None
            done()

        self._job = RealJob(
            session=self._key,
            text_tokens=text_tokens,
            read_tokens=read_tokens,
            request_tokens=self._request_tokens,
            report=_unnoted,
            done=ended,
            cloud_drafts=cloud_drafts,
            round=round_number,
            run=run,
        )
        self._premises.passes.submit(self._job)

    def _note_judged(self, round_number: int, decode_s: float) -> None:
        journal = self._premises.journal
        journal.note(RoundVerified(*self._key, round_number, decode_s, journal.now_s))

    def _reply(self, round_number: int, verified: Verified) -> MessageAddress:
        """Puts the reply on the downlink."""
        address = MessageAddress(MessageKind.REPLY, *self._key, round_number)
        self._premises.post.put(RealMessage(address, verified.reply))
        return address

    def _begin(self, told: RestoredRequest) -> None:
        decoder, prompt = self._premises.decoder, Prompt("", "", told.prompt)
        self._decoding = decoder.decoding(*self._key, prompt, None, self._output_tokens)
        drafts = self._decoding.setting.scheme.drafts
        self._request_tokens = request_tokens(len(told.prompt), self._output_tokens, drafts)
        self._open(self._decoding, told)


def _told(kind: MessageKind, content: bytes, format: wire.Format) -> RestoredRequest:
    """Where a request begins, or goes on."""
    if kind is MessageKind.RESTORE:
        return RestoredRequest.unpack(content, format)
    tokens = wire.decode_tokens(content, format)
    return RestoredRequest(1, False, len(tokens), tokens)


def _unnoted(state: JobState) -> None:
    """Of a pass, the journal has all."""
