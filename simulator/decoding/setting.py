"""What decides the tokens of a request, but its text and its random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from channels.codec import wire
from models.interface import LoadedPair
from simulator.cell.scheme import Scheme
from simulator.schemes.code import Packets
from simulator.schemes.draft_scheme import DraftScheme


@dataclass(frozen=True)
class Setting:
    """Of one class of devices."""

    pair: Callable[[], LoadedPair]
    scheme: Scheme
    vocabulary: int
    temperature: float
    room_bits: int | None = None
    """Of a scheme that sends partial rounds: the most that a part may take, bits; None: any."""

    @cached_property
    def format(self) -> wire.Format:
        """Of prompts and replies."""
        return self.scheme.format(self.vocabulary)


@dataclass(frozen=True)
class DraftSetting(Setting):
    """Where the edge drafts."""

    scheme: DraftScheme

    @cached_property
    def packets(self) -> Packets:
        """What writes and reads the payloads."""
        return self.scheme.packets(self.vocabulary)
