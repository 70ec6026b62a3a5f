"""Decisions of `goodput`: the next cycle, and if a round gets one more draft.

The argument is in `goodput`. Here are its formulas, over what was learned (`learned`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, sqrt
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from simulator.schemes.policies.learned import Learned
from simulator.schemes.policies.running_estimates import MOST_ACCEPTANCE, distribution_bin
from simulator.schemes.policy import SEND, Action, CloudDecodes, DraftOne, DraftRound, EdgeView, PolicyState

REQUEST_BITS: Final = 16.0
"""The payload, bits, of what requests the cloud to decode by itself."""
LEARNING_STRETCHES: Final = 2
STRETCH_TOKENS: Final = 8
"""The tokens of a stretch that is there to learn from, and the least number of them in one that requests again."""
TRIED_SHARE: Final = 0.7
"""The share of the best goodput that a trial must promise."""
HOPE: Final = 1.0
"""Standard deviations of acceptance in favour of drafting, which learns, where the cloud by itself teaches nothing."""
LENGTHS: Final = (1.0, 0.5, 1.0, 0.0)
"""The lengths of rounds to learn from, as shares of the longest."""

LearningRounds = Annotated[
    int, Field(ge=1, le=10_000, description="a device's first rounds under each rung, their lengths fixed beforehand")
]
TrialEvery = Annotated[
    int,
    Field(
        ge=0,
        le=1_000_000,
        description="what was decided on least recently is tried, once in so many times as it takes; 0 for never",
    ),
]


class Exploring(NamedTuple):
    """Effort that is spent on learning."""

    learning_rounds: int
    """The number of rounds to learn from under each operating point."""
    trial_every: int


class Cycle(NamedTuple):
    """A decision, and what it is expected to lead to."""

    rung: int
    """The number of operating points, where the cloud decodes by itself."""
    length: int
    tokens: float
    seconds: float

    @property
    def goodput(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds if self.seconds > 0 else inf


class Now(NamedTuple):
    """Basis of a decision."""

    view: EdgeView
    learned: Learned
    per_bit_s: float
    """The link's forecast."""

    @classmethod
    def of(cls, view: EdgeView, learned: Learned) -> Now:
        """Returns the basis of a decision at this view."""
        return cls(view, learned, learned.link.per_bit_s(view.now_s))


def best_round(now: Now, rung: int, hope: float = 0.0) -> Cycle:
    """The length with the largest goodput under this operating point, of those that the round may have; the shortest of
    equals. `hope`: by how many standard deviations acceptance is taken to be better than estimated."""
    learned, link = now.learned, now.learned.link
    seconds = learned.header_bits * now.per_bit_s + link.delay_s + learned.cloud.verify_s
    bits_s = learned.draft_bits(rung) * now.per_bit_s
    draft_s = learned.pass_s.known(0.0) + bits_s
    tokens, survival, best, more = 1.0, 1.0, None, hope * learned.acceptance.doubt(rung)
    for length in range(1, now.view.most_drafts + 1):
        survival *= min(MOST_ACCEPTANCE, learned.acceptance.of_position(rung, length - 1) + more)
        opens = (length - 1) % now.view.drafts_per_pass == 0  # a pass, which makes the next ones with it
        tokens, seconds = tokens + survival, seconds + (draft_s if opens else bits_s)
        made = Cycle(rung, length, tokens, seconds)
        if best is None or made.goodput > best.goodput * (1 + 1e-12):
            best = made
    assert best is not None
    return best


def stretch(now: Now, tokens: int) -> Cycle:
    """Returns the cycle of so many tokens of the cloud by itself."""
    return Cycle(now.learned.rungs, tokens, float(tokens), start_s(now) + tokens * now.learned.cloud.decode_s)


def start_s(now: Now) -> float:
    """Returns the time that a stretch takes besides its tokens."""
    return (now.learned.header_bits + REQUEST_BITS) * now.per_bit_s + now.learned.link.delay_s


def cycles(now: Now) -> list[Cycle]:
    """The best round of each operating point, hopefully, then the cloud by itself, where that was ever tried."""
    rounds = [best_round(now, rung, HOPE) for rung in range(now.learned.rungs)]
    return [*rounds, stretch(now, now.view.remaining_tokens)] if now.learned.cloud.decode.weight else rounds


def stretch_tokens(now: Now) -> int:
    """Returns the number of tokens to leave to the cloud: all, or as many as come before it pays to probe the link
    again."""
    link, decode_s = now.learned.link, now.learned.cloud.decode_s
    better = now._replace(per_bit_s=min(link.best, now.per_bit_s))
    reached = max(best_round(better, rung).goodput for rung in range(now.learned.rungs))
    missed = 1.0 - 1.0 / (reached * decode_s) if reached * decode_s > 1 else 0.0
    again_s = sqrt(4 * start_s(now) * link.coherence_s / (3 * missed)) if missed else 0.0
    if not 0.0 < again_s < 2 * link.coherence_s:
        return now.view.remaining_tokens
    return min(now.view.remaining_tokens, max(STRETCH_TOKENS, round(again_s / decode_s)))


def open_cycle(now: Now, exploring: Exploring) -> Action:
    """Returns the next action: a round's first draft, or the cloud by itself."""
    view, learned = now.view, now.learned
    turn, learned.decisions = int(learned.decisions), learned.decisions + 1
    found = cycles(now)
    best = max(found, key=lambda each: each.goodput)
    likely = best if best.rung == learned.rungs else best_round(now, best.rung)
    learned.price, learned.target, learned.scheduled = likely.goodput, 0.0, 0.0
    if turn < exploring.learning_rounds * learned.rungs + LEARNING_STRETCHES:
        chosen = _scheduled(now, exploring, turn)
        learned.target, learned.scheduled, learned.trial_s = float(chosen.length), 1.0, view.now_s
    else:
        chosen = _tried(now, exploring, found, best)
    learned.tried[chosen.rung] = learned.decisions
    learned.bins, learned.survival = [], 1.0
    if chosen.rung < learned.rungs:
        learned.rung = float(chosen.rung)
        if view.whole:
            learned.round_asked_s = view.now_s if view.verdicts else nan  # a request's first has the prompt before it
            learned.block = float(view.drafts_per_pass)
            return DraftRound(chosen.length, chosen.rung)
        return DraftOne(chosen.rung)
    learned.row_asked_s, learned.row_is_new = view.now_s, 1.0
    return CloudDecodes(min(int(learned.target) or stretch_tokens(now), view.remaining_tokens))


def _scheduled(now: Now, exploring: Exploring, turn: int) -> Cycle:
    """The decision that the learning run has scheduled for this turn, whatever came back so far."""
    lap, rung = divmod(turn, now.learned.rungs)
    if lap >= exploring.learning_rounds:
        return Cycle(now.learned.rungs, STRETCH_TOKENS, 0.0, 0.0)
    share = LENGTHS[lap % len(LENGTHS)]
    return Cycle(rung, max(1, round(share * now.view.most_drafts)), 0.0, 0.0)


def _tried(now: Now, exploring: Exploring, found: Sequence[Cycle], best: Cycle) -> Cycle:
    """The best, or now and then what was decided on least recently."""
    learned, now_s = now.learned, now.view.now_s
    trial = min(found, key=lambda each: learned.tried[each.rung])
    alone = trial.rung == learned.rungs
    if alone:
        trial = stretch(now, min(STRETCH_TOKENS, now.view.remaining_tokens))
    early = now_s < learned.trial_s + exploring.trial_every * trial.seconds
    if not exploring.trial_every or early or trial.goodput < TRIED_SHARE * best.goodput:
        return best
    learned.trial_s, learned.target = now_s, float(trial.length if alone else 0)
    return trial


def decide(now: Now, exploring: Exploring) -> tuple[Action, PolicyState]:
    """Returns the action now, and the state after it."""
    action = draft_on(now) if now.view.drafts else open_cycle(now, exploring)
    return action, now.learned.floats()


def draft_on(now: Now) -> Action:
    """Returns the action that gives the round one more draft or sends it: before its pass, and again once its
    distribution is there."""
    view, learned = now.view, now.learned
    position, rung = len(view.drafts), int(learned.rung)
    bin_ = None if view.distribution is None else distribution_bin(view.distribution)
    if bin_ is not None:
        learned.acceptance.look(bin_)
    accepted = learned.acceptance.estimate(rung, position, bin_)
    wanted = position < learned.target if learned.target else goes_on(now, accepted)
    if not wanted:
        return SEND
    if bin_ is None:
        learned.asked_s = view.now_s
    else:
        learned.bins.append(float(bin_))
        learned.survival *= accepted
    return DraftOne(rung)


def goes_on(now: Now, accepted: float) -> bool:
    """True if one more draft with this chance of acceptance gains more tokens than its seconds are worth. A pass that
    was made, for it or for drafts before it, costs nothing any more. A pass that is still to be made, and makes several
    drafts, is worth its seconds if any number of these together is."""
    learned, view, rung = now.learned, now.view, int(now.learned.rung)
    bits_s, position = learned.draft_bits(rung) * now.per_bit_s, len(view.drafts)
    made = view.distribution is not None or position % view.drafts_per_pass
    seconds = bits_s + (0.0 if made else learned.pass_s.known(0.0))
    survival = tokens = learned.survival * accepted
    ends = 0 if made else min(view.drafts_per_pass, view.most_drafts - position)
    for more in range(1, ends):
        if tokens > learned.price * seconds:
            break
        survival *= min(MOST_ACCEPTANCE, learned.acceptance.of_position(rung, position + more))
        tokens, seconds = tokens + survival, seconds + bits_s
    return tokens > learned.price * seconds
