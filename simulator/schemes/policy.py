"""Policies decide the edge's next action: draft one more, send, wait, or let the cloud decode by itself.

A policy sees what an edge can see (`EdgeView`): never p, the future, or the draft that it stops before. What it
remembers is a tuple of its own that lives on from request to request. Policies: `policies`, a file each; here the one
that never looks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any, ClassVar, Final, Literal, NamedTuple

from channels.codec import wire
from kinds import Choice
from kinds.arrays import Floats
from kinds.field_texts import with_field_texts
from kinds.mistakes import Rule, is_number
from simulator.schemes import answers

PolicyState = tuple[float, ...]


@dataclass(frozen=True)
class DraftOne:
    """Action that drafts one more. If the policy looks at the distribution (`Policy.looks_at_law`), the pass comes
    first and the policy is asked again before the draw, except for a round's first draft, which is always drawn."""

    rung: int = 0
    """The operating point that the round is under, where a scheme has several. It counts with the first draft of a
    round."""


@dataclass(frozen=True)
class DraftRound:
    """The whole round, without being asked in between: so many drafts, fewer where the budget has no room. Only while
    it has none yet."""

    length: int
    rung: int = 0


@dataclass(frozen=True)
class Send:
    """The round as it is, at least one draft. Instead of a draw it leaves a pass that was made without a draft."""


@dataclass(frozen=True)
class Wait:
    """Action that does nothing until this time, later than now; then the policy is asked again."""

    until_s: float


@dataclass(frozen=True)
class CloudDecodes:
    """The cloud decodes so many tokens by itself and streams them down, a round each. Only while the round has no draft
    and no pass was made for one; of `remaining_tokens` at most. It ends sooner where the answer does."""

    tokens: int


Action = DraftOne | DraftRound | Send | Wait | CloudDecodes
DRAFT: Final = DraftOne()
SEND: Final = Send()


@with_field_texts
class SeenDraft(NamedTuple):
    """Draft of the open round."""

    draft: wire.Draft
    """Draft with its qhat: its support and counts."""
    confidence: float
    """q(d), the drafter's own probability of it."""
    dropped_mass: float


@with_field_texts
class SeenVerdict(NamedTuple):
    """Verdict on an earlier round, with its times: `answered_s - sent_s` is the time of the network and the cloud, from
    when the last packet was put on the link. `drafted`: those that the cloud was to verify. For a token that the cloud
    decoded by itself it is 0, and `sent_s` is the time of the token before it, except for the first in a row."""

    drafted: int
    accepted: int
    payload_bits: int
    sent_s: float
    answered_s: float
    rung: int = 0


@with_field_texts
class SeenLink(NamedTuple):
    """State of the uplink as far as this device, the sender, has seen it."""

    acked_bits: int = 0
    """Put on the air in packets that were acknowledged, headers included."""
    unacked_packets: int = 0
    """Number of its packets that wait, are on the air, or are not acknowledged yet."""
    round_trip_s: float = nan
    """The round-trip time, s, of the packet acknowledged last that was sent once: from when it joined the link's queue
    to its acknowledgement, so waiting, transmission and both directions of travel."""
    timeouts: int = 0
    """Timers that ran out."""


@with_field_texts
class SeenCloud(NamedTuple):
    """Service of the cloud's last answer, as its reply reported, on the scales of `codec.fixed_width`; nan before, and
    if the policy does not receive it (`Policy.hears_cloud`)."""

    queue_s: float = nan
    """Time that the job waited for a server, or for room in its memory."""
    serve_s: float = nan
    """Time that it was in passes."""
    batch: float = nan
    """Jobs that shared its last pass, itself included."""


@with_field_texts
class EdgeView(NamedTuple):
    """View of an edge when it decides."""

    now_s: float
    drafts: tuple[SeenDraft, ...]
    """The drafts of the open round, the earliest first."""
    most_drafts: int
    """The most that the round may have: the scheme's limit, or what the answer can still use. There it is sent."""
    remaining_tokens: int
    """Output tokens still to come before this round."""
    verdicts: tuple[SeenVerdict, ...]
    """The verification results of the request's rounds before, the latest last."""
    link: SeenLink
    distribution: Floats | None = None
    """q_n [V] of the draft that would come next, where its pass was made and nothing has been drawn from it yet; for
    policies that look at it, else None."""
    cloud: SeenCloud = SeenCloud()
    rung: int = 0
    """The operating point of the open round; 0 before its first draft."""
    rungs: int = 1
    """Number of operating points of the scheme."""
    drafts_per_pass: int = 1
    """Number of drafts per pass of its drafter: after each so many of a round the next one takes a pass."""
    whole: bool = False
    """True if a round is decided on at once, or left to the cloud, as when drafts branch. `most_drafts`, and the
    numbers drafted and accepted, then count levels of the tree."""
    watts: float = nan
    """Power of the device's processor at work (`edge.power`), W; nan where the cell gives none."""


def most_drafts(max_drafts: int, remaining_tokens: int) -> int:
    """L drafts may commit L + 1 tokens: no more drafts than can be of use, and one at least, if any are made at all."""
    return min(max_drafts, max(1, remaining_tokens - 1))


class Policy(Choice, family=True):
    """The only decider of what the edge does next.

    A round is sent without asking once it has `most_drafts`, or the budget has no room for one more.
    """

    method_rules: ClassVar[Mapping[str, Rule]] = {
        "plan": lambda length, most_drafts: _length(length, most_drafts),
        "next": lambda answer, view, _: checked_action(answer, view),
        "entry": answers.state,
        "learn": answers.state,
    }
    looks_at_law: ClassVar[bool] = False
    """True if it is asked between a draft's pass and its draw, with `EdgeView.distribution`. A round's first draft is
    always drawn."""
    hears_cloud: ClassVar[bool] = False
    """True if replies report on the cloud, for bits of their own."""
    decides_rounds: ClassVar[bool] = False
    """True if it answers `DraftRound` when a round cannot be drafted draft by draft (`EdgeView.whole`)."""

    def plan(self, most_drafts: int) -> int | None:
        """Returns the number of drafts of the next round, 1 to `most_drafts`, for a policy that never looks. None: ask
        `next`."""
        return None

    def entry(self, last: PolicyState | None) -> PolicyState:
        """The state before a request; `last` is how the device's request before ended, None at first."""
        return () if last is None else last

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        """The state after a round was verified."""
        return state

    @abstractmethod
    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        """Returns the action now, and the state after it. Without a draft yet, `Send` is no choice."""

    @property
    def counts_joules(self) -> bool:
        """True if it needs the device's power (`EdgeView.watts`); a run without `edge.power` is then refused."""
        return False

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """A class that decides otherwise than the one it inherits from inherits no plan of what that decides."""
        super().__pydantic_init_subclass__(**kwargs)
        if "next" in cls.__dict__ and "plan" not in cls.__dict__:
            cls.plan = Policy.plan  # type: ignore[method-assign]


def _length(answer: object, most_drafts: int) -> object:
    if answer is not None and (not isinstance(answer, int) or not 1 <= answer <= most_drafts):
        raise ValueError(f"must return 1..{most_drafts} drafts, or None to be asked, got {answer!r}")
    return answer


def checked_action(answer: object, view: EdgeView) -> object:
    """Returns the answer of `next`. Raises ValueError if its action may not be taken now."""
    if not (isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], tuple)):
        raise ValueError(f"must return an action and a state (a tuple of numbers), got {answer!r}")
    action = answer[0]
    if not isinstance(action, Action):
        raise ValueError(f"must return DRAFT, SEND, Wait(until_s), DraftRound or CloudDecodes, got {action!r}")
    if isinstance(action, Wait) and not (is_number(action.until_s) and action.until_s > view.now_s):
        raise ValueError(f"waits for until_s = {action.until_s}: must be later than now, {view.now_s:g}")
    if isinstance(action, Send) and not view.drafts:
        raise ValueError("sends a round without a draft; DRAFT or Wait first")
    if isinstance(action, DraftOne) and view.whole:
        raise ValueError("drafts one by one, where a round is decided on at once: DraftRound or CloudDecodes there")
    if isinstance(action, DraftOne | DraftRound) and not (
        isinstance(action.rung, int) and 0 <= action.rung < view.rungs
    ):
        raise ValueError(f"drafts under rung = {action.rung!r}: must be 0..{view.rungs - 1}")
    if isinstance(action, DraftRound):
        _opens("length", action.length, view.most_drafts, view)
    if isinstance(action, CloudDecodes):
        _opens("tokens", action.tokens, view.remaining_tokens, view)
    return answer


def _opens(name: str, value: object, most: int, view: EdgeView) -> None:
    """Checks an action that only a round without a draft may begin with. Raises ValueError."""
    if view.drafts:
        raise ValueError(f"decides on {name} = {value!r} in a round that has drafts; DRAFT, SEND or Wait there")
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"decides on {name} = {value!r}: must be 1..{most}")


class FixedLength(Policy):
    """Draft as many as the scheme allows, fewer where the budget is full or the output limit near."""

    kind: Literal["fixed_length"] = "fixed_length"

    def plan(self, most_drafts: int) -> int:
        return most_drafts

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return DRAFT, state
