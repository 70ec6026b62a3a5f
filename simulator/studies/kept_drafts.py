"""The drafts of a device whose updates of a conformal threshold were kept: the run that its theorem is about.

By `rollback` these are, of each round, the drafts up to the first rejected one, the accepted ones, or all. With `carry`
those of all its requests are one run; without, each request begins another. What is asserted: each round began at the
threshold that the kept drafts before it lead to, and after every one of them the bounds of `channels.codec.conformal`
hold, the papers' where the step is small enough for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from channels.codec.conformal import Conformal
from simulator.results.observer import Observer
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound

ROUNDING: Final = 1e-15
"""Of a threshold, an update."""


class SeenRound(NamedTuple):
    """A round of an answered request."""

    begins: bool
    """The request."""
    state: tuple[float, ...]
    """Before its first draft: of a conformal threshold (beta,)."""
    dropped: Sequence[float]
    """alpha_n of each draft sent."""
    support: Sequence[int]
    """K_n of each."""
    accepted: int
    tokens: int
    """That it committed."""


class RoundsSeen(Observer):
    """Keeps each device's rounds, in order."""

    def __init__(self) -> None:
        self.devices: dict[int, list[SeenRound]] = {}
        self._open: dict[tuple[int, int], list[SeenRound]] = {}

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        rounds = self._open.setdefault((request.device, request.number), [])
        verdict, drafts = notes.verified, notes.sent.drafts
        dropped = [each.dropped_mass for each in drafts]
        support = [each.support_size for each in drafts]
        rounds.append(SeenRound(not rounds, notes.sent.state, dropped, support, verdict.accepted, verdict.tokens))

    def on_request(self, request: Request, share: float) -> None:
        rounds = self._open.pop((request.device, request.number), [])
        if request.outcome == "answered":  # of any other the device keeps nothing
            self.devices.setdefault(request.device, []).extend(rounds)


@dataclass
class KeptRun:
    """One run of the threshold. Raises AssertionError where it breaks its theorem."""

    rule: Conformal
    beta: float
    excess: float = 0.0
    """Sum of alpha_n - alpha."""
    updates: int = 0

    @classmethod
    def of(cls, rule: Conformal) -> KeptRun:
        return cls(rule, rule.initial)

    def go_on(self, round_: SeenRound) -> Sequence[float]:
        """Takes the kept drafts of a round; answers what each dropped."""
        assert round_.state == (self.beta,), "a round began at another threshold than its kept drafts lead to"
        kept = round_.dropped[: self.rule.kept(round_.accepted, len(round_.dropped))]
        for dropped in kept:
            self.beta = self.rule.next(self.beta, dropped)
            self.excess += dropped - self.rule.target
            self.updates += 1
            self._check()
        return kept

    def _check(self) -> None:
        rule, rounding = self.rule, ROUNDING * self.updates * (1 + 1 / self.rule.step)
        assert self.excess <= rule.most_excess + rounding, "the dropped mass exceeds its one-sided bound"
        assert not rule.papers_excess_holds or self.excess <= rule.papers_excess + rounding, (
            "the dropped mass exceeds the papers' bound"
        )
