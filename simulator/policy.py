"""Who decides what the edge does next: draft one more, or send.

A policy never sees p, the future, or the draft that it stops before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol


class Action(Enum):
    """What the edge does next."""

    DRAFT = "draft"
    SEND = "send"


class EdgeView(NamedTuple):
    """What an edge can see of its open round."""

    drafted: int
    full: bool
    """The last try found no room for one more draft in the budget."""
    remaining_tokens: int
    """Output tokens still to come before this round."""


class Policy(Protocol):
    """The only decider of what the edge does next."""

    def next(self, view: EdgeView) -> Action: ...


@dataclass(frozen=True)
class FixedLength:
    """Draft L_max tokens, fewer where the budget is full or the output limit near: L drafts may commit L + 1 tokens."""

    max_drafts: int

    def next(self, view: EdgeView) -> Action:
        wanted = min(self.max_drafts, max(1, view.remaining_tokens - 1))
        return Action.SEND if view.full or view.drafted >= wanted else Action.DRAFT
