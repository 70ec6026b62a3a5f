"""The policy that maximises expected tokens a second from what an edge can see.

Rounds as a renewal-reward process. Whatever the edge decides on next, a round of n drafts under operating point r or a
stretch of m tokens that the cloud decodes by itself, is a cycle that takes T seconds and commits N tokens; after it the
edge decides anew. Over many cycles tokens a second tend to E[N] / E[T] (renewal-reward theorem), so the largest goodput
g* is that of the decision with the largest ratio, and g* is the one number at which max E[N - g* T] = 0: a second costs
g* tokens.

    round     E[N] = 1 + S_1 + ... + S_n,  S_j = a_1 ... a_j     T = n t_d + (h + n b_r) w + D + v
    stretch   N = m                                              T = (h + 16) w + D + m c

a_j: the chance that draft j is accepted if all before it are (`AcceptanceEstimate`, by operating point and position);
t_d: a drafter pass; b_r: bits of a draft; h: header bits; w = 1 / rate and D: the network's (`LinkTimes`, a forecast);
v, c: queue and service of a judgement and of a token of the cloud's (from what replies tell and from the times of
streamed tokens). All are estimated from what came back, never from p.

Within a round the same argument, one draft at a time. Another draft is worth S_n a, the chance that it and all before
it are accepted, a now being the estimate for the very distribution q_{n+1} that the pass has shown; it costs b_r w
seconds, and t_d as well while its pass is still to be made. So: go on while S_n a > g* (cost). S_n falls with n, so the
first draft that does not pay ends the round, and with nothing to look at this stops where E[N] / E[T] is largest. It
depends on d_1..d_n and q_1..q_{n+1}, never on d_{n+1}: the text still follows the verifier (I12).

How long a stretch. All that remains, unless the link fades and drafting would win at the least w seen lately: the
edge must then ask again to find out, for s seconds each time. Asked every t seconds it loses s / t to asking; it
notices a change 3 t / 2 late (half a stretch, and the one that its finding comes down with), once in two coherence
times 2 tau, and misses a share m of the goodput meanwhile: t = sqrt(4 s tau / (3 m)), if that is less than 2 tau.

What it does to learn. The first `learning_rounds` rounds of each operating point, in turn and with lengths L, L / 2, L,
1 whatever comes back, then two stretches of eight tokens. From there on cycles are compared with acceptance one
standard deviation better than estimated, by the drafts verified so far: where drafting may well be best it is done, and
soon known; where it is not, what that costs is lost once. And now and then comes what was decided on least recently, if
it is thought to reach TRIED_SHARE of the best, and not before `trial_every` times as long as it takes has gone by since
the last such trial: that costs at most (1 / TRIED_SHARE - 1) / trial_every of the time, 1% by default. All else is by
forgetting: means are exponential (`running_estimates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, sqrt
from typing import ClassVar, Final, Literal, NamedTuple

from pydantic import Field

from simulator.schemes.policies.learned import Learned
from simulator.schemes.policies.running_estimates import MOST_ACCEPTANCE, distribution_bin
from simulator.schemes.policy import (
    SEND,
    Action,
    CloudDecodes,
    DraftOne,
    DraftRound,
    EdgeView,
    Policy,
    PolicyState,
    SeenVerdict,
)

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


class Goodput(Policy):
    """Draft length, operating point, or the cloud by itself: whatever promises most tokens a second."""

    kind: Literal["goodput"] = "goodput"
    looks_at_law: ClassVar[bool] = True
    hears_cloud: ClassVar[bool] = True
    decides_rounds: ClassVar[bool] = True
    learning_rounds: int = Field(
        16,
        ge=1,
        le=10_000,
        description="a device's first rounds under each rung, their lengths fixed beforehand",
    )
    trial_every: int = Field(
        40,
        ge=0,
        le=1_000_000,
        description="what was decided on least recently is tried, once in so many times as it takes; 0 for never",
    )

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        learned = Learned.at(view, state)
        now = Now(view, learned, learned.link.per_bit_s(view.now_s))
        return draft_on(now) if view.drafts else open_cycle(now, self), learned.floats()

    def learn(self, result: SeenVerdict, state: PolicyState) -> PolicyState:
        return Learned.after(result, state).floats()


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


def best_round(now: Now, rung: int, hope: float = 0.0) -> Cycle:
    """The length with the largest goodput under this operating point, of those that the round may have; the shortest of
    equals. `hope`: by how many standard deviations acceptance is taken to be better than estimated."""
    learned, link = now.learned, now.learned.link
    seconds = learned.header_bits * now.per_bit_s + link.delay_s + learned.verify.known(0.0)
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
    return Cycle(now.learned.rungs, tokens, float(tokens), start_s(now) + tokens * now.learned.decode.value)


def start_s(now: Now) -> float:
    """Returns the time that a stretch takes besides its tokens."""
    return (now.learned.header_bits + REQUEST_BITS) * now.per_bit_s + now.learned.link.delay_s


def cycles(now: Now) -> list[Cycle]:
    """The best round of each operating point, hopefully, then the cloud by itself, where that was ever tried."""
    rounds = [best_round(now, rung, HOPE) for rung in range(now.learned.rungs)]
    return [*rounds, stretch(now, now.view.remaining_tokens)] if now.learned.decode.weight else rounds


def stretch_tokens(now: Now) -> int:
    """Returns the number of tokens to leave to the cloud: all, or as many as come before it pays to probe the link
    again."""
    link, decode_s = now.learned.link, now.learned.decode.value
    better = now._replace(per_bit_s=min(link.best, now.per_bit_s))
    reached = max(best_round(better, rung).goodput for rung in range(now.learned.rungs))
    missed = 1.0 - 1.0 / (reached * decode_s) if reached * decode_s > 1 else 0.0
    again_s = sqrt(4 * start_s(now) * link.coherence_s / (3 * missed)) if missed else 0.0
    if not 0.0 < again_s < 2 * link.coherence_s:
        return now.view.remaining_tokens
    return min(now.view.remaining_tokens, max(STRETCH_TOKENS, round(again_s / decode_s)))


def open_cycle(now: Now, policy: Goodput) -> Action:
    """Returns the next action: a round's first draft, or the cloud by itself."""
    view, learned = now.view, now.learned
    turn, learned.decisions = int(learned.decisions), learned.decisions + 1
    found = cycles(now)
    best = max(found, key=lambda each: each.goodput)
    likely = best if best.rung == learned.rungs else best_round(now, best.rung)
    learned.price, learned.target, learned.scheduled = likely.goodput, 0.0, 0.0
    if turn < policy.learning_rounds * learned.rungs + LEARNING_STRETCHES:
        chosen = _scheduled(now, policy, turn)
        learned.target, learned.scheduled, learned.trial_s = float(chosen.length), 1.0, view.now_s
    else:
        chosen = _tried(now, policy, found, best)
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


def _scheduled(now: Now, policy: Goodput, turn: int) -> Cycle:
    """The decision that the learning run has scheduled for this turn, whatever came back so far."""
    lap, rung = divmod(turn, now.learned.rungs)
    if lap >= policy.learning_rounds:
        return Cycle(now.learned.rungs, STRETCH_TOKENS, 0.0, 0.0)
    share = LENGTHS[lap % len(LENGTHS)]
    return Cycle(rung, max(1, round(share * now.view.most_drafts)), 0.0, 0.0)


def _tried(now: Now, policy: Goodput, found: Sequence[Cycle], best: Cycle) -> Cycle:
    """The best, or now and then what was decided on least recently."""
    learned, now_s = now.learned, now.view.now_s
    trial = min(found, key=lambda each: learned.tried[each.rung])
    alone = trial.rung == learned.rungs
    if alone:
        trial = stretch(now, min(STRETCH_TOKENS, now.view.remaining_tokens))
    early = now_s < learned.trial_s + policy.trial_every * trial.seconds
    if not policy.trial_every or early or trial.goodput < TRIED_SHARE * best.goodput:
        return best
    learned.trial_s, learned.target = now_s, float(trial.length if alone else 0)
    return trial


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
