"""What travels on a link: messages, which carry their content, and the packets they are cut into.

A whole message is cut by the link's MTU and delivered when all of it is in. One in parts, a partial round, has a packet
for each, and may grow while its first packets are under way: a part goes to the link when its draft is drawn. It is
delivered with the leading parts that come through (`reassembly`). Its first packet and its last are sent again until
they are in, those between are sent once. The last is a part that was known to be the last when it was put, or a bare
header that says that none follows. An acknowledgement that takes capacity is a packet of a message without parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Final

from channels.link.arq import Packet, Sender
from channels.link.delays import DelayProcess
from channels.link.losses import LossProcess, PacketIndex
from channels.link.rates import Curve, MessageIndex, Position
from channels.link.retransmission_timeout import TimerJitter
from channels.link.sharing import Transmitter
from simulator.protocols.machine import MessageKind
from simulator.results.ledger import Course
from simulator.results.observer import Airing
from simulator.results.station import Customer, Visit

QUEUE: Final = "queue"
TRANSMIT: Final = "transmit"
RETRANSMIT: Final = "retransmit"
PROPAGATION: Final = "propagation"
TIMEOUT_WAIT: Final = "timeout_wait"
_UNPLANNED: Final = Position(nan)
STATES: Final = (QUEUE, TRANSMIT, RETRANSMIT, PROPAGATION, TIMEOUT_WAIT)
"""What a message on a link can be doing: what its oldest unacknowledged packet does."""


def unheard(message: Message) -> None:
    """For messages that nobody waits for any more."""


Report = Callable[["Message", Course], None]
"""Takes the states of a message, one after another."""


def unreported(message: Message, course: Course) -> None:
    """For messages whose states nobody follows."""


class Message:
    """Bytes on their way through one link. After it is delivered or cancelled it reports and receives nothing more."""

    __slots__ = (
        "arrived", "attempts", "bits", "bound_bits", "content", "delivered_attempts", "delivered_bits",
        "delivered_s", "done", "in_parts", "index", "joins", "kind", "missing", "oldest", "open", "packets",
        "planned_s", "put_s", "report", "sent_bits", "sizes", "to", "unacked",
    )  # fmt: skip

    def __init__(
        self,
        index: MessageIndex,
        content: tuple[bytes, ...],
        to: Callable[[Message], None],
        report: Report = unreported,
        *,
        open: bool = False,
        kind: MessageKind | None = None,
    ) -> None:
        self.index = index
        """(device, request, round); round 0 is the prompt."""
        self.content = content
        self.to = to
        """Called once, at the far end, when `arrived` is known."""
        self.report = report
        """Called with some of STATES, each to hold from its time on, at the change or before it; the last report
        counts. A state that lasts no time may be left out."""
        self.open = open
        """More parts may come (`Link.add`). Until then its sender still works on it: it reports no states."""
        self.kind = kind
        """What its header says that it is; None: a message of no round."""
        self.bits = 8 * (len(content[0]) if len(content) == 1 else sum(map(len, content)))
        """Bits of the content (I7); headers and retransmissions are the link's."""
        self.in_parts = open or len(content) > 1
        """Whether each part of the content has a packet of its own, and the leading ones may do."""
        if self.in_parts:
            last = len(content) - (not open)
            self.sizes = [(8 * len(part), 0 < number < last) for number, part in enumerate(content)]
            """The payload of each packet of a message in parts, and whether it is sent once."""
        self.joins = 0
        """The number of its packet that may join the queue next, on a link where one may delay those before it."""
        self.arrived: tuple[bytes, ...] = ()
        """What the far end has when it is delivered: the content, or its leading parts."""
        self.put_s = self.delivered_s = nan
        self.delivered_bits = self.delivered_attempts = 0
        """Put on the air for it until it was delivered, headers and retransmissions included."""
        self.sent_bits = self.attempts = 0
        self.bound_bits = 0
        """Bits of packets whose turn has come, and that begin after a silence, whether or not it is cancelled then."""
        self.done = False
        self.packets: Sequence[Fragment] = ()
        """None before it is granted, and none after it is cancelled."""
        self.missing = self.unacked = self.oldest = 0
        self.planned_s: float | None = None
        """On a planned link, when its last bit leaves as far as anybody knows; None: it has arrived, or will not."""

    @property
    def state(self) -> str:
        """What its oldest unacknowledged packet does."""
        return self.packets[self.oldest].state if self.packets else QUEUE

    def grow(self, part: bytes, *, ends: bool) -> None:
        """Adds a part; b"": none, and only the news that it ends. `ends`: nothing comes behind it."""
        assert self.open, "I3: a part is put behind the end of its round"
        self.sizes.append((8 * len(part), not ends))
        if part:
            self.content += (part,)
            self.bits += 8 * len(part)

    def deliver(self, parts: int, now_s: float) -> None:
        """Its leading parts are handed over."""
        self.arrived = self.content[:parts]
        self.delivered_s = now_s
        self.delivered_bits, self.delivered_attempts = self.sent_bits, self.attempts
        to = self.to
        self.done = True
        self.to, self.report = unheard, unreported  # as at its end
        to(self)

    def end(self) -> None:
        """Delivered or cancelled: it reports nothing more, and holds on to nobody. Its sender may hold it, and the
        caches of the models would wait for the garbage collector."""
        self.done = True
        self.to, self.report = unheard, unreported

    def does(self, state: str, from_s: float) -> None:
        """It is in this state from then on, as far as anybody knows now."""
        if not self.open:
            self.report(self, ((from_s, state),))

    def follow_oldest(self, now_s: float) -> None:
        """After an acknowledgement: the message does what its next unacknowledged packet does."""
        before = self.packets[self.oldest].state
        while self.packets[self.oldest].acked:
            self.oldest += 1
        after = self.packets[self.oldest].state
        if after is not before:
            self.does(after, now_s)


@dataclass(slots=True, eq=False)
class Fragment(Packet):
    """A packet with what the timing plane knows of it."""

    message: Message
    index: MessageIndex
    number: int
    sender: DeviceSender
    once: bool = False
    """Whether it is sent one time only: a part between the first and the last."""
    header_bits: int = 0
    """Of its bits, those of its header."""
    state: str = field(default=QUEUE, init=False)
    visit: Customer | None = field(default=None, init=False)
    joined_s: float = field(default=nan, init=False)
    """When its first attempt joined the link's queue."""
    visited_s: float = field(default=nan, init=False)
    """When its latest attempt did."""
    turn: Position = field(default=_UNPLANNED, init=False)
    """Where a planned link stands when it is this packet's turn."""
    begin_s: float = field(default=inf, init=False)
    """When its first bit goes out there."""
    left_s: float = field(default=inf, init=False)
    """When its last one has."""
    arrivals: int = field(default=0, init=False)
    """How often it has come."""

    @property
    def address(self) -> PacketIndex:
        """The address of the attempt under way."""
        return (*self.index, self.number, self.attempt)

    @property
    def booked(self) -> Visit:
        """Its visit to the queue of a planned link."""
        return self.visited_s, self.turn[0], self.left_s

    @property
    def acknowledges(self) -> bool:
        """Whether it is an acknowledgement of what came in the other direction, and carries nothing."""
        return self.number < 0

    def wait_s(self, timeout_s: float) -> float:
        """How long the attempt under way waits for its acknowledgement; one that no retransmission follows needs no
        jitter."""
        return timeout_s if self.once else self.sender.transmitter.timers.wait_s(timeout_s, *self.address)

    def aired(self, link: str, began_s: float, left_s: float, arrives_s: float) -> Airing:
        """The attempt that has just left, for an observer."""
        times_s = self.visited_s, began_s, left_s, arrives_s
        header_bits = None if self.acknowledges else self.header_bits
        return Airing(link, self.index, self.number, self.attempt, self.bits, *times_s, header_bits)

    def enter(self, state: str, now_s: float) -> None:
        """Notes what it does; its message does the same when this is its oldest unacknowledged packet."""
        if self.state is not state:
            self.state = state
            message = self.message
            if self.number == message.oldest and not message.done:
                message.does(state, now_s)


@dataclass(slots=True, eq=False)
class LinkTransmitter:
    """One transmitter and the air behind it: the whole link, or one device's when each has its own."""

    curve: Curve
    server: Transmitter[Fragment]
    loss: LossProcess
    delay: DelayProcess
    ack_loss: LossProcess
    timers: TimerJitter
    """The jitter of waits for an acknowledgement."""
    pauses: TimerJitter
    """The jitter of pauses after the last attempt in a row."""
    serve: Callable[[LinkTransmitter, float], None]
    """Has it start what may start at this instant, for its gate."""
    planned: int = 0
    """The server's version that the next departure was set for."""
    on_air: int = 0
    """Packets between their first bit and their last."""
    on_air_since_s: float = 0.0
    """When the first of them began."""
    was_on_air_s: float = 0.0
    """For how long there had been one before."""
    changed_s: float = 0.0
    """When one last began or left."""
    had_each_s: float = 0.0
    """What `each_s` was then."""

    def each_s(self, now_s: float) -> float:
        """How much air a packet would have had that was there all the time; several at once divide it equally."""
        return self.had_each_s + ((now_s - self.changed_s) / self.on_air if self.on_air else 0.0)

    def take_air(self, now_s: float) -> float:
        """A packet's first bit goes out. Returns `each_s`."""
        self.had_each_s, self.changed_s = self.each_s(now_s), now_s
        if not self.on_air:
            self.on_air_since_s = now_s
        self.on_air += 1
        return self.had_each_s

    def free_air(self, now_s: float) -> float:
        """A packet's last bit has left. Returns `each_s`."""
        self.had_each_s, self.changed_s = self.each_s(now_s), now_s
        self.on_air -= 1
        if not self.on_air:
            self.was_on_air_s += now_s - self.on_air_since_s
        return self.had_each_s

    def air_s(self, now_s: float) -> float:
        """For how long there has been a packet on the air; several at once, which share it, count once."""
        return self.was_on_air_s + (now_s - self.on_air_since_s if self.on_air else 0.0)


@dataclass(slots=True, eq=False)
class DeviceSender:
    """Where a device's packets enter a link: its window, before a transmitter that others may share. It counts what
    the device can know of the link."""

    arq: Sender[Fragment]
    transmitter: LinkTransmitter
    reverse_delay_s: float
    """How long an acknowledgement travels back to it."""
    alarmed_s: float = inf
    """When the next look at its sender's alarm is due."""
    sent_bits: int = 0
    """Put on the air for it, headers and retransmissions included."""
    dropped: int = 0
    """Packets that a full buffer or a cancelled message has dropped."""
    had_air_s: float = 0.0
    """How long its packets were on the air, less, for each that is there, what `each_s` was when it began."""
    on_air: int = 0
    acked_bits: int = 0
    unacked_packets: int = 0
    round_trip_s: float = nan
    timeouts: int = 0

    def take_air(self, bits: int, now_s: float) -> None:
        """A packet's first bit goes out."""
        self.sent_bits += bits
        self.had_air_s -= self.transmitter.take_air(now_s)
        self.on_air += 1

    def free_air(self, now_s: float) -> None:
        """A packet's last bit has left."""
        self.had_air_s += self.transmitter.free_air(now_s)
        self.on_air -= 1

    def air_s(self, now_s: float) -> float:
        """How long its packets have been on the air so far; of a time that several share, each has an equal part."""
        return self.had_air_s + self.on_air * self.transmitter.each_s(now_s)
