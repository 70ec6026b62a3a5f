"""Who decides what the edge does next: draft one more, send, or wait.

A policy sees what an edge can see (`EdgeView`): never p, the future, or the draft that it stops before. What it
remembers is a tuple of its own that the device hands back to it; it lives on from request to request.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from channels.codec import wire
from kinds import Choice

PolicyState = tuple[float, ...]


@dataclass(frozen=True)
class DraftOne:
    """One more draft."""


@dataclass(frozen=True)
class Send:
    """The round as it is, at least one draft."""


@dataclass(frozen=True)
class Wait:
    """Nothing until this time, later than now; then the policy is asked again."""

    until_s: float


Action = DraftOne | Send | Wait
DRAFT: Final = DraftOne()
SEND: Final = Send()


class SeenDraft(NamedTuple):
    """One draft of the open round."""

    draft: wire.Draft
    """With qhat: its support and counts."""
    confidence: float
    """q(d), the drafter's own probability of it."""
    dropped_mass: float


class SeenVerdict(NamedTuple):
    """How an earlier round ended, and when: `answered_s - sent_s` is what the network and the cloud took of it."""

    drafted: int
    accepted: int
    payload_bits: int
    sent_s: float
    answered_s: float


class SeenLink(NamedTuple):
    """What the uplink has shown this device so far, as its sender knows it."""

    acked_bits: int = 0
    """Put on the air in packets that were acknowledged, headers included."""
    unacked_packets: int = 0
    """Its packets that wait, are on the air, or are not acknowledged yet."""
    round_trip_s: float = float("nan")
    """Of the packet acknowledged last that was sent once: from when it joined the link's queue to its acknowledgement,
    so waiting, transmission and both ways of travel."""
    timeouts: int = 0
    """Timers that ran out."""


class EdgeView(NamedTuple):
    """What an edge can see when it decides."""

    now_s: float
    drafts: tuple[SeenDraft, ...]
    """Of the open round, the earliest first."""
    most_drafts: int
    """The most that the round may have: the scheme's limit, or what the answer can still use. There it is sent."""
    remaining_tokens: int
    """Output tokens still to come before this round."""
    verdicts: tuple[SeenVerdict, ...]
    """Of the request's rounds before, the latest last."""
    link: SeenLink


def most_drafts(max_drafts: int, remaining_tokens: int) -> int:
    """L drafts may commit L + 1 tokens: no more drafts than can be of use, and one at least, if any are made at all."""
    return min(max_drafts, max(1, remaining_tokens - 1))


class Policy(Choice, family=True):
    """The only decider of what the edge does next.

    A round is sent without asking once it has `most_drafts`, or the budget has no room for one more.
    """

    def plan(self, most_drafts: int) -> int | None:
        """For a policy that never looks: how many drafts the next round gets, 1 to `most_drafts`. None: ask `next`."""
        return None

    def entry(self, last: PolicyState | None) -> PolicyState:
        """The state before a request; `last` is how the device's request before ended, None at first."""
        return () if last is None else last

    @abstractmethod
    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        """What to do now, and the state after. Without a draft yet, `Send` is no choice."""

    def learn(self, verdict: SeenVerdict, state: PolicyState) -> PolicyState:
        """The state after a round was judged."""
        return state


class FixedLength(Policy):
    """Draft as many as the scheme allows, fewer where the budget is full or the output limit near."""

    kind: Literal["fixed_length"] = "fixed_length"

    def plan(self, most_drafts: int) -> int:
        return most_drafts

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return DRAFT, state
