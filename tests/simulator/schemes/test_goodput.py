"""The policy that maximises goodput: right where the answer is a formula, and reasonable where it must learn."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import pytest

from channels.codec import wire
from channels.uniforms import Uniforms
from kinds.arrays import Floats
from simulator.schemes.policies.goodput import Goodput, Now, best_round, goes_on, start_s
from simulator.schemes.policies.learned import Learned
from simulator.schemes.policy import (
    CloudDecodes,
    DraftOne,
    EdgeView,
    Policy,
    PolicyState,
    SeenCloud,
    SeenDraft,
    SeenLink,
    SeenVerdict,
    Send,
    most_drafts,
)

DRAFT = SeenDraft(wire.Draft(0, np.array([0]), np.array([1])), 0.5, 0.0)
LAST = 3
"""Verification results that a view shows: the policies here look at the last, and whether there were others."""
SURE, UNSURE = np.array([0.95, 0.05]), np.array([0.5, 0.5])


@dataclass
class World:
    """Plays requests of `answer` tokens with a policy, and notes what it did: (operating point, drafts), or (-1,
    tokens)."""

    accept: Callable[[int, int, Floats], float] = lambda rung, n, q: 0.8
    """By operating point, position and distribution."""
    draft_s: float = 0.006
    bits: tuple[float, ...] = (100.0,)
    """The bits of a draft, by operating point."""
    header_bits: float = 320.0
    rate_bps: Callable[[float], float] = lambda now_s: 1e5
    delay_s: float = 0.04
    judge_s: float = 0.043
    decode_s: float = 0.043
    answer: int = 64
    longest: int = 8
    unsure: float = 0.0
    """The share of distributions that are UNSURE; else SURE."""
    looks: bool = True
    now_s: float = 0.0
    acked: int = 0
    round_trip_s: float = float("nan")
    told: SeenCloud = field(default_factory=SeenCloud)
    deeds: list[tuple[int, int]] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def play(self, policy: Policy, state: PolicyState, requests: int) -> PolicyState:
        for _ in range(requests):
            state = self._request(policy, policy.entry(state or None))
        return state

    def goodput(self, last: int) -> float:
        """Tokens a second over the last so many cycles."""
        return sum(self.tokens[-last:]) / sum(self.spent_s[-last:])

    def _request(self, policy: Policy, state: PolicyState) -> PolicyState:
        left, seen = self.answer, []
        while left > 0:
            began_s, most = self.now_s, most_drafts(self.longest, left)
            action, state = policy.next(self._view((), most, left, seen, None, 0), state)
            if isinstance(action, CloudDecodes):
                state = self._alone(policy, action.tokens, state, seen)
                done = action.tokens
                self.deeds.append((-1, done))
            else:
                assert isinstance(action, DraftOne)
                state, done = self._round(policy, action.rung, most, left, seen, state)
            left -= done
            self.tokens.append(done)
            self.spent_s.append(self.now_s - began_s)
        return state

    def _round(self, policy, rung, most, left, seen, state):
        distributions = [SURE]
        self.now_s += self.draft_s
        while len(distributions) < most:
            drafts, distribution = (DRAFT,) * len(distributions), UNSURE if self._uniform(0) < self.unsure else SURE
            action, state = policy.next(self._view(drafts, most, left, seen, None, rung), state)
            if isinstance(action, Send):
                break
            self.now_s += self.draft_s
            if self.looks:
                action, state = policy.next(self._view(drafts, most, left, seen, distribution, rung), state)
                if isinstance(action, Send):
                    break
            distributions.append(distribution)
        accepted = 0
        while accepted < len(distributions) and self._uniform(1) < self.accept(rung, accepted, distributions[accepted]):
            accepted += 1
        payload = round(self.bits[rung] * len(distributions))
        sent_s = self.now_s
        self._send(payload, self.judge_s)
        seen.append(SeenVerdict(len(distributions), accepted, payload, sent_s, self.now_s, rung))
        self.told = SeenCloud(0.0, self.judge_s, 1.0)
        self.deeds.append((rung, len(distributions)))
        return policy.learn(seen[-1], state), accepted + 1

    def _alone(self, policy: Policy, tokens: int, state: PolicyState, seen: list[SeenVerdict]) -> PolicyState:
        for number in range(tokens):
            sent_s = self.now_s
            if number:
                self.now_s += self.decode_s
            else:
                self._send(8, self.decode_s)
            seen.append(SeenVerdict(0, 0, 8 if not number else 0, sent_s, self.now_s))
            state = policy.learn(seen[-1], state)
        self.told = SeenCloud(0.0, self.decode_s, 1.0)
        return state

    def _send(self, payload: float, served_s: float) -> None:
        on_air = payload + self.header_bits
        self.round_trip_s = on_air / self.rate_bps(self.now_s) + self.delay_s
        self.now_s += self.round_trip_s + served_s
        self.acked += round(on_air)

    def _view(self, drafts, most, left, seen, distribution, rung):
        link = SeenLink(self.acked, round_trip_s=self.round_trip_s)
        return EdgeView(
            self.now_s, drafts, most, left, tuple(seen[-LAST:]), link, distribution, self.told, rung, len(self.bits)
        )

    def _uniform(self, purpose: int) -> float:
        self._asked = getattr(self, "_asked", 0) + 1
        return Uniforms.of(7, "world").uniform(purpose, self._asked)


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
    learned.verify.observe(JUDGE_S, 1)
    learned.link.observe(0.0, 1e9, DELAY_S + 1e9 / bps, False)
    learned.link.least_s, learned.link.last = DELAY_S, 1 / bps
    learned.link.mean = 1 / bps
    return learned


def at(seen: EdgeView, learned: Learned) -> Now:
    return Now(seen, learned, learned.link.per_bit_s(seen.now_s))


def tokens_per_s(a: float, bps: float, length: int) -> float:
    """By the closed form, Leviathan et al. 2023."""
    seconds = length * PASS_S + (HEADER + length * BITS) / bps + DELAY_S + JUDGE_S
    return (1 - a ** (length + 1)) / (1 - a) / seconds


def view(most: int = LONGEST, distribution: Floats | None = None) -> EdgeView:
    return EdgeView(0.0, (), most, 64, (), SeenLink(), distribution)


@pytest.mark.parametrize("block", [1, 2, 3, LONGEST])
@pytest.mark.parametrize("a", [0.2, 0.5, 0.8, 0.9, 0.97])
@pytest.mark.parametrize("bps", [1e3, 1e4, 1e5, 1e7])
def test_the_length_is_the_one_of_largest_goodput_and_the_marginal_rule_stops_there(
    a: float, bps: float, block: int
) -> None:
    """Both against brute force over the closed form: the ratio's argmax, and stopping where a draft stops to pay; over
    ceil(L / n) passes of n drafts, a pass being worth it by all of the drafts that it makes."""
    seen = view()._replace(drafts_per_pass=block)
    now = at(seen, known(a, bps))
    chosen = best_round(now, 0)
    reached = {
        length: 1 / (1 / tokens_per_s(a, bps, length) - (length - ceil(length / block)) * PASS_S
                     * (1 - a) / (1 - a ** (length + 1)))
        for length in range(1, LONGEST + 1)
    }  # fmt: skip
    best = max(reached, key=lambda length: reached[length])
    assert chosen.length == best and chosen.goodput == pytest.approx(reached[best], rel=1e-6)
    now.learned.price, now.learned.survival, drafts = chosen.goodput, a, [DRAFT]
    while len(drafts) < LONGEST and goes_on(now._replace(view=seen._replace(drafts=tuple(drafts))), a):
        drafts.append(DRAFT)
        now.learned.survival *= a
    assert len(drafts) == best


def test_a_pass_that_was_made_is_paid_for() -> None:
    """The same draft is not worth its pass and its bits together, and is worth its bits alone."""
    learned = known(0.5, 1e7)
    learned.price, learned.survival = 20.0, 0.2  # worth .1 tokens, where a pass costs .12
    assert not goes_on(at(view(), learned), 0.5)
    assert goes_on(at(view(distribution=SURE), learned), 0.5)


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
    """Six percent: five sd of the tokens of some 1,500 rounds, and what learning and trials cost."""
    world = World(answer=4_000)
    world.play(Goodput(), (), 1)
    best = max(tokens_per_s(0.8, 1e5, length) for length in range(1, LONGEST + 1))
    assert world.goodput(len(world.tokens)) == pytest.approx(best, rel=0.06)


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
        world = World(accept, rate_bps=lambda _: 1e4, decode_s=1.0, answer=3_000, unsure=0.4, looks=looks)
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
    assert start_s(at(view(), known(0.5, 1e4))) == pytest.approx((HEADER + 16) / 1e4 + DELAY_S)
