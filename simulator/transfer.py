"""Getting a payload across a link whatever happens: where the link gives a message up, it is put on again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import simpy

from channels.link.rates import REPETITION, MessageIndex
from simulator.events import later
from simulator.link import Link
from simulator.messages import TIMEOUT_WAIT, Message


class Transfer:
    """One payload on its way. `deliver` is called once with this transfer, unless it is withdrawn first."""

    def __init__(
        self,
        link: Link,
        index: MessageIndex,
        bits: int,
        deliver: Callable[[Transfer], None],
        report: Callable[[str], None],
        parts_bits: tuple[int, ...] = (),
    ) -> None:
        self.prefix = 0
        """Once delivered: how many leading packets are in, all of them unless it went in parts."""
        self.sent_bits = 0
        """Bits put on the air for it until it was delivered."""
        self.attempts = 0
        self._link = link
        self._bits = bits
        self._parts_bits = parts_bits
        self._deliver = deliver
        self._report = report
        self._message = self._put(index)
        self._withdrawn = False

    def withdraw(self) -> None:
        """It is no longer wanted."""
        self._withdrawn = True
        self._link.withdraw(self._message)

    def _put(self, index: MessageIndex) -> Message:
        message = Message(index, self._bits, self._arrived, self._report, self._given_up, self._parts_bits)
        self._link.put(message)
        return message

    def _count(self, message: Message) -> None:
        self.sent_bits += message.sent_bits
        self.attempts += message.attempts

    def _arrived(self, message: Message) -> None:
        self._count(message)
        self.prefix = message.prefix
        self._deliver(self)

    def _given_up(self, message: Message) -> None:
        """The attempts are used up: wait as long as the longest timer, then try afresh."""
        self._count(message)
        self._report(TIMEOUT_WAIT)
        device, request, round_ = message.index
        again = partial(self._again, (device, request, round_ + REPETITION))
        later(self._link.env, self._link.config.arq.timeout_max_s, again)

    def _again(self, index: MessageIndex, _: simpy.Event) -> None:
        if not self._withdrawn:
            self._message = self._put(index)
