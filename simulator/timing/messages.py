"""What travels on a link: messages as their owner sees them, and the packets they are cut into.

A message is ordinary or partial. An ordinary one is cut by the link's MTU and delivered when all of it is in. A partial
one says itself what each packet carries (whole drafts, say) and is delivered with the leading packets that are in as
soon as the next one is known to be lost: only its first packet is ever sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from channels.link.arq import Packet, Sender
from channels.link.delays import DelayProcess
from channels.link.losses import LossProcess
from channels.link.rates import MessageIndex
from channels.link.sharing import Server
from simulator.results.station import Customer

QUEUE: Final = "queue"
TRANSMIT: Final = "transmit"
RETRANSMIT: Final = "retransmit"
PROPAGATION: Final = "propagation"
TIMEOUT_WAIT: Final = "timeout_wait"
STATES: Final = (QUEUE, TRANSMIT, RETRANSMIT, PROPAGATION, TIMEOUT_WAIT)
"""What a message on a link can be doing: what its oldest unacknowledged packet does."""


@dataclass(slots=True, eq=False)
class Message:
    """A payload on its way through one link. After `deliver` or `withdraw` it hears nothing more."""

    index: MessageIndex
    bits: int
    deliver: Callable[[Message], None]
    """Called once, at the far end, when the last packet is in; of a partial message, as soon as `prefix` is known."""
    report: Callable[[Message, str], None]
    """Called with one of STATES at each change; a state that lasts no time may be left out."""
    parts_bits: tuple[int, ...] = ()
    """Of a partial message: the payload of each packet, bits. Empty: an ordinary one."""
    prefix: int = 0
    """When delivered: how many leading packets are in; all, of an ordinary message."""
    sent_bits: int = 0
    """Bits put on the air for it so far, headers and repeats included."""
    attempts: int = 0
    """Packets put on the air for it so far."""
    done: bool = False
    packets: Sequence[Flight] = ()
    missing: int = 0
    unacked: int = 0
    oldest: int = 0


@dataclass(slots=True, eq=False)
class Flight(Packet):
    """A packet with what the timing plane knows of it."""

    message: Message
    index: MessageIndex
    fragment: int
    port: Port
    state: str = QUEUE
    visit: Customer | None = None
    missed: bool = False
    """Known at the far end to be lost for good: a later packet of a partial message."""

    @property
    def once(self) -> bool:
        """Whether it is sent one time only."""
        return self.fragment > 0 and bool(self.message.parts_bits)


@dataclass(slots=True, eq=False)
class Lane:
    """One transmitter and the air behind it: the whole link, or one device's when each has its own."""

    server: Server[Flight]
    loss: LossProcess
    delay: DelayProcess
    ack_loss: LossProcess
    planned: int = 0
    """The server's version that the next departure was set for."""


@dataclass(frozen=True, slots=True, eq=False)
class Port:
    """Where a device's packets enter a link: its own sender, before a lane that others may share."""

    sender: Sender[Flight]
    lane: Lane
    reverse_delay_s: float
    """How long an acknowledgement travels back to it."""
