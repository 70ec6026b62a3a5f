"""Base of the drivers of both ends of a request: they put messages, and know which of them have arrived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simulator.protocols.machine import CloudMachine, EdgeMachine, MessageArrived, MessageKind
from simulator.schemes.policy import SeenLink
from simulator.testbed.journal import Journal, MessageTaken, StateEntered
from simulator.testbed.packet_header import MessageAddress, PacketKind, RealMessage


class Transport(Protocol):
    """Network as a driver needs it (`transport.endpoint.Endpoint`)."""

    def put(self, message: RealMessage) -> None:
        """Takes on a message; never blocks."""
        ...

    def cancel(self, *addresses: MessageAddress) -> None:
        """Sends nothing more of these: they are known to have arrived, or are not wanted any more."""
        ...

    def seen_by(self, device: int) -> SeenLink:
        """Returns the state of the link on which it sends as far as a device has seen it."""
        ...


class EndpointDriver:
    """End of a request, `key`: (device, request)."""

    def __init__(self, key: tuple[int, int], transport: Transport, journal: Journal) -> None:
        self.key = key
        self.transport = transport
        self.journal = journal
        self.unacknowledged: list[MessageAddress] = []
        """Messages that the other end is not known to have, in order."""

    def put(self, kind: MessageKind, number: int, content: bytes) -> None:
        """Puts a message of a round."""
        address = MessageAddress(PacketKind(kind), *self.key, number)
        self.unacknowledged.append(address)
        self.transport.put(RealMessage(address, content))

    def arrived(self, message: RealMessage, machine: EdgeMachine | CloudMachine) -> MessageArrived:
        """The event of a message for a machine; cancels what it acknowledges."""
        address = message.address
        event = MessageArrived(MessageKind(address.kind), address.round, (message.content,))
        through = machine.acknowledged(event)
        self.cancel(lambda number: number <= through)
        return event

    def cancel(self, over: Callable[[int], bool]) -> None:
        """Has nothing more sent of messages about the rounds that are over."""
        self.transport.cancel(*(address for address in self.unacknowledged if over(address.round)))
        self.unacknowledged = [address for address in self.unacknowledged if not over(address.round)]

    def enter(self, number: int, state: str, at_s: float | None = None, *, reply: bool = False) -> None:
        """Notes what a round, or its reply, waits for from now on, or from that time on."""
        at_s = self.journal.now_s if at_s is None else at_s
        self.journal.note(StateEntered(*self.key, number, state, reply, at_s))

    def note_taken(self, message: RealMessage) -> None:
        """A machine has taken the message."""
        self.journal.note(MessageTaken(message.address, self.journal.now_s))
