"""The policy that maximises goodput: right where the answer is a formula, and reasonable where it must learn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from learning_world import SURE, World

from kinds.arrays import Floats
from simulator.schemes.policies.goodput import Goodput
from simulator.schemes.policies.goodput_rules import Now, best_round, goes_on, start_s
from simulator.schemes.policies.learned import Learned
from simulator.schemes.policy import EdgeView, SeenLink

HEADER, DELAY_S, JUDGE_S, PASS_S, BITS = 320.0, 0.04, 0.043, 0.006, 100.0
LONGEST = 8


def known(a: float, bps: float) -> Learned:
    """What is to be known of an i.i.d. world, known for long."""
    learned = Learned.empty(1)
    learned.acceptance.reached = [[1e9] * LONGEST]
    learned.acceptance.accepted = [[a * 1e9] * LONGEST]
    learned.bits[0].observe(BITS, 1)
    learned.header.observe(HEADER, 1)
    learned.pass_s.observe(PASS_S, 1)
    learned.cloud.observe_verification(JUDGE_S)
    learned.link.observe(0.0, 1e9, DELAY_S + 1e9 / bps, False)
    learned.link.least_s, learned.link.last = DELAY_S, 1 / bps
    learned.link.mean = 1 / bps
    return learned


def tokens_per_s(a: float, bps: float, length: int) -> float:
    """By the closed form, Leviathan et al. 2023."""
    seconds = length * PASS_S + (HEADER + length * BITS) / bps + DELAY_S + JUDGE_S
    return (1 - a ** (length + 1)) / (1 - a) / seconds


def view(most: int = LONGEST, distribution: Floats | None = None) -> EdgeView:
    return EdgeView(0.0, (), most, 64, (), SeenLink(), distribution)


@pytest.mark.parametrize("a", [0.2, 0.5, 0.8, 0.9, 0.97])
@pytest.mark.parametrize("bps", [1e3, 1e4, 1e5, 1e7])
def test_the_length_is_the_one_of_largest_goodput_and_the_marginal_rule_stops_there(a: float, bps: float) -> None:
    """Both against brute force over the closed form: the ratio's argmax, and stopping where a draft stops to pay."""
    now = Now.of(view(), known(a, bps))
    chosen = best_round(now, 0)
    reached = {length: tokens_per_s(a, bps, length) for length in range(1, LONGEST + 1)}
    best = max(reached, key=lambda length: reached[length])
    assert chosen.length == best and chosen.goodput == pytest.approx(reached[best], rel=1e-6)
    now.learned.price, drafted = chosen.goodput, 1
    now.learned.survival = a
    while drafted < LONGEST and goes_on(now, a):
        drafted, now.learned.survival = drafted + 1, now.learned.survival * a
    assert drafted == best


def test_a_pass_that_was_made_is_paid_for() -> None:
    """The same draft is not worth its pass and its bits together, and is worth its bits alone."""
    learned = known(0.5, 1e7)
    learned.price, learned.survival = 20.0, 0.2  # worth .1 tokens, where a pass costs .12
    assert not goes_on(Now.of(view(), learned), 0.5)
    assert goes_on(Now.of(view(distribution=SURE), learned), 0.5)


def test_slower_links_get_shorter_rounds_and_at_last_the_cloud() -> None:
    def mostly(bps: float) -> int:
        world = World(rate_bps=lambda _: bps)
        state = world.play(Goodput(), (), 8)
        world.deeds.clear()
        world.play(Goodput(), state, 10)
        (rung, length), _ = Counter(world.deeds).most_common(1)[0]
        return 0 if rung < 0 else length

    lengths = [mostly(bps) for bps in (2e3, 1e4, 4e4, 1e6)]
    assert lengths == sorted(lengths) and lengths[0] == 0 and lengths[-1] >= 5


def test_a_slower_cloud_moves_work_to_the_edge_and_a_nearer_one_back() -> None:
    def alone(decode_s: float) -> float:
        world = World(rate_bps=lambda _: 1e6, judge_s=decode_s, decode_s=decode_s)
        state = world.play(Goodput(), (), 6)
        world.deeds.clear()
        world.play(Goodput(), state, 10)
        return sum(tokens for rung, tokens in world.deeds if rung < 0) / (10 * world.answer)

    assert alone(0.01) > 0.9 and alone(0.1) < 0.1


def test_one_long_request_is_served_as_by_the_best_length_known_beforehand() -> None:
    """Four percent: five sd of the tokens of some 3,000 rounds, and what learning and trials cost."""
    world = World(answer=8_000)
    world.play(Goodput(), (), 1)
    best = max(tokens_per_s(0.8, 1e5, length) for length in range(1, LONGEST + 1))
    assert world.goodput(len(world.tokens)) == pytest.approx(best, rel=0.04)


def test_the_rung_of_largest_goodput_is_found() -> None:
    """A operating point of few bits and one of many that is accepted more often, on a slow and on a fast link."""

    def mostly(bps: float) -> int:
        world = World(lambda rung, n, q: (0.6, 0.85)[rung], bits=(40.0, 400.0), rate_bps=lambda _: bps, decode_s=1.0)
        state = world.play(Goodput(), (), 8)
        world.deeds.clear()
        world.play(Goodput(), state, 8)
        return Counter(rung for rung, _ in world.deeds).most_common(1)[0][0]

    assert mostly(4e3) == 0 and mostly(1e6) == 1


def test_distributions_that_promise_little_end_rounds_and_that_pays() -> None:
    def reached(looks: bool) -> float:
        accept = lambda rung, n, q: 0.95 if q[0] > 0.9 else 0.2  # noqa: E731
        world = World(accept, rate_bps=lambda _: 1e4, decode_s=1.0, answer=6_000, unsure=0.4, looks=looks)
        world.play(Goodput(), (), 1)
        return world.goodput(len(world.tokens))

    assert reached(True) > 1.05 * reached(False)


def test_on_a_link_that_fades_it_passes_the_cloud_alone_and_every_fixed_length() -> None:
    def fades(now_s: float) -> float:
        return 3e3 if int(now_s // 10) % 2 else 3e5

    world = World(rate_bps=fades)
    state = world.play(Goodput(), (), 15)
    before = len(world.tokens)
    world.play(Goodput(), state, 60)
    alone = 64 / (64 * 0.043 + DELAY_S + (328 / 3e3 + 328 / 3e5) / 2)
    fixed = max(np.mean([tokens_per_s(0.8, bps, n) for bps in (3e3, 3e5)]) for n in range(1, LONGEST + 1))
    assert world.goodput(len(world.tokens) - before) > 1.03 * max(alone, fixed)


def test_the_learning_run_does_what_it_would_do_whatever_comes_back() -> None:
    schedules = []
    for a, bps in ((0.3, 1e3), (0.95, 1e6)):
        world = World(lambda rung, n, q, a=a: a, bits=(50.0, 100.0), rate_bps=lambda _, bps=bps: bps, answer=60)
        policy = Goodput(learning_rounds=4)
        world.play(policy, (), 3)
        schedules.append(world.deeds[:10])
    assert [rung for rung, _ in schedules[0]] == [0, 1] * 4 + [-1, -1] == [rung for rung, _ in schedules[1]]
    assert schedules[0][:2] == schedules[1][:2] == [(0, 8), (1, 8)]


def test_what_starts_a_stretch_is_one_small_message() -> None:
    assert start_s(Now.of(view(), known(0.5, 1e4))) == pytest.approx((HEADER + 16) / 1e4 + DELAY_S)
