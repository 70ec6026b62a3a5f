"""The far end of a real link: packets put together to letters, each heard once however often its packets come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from simulator.testbed.packet_header import MessageAddress, PacketHeader, RealMessage


@dataclass(slots=True)
class _Coming:
    """What has come of one letter."""

    arrivals: Counter[int] = field(default_factory=Counter)
    """Of each fragment."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """Empty again when the letter is whole."""
    count: int | None = None
    """Of its fragments; None before the last one has come."""
    whole: bool = False


class Inbox:
    """All that has come to one host."""

    def __init__(self) -> None:
        self._coming: dict[tuple[int, MessageAddress], _Coming] = {}
        """By epoch too: the word that a new one begins is one of its letters."""

    def take(self, header: PacketHeader, content: bytes) -> tuple[int, RealMessage | None]:
        """A packet has come. Answers how often it has by now, and its letter if that is whole from now on."""
        coming = self._coming.setdefault((header.epoch, header.address), _Coming())
        coming.arrivals[header.fragment] += 1
        if not coming.whole:
            coming.contents.setdefault(header.fragment, content)
            if header.last and coming.count is None:
                coming.count = header.fragment + 1
        return coming.arrivals[header.fragment], self._whole(coming, header.address)

    def forget_others(self, epoch: int) -> None:
        """What came in any other epoch has never come."""
        self._coming = {key: coming for key, coming in self._coming.items() if key[0] == epoch}

    def _whole(self, coming: _Coming, address: MessageAddress) -> RealMessage | None:
        if coming.whole or coming.count is None or any(part not in coming.contents for part in range(coming.count)):
            return None
        letter = RealMessage(address, b"".join(coming.contents[part] for part in range(coming.count)))
        coming.whole = True
        coming.contents.clear()
        return letter
