"""Base of the drivers of both ends of a request: they put messages, and know which of them have arrived. Texts whose
forward passes are timed, from the call to the distributions."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from models.interface import CachedText, Distributions, TokenTree
from simulator.decoding.memory import ReplayedText
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


class TimedText(ReplayedText):
    """A text that reports the seconds of each pass."""

    def __init__(self, open_text: Callable[[], CachedText], report: Callable[[float], None]) -> None:
        super().__init__(open_text)
        self._report = report

    def _pass(self, text: CachedText, tokens: tuple[int, ...], asked: int | TokenTree) -> Distributions:
        began_s = time.perf_counter()
        distributions = super()._pass(text, tokens, asked)
        self._report(time.perf_counter() - began_s)
        return distributions


class WorkerText(TimedText):
    """A text whose passes a worker thread makes. What is dropped of its cache is dropped there, by `settle`, since the
    event loop may read a reply while a pass is made."""

    def __init__(self, open_text: Callable[[], CachedText]) -> None:
        self.passes_s: list[float] = []
        """Seconds of each pass since this was emptied last."""
        super().__init__(open_text, self.passes_s.append)
        self._put_off: deque[Callable[[], None]] = deque()

    def settle(self) -> None:
        """Drops what is to be dropped. No pass is under way."""
        while self._put_off:
            self._put_off.popleft()()

    def keep(self) -> None:
        """Keeps all that is cached: it was read, and is committed."""
        self._put_off.clear()

    def crop(self, length: int) -> None:
        self._put_off.append(partial(super().crop, length))

    def graft(self, path: tuple[int, ...]) -> None:
        self._put_off.append(partial(super().graft, path))

    def release(self, tokens: int) -> None:
        self._put_off.append(partial(super().release, tokens))
