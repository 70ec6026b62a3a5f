"""The values that the steps of the decoding plane take and give; see `decoding` for the steps.

All are immutable to the world. The fields that begin with `then_` are the memory's: the outcome of each step that was
taken from a value hangs on it, and None, or an empty dict, means that it never was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from channels.codec import wire
from simulator.measures import Measures
from simulator.schemes.base import Part, State

Tokens = tuple[int, ...]


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


@dataclass(slots=True, eq=False)
class Branch:
    """What the edge knows. Round `round` is open with `drafts`; the drafter's cache holds the first `cached` tokens of
    `context()`."""

    round: int
    committed: Tokens
    state: State
    drafts: tuple[Drafted, ...] = ()
    full: bool = False
    cached: int = 0
    then_draft: tuple[Branch, Drafted | Full] | None = field(default=None, repr=False)
    then_seal: dict[int | None, Sealed] = field(default_factory=dict, repr=False)
    then_resolve: dict[bytes, tuple[Branch, Undone]] = field(default_factory=dict, repr=False)
    then_alone: tuple[Branch, Verified] | None = field(default=None, repr=False)

    def context(self) -> Tokens:
        """The committed text, then the drafts of the open round."""
        return (*self.committed, *(drafted.draft.token for drafted in self.drafts))

    @property
    def length(self) -> int:
        """Tokens of `context()`."""
        return len(self.committed) + len(self.drafts)


@dataclass(slots=True, eq=False)
class Sealed:
    """A round's payload, in one part or in several that may arrive without the later ones, and the round it builds on.

    `sent` is the observer's copy; nothing at the cloud's end reads it. `then_verify` goes by the parts that arrived.
    """

    round: int
    parts: tuple[Part, ...]
    sent: Branch
    then_verify: dict[int, tuple[CloudView, Verified]] = field(default_factory=dict, repr=False)

    @property
    def parts_bits(self) -> tuple[int, ...]:
        """The length of each part."""
        return tuple(8 * len(part.payload) for part in self.parts)

    def heard(self, arrived: int) -> int:
        """The drafts in the first `arrived` parts."""
        return sum(part.drafts for part in self.parts[:arrived])


@dataclass(slots=True, eq=False)
class CloudView:
    """What the cloud knows: the committed text, and how many tokens of it the verifier's cache holds."""

    round: int
    committed: Tokens
    cached: int = 0
    then_prefill: CloudView | None = field(default=None, repr=False)
    then_hosted: tuple[CloudView, Verified] | None = field(default=None, repr=False)

    def after(self, committed: Tokens) -> CloudView:
        """The view once a round has committed these tokens; the last of them is not in the cache yet."""
        text = (*self.committed, *committed)
        return CloudView(self.round + 1, text, len(text) - 1)


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdict on a round's drafts, the bytes of the reply, the tokens it commits, and what an observer measures."""

    drafts: Tokens
    accepted: int
    reply: bytes
    committed: Tokens
    measures: Measures


@dataclass(frozen=True, slots=True)
class Stale:
    """A payload for another round than the one that is open: dropped before it is decoded."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What a resolved round committed, and how many of its drafts came to nothing."""

    committed: Tokens
    drafts: int
