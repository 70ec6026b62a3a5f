"""How the acknowledgements of a link come back to its senders: free of charge, or as packets of the reverse link.

Free ones take the mean delay of the way back and are lost by `arq.ack_loss`. Where they cost bits, each joins the queue
of the reverse link behind what is there and meets its rate, losses and delay. It is sent once, and never acknowledged
itself. A reply acknowledges for nothing (`Link.acknowledge`); acknowledgements under way when it does still go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import simpy

from channels.link.arq import Arq
from channels.link.rates import MessageIndex
from simulator.timing.later import later
from simulator.timing.messages import Fragment, Message, Port

_END: Final = -(1 << 20)
"""The number of the word that the far end waits for no more: below those of all acknowledgements."""


class Carrier(Protocol):
    """A link, as far as acknowledgements of the other way are concerned."""

    def port(self, device: int) -> Port:
        """Where the packets for this device enter it."""
        ...

    def carry(self, packet: Fragment) -> None:
        """Takes on a packet that is sent once, and that nobody acknowledges."""
        ...


class WayBack:
    """Of one link. `reverse` tells the link that carries its acknowledgements to or from a device."""

    def __init__(self, env: simpy.Environment, arq: Arq) -> None:
        self.reverse: Callable[[int], Carrier] | None = None
        self.bits = arq.ack_bits
        """Of each acknowledgement; 0: they are free."""
        self._env = env

    def send(self, of: Fragment, heard: bool, then: Callable[[object], None]) -> None:
        """Acknowledges a packet that has arrived; its sender does `then` when it hears. `heard`: a free one is not
        lost."""
        if self.bits:
            self._carry(of.index, -of.number - 1, of.arrivals - 1, then)
        elif heard:
            later(self._env, of.port.reverse_delay_s, then)

    def end(self, of: Message, then: Callable[[object], None]) -> None:
        """Tells the sender that the far end waits for no more of a message of several parts; a free word is heard."""
        if self.bits:
            self._carry(of.index, _END, 0, then)
        else:
            later(self._env, of.packets[0].port.reverse_delay_s, then)

    def _carry(self, index: MessageIndex, number: int, attempt: int, then: Callable[[object], None]) -> None:
        """Numbers below 0 keep its luck, and what observers see, apart from that of the packets with content."""
        assert self.reverse is not None, "I1: acknowledgements that cost bits have no link to go back on"
        link = self.reverse(index[0])
        packet = Fragment(self.bits, Message(index, (), then), index, number, link.port(index[0]))
        packet.attempt = attempt
        link.carry(packet)
