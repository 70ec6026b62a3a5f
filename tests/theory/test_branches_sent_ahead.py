"""Branches that travel ahead to the cloud: the closed form beside counts by hand, and beside rounds one by one."""

import math
from dataclasses import replace

import numpy as np
import pytest

from channels.codec.fixed_width import Branch, encode_branches
from channels.codec.wire import Format
from models.latency.latency import Affine, ConstantLatency
from simulator.results.phase_prediction import Deployment, Outcomes, Rounds, at_the_edge

VERIFY_S, PASS_S, TOKENS = 0.03, 0.01, 3 * 200
CLOCKS = ConstantLatency(per_pass_s=PASS_S), ConstantLatency(per_pass_s=VERIFY_S), ConstantLatency(per_pass_s=1)
IDEAL = Deployment(*CLOCKS, 8, TOKENS, 0.05, 0.05, math.inf, math.inf, id_bits=18, encode_s=0)
ALWAYS = Rounds((1.0, 1.0))
BONUS = Outcomes((0, 0, 1), 0, 1)


def round_s(place: Deployment, rounds: Rounds, prepared: Outcomes) -> float:
    """Mean time from reply to reply."""
    found = at_the_edge(place, rounds, 18, 0, prepared)
    return (found.latency_s - found.ttft_s) / (rounds.of_answer(place.output_tokens) - 1)


def gains_from_bps(place: Deployment, prepared: Outcomes) -> float:
    """The uplink rate from which on branches at the cloud gain on those that the edge holds, where all are accepted: 1
    kbit/s at least, inf where 10 Gbit/s are not enough."""

    def gains(bps: float) -> bool:
        there = replace(place, up_bps=bps)
        ahead_s, held_s = (
            at_the_edge(there, ALWAYS, 18, 0, replace(prepared, at_cloud=at_cloud)).latency_s
            for at_cloud in (True, False)
        )
        return ahead_s < held_s * (1 - 1e-9)

    low, high = 1e3, 1e10
    if not gains(high):
        return math.inf
    while high > low * (1 + 1e-5):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if gains(middle) else (middle, high)
    return high


def test_on_an_ideal_link_the_drafting_of_every_second_round_is_left() -> None:
    """130 ms out and back. The second round is drafted in 30 ms, goes up and is verified with no reply between: two
    rounds take 30 + 130 ms."""
    assert round_s(IDEAL, ALWAYS, BONUS) == pytest.approx(0.13, rel=1e-3)
    assert round_s(IDEAL, ALWAYS, replace(BONUS, at_cloud=True)) == pytest.approx((0.03 + 0.13) / 2, rel=0.01)


def test_a_branch_that_the_reply_overtakes_is_sent_as_where_the_edge_holds_it() -> None:
    near = replace(IDEAL, up_delay_s=0, down_delay_s=0, target=ConstantLatency(per_pass_s=0.025))
    outcomes = Outcomes((1, 1, 1), 0.3, 0.5)
    late, held = (round_s(near, Rounds((0.8, 0.7)), replace(outcomes, at_cloud=ahead)) for ahead in (True, False))
    assert round_s(near, ALWAYS, replace(BONUS, at_cloud=True)) == pytest.approx(0.03, rel=1e-3)
    assert 0.9 * held < late < held, "those behind rejections come before it, 5 ms"


def test_bits_of_the_branches_are_those_of_the_codec_and_headers() -> None:
    """A branch is an outcome of 3 bytes, 20 bits, and two ids of 18 bits in 5; three of them have two lengths, and each
    message a count."""
    assert Outcomes((1, 2, 1), 0.3, 0.5).ahead_bits(IDEAL, 18) == (8 * 29 + 320, 8 * 9 + 320)
    assert BONUS.ahead_bits(IDEAL, 18) == (0, 8 * 9 + 320)
    format = Format(1 << IDEAL.id_bits, 1, 2)
    for many in (1, 3):
        content = encode_branches([Branch(1, 7, bytes(5))] * many, format)
        assert 8 * len(content) + 320 == Outcomes((0, 0, many), 0.3, 0.5).ahead_bits(IDEAL, 18)[1]


def test_a_miss_waits_for_the_branches_on_the_air_and_for_no_others() -> None:
    """552 and 392 bits from 20 and 30 ms on; the reply to 360 bits is there after 490 ms, the next round 20 ms later,
    behind branches that left after 360 + 552 = 912 ms. The others, which have not begun, are cancelled."""
    slow = replace(IDEAL, up_bps=1e3)
    never = Outcomes((1, 2, 1), 0, 0, at_cloud=True)
    first_s, later_s = 0.36 + 0.13, 0.912
    assert round_s(slow, Rounds((0.0, 0.0)), never) == pytest.approx(later_s, rel=1e-3) and later_s > first_s + 0.02


def test_the_rate_from_which_branches_sent_ahead_gain_is_a_count_by_hand() -> None:
    """A round takes 130 ms and 360 bits, and two rounds sent ahead take 160 ms and 392 bits: less at every rate. With
    20 branches behind rejections 2,304 bits a round are all the uplink carries, and 1,944 take 130 ms at 14,954
    bit/s."""
    wide = Outcomes((10, 10, 1), 0, 1)
    assert sum(wide.ahead_bits(IDEAL, 18)) == 2304
    assert gains_from_bps(IDEAL, BONUS) == pytest.approx(1e3, rel=1e-3)
    assert gains_from_bps(IDEAL, wide) == pytest.approx(1944 / 0.13, rel=0.02)
    soon = replace(IDEAL, up_delay_s=0, down_delay_s=0, target=ConstantLatency(per_pass_s=0.015))
    assert gains_from_bps(soon, wide) == math.inf, "the reply comes before the branches are drafted"


def test_the_mean_over_outcomes_is_that_of_rounds_drawn_one_by_one() -> None:
    """Passes of 14 ms over all branches and of 8 over one; a message takes 18, 27.6 and 19.6 ms at 20 kbit/s."""
    rounds, outcomes = Rounds((0.8, 0.6)), Outcomes((1, 2, 1), 0.4, 0.5, at_cloud=True)
    place = replace(IDEAL, edge=Affine(base_s=0.006, per_token_s=0.002), up_bps=2e4, encode_s=1e-3)
    rejected, accepted = outcomes.hits(rounds)
    begun, free, verified = 0.0, 0.018, 0.018 + 0.05 + VERIFY_S
    replies = [verified + 0.05]
    for draw in np.random.default_rng(45).random(40_000):
        reply, left = replies[-1], [math.inf, math.inf]
        hit = 0 if draw < rejected else 1 if draw < rejected + accepted else None
        for each, (drafted, air) in enumerate([(begun + 0.034, 0.0276), (begun + 0.050, 0.0196)]):
            if drafted <= reply and (max(drafted, free) < reply or each == hit):
                free = left[each] = max(drafted, free) + air
        if hit is not None and left[hit] < math.inf:
            verified, begun = max(verified, left[hit] + 0.05) + VERIFY_S, reply
        else:
            ends = [begun + 0.014 * made for made in range(1, 3 + (hit or 0))]
            missing = [end for end in ends if end > reply]
            last = 2 * 0.008 if hit is None else missing[0] - reply + 0.008 * (len(missing) - 1) if missing else 0.0
            begun = reply + last + 0.002
            free = max(begun, free) + 0.018
            verified = free + 0.05 + VERIFY_S
        replies.append(verified + 0.05)
    assert round_s(place, rounds, outcomes) == pytest.approx(np.diff(replies).mean(), rel=0.01)
