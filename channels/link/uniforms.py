"""Randomness by index: the same question has the same answer, in whatever order events ask.

A link never draws "the next" number. Each uniform has an address, such as (device, request, round, fragment, attempt),
so that two cells that differ only in their network lose the same packets and see the same fades wherever they can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Uniforms(Protocol):
    """An indexed source of uniform numbers. A pure function: no state, no order."""

    def uniform(self, *index: int) -> float:
        """The number at `index`, in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class Branch:
    """The part of an indexed source under a prefix: its own numbers for a purpose, a lane or a device."""

    root: Uniforms
    prefix: tuple[int, ...]

    def uniform(self, *index: int) -> float:
        """The root's number at prefix + index, in [0, 1)."""
        return self.root.uniform(*self.prefix, *index)
