"""A request of a real run, from what both ends have noted of it: the simulator's own Request, OpenRound and Ledger take
it in, in order of time.

Every instant is in some state. What takes no time in the simulator but some in a real run, Python's own, is charged to
what it delays: `edge_queue_s` from a reply's arrival until the edge computes again; `encode_s` from the end of a
round's passes until its payload is put; `cloud_queue_s` from an arrival in the cloud until its pass begins; `verify_s`
(`cloud_decode_s`) from the end of the pass until the reply is put.

Distances between q and p are measured by an observer who sees both ends, as nobody does in a real run. So each round
that was verified is decoded again: what the ends have sent must be what is decoded here, byte by byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan

from channels.codec import wire
from kinds import ConfigError
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import CloudNode, EdgeNode, Payload, Verified
from simulator.protocols import protocol_of
from simulator.protocols.accounts import note_payload
from simulator.protocols.machine import Need
from simulator.results.requests import HiddenRead, Request
from simulator.results.rounds import InstantTransfer, OpenRound
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.sparsifier import State
from simulator.testbed import journal
from simulator.testbed.packet_header import REPLIES, MessageAddress, PacketKind
from simulator.testbed.packet_record import PacketRecord
from simulator.timing.request_process import DOWNLINK_STATES, UPLINK_STATES

Note = journal.RequestEvent | journal.MessagePut | journal.MessageReceived
_BETWEEN = 1 << 30
"""A round's number, for the time in which no round is open."""
_SHOWN = 24
"""Bytes of each of two contents that differ."""


class RealRunError(ConfigError):
    """A real run that has decoded or sent something else than the simulator, or has not come to its end: on one line,
    device, request, round, and what differs."""


@dataclass(slots=True)
class NoteClock:
    """Seconds since the run's zero."""

    now: float = 0.0


class DecodedAgain:
    """The rounds of a request, decoded again one after the other."""

    def __init__(self, decoding: RequestDecoding) -> None:
        scheme, prompt = decoding.setting.scheme, decoding.tree.edge.committed
        self._edge = self._cloud = self._hosted = None
        self._node = decoding.tree.edge
        if not isinstance(scheme, DraftScheme):
            self._hosted = decoding.hosted()
            self._in_cloud = self._hosted.start(prompt)
            return
        self._edge, self._cloud = decoding.edge(), decoding.cloud()
        self._node, self._in_cloud = self._edge.start, self._cloud.start(prompt)
        if Need.CLOUD_FIRST not in protocol_of(scheme).edge.needs(scheme):
            self._in_cloud = self._cloud.prefill(self._in_cloud)

    @property
    def state(self) -> State | None:
        """State of the scheme that the device keeps."""
        return None if self._edge is None else self._node.state

    def hosted(self, drafts: int) -> Verified:
        """A round that the cloud has decoded, with so many drafts of its own."""
        assert self._hosted is not None, "I3: a cloud drafts for itself"
        self._in_cloud, verified = self._hosted.decode(self._in_cloud, drafts)
        return verified

    def read(self, tokens: int) -> None:
        """The drafter has read so many tokens of the text."""
        assert self._edge is not None, "I3: no drafter reads"
        self._node = self._edge.read(self._node, tokens)

    def drafted(self, drafts: int | None) -> tuple[EdgeNode, Payload | None, Verified]:
        """A round of so many drafts; None: a token of the cloud's own. The round as sent, and as verified."""
        assert self._edge is not None and self._cloud is not None, "I3: no edge drafts"
        node, payload = self._node, None
        if drafts is not None:
            node = self._edge.compose(node, drafts)
            payload = self._edge.seal(node)
        parts = () if payload is None else payload.parts
        self._cloud.receive(self._in_cloud, parts)
        self._in_cloud, verified = self._cloud.verify(self._in_cloud, parts)
        self._node, _ = self._edge.resolve(node, verified.reply)
        return node, payload, verified

    @property
    def number(self) -> int:
        """Number of the round that is verified next."""
        node: CloudNode = self._in_cloud
        return node.round


class RealRequest:
    """Takes in the notes on one request, in order of time."""

    def __init__(self, request: Request, clock: NoteClock, decoding: RequestDecoding, packets: PacketRecord) -> None:
        self.request = request
        self.decoded = DecodedAgain(decoding)
        self._clock = clock
        self._format = decoding.format
        self._hosts = not isinstance(decoding.setting.scheme, DraftScheme)
        self._packets = packets
        self._ledger = request.ledger
        self._computed: dict[int, journal.RoundComputed] = {}
        self._reads: Counter[int] = Counter()
        self._void = range(0)
        """Rounds that are waited for no more."""
        self._ledger.enter(_BETWEEN, "edge_queue_s")

    def take_all(self, notes: Iterable[Note]) -> None:
        """Serves the request to its end, as it was noted. Raises RealRunError where it has none, or something else was
        sent than is decoded here."""
        timeline = [each for note in notes for each in self._timed(note)]
        for at_s, note in sorted(timeline, key=lambda each: each[0]):
            self._clock.now = max(self._clock.now, at_s)
            if isinstance(note, journal.RequestEnded):
                self._end(note.tokens)
                return
            self._take(note)
        raise self._error(None, "ended = never: must be noted in a journal")

    def _timed(self, note: Note) -> list[tuple[float, Note]]:
        """The note with its time; of a message that is put, all that it does on the link."""
        if isinstance(note, journal.RoundComputed):
            self._computed[note.round] = note
            return []
        if isinstance(note, journal.TextRead):
            self._reads[note.round] += 1
            return [(note.ended_s, note)]
        if isinstance(note, journal.MessagePut):
            columns = DOWNLINK_STATES if note.address.kind in REPLIES else UPLINK_STATES
            put: list[tuple[float, Note]] = [(note.at_s, note)]
            if note.address.kind in (PacketKind.PROMPT, PacketKind.JOIN):
                return put
            key, reply = note.address[1:], note.address.kind in REPLIES
            course = self._packets.course(note.address)
            return put + [(at_s, journal.StateEntered(*key, columns[state], reply, at_s)) for at_s, state in course]
        return [(note.at_s, note)]

    def _take(self, note: Note) -> None:
        request, ledger = self.request, self._ledger
        match note:
            case journal.StateEntered(_, _, number, state, reply):
                if number in request.open:
                    ledger.enter(number, state, reply=reply)
            case journal.RoundBegun():
                self._begin(note)
            case journal.TextRead():
                if note.tokens:
                    self.decoded.read(note.tokens)
            case journal.MessagePut(address) if address.kind is PacketKind.PROMPT:
                self._check(address, wire.encode_tokens(request.prompt.tokens, self._format))
                ledger.prompt_sent()
            case journal.MessageReceived(address) if address.kind is PacketKind.PROMPT:
                ledger.prompt_arrived()
            case journal.RoundClosed():
                self._close(note)
            case journal.RoundFlushed(_, _, number, drafts):
                self._fill(request.open[number])
                on_air_bits, _ = self._packets.sent(self._address(PacketKind.PAYLOAD, number))
                request.flush_round(number, drafts, on_air_bits, self._clock.now)
                self._between()
            case journal.RoundsVoid(_, _, first, last, dropped):
                if first <= last:
                    self._void = range(first, last + 1)
                    ledger.void(self._void)
                for number in dropped:
                    if number in request.open:
                        request.open[number].dropped = True
            case journal.WorkHidden(_, _, tokens, began_s, at_s):
                if tokens:
                    request.read.append(HiddenRead(began_s, at_s, tokens))
                request.hidden_draft_s += at_s - began_s

    def _begin(self, note: journal.RoundBegun) -> None:
        request, number, now_s = self.request, note.round, self._clock.now
        if number not in request.open:
            request.begin_round(number, now_s)
            if not note.in_cloud:
                self._ledger.enter(number, "edge_queue_s")
            self._ledger.close(_BETWEEN)
        if note.in_cloud:
            round_ = request.open[number]
            if isnan(round_.payload.put_s):
                round_.payload = InstantTransfer.instant(now_s)
            round_.drafted = note.drafts

    def _between(self) -> None:
        if all(number in self._void for number in self.request.open):
            self._ledger.enter(_BETWEEN, "edge_queue_s")

    def _close(self, note: journal.RoundClosed) -> None:
        number, round_ = note.round, self.request.open[note.round]
        if number != self.decoded.number:
            raise self._differs(number, "round verified", number, self.decoded.number)
        if self._hosts:
            round_.verified = self.decoded.hosted(round_.drafted)
        else:
            computed = self._computed.get(number)
            node, payload, verified = self.decoded.drafted(None if computed is None else computed.asked)
            if payload is not None:
                self._check(self._address(PacketKind.PAYLOAD, number), b"".join(payload.parts))
                note_payload(round_, payload, node)
            round_.verified = verified
        kind = next((each for each in REPLIES if self._address(each, number) in self._packets.puts), PacketKind.REPLY)
        self._check(reply := self._address(kind, number), round_.verified.reply)
        round_.reply = self._packets.transfer(reply, self._clock.now)
        self._fill(round_)
        if note.tokens != round_.verified.committed:
            raise self._differs(number, "tokens", note.tokens, round_.verified.committed)
        self.request.close_round(number, note.tokens, self._clock.now)
        self._between()

    def _fill(self, round_: OpenRound) -> None:
        """The payload of a round, and the drafter's passes for it."""
        address, computed = self._address(PacketKind.PAYLOAD, round_.number), self._computed.get(round_.number)
        if address in self._packets.puts:
            round_.payload = self._packets.transfer(address, self._clock.now)
        round_.edge_passes = self._reads[round_.number] + (0 if computed is None else len(computed.passes_s))

    def _end(self, tokens: tuple[int, ...]) -> None:
        """The answer is complete."""
        request = self.request
        if tokens != tuple(request.tokens):
            raise self._differs(None, "answer", tokens, tuple(request.tokens))
        if request.remaining_tokens:
            raise self._differs(None, "tokens still to come at its end", request.remaining_tokens, 0)
        request.end("answered", self._clock.now)

    def _check(self, address: MessageAddress, decoded: bytes) -> None:
        """Raises RealRunError where the message put is not what is decoded here, but for what follows it."""
        what, put = address.kind.name.lower(), self._packets.puts.get(address)
        if put is None:
            raise self._differs(address.round, what, "none", decoded)
        content = bytes.fromhex(put.content)
        if not content.startswith(decoded):
            pairs = enumerate(zip(content, decoded, strict=False))
            at = next((at for at, (one, other) in pairs if one != other), min(len(content), len(decoded)))
            start = max(0, at - 2)
            what = f"{what} of {len(content)} bytes differs from byte {at} on"
            raise self._differs(address.round, what, *(each[start:][:_SHOWN].hex() for each in (content, decoded)))

    def _address(self, kind: PacketKind, number: int) -> MessageAddress:
        return MessageAddress(kind, self.request.device, self.request.number, number)

    def _differs(self, number: int | None, what: str, real: object, decoded: object) -> RealRunError:
        return self._error(number, f"{what} = {_shown(real)}: must be {_shown(decoded)}, as decoded again")

    def _error(self, number: int | None, what: str) -> RealRunError:
        where = f"device {self.request.device}, request {self.request.number}"
        return RealRunError(f"{where}{'' if number is None else f', round {number}'}: {what}")


def _shown(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return f"{len(value)} bytes {value[:_SHOWN].hex()}{'...' if len(value) > _SHOWN else ''}"
