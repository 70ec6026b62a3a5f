"""The values that the steps of the decoding plane take and give. All are immutable; see `decoding` for the steps."""

from __future__ import annotations

from dataclasses import dataclass

from channels.codec import wire
from simulator.measures import Measures
from simulator.memory import Node
from simulator.schemes.base import State


@dataclass(frozen=True, slots=True)
class Drafted:
    """One draft as drawn and sent, and the scheme's state after it."""

    draft: wire.Draft
    support_size: int
    dropped_mass: float
    tv_quantization: float
    covering_bound: float
    over_budget: bool
    state: State


@dataclass(frozen=True, slots=True)
class Full:
    """The next draft could exceed the budget, so it was not drawn. Its pass was made: the rule needs q_n."""


@dataclass(frozen=True, slots=True)
class Branch:
    """What the edge knows. Round `round` is open with `drafts`; the drafter's cache holds the first `cached` tokens of
    `context`."""

    node: Node
    round: int
    committed: tuple[int, ...]
    state: State
    drafts: tuple[Drafted, ...] = ()
    full: bool = False
    cached: int = 0

    @property
    def context(self) -> tuple[int, ...]:
        """The committed text, then the drafts of the open round."""
        return (*self.committed, *(drafted.draft.token for drafted in self.drafts))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A payload and the round it builds on. `sent` is the observer's copy; nothing at the cloud's end reads it."""

    node: Node
    round: int
    payload: bytes
    sent: Branch


@dataclass(frozen=True, slots=True)
class CloudView:
    """What the cloud knows: the committed text, and how many tokens of it the verifier's cache holds."""

    node: Node
    round: int
    committed: tuple[int, ...]
    cached: int = 0

    def after(self, node: Node, committed: tuple[int, ...]) -> CloudView:
        """The view once a round has committed these tokens; the last of them is not in the cache yet."""
        text = (*self.committed, *committed)
        return CloudView(node, self.round + 1, text, len(text) - 1)


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdict on a round's drafts, the bytes of the reply, the tokens it commits, and what an observer measures."""

    drafts: tuple[int, ...]
    accepted: int
    reply: bytes
    committed: tuple[int, ...]
    measures: Measures


@dataclass(frozen=True, slots=True)
class Stale:
    """A payload for another round than the one that is open: dropped before it is decoded."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What a resolved round committed, and how many of its drafts came to nothing."""

    committed: tuple[int, ...]
    drafts: int
