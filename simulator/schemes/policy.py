"""Who decides what the edge does next: draft one more, send, or wait.

A policy sees what an edge can see (`EdgeView`): never p, the future, or the draft that it stops before. What it
remembers is a tuple of its own that the device hands back to it; it lives on from request to request.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, NamedTuple

from channels.codec import wire
from kinds import Choice
from kinds.mistakes import Rule, is_number
from simulator.schemes import answers

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

    method_rules: ClassVar[Mapping[str, Rule]] = {
        "plan": lambda length, most_drafts: _length(length, most_drafts),
        "next": lambda answer, view, _: _action(answer, view),
        "entry": answers.state,
        "learn": answers.state,
    }

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


def _length(answer: object, most_drafts: int) -> object:
    if answer is not None and (not isinstance(answer, int) or not 1 <= answer <= most_drafts):
        raise ValueError(f"must return 1..{most_drafts} drafts, or None to be asked, got {answer!r}")
    return answer


def _action(answer: object, view: EdgeView) -> object:
    if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], tuple)):
        raise ValueError(f"must return an action and a state (a tuple of numbers), got {answer!r}")
    action = answer[0]
    if not isinstance(action, DraftOne | Send | Wait):
        raise ValueError(f"must return DRAFT, SEND or Wait(until_s), got {action!r}")
    if isinstance(action, Wait) and not (is_number(action.until_s) and action.until_s > view.now_s):
        raise ValueError(f"waits for until_s = {action.until_s}: must be later than now, {view.now_s:g}")
    if isinstance(action, Send) and not view.drafts:
        raise ValueError("sends a round without a draft; DRAFT or Wait first")
    return answer


class FixedLength(Policy):
    """Draft as many as the scheme allows, fewer where the budget is full or the output limit near."""

    kind: Literal["fixed_length"] = "fixed_length"

    def plan(self, most_drafts: int) -> int:
        return most_drafts

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return DRAFT, state
