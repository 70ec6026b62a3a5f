"""What the two ends of a request ask of the network: to carry letters, and to stop carrying them."""

from __future__ import annotations

from typing import Protocol

from simulator.testbed.packet_header import MessageAddress, RealMessage


class Post(Protocol):
    """Of one process (`endpoint.Endpoint`)."""

    def put(self, letter: RealMessage) -> None:
        """Takes a letter on; never blocks."""
        ...

    def cancel(self, *addresses: MessageAddress) -> None:
        """Nothing more of these is sent: a reply has acknowledged them, or they are not wanted any more."""
        ...

    def restart(self, epoch: int) -> None:
        """The cloud is another one: nothing is under way any more, and nothing has arrived."""
        ...
