"""Closed forms of an answer's time when the cloud decodes alone, speculates by itself, or verifies what an edge
drafts.

With s_j = P(the first j drafts of a round are all accepted), j = 1..L, a round commits X tokens,
E[X] = 1 + s_1 + ... + s_L and E[X^2] = 1 + 3 s_1 + ... + (2L + 1) s_L. By renewal theory an answer of N tokens takes

    rounds = (N + o) / E[X],      o = (E[X^2] - E[X]) / (2 E[X])

rounds in the mean, since its first round starts at its first token; and rounds that start with n <= L tokens to go, of
which there are 1 / E[X] for each n, draft max(1, n - 1) and not L. The first round also waits for the prompt: the edge
reads it while it is on its way to the cloud, which reads it then. Each later round takes C. Where the cloud begins
(`cloud_first`), it decodes for as long as the edge reads, and N is what is left by then. Where the edge drafts ahead,
an answer is a renewal of chains of rounds that stand. Where it prepares rounds, a hit costs a round only the passes
that are not made yet when the reply comes; where the branches travel ahead, the cloud goes on by itself with a hit.

The special cases that others published follow from C / E[X] < T, T a target's pass (`longest_round_trip_s`,
`one_draft_up_to_s`): they leave out prompts, bits and the first token.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from models.latency.latency import Latency


@dataclass(frozen=True)
class Deployment:
    """Deployment to predict: clocks, links and lengths. Delays of a direction, in seconds; rates in bit/s."""

    edge: Latency
    target: Latency
    drafter: Latency
    """The cloud's own drafter."""
    prompt_tokens: int
    output_tokens: int
    up_delay_s: float
    down_delay_s: float
    up_bps: float
    down_bps: float = 10e6
    id_bits: int = 17
    up_header_bits: int = 320
    down_header_bits: int = 320
    encode_s: float = 1e-4
    """Encoding time of a draft at the edge, in seconds."""
    edge_drafts_per_pass: int = 1
    cloud_drafts_per_pass: int = 1
    """Number of drafts per pass of either drafter."""

    @property
    def middle_tokens(self) -> int:
        """Number of cached tokens half way through the answer: passes grow so little that their mean is that one."""
        return self.prompt_tokens + self.output_tokens // 2

    def prompt_up_s(self) -> float:
        """Time until the prompt's last bit has left the device, in seconds."""
        return (8 * math.ceil((self.prompt_tokens * self.id_bits + 1) / 8) + self.up_header_bits) / self.up_bps

    def reply_s(self) -> float:
        """Time from the end of a pass to its token at the device, in seconds."""
        return (8 * math.ceil((self.id_bits + 1) / 8) + self.down_header_bits) / self.down_bps + self.down_delay_s


_NEGLIGIBLE: Final = 1e-12
MOST_CHAINED: Final = 1_000
"""Rounds of a chain that are added up, where all drafts stand."""


@dataclass(frozen=True)
class Times:
    """Means over answers, in seconds."""

    latency_s: float
    ttft_s: float
    output_tokens: int

    @property
    def tpot_s(self) -> float:
        """Seconds a token behind the first round's first."""
        return (self.latency_s - self.ttft_s) / max(1, self.output_tokens - 1)


@dataclass(frozen=True)
class Rounds:
    """Rounds of L drafts, by the survival of their drafts: s_1, ..., s_L."""

    survival: Sequence[float]
    tokens: float = field(init=False)
    """E[X], the accepted length AL, bonus or correction included."""

    def __post_init__(self) -> None:
        if not len(self.survival):
            raise ValueError("survival is empty: a round has a draft at least")
        object.__setattr__(self, "tokens", 1 + math.fsum(self.survival))

    @property
    def drafts(self) -> int:
        """L."""
        return len(self.survival)

    def of_answer(self, output_tokens: int) -> float:
        """Rounds that an answer takes, in the mean; 1 at least."""
        squares = 1 + math.fsum((2 * j + 1) * s for j, s in enumerate(self.survival, 1))
        return max(1.0, (output_tokens + (squares - self.tokens) / (2 * self.tokens)) / self.tokens)

    def spared_passes(self, output_tokens: int, drafts_per_pass: int) -> float:
        """Passes of the drafter that the last rounds of an answer do without, all together, because no token is left
        for their drafts."""
        ends = range(1, min(self.drafts, output_tokens) + 1)
        made = (passes(max(1, n - 1), drafts_per_pass) for n in ends)
        return sum(passes(self.drafts, drafts_per_pass) - each for each in made) / self.tokens


@dataclass(frozen=True)
class Outcomes:
    """Branches that the edge prepares while a round of L drafts is out, and how often one is right."""

    widths: Sequence[int]
    """[L + 1] Branches by the number of accepted drafts."""
    next_choice: float
    """c, the probability that a guess behind a rejection is right, of each one that the guesses before it are not."""
    survives: float
    """s_{L+1}: all drafts of a round are accepted, and one more would be."""
    at_cloud: bool = False
    """The branches travel ahead: the cloud verifies a hit without a reply between."""

    def ahead_bits(self, place: Deployment, bits_a_draft: float) -> tuple[int, int]:
        """Bits on the air of the branches behind rejections, sent once they are drafted, and of those behind all
        drafts, a pass later. Each branch is an outcome and L drafts, and the length of all but the last takes two
        bytes (`fixed_width.encode_branches`)."""
        drafts = len(self.widths) - 1
        outcome_bytes = math.ceil((((drafts + 1) << place.id_bits) - 1).bit_length() / 8)
        branch_bytes = outcome_bytes + math.ceil(drafts * bits_a_draft / 8) + 2
        many = sum(self.widths[:-1]), self.widths[-1]
        rejected, accepted = (8 * (each * branch_bytes - 1) + place.up_header_bits if each else 0 for each in many)
        return rejected, accepted

    def hits(self, rounds: Rounds) -> tuple[float, float]:
        """The probabilities that the outcome of a round was prepared: behind a rejection, and behind all drafts."""
        reached = (1.0, *rounds.survival)
        ends = [before - after for before, after in itertools.pairwise(reached)]
        guessed = [1 - (1 - self.next_choice) ** width for width in self.widths]
        rejected = math.fsum(end * right for end, right in zip(ends, guessed[:-1], strict=True))
        return rejected, self.survives if self.widths[-1] else 0.0


def passes(drafts: int, drafts_per_pass: int) -> int:
    """Returns the number of passes that a drafter takes for so many drafts."""
    return math.ceil(drafts / drafts_per_pass)


def cloud_only(place: Deployment) -> Times:
    """The cloud decodes alone: a pass over the prompt gives the first token, each later token takes a pass."""
    first_s = place.target.pass_s([(place.prompt_tokens, 0)])
    later_s = (place.output_tokens - 1) * place.target.pass_s([(1, place.middle_tokens)])
    ttft_s = place.prompt_up_s() + place.up_delay_s + first_s + place.reply_s()
    return Times(ttft_s + later_s, ttft_s, place.output_tokens)


def colocated(place: Deployment, rounds: Rounds) -> Times:
    """Returns the times with both models in the cloud: a round is L passes of its drafter, or fewer where one makes
    several drafts, and one of the target over L + 1 tokens."""
    drafts, cached, block = rounds.drafts, place.middle_tokens, place.cloud_drafts_per_pass
    many, draft_s = passes(drafts, block), place.drafter.pass_s([(block, cached)])
    first_s = place.target.pass_s([(place.prompt_tokens + drafts, 0)]) + (many - 1) * draft_s
    first_s += place.drafter.pass_s([(place.prompt_tokens + block - 1, 0)])
    round_s = many * draft_s + place.target.pass_s([(drafts + 1, cached)])
    later_s = (rounds.of_answer(place.output_tokens) - 1) * round_s
    later_s -= min(later_s, rounds.spared_passes(place.output_tokens, block) * draft_s)
    ttft_s = place.prompt_up_s() + place.up_delay_s + first_s + place.reply_s()
    return Times(ttft_s + later_s, ttft_s, place.output_tokens)


def at_the_edge(
    place: Deployment, rounds: Rounds, bits_a_draft: float, depth: int = 0, prepared: Outcomes | None = None
) -> Times:
    """The edge drafts, sends and waits, or drafts up to `depth` rounds ahead of the oldest whose reply is out, or
    prepares the next one; the cloud verifies. `bits_a_draft` is what crosses the uplink of one draft."""
    block = place.edge_drafts_per_pass
    verify_s, air_s, more_s, _ = _round_s(place, rounds.drafts, bits_a_draft)
    read = place.prompt_tokens - 1  # the last one is read with the first round
    prompt_up_s, prompt_s = place.prompt_up_s(), place.target.pass_s([(read, 0)]) if read else 0.0
    drafted_s = place.edge.pass_s([(place.prompt_tokens + block - 1, 0)]) + more_s
    sent_s = max(drafted_s, prompt_up_s) + air_s
    ttft_s = place.up_delay_s + max(sent_s, prompt_up_s + prompt_s) + verify_s + place.reply_s()
    later_s = _after_the_first(place, rounds, bits_a_draft, place.output_tokens, depth, prepared)
    return Times(ttft_s + later_s, ttft_s, place.output_tokens)


def cloud_first(
    place: Deployment, rounds: Rounds, bits_a_draft: float, depth: int = 0, prepared: Outcomes | None = None
) -> Times:
    """The cloud decodes alone until the word is there that the edge has read the prompt, and what came meanwhile but
    for what it reads within a round trip; the token of the pass under way is its last, on which the edge drafts, from
    then on as in `at_the_edge`."""

    def reads_s(tokens: int, cached: int) -> float:
        return place.edge.pass_s([(tokens + place.edge_drafts_per_pass - 1, cached)])

    alone, read_s = cloud_only(place), reads_s(place.prompt_tokens, 0)
    first_s, each_s = place.target.pass_s([(place.prompt_tokens, 0)]), place.target.pass_s([(1, place.middle_tokens)])
    trip_s, cached = place.prompt_up_s() + place.up_delay_s + place.down_delay_s, place.prompt_tokens
    unread, per_token_s = 0, read_s / cached
    while read_s < alone.latency_s:
        come = max(0, math.floor((read_s - alone.ttft_s) / each_s) + 1)
        unread = place.prompt_tokens + come - cached
        if 2 * per_token_s >= each_s or unread * per_token_s <= trip_s:
            break
        took_s = reads_s(unread, cached)
        read_s, cached, per_token_s = read_s + took_s, cached + unread, took_s / unread
    joins_s = max(read_s, place.prompt_up_s()) + place.up_header_bits / place.up_bps + place.up_delay_s
    begins_s = place.prompt_up_s() + place.up_delay_s
    tokens = 1 + max(0, math.floor((joins_s - begins_s - first_s) / each_s) + 1)
    if tokens >= place.output_tokens:
        return alone
    caught_up_s = read_s + (reads_s(unread, cached) if unread else 0.0)
    unread = place.prompt_tokens + tokens - cached - unread
    last_s = alone.ttft_s + (tokens - 1) * each_s
    *_, round_s = _round_s(place, rounds.drafts, bits_a_draft)
    unread_s = reads_s(unread, place.prompt_tokens) - reads_s(1, place.prompt_tokens)
    later_s = _after_the_first(place, rounds, bits_a_draft, place.output_tokens - tokens, depth, prepared)
    latency_s = max(caught_up_s, last_s) + unread_s + round_s + later_s
    return Times(latency_s, alone.ttft_s, place.output_tokens)


def drafting(
    starts: bool, depth: int, prepared: Outcomes | None = None
) -> Callable[[Deployment, Rounds, float], Times]:
    """Returns the closed form of an edge that drafts `depth` rounds ahead or prepares rounds, after the cloud's start
    if it `starts`."""
    return partial(cloud_first if starts else at_the_edge, depth=depth, prepared=prepared)


def _round_s(place: Deployment, drafts: int, bits_a_draft: float) -> tuple[float, float, float, float]:
    """Seconds of a verification, of a payload on the air, of the drafter's passes after the first with all that is
    encoded, and of a whole round."""
    cached, block = place.middle_tokens, place.edge_drafts_per_pass
    verify_s = place.target.pass_s([(drafts + 1, cached)])
    air_s = (8 * math.ceil(drafts * bits_a_draft / 8) + place.up_header_bits) / place.up_bps
    pass_s = place.edge.pass_s([(block, cached)])
    more_s = (passes(drafts, block) - 1) * pass_s + drafts * place.encode_s
    return verify_s, air_s, more_s, pass_s + more_s + air_s + place.up_delay_s + verify_s + place.reply_s()


def _after_the_first(
    place: Deployment,
    rounds: Rounds,
    bits_a_draft: float,
    output_tokens: int,
    depth: int,
    prepared: Outcomes | None,
) -> float:
    """Seconds from the first round's reply to the last one's, where the edge drafts so many tokens."""
    if depth:
        return _chained(place, rounds, bits_a_draft, output_tokens, depth)
    many = rounds.of_answer(output_tokens)
    *_, round_s = _round_s(place, rounds.drafts, bits_a_draft)
    block = place.edge_drafts_per_pass
    spared_s = rounds.spared_passes(output_tokens, block) * place.edge.pass_s([(block, place.middle_tokens)])
    spared_s += rounds.spared_passes(output_tokens, 1) * (place.encode_s + bits_a_draft / place.up_bps)  # of the drafts
    later_s = (many - 1) * round_s
    if prepared is not None:
        later_s = (
            _sent_ahead_s(place, rounds, bits_a_draft, prepared, many - 1)
            if prepared.at_cloud
            else later_s - (many - 1) * _gained_s(place, rounds, bits_a_draft, prepared)
        )
        spared_s *= 1 - sum(prepared.hits(rounds))
    return later_s - min(later_s, spared_s)


def _pass_ends_s(place: Deployment, prepared: Outcomes) -> list[float]:
    """Returns [L + 2] the times, from 0 on, at which the passes over the branches end. Those behind all drafts come one
    pass later, in whose place the last draft is read."""
    widths, cached = prepared.widths, place.middle_tokens
    tokens = [sum(widths[:-1]) + bool(widths[-1]), *[sum(widths)] * (len(widths) - 1)]
    return [0.0, *itertools.accumulate(place.edge.pass_s([(many, cached)]) for many in tokens)]


def _still_s(ends_s: Sequence[float], away_s: float, passes: int, pass_s: float) -> float:
    """Seconds until a branch of so many passes is drafted, from a reply on: the one under way is finished, and the
    others are made for it alone."""
    made = sum(end_s <= away_s for end_s in ends_s) - 1
    return ends_s[made + 1] - away_s + (passes - made - 1) * pass_s if made < passes else 0.0


def _gained_s(place: Deployment, rounds: Rounds, bits_a_draft: float, prepared: Outcomes) -> float:
    """Seconds that a round gains, in the mean, because its passes are made behind the reply before it."""
    drafts, ends_s = rounds.drafts, _pass_ends_s(place, prepared)
    verify_s, air_s, _, _ = _round_s(place, drafts, bits_a_draft)
    away_s, pass_s = (
        air_s + place.up_delay_s + verify_s + place.reply_s(),
        place.edge.pass_s([(1, place.middle_tokens)]),
    )
    return math.fsum(
        share * (drafts * pass_s - _still_s(ends_s, away_s, drafts + behind, pass_s))
        for behind, share in enumerate(prepared.hits(rounds))
    )


def _sent_ahead_s(place: Deployment, rounds: Rounds, bits_a_draft: float, prepared: Outcomes, many: float) -> float:
    """Seconds from the first round's reply to the one `many` rounds later, in the mean, where the branches travel
    ahead. A hit that is on its way is verified once it is there and the round before is; its reply is the second that
    follows. One that is not drafted when the reply comes is finished alone and sent, as where the edge holds the
    branches. What is sent then waits for the branches that are on the air; those that are not, and whose outcome has
    not come about, are cancelled.

    The state is when the reply to a round comes and the uplink is free, from where its branches are begun; every
    outcome leads to one other, so that few are ever met."""
    drafts, encode_s = rounds.drafts, rounds.drafts * place.encode_s
    verify_s, air_s, more_s, _ = _round_s(place, drafts, bits_a_draft)
    pass_s, ends_s = place.edge.pass_s([(1, place.middle_tokens)]), _pass_ends_s(place, prepared)
    ready_s = (
        ends_s[drafts] + sum(prepared.widths[:-1]) * encode_s,
        ends_s[-1] + sum(prepared.widths) * encode_s,
    )
    branches_s = (bits / place.up_bps for bits in prepared.ahead_bits(place, bits_a_draft))
    messages = list(zip(ready_s, branches_s, strict=True))
    rejected, accepted = prepared.hits(rounds)

    def sent(begins_s: float, free_s: float) -> tuple[float, tuple[float, float]]:
        """A round that the edge sends after the reply; its branches begin then."""
        left_s = max(begins_s, free_s) + air_s
        replied_s = left_s + place.up_delay_s + verify_s + place.reply_s()
        return begins_s, (replied_s - begins_s, max(0.0, left_s - begins_s))

    def after(state: tuple[float, float], behind: int | None) -> tuple[float, tuple[float, float]]:
        """Returns when the next round's branches begin, and its state, behind a rejection (0), all drafts (1), or a
        miss (None)."""
        reply_s, free_s = state
        gone_s = [free_s, free_s]
        for each, (ready_s, air_s) in enumerate(messages):
            put_s = max(ready_s, gone_s[1])
            if ready_s <= reply_s and (put_s < reply_s or behind == each):
                gone_s[each:] = [put_s + air_s] * (2 - each)
        if behind is None:
            return sent(reply_s + pass_s + more_s, gone_s[1])
        if messages[behind][0] > reply_s:
            still_s = _still_s(ends_s, reply_s, drafts + behind, pass_s)
            return sent(reply_s + still_s + encode_s, gone_s[1])
        verified_s = max(reply_s - place.reply_s(), gone_s[behind] + place.up_delay_s) + verify_s
        return reply_s, (verified_s + place.reply_s() - reply_s, max(0.0, gone_s[1] - reply_s))

    _, opening = sent(0.0, 0.0)
    ends = [(None, 1 - rejected - accepted), (0, rejected), (1, accepted)]
    states, begun_s, replies_s = {opening: 1.0}, 0.0, [opening[0]]
    for _ in range(math.ceil(many)):
        reached = defaultdict[tuple[float, float], float](float)
        for (state, odds), (behind, share) in itertools.product(states.items(), ends):
            if odds * share > _NEGLIGIBLE:
                took_s, (reply_s, free_s) = after(state, behind)
                begun_s += odds * share * took_s
                reached[round(reply_s, 9), round(free_s, 9)] += odds * share
        states = reached
        replies_s.append(begun_s + math.fsum(odds * reply_s for (reply_s, _), odds in states.items()))
    whole, part = math.floor(many), many % 1
    return replies_s[whole] + part * (replies_s[-1] - replies_s[whole]) - replies_s[0]


def _chained(place: Deployment, rounds: Rounds, bits_a_draft: float, output_tokens: int, depth: int) -> float:
    """Returns `_after_the_first` for an edge that drafts ahead. All rounds of a chain but its last are accepted whole:
    K rounds of L tokens each, P(K = k) = (1 - s_L) s_L^k, since a successor takes the place of the bonus token, then
    one with a rejection, whose reply starts the next chain. What a chain takes is added up over K."""
    verify_s, air_s, _, round_s = _round_s(place, rounds.drafts, bits_a_draft)
    drafted_s = round_s - air_s - place.up_delay_s - verify_s - place.reply_s()
    stands = rounds.survival[-1]
    replies_s, sent_s, verified_s, start_s, chain_s, odds = list[float](), 0.0, 0.0, 0.0, 0.0, 1.0
    while odds > 1e-9 and len(replies_s) < MOST_CHAINED:
        if replies_s:
            start_s = max(start_s + drafted_s, replies_s[-1 - depth] if len(replies_s) > depth else 0.0)
        sent_s = max(start_s + drafted_s, sent_s) + air_s
        verified_s = max(sent_s + place.up_delay_s, verified_s) + verify_s
        replies_s.append(verified_s + place.reply_s())
        last = len(replies_s) == MOST_CHAINED
        chain_s += odds * (1.0 if last else 1 - stands) * replies_s[-1]
        odds *= stands
    rejected = 1 + math.fsum(rounds.survival[:-1]) - rounds.drafts * stands
    tokens = (rounds.drafts * stands + rejected) / (1 - stands) if stands < 1 else rounds.drafts * MOST_CHAINED
    opening = rounds.tokens - stands  # of the first reply
    return max(0.0, output_tokens - opening) * chain_s / tokens


def longest_round_trip_s(survival: Sequence[float], target_s: float, verify_s: float, draft_s: float) -> float:
    """Below which round-trip time a synchronous round of L drafts beats decoding in the cloud, a token taken alone:
    E[X] T - T_v - L t_d, negative where it never does.

    Lyu, Irukulapati, Champati, "Speculation at a Distance", arXiv 2606.25091, proposition 2, for i.i.d. acceptance a,
    s_j = a^j, and T_v = T: RTT < (a - a^(L+1)) / (1 - a) T - L t_d. Their table (L = 5, t_d = 10 ms) follows from it to
    the digit; the paper was read in a summary, not whole. Bits, prompts and queues are left out.
    """
    return (1 + math.fsum(survival)) * target_s - verify_s - len(survival) * draft_s


def one_draft_up_to_s(survival: Sequence[float], draft_s: float, verify_s: float) -> float:
    """Up to which round-trip time rounds of one draft take less time a token than rounds of two; 0 or less: nowhere.

    (t_d + K) / (1 + s_1) = (2 t_d + K) / (1 + s_1 + s_2) at K = t_d (1 + s_1 - s_2) / s_2, K = T_v + RTT. Theorem 5 of
    UCB-SpecStop (arXiv 2606.20591) has half of it, the critical one-way delay, for s_j = a^j and a round of k drafts
    that takes k c_d + RTT + (k + 1) c_v: t_d = c_d + c_v, T_v = c_v.
    """
    first, second = survival[:2]
    return draft_s * (1 + first - second) / second - verify_s


def draft_pass_for_s(round_trip_s: float, survival: Sequence[float], verify_s: float) -> float:
    """The drafter's pass with which `one_draft_up_to_s` is that round-trip time."""
    first, second = survival[:2]
    return (round_trip_s + verify_s) * second / (1 + first - second)
