"""A world of known numbers for a policy that learns them: acceptance by distribution, a link of some rate, a cloud's
pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from channels.codec import wire
from channels.uniforms import Uniforms
from kinds.arrays import Floats
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

    def _round(
        self, policy: Policy, rung: int, most: int, left: int, seen: list[SeenVerdict], state: PolicyState
    ) -> tuple[PolicyState, int]:
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

    def _view(
        self,
        drafts: tuple[SeenDraft, ...],
        most: int,
        left: int,
        seen: list[SeenVerdict],
        distribution: Floats | None,
        rung: int,
    ) -> EdgeView:
        link = SeenLink(self.acked, round_trip_s=self.round_trip_s)
        return EdgeView(
            self.now_s, drafts, most, left, tuple(seen[-LAST:]), link, distribution, self.told, rung, len(self.bits)
        )

    def _uniform(self, purpose: int) -> float:
        self._asked = getattr(self, "_asked", 0) + 1
        return Uniforms.of(7, "world").uniform(purpose, self._asked)
