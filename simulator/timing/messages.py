"""Messages on a link, which carry their content, and the packets they are cut into.

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
from channels.link.link_config import LinkConfig
from channels.link.losses import LossProcess, PacketIndex
from channels.link.rates import ROUNDING_S, Curve, MessageIndex, Position
from channels.link.retransmission_timeout import TimerJitter
from channels.link.sharing import Transmitter
from simulator.protocols.machine import MessageKind
from simulator.results.ledger import Course
from simulator.results.station import Customer, Visit
from simulator.timing.event_loop import LaneClock

QUEUE: Final = "queue"
TRANSMIT: Final = "transmit"
RETRANSMIT: Final = "retransmit"
PROPAGATION: Final = "propagation"
TIMEOUT_WAIT: Final = "timeout_wait"
STATES: Final = (QUEUE, TRANSMIT, RETRANSMIT, PROPAGATION, TIMEOUT_WAIT)
"""States of a message on a link: those of its oldest unacknowledged packet."""


def unheard(message: Message) -> None:
    """Ignores the arrival of a message that nobody waits for any more."""


Report = Callable[["Message", Course], None]
"""Takes the states of a message, one after another."""


def unreported(message: Message, course: Course) -> None:
    """Ignores the states of a message that nobody follows."""


class Message:
    """Bytes on their way through one link. After it is delivered or cancelled it reports and receives nothing more."""

    arrived: tuple[bytes, ...] = ()
    """Content at the far end when it is delivered: all of it, or its leading parts."""
    put_s = delivered_s = nan
    delivered_bits = delivered_attempts = 0
    """Put on the air for it until it was delivered, headers and retransmissions included."""
    sent_bits = attempts = 0
    bound_bits = 0
    """Bits of packets whose turn has come, and that begin after a silence, whether or not it is cancelled then."""
    done = False
    packets: Sequence[Fragment] = ()
    """Packets of the message: empty before it is granted, and after it is cancelled."""
    missing = unacked = oldest = 0
    acked_s = inf
    """Time at which it is acknowledged, if that is known: as all of it is in, or later."""
    joins = 0
    """The number of its packet that may join the queue next, on a link where one may delay those before it."""

    def __init__(
        self,
        index: MessageIndex,
        content: tuple[bytes, ...],
        to: Callable[[Message], object],
        report: Report = unreported,
        *,
        open: bool = False,
        kind: MessageKind | None = None,
        bits: int | None = None,
    ) -> None:
        """`bits`: of content that nobody reads, which is left out."""
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
        self.bits = (8 * sum(map(len, content))) if bits is None else bits
        """Bits of the content (I7); headers and retransmissions are the link's."""
        self.in_parts = open or len(content) > 1
        """Whether each part of the content has a packet of its own, and the leading ones may do."""
        if self.in_parts:
            last = len(content) - (not open)
            self.sizes = [(8 * len(part), 0 < number < last) for number, part in enumerate(content)]
            """The payload of each packet of a message in parts, and whether it is sent once."""

    def grow(self, part: bytes, *, ends: bool) -> None:
        """Adds a part; b"": none, and only the news that it ends. `ends`: nothing comes behind it."""
        assert self.open, "I3: a part is put behind the end of its round"
        self.sizes.append((8 * len(part), not ends))
        if part:
            self.content += (part,)
            self.bits += 8 * len(part)

    def deliver(self, parts: int, now_s: float, waiting: Sequence[PlacedAttempt]) -> None:
        """Hands over its leading parts; as at its end it reports nothing more. `waiting`: attempts of its packets that
        have not begun."""
        to = self.to
        self.arrived = self.content[:parts]
        self.delivered_s = now_s
        self.delivered_bits, self.delivered_attempts = self.sent_bits, self.attempts - len(waiting)
        if waiting:
            self.delivered_bits -= sum(attempt.packet.bits for attempt in waiting)
        self.end()
        to(self)

    def end(self) -> None:
        """Ends a message that is delivered or cancelled: it reports nothing more, and holds on to nobody. Its sender
        may hold it, and the caches of the models would wait for the garbage collector."""
        self.done = True
        self.to, self.report = unheard, unreported

    def does(self, course: Course) -> None:
        """Reports its states from now on, as far as they are known."""
        if not self.open:
            self.report(self, course)

    def follow_oldest(self, now_s: float) -> None:
        """Follows, after an acknowledgement, the message's next unacknowledged packet."""
        before = course_from(self.packets[self.oldest].course, now_s)
        while self.packets[self.oldest].acked:
            self.oldest += 1
        after = course_from(self.packets[self.oldest].course, now_s)
        if after[0] == before[0] and len(before) == 1:
            after = after[1:]
        if after:
            self.does(after)


def course_from(course: Course, now_s: float) -> Course:
    """Returns the state of a course at this time, and those to come."""
    state = QUEUE
    for place, (from_s, each) in enumerate(course):
        if from_s > now_s:
            return [(now_s, state), *course[place:]]
        state = each
    return [(now_s, state)]


class Fragment(Packet):
    """A packet with what the timing plane knows of it."""

    attempt: int = 0
    sent_s: float = nan
    arrived: bool = False
    acked: bool = False
    course: Course = ()
    """States of its latest attempt, now and to come, as far as they are known."""
    visit: Customer | None = None
    """Visit to a queue whose order is not known when it joins."""
    joined_s: float = nan
    """Time at which its first attempt joined the link's queue."""
    visited_s: float = nan
    """Time at which its latest attempt joined."""
    arrivals: int = 0
    """Number of its arrivals."""
    timer: object = None
    """Handle that cancels its timer."""

    def __init__(
        self,
        bits: int,
        message: Message,
        index: MessageIndex,
        number: int,
        sender: DeviceSender,
        once: bool = False,
        header_bits: int = 0,
    ) -> None:
        self.bits = bits
        self.message = message
        self.index = index
        self.number = number
        self.sender = sender
        self.once = once
        """Whether it is sent one time only: a part between the first and the last."""
        self.header_bits = header_bits
        """Of its bits, those of its header."""

    @property
    def address(self) -> PacketIndex:
        """The address of the attempt under way."""
        return (*self.index, self.number, self.attempt)

    @property
    def acknowledges(self) -> bool:
        """True if it is an acknowledgement of what came in the other direction, and carries nothing."""
        return self.number < 0

    def wait_s(self, timeout_s: float) -> float:
        """Returns the time for which the attempt under way waits for its acknowledgement; an attempt that no
        retransmission follows has no jitter."""
        return timeout_s if self.once else self.sender.transmitter.timers.wait_s(timeout_s, *self.address)

    @property
    def state(self) -> str:
        """The last of its states that are known."""
        return self.course[-1][1] if self.course else QUEUE

    def does(self, course: Course) -> None:
        """Notes what it does from now on; its message does the same if this is its oldest unacknowledged packet."""
        self.course, message = course, self.message
        if self.number == message.oldest and not message.open:
            message.report(message, course)

    def enter(self, state: str, now_s: float) -> None:
        """Notes a change of its state."""
        if self.state is not state:
            self.does(((now_s, state),))


@dataclass(slots=True, eq=False)
class PlacedAttempt:
    """Attempt of a packet whose times on the air are known."""

    packet: Fragment
    number: int
    joined_s: float
    turn: Position
    """Position of its transmitter when it is its turn."""
    begin_s: float
    """Time at which its first bit goes out."""
    left_s: float
    """Time at which its last bit has."""
    arrives_s: float = nan
    """Time at which it arrives."""
    lost: bool = False
    off: bool = False
    """True if it was taken back before its turn: nothing that was to come of it counts."""

    @property
    def visit(self) -> Visit:
        """Visit to the queue."""
        return self.joined_s, self.turn[0], self.left_s


@dataclass(slots=True, eq=False)
class LinkTransmitter:
    """Transmitter and the air behind it: the whole link, or one device's when each has its own.

    First come, first served, what joins later changes nothing for those before: the times of an attempt are known when
    it joins (`place`). Any other order is that of a `server`.
    """

    curve: Curve
    clock: LaneClock
    position: Position
    """Position after the last attempt in its queue."""
    server: Transmitter[Fragment] | None
    loss: LossProcess
    delay: DelayProcess
    ack_loss: LossProcess
    timers: TimerJitter
    """The jitter of waits for an acknowledgement."""
    pauses: TimerJitter
    """The jitter of pauses after the last attempt in a row."""
    serve: Callable[[LinkTransmitter, float], None]
    """Has it start what may start at this instant, for its gate."""
    queue: list[PlacedAttempt] = field(default_factory=list)
    """Attempts in order, those that have left by now among them; a list, since most are short, and there may be very
    many."""
    remembers: bool = field(init=False)
    """True if its curve remembers anything."""
    planned: int = 0
    """The server's version that the next departure was set for."""
    on_air: int = 0
    """Packets between their first bit and their last."""
    changed_s: float = 0.0
    """Time at which one last began or left."""
    had_each_s: float = 0.0
    """Value of `each_s` at that time."""

    def __post_init__(self) -> None:
        self.remembers = type(self.curve).forget is not Curve.forget

    def place(self, packet: Fragment, now_s: float) -> PlacedAttempt:
        """The attempt that joins now: behind all others, or, as the last one ends, as after a rest."""
        queue, after = self.queue, self.position
        while queue and queue[0].left_s <= now_s + ROUNDING_S:
            gone = queue.pop(0)
            gone.packet.sender.had_air_s += gone.left_s - gone.begin_s
        if self.remembers:
            self.curve.forget(now_s)
        if queue:
            turn = Position(after[0], after[1], packet.index)
        else:
            turn = self.curve.idle(after, max(now_s, after[0]), packet.index)
        return self._behind(packet, packet.attempt, now_s, turn)

    def take_back(self, gone: Sequence[PlacedAttempt]) -> list[tuple[PlacedAttempt, PlacedAttempt]]:
        """Removes waiting attempts of one message from the queue. Returns those behind them, each with the attempt that
        takes its place."""
        place = self.queue.index(gone[0])
        behind = self.queue[place:]
        del self.queue[place:]
        self.position = gone[0].turn
        moved = []
        for old in behind:
            old.off = True
            if old not in gone:
                turn = self.position._replace(message=old.packet.index)
                moved.append((old, self._behind(old.packet, old.number, old.joined_s, turn)))
        return moved

    def _behind(self, packet: Fragment, number: int, joined_s: float, turn: Position) -> PlacedAttempt:
        """Places an attempt behind the others. The curve is never asked beyond the horizon."""
        curve = self.curve
        if turn[0] > curve.horizon_s or turn[0] == inf:
            begin_s, self.position = inf, Position(inf, 0.0, turn[2])
        else:
            begin_s, self.position = curve.carry(turn, packet.bits)
            if self.remembers and self.position[0] < inf:
                curve.heard()  # it leaves for certain, and the changes until then are no longer counted
        attempt = PlacedAttempt(packet, number, joined_s, turn, begin_s, self.position[0])
        self.queue.append(attempt)
        return attempt

    def each_s(self, now_s: float) -> float:
        """Returns the air that a packet would have had that was there all the time; several at once divide it
        equally."""
        return self.had_each_s + ((now_s - self.changed_s) / self.on_air if self.on_air else 0.0)

    def take_air(self, now_s: float) -> float:
        """A packet's first bit goes out. Returns `each_s`."""
        self.had_each_s, self.changed_s = self.each_s(now_s), now_s
        self.on_air += 1
        return self.had_each_s

    def free_air(self, now_s: float) -> float:
        """A packet's last bit has left. Returns `each_s`."""
        self.had_each_s, self.changed_s = self.each_s(now_s), now_s
        self.on_air -= 1
        return self.had_each_s


@dataclass(slots=True, eq=False)
class DeviceSender:
    """Entry of a device's packets into a link: its window, before a transmitter that others may share. It counts what
    the device can know of the link."""

    arq: Sender[Fragment]
    transmitter: LinkTransmitter
    reverse_delay_s: float
    """Travel time of an acknowledgement back to it."""
    alarmed_s: float = inf
    """Time at which its sender's alarm is looked at next."""
    sent_bits: int = 0
    """Put on the air for it, headers and retransmissions included."""
    dropped: int = 0
    """Packets that a full buffer or a cancelled message has dropped."""
    granted_s: float = -inf
    """Time at which its latest message was, or will be, granted."""
    had_air_s: float = 0.0
    """Time that its packets were on the air, less, for each that is there, what `each_s` was when it began."""
    on_air: int = 0
    acked_bits: int = 0
    unacked_packets: int = 0
    round_trip_s: float = nan
    timeouts: int = 0

    def access_s(self, config: LinkConfig, now_s: float) -> float:
        """Returns the wait for its grant of a message that is put now, longer where the device must first get a
        connection.

        Simplified: only what a device sends keeps its connection; what it receives does so too in LTE and NR. While one
        waits for its connection, its later messages wait for the same one."""
        if config.idle_after_s is None:
            return config.access_s
        silent_s = now_s - max(self.granted_s, now_s if self.unacked_packets else self.arq.left_s)
        idle = silent_s >= config.idle_after_s
        wait_s = config.idle_access_s if idle else max(config.access_s, self.granted_s - now_s)
        self.granted_s = now_s + wait_s
        return wait_s

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
        """Returns the time that its packets have been on the air so far; of a time that several share, each has an
        equal part."""
        return self.had_air_s + self.on_air * self.transmitter.each_s(now_s)
