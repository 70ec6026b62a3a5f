"""The values that the steps of the decoding plane take and give; see `decoding` for the steps.

All are immutable to the world. The fields that begin with `then_` are the memory's: the outcome of each step that was
taken from a value hangs on it. Large runs walk through millions of them, so they are small: most values have one
outcome of a kind, and a few pairs are found sooner than a key in a dict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from channels.codec import wire
from simulator.decoding.divergences import Measures
from simulator.schemes.draft_scheme import Floats, Ids, Part, State

Tokens = tuple[int, ...]
K = TypeVar("K")
V = TypeVar("V")
Outcomes = tuple[tuple[K, V], ...]
"""Pairs of what a step was taken with and its outcome."""


def outcome(outcomes: Outcomes[K, V], key: K) -> V | None:
    """The outcome for this key; None where the step was never taken with it."""
    for known, value in outcomes:
        if known == key:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Drafted:
    """One draft as drawn and sent, and the scheme's state after it."""

    draft: wire.Draft
    drawn_from: Floats | Ids
    """Weights [K] over the draft's support that it was really drawn by, of any total: its counts, of a sound scheme."""
    support_size: int
    dropped_mass: float
    tv_quantization: float
    covering_bound: float
    over_budget: bool
    state: State


class DraftSums(NamedTuple):
    """Of the drafts of a round, what an observer adds up; `over_budget`: whether any of them was."""

    support_size: int = 0
    coded_size: int = 0
    dropped_mass: float = 0.0
    tv_quantization: float = 0.0
    over_budget: bool = False


def sum_drafts(drafts: Sequence[Drafted]) -> DraftSums:
    """The sums of these drafts."""
    return DraftSums(
        sum(drafted.support_size for drafted in drafts),
        sum(drafted.draft.support.size for drafted in drafts),
        sum((drafted.dropped_mass for drafted in drafts), 0.0),
        sum((drafted.tv_quantization for drafted in drafts), 0.0),
        any(drafted.over_budget for drafted in drafts),
    )


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
    then_compose: tuple[int, Branch] | None = field(default=None, repr=False)
    then_seal: Sealed | None = field(default=None, repr=False)
    then_resolve: Outcomes[bytes, tuple[Branch, Undone]] = field(default=(), repr=False)
    then_alone: tuple[Branch, Verified] | None = field(default=None, repr=False)

    def context(self) -> Tokens:
        """The committed text, then the drafts of the open round."""
        return (*self.committed, *(drafted.draft.token for drafted in self.drafts))

    @property
    def length(self) -> int:
        """Tokens of `context()`."""
        return len(self.committed) + len(self.drafts)

    @property
    def passes(self) -> int:
        """The passes of the drafter that the open round took; of a full one, the last came to nothing."""
        return len(self.drafts) + self.full


@dataclass(slots=True, eq=False)
class Sealed:
    """A round's payload, in one part or in several that may arrive without the later ones, and the round it builds on.

    `sent` is the observer's copy; nothing at the cloud's end reads it. `then_verify` goes by the parts that arrived.
    """

    round: int
    parts: tuple[Part, ...]
    sent: Branch
    then_verify: Outcomes[int, tuple[CloudView, Verified]] = field(default=(), repr=False)
    bits: int = field(init=False)
    """The payload's length, all parts together."""
    parts_bits: tuple[int, ...] = field(init=False)
    """The length of each part."""
    sums: DraftSums = field(init=False)

    def __post_init__(self) -> None:
        self.parts_bits = tuple(8 * len(part.payload) for part in self.parts)
        self.bits = sum(self.parts_bits)
        self.sums = sum_drafts(self.sent.drafts)

    def heard(self, arrived: int) -> int:
        """The drafts in the first `arrived` parts."""
        if arrived == 1:
            return self.parts[0].drafts
        return sum(part.drafts for part in self.parts[:arrived])


@dataclass(slots=True, eq=False)
class CloudView:
    """What the cloud knows: the committed text, and how many tokens of it the verifier's cache holds."""

    round: int
    committed: Tokens
    cached: int = 0
    then_prefill: CloudView | None = field(default=None, repr=False)
    then_hosted: Outcomes[int, tuple[CloudView, Verified]] = field(default=(), repr=False)

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

    def text_before(self, after: CloudView) -> Tokens:
        """The committed text that its drafts followed, from the view after it."""
        return after.committed[: len(after.committed) - len(self.committed)]


@dataclass(frozen=True, slots=True)
class Stale:
    """A payload for another round than the one that is open: dropped before it is decoded."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What a resolved round committed, and how many of its drafts came to nothing."""

    committed: Tokens
    drafts: int
