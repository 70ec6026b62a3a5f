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


def most_drafts(max_drafts: int, remaining_tokens: int) -> int:
    """L drafts may commit L + 1 tokens: no more drafts than can be of use, and one at least, if any are made at all."""
    return min(max_drafts, max(1, remaining_tokens - 1))


class Policy(Protocol):
    """The only decider of what the edge does next."""

    def next(self, view: EdgeView) -> Action: ...


@dataclass(frozen=True)
class FixedLength:
    """Draft L_max tokens, fewer where the budget is full or the output limit near."""

    max_drafts: int

    def next(self, view: EdgeView) -> Action:
        enough = view.drafted >= most_drafts(self.max_drafts, view.remaining_tokens)
        return Action.SEND if view.full or enough else Action.DRAFT
