"""One replayed link: what its messages were doing at each time, and what its queue and its transmitter saw in all.

Each is a `Message` of the simulator's, its packets are `Fragment`s; they enter the states that they enter there, at the
times that the journals hold. HELLO and RESTORE, which a restarted cloud brings with it, take the link as all messages
do: they count in its queue, its airtime and its bits, and in no round's payload or reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.results.run_totals import LinkTotals
from simulator.results.station import Clock, Station
from simulator.testbed.packet_header import Direction, MessageAddress
from simulator.testbed.plan import link
from simulator.testbed.replayed.run_record import AttemptStep, PacketAttempt, RunRecord
from simulator.timing.messages import (
    PROPAGATION,
    QUEUE,
    RETRANSMIT,
    TIMEOUT_WAIT,
    TRANSMIT,
    Fragment,
    Message,
    Report,
    unheard,
    unreported,
)
from simulator.timing.transmitters import DeviceSenders


class ReplayedLink:
    """The messages on one link."""

    def __init__(self, cell: Cell, direction: Direction, clock: Clock) -> None:
        self._clock = clock
        self._config = link(cell, direction)
        station, uniforms = Station(clock, direction), Uniforms.of(cell.seed, direction)
        self._senders = DeviceSenders(station, self._config, uniforms, lambda _: 0.0, inf)
        self._messages: dict[MessageAddress, Message] = {}

    def put(self, address: MessageAddress, content: bytes, report: Report = unreported) -> Message:
        """A message gets in line. One that is put again, after a restart of the cloud, counts all that
        went out for it."""
        before = self._messages.get(address)
        self.cancel(address)
        now_s, index = self._clock.now, address.message_index
        message = self._messages[address] = Message(index, (content,), unheard, report)
        if before is not None:
            message.sent_bits, message.attempts = before.sent_bits, before.attempts
        sender = self._senders[address.device]
        sizes = [bits for bits, _ in self._config.packets_of(message.bits)]
        message.put_s, message.unacked = now_s, len(sizes)
        message.packets = [Fragment(bits, message, index, number, sender) for number, bits in enumerate(sizes)]
        message.does([(now_s, QUEUE)])
        return message

    def follow(self, what: AttemptStep) -> None:
        """An attempt of a packet is a step further."""
        step, attempt = what
        if step == "joins":
            message = self._messages.get(attempt.address)
            if message is None or attempt.acknowledges or attempt.fragment >= len(message.packets):
                return
            attempt.packet = message.packets[attempt.fragment]
        if (packet := attempt.packet) is None:
            return
        if step == "joins":
            state = QUEUE
        elif step == "starts":
            packet.message.sent_bits += attempt.bits
            packet.message.attempts += 1
            state = RETRANSMIT if attempt.attempt else TRANSMIT
        elif step == "leaves":
            state = PROPAGATION if attempt.arrives_s >= attempt.left_s else TIMEOUT_WAIT
        else:
            state = packet.state if attempt.acknowledged else TIMEOUT_WAIT
        packet.enter(state, self._clock.now)

    def acknowledge(self, address: MessageAddress, fragment: int) -> None:
        """The sender learns that a packet has arrived."""
        message = self._messages.get(address)
        if message is None or fragment >= len(message.packets) or message.packets[fragment].acked:
            return
        message.packets[fragment].acked = True
        message.unacked -= 1
        if message.unacked and not message.done:
            message.follow_oldest(self._clock.now)

    def arrive(self, address: MessageAddress) -> bool:
        """All of a message is at its far end. Answers whether it had been on its way."""
        message = self._messages.get(address)
        if message is None or message.done:
            return False
        message.arrived, message.delivered_s = message.content, self._clock.now
        message.delivered_bits, message.delivered_attempts = message.sent_bits, message.attempts
        message.end()
        return True

    def cancel(self, address: MessageAddress) -> None:
        """Its sender wants nothing more of a message."""
        message = self._messages.get(address)
        if message is not None:
            message.end()


def link_totals(cell: Cell, direction: Direction, record: RunRecord, clock: Clock) -> tuple[LinkTotals, int]:
    """What a link's queue and transmitter saw up to now, and how many of its packets were cancelled before their
    turn. As in the simulator a packet has the transmitter from its turn on, though its first bit may have to wait."""
    over_s, station, dropped = clock.now, Station(clock, direction), 0
    config = link(cell, direction)
    own = [each for each in record.attempts if each.direction == direction and each.joined_s <= over_s]
    in_turn = sorted((each for each in own if each.was_sent), key=lambda each: each.left_s)
    free_s = dict(zip(in_turn, [0.0, *(each.left_s for each in in_turn)], strict=False))
    for attempt in sorted(own, key=lambda each: each.joined_s):
        began_s, left_s = max(attempt.joined_s, free_s.get(attempt, 0.0)), attempt.left_s
        if not attempt.was_sent:
            gone_s = (each for each in record.cancelled_s.get(attempt.address, ()) if each >= attempt.joined_s)
            began_s = left_s = min(gone_s, default=inf)
            dropped += left_s <= over_s
        station.book((attempt.joined_s, began_s, left_s))
    sent = [each for each in own if each.began_s <= over_s]
    totals = LinkTotals(
        [station],
        [sum(each.bits for each in sent)],
        [cell.workload.devices],
        [_union_s(sent, over_s)],
        [config.on_air(sends=direction == "uplink")],
    )
    return totals, dropped


def _union_s(attempts: Iterable[PacketAttempt], over_s: float) -> float:
    """For how long there was a packet on the link."""
    taken_s, until_s = 0.0, 0.0
    for attempt in sorted(attempts, key=lambda each: each.began_s):
        left_s = min(attempt.left_s, over_s)
        taken_s += max(0.0, left_s - max(attempt.began_s, until_s))
        until_s = max(until_s, left_s)
    return taken_s
