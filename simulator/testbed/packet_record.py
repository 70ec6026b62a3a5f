"""Packets of a run, from two journals: its sender's, when an attempt joined the queue, and the relay's, when it was on
the link and whether it arrived. What a message does at each time follows from the attempts of its packets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from operator import itemgetter

from simulator.results.ledger import Course
from simulator.results.rounds import InstantTransfer
from simulator.testbed.journal import Event, MessagePut, MessageReceived, PacketAcknowledged, PacketQueued, PacketSent
from simulator.testbed.packet_header import OPPOSITE, Direction, MessageAddress
from simulator.timing.messages import PROPAGATION, QUEUE, RETRANSMIT, TIMEOUT_WAIT, TRANSMIT


@dataclass(slots=True, eq=False)
class PacketAttempt:
    """Attempt of a packet that was on the link; times in seconds."""

    sent: PacketSent
    joined_s: float
    began_s: float
    left_s: float
    arrives_s: float
    """nan: never."""

    @property
    def acknowledges(self) -> bool:
        """True if it is an acknowledgement, of the packet that it names."""
        return self.sent.note is not None

    @property
    def direction(self) -> Direction:
        """The direction of the link that it takes."""
        direction = self.sent.address.direction
        return OPPOSITE[direction] if self.acknowledges else direction

    @property
    def course(self) -> Course:
        """The states of its packet, each with the time from which on it holds."""
        arrives = self.arrives_s >= self.left_s
        course = [
            (self.joined_s, QUEUE),
            (self.began_s, RETRANSMIT if self.sent.attempt else TRANSMIT),
            (self.left_s, PROPAGATION if arrives else TIMEOUT_WAIT),
        ]
        return [*course, (self.arrives_s, TIMEOUT_WAIT)] if arrives and not self.sent.answered else course


class PacketRecord:
    """Messages and packets of a whole run. Each message is put once."""

    def __init__(self, events: Iterable[Event]) -> None:
        queued_s = dict[tuple[MessageAddress, int, int], float]()
        sent = list[PacketSent]()
        self.puts: dict[MessageAddress, MessagePut] = {}
        self.received_s: dict[MessageAddress, float] = {}
        self._known_s: dict[tuple[MessageAddress, int], float] = {}
        """When the sender of a packet learned that it has arrived."""
        for event in events:
            if isinstance(event, PacketQueued):
                queued_s[event[:3]] = event.at_s
            elif isinstance(event, PacketSent):
                sent.append(event)
            elif isinstance(event, PacketAcknowledged):
                self._known_s[event[:2]] = event.at_s
            elif isinstance(event, MessagePut):
                self.puts[event.address] = event
            elif isinstance(event, MessageReceived):
                self.received_s[event.address] = event.at_s
        self.attempts = [_attempt(each, queued_s) for each in sorted(sent, key=lambda each: each.left_s)]
        """In the order in which they left."""
        self._of_message = defaultdict[MessageAddress, list[PacketAttempt]](list)
        for attempt in self.attempts:
            if not attempt.acknowledges:
                self._of_message[attempt.sent.address].append(attempt)

    def sent(self, address: MessageAddress, by_s: float = inf) -> tuple[int, int]:
        """Bits and packets that had begun on the link for a message by that time, headers and retransmissions
        included."""
        sent = [each.sent.bits for each in self._of_message.get(address, ()) if each.began_s <= by_s]
        return sum(sent), len(sent)

    def transfer(self, address: MessageAddress, now_s: float) -> InstantTransfer:
        """The transfer of a message as it stands now."""
        put = self.puts[address]
        transfer = InstantTransfer(put.at_s, bits=4 * len(put.content))
        received_s = self.received_s.get(address, inf)
        if received_s <= now_s:
            transfer.delivered_s = received_s
            transfer.delivered_bits, transfer.delivered_attempts = self.sent(address, received_s)
        return transfer

    def course(self, address: MessageAddress) -> Course:
        """Returns the states of a message, each with its start, until it is received: the state of its oldest packet
        whose arrival its sender does not know of."""
        put_s, received_s = self.puts[address].at_s, self.received_s.get(address, inf)
        packets = defaultdict[int, list[tuple[float, str]]](list)
        for attempt in self._of_message.get(address, ()):
            packets[attempt.sent.fragment] += attempt.course
        found, from_s = [(put_s, QUEUE)], put_s
        for fragment, states in sorted(packets.items()):
            known_s = self._known_s.get((address, fragment), inf)
            if known_s > from_s:
                states.sort(key=itemgetter(0))
                found += [(from_s, QUEUE), *((max(at_s, from_s), state) for at_s, state in states if at_s < known_s)]
                from_s = known_s
        return [each for each in found if each[0] < received_s]


def _attempt(sent: PacketSent, queued_s: Mapping[tuple[MessageAddress, int, int], float]) -> PacketAttempt:
    """The notes of two processes about one packet may cross: it is on the link when it has joined."""
    joined_s = sent.joined_s if sent.note is not None else queued_s.get(sent[:3], sent.joined_s)
    began_s = max(sent.began_s, joined_s)
    left_s = max(sent.left_s, began_s)
    return PacketAttempt(
        sent, joined_s, began_s, left_s, nan if sent.arrives_s is None else max(sent.arrives_s, left_s)
    )


def union_s(attempts: Sequence[PacketAttempt], over_s: float) -> float:
    """Returns the time during which at least one packet was on the link, in seconds."""
    taken_s, until_s = 0.0, 0.0
    for attempt in sorted(attempts, key=lambda each: each.began_s):
        left_s = min(attempt.left_s, over_s)
        taken_s += max(0.0, left_s - max(attempt.began_s, until_s))
        until_s = max(until_s, left_s)
    return taken_s
