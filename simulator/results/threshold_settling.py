"""Settling of a conformal threshold: the point from which on it keeps to its target over a stretch of drafts.

A threshold that begins too high drops far more than its target alpha, and falls by eta (alpha_n - alpha) a draft until
it does not. So over m kept drafts their mean alpha_n is alpha + (beta - beta') / (eta m), where the threshold fell from
beta to beta' (C-SQS, section III-B; clipped at 1 it may only look too high). The rule here: it has settled at the start
of the first stretch of WINDOW kept drafts, in whole rounds, over which that mean is at most twice alpha. A run that
ends before WINDOW drafts has not settled, nor has one that never keeps to its target.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from channels.codec.conformal import Conformal
from simulator.results.rounds import Round

WINDOW: Final = 128
"""Kept drafts over which a threshold must keep to its target. While it falls it drops 100 to 1,000 times that; at low
temperatures, where most drafts drop nothing, half as many were met by chance."""
ROUNDING: Final = 1e-12
THRESHOLD_SUMS: Final = ("threshold_drafts", "unsettled_drafts")
"""Sums: drafts, and those before a threshold had settled."""


class RoundBegun(NamedTuple):
    """A run of the threshold where one of its rounds begins: what came before."""

    kept: int
    beta: float
    drafts: int


@dataclass
class _Run:
    """Run of the threshold, and its `drafts` that count."""

    kept: int = 0
    drafts: int = 0
    settled: RoundBegun | None = None
    lately: deque[RoundBegun] = field(default_factory=deque)

    def begin(self, rule: Conformal, beta: float) -> None:
        lately = self.lately
        lately.append(RoundBegun(self.kept, beta, self.drafts))
        while len(lately) > 1 and self.kept - lately[1].kept >= WINDOW:
            lately.popleft()
        drafts = self.kept - lately[0].kept
        if drafts >= WINDOW and lately[0].beta - beta <= rule.step * rule.target * drafts + ROUNDING:
            self.settled = lately[0]
            lately.clear()


@dataclass
class Settling:
    """The threshold of one device, followed through its answered requests: one run where it is carried from each to the
    next, one a request where it is not."""

    rule: Conformal
    carry: bool
    runs: list[_Run] = field(default_factory=list)

    def add(self, rounds: Iterable[Round], states: Sequence[tuple[float, ...]], *, counted: bool) -> None:
        """Takes the rounds of a request, each with the scheme's state before it, (beta,). Where not `counted` its
        drafts move the threshold and are in no share."""
        if not (self.carry and self.runs):
            self.runs.append(_Run())
        run = self.runs[-1]
        for round_, state in zip(rounds, states, strict=True):
            if not state:  # void, or without a draft
                continue
            if run.settled is None:
                run.begin(self.rule, state[0])
            drafted = int(round_.drafted)
            run.kept += self.rule.kept(int(round_.accepted), drafted)
            run.drafts += drafted * counted

    def sums(self) -> dict[str, float]:
        """THRESHOLD_SUMS over its runs."""
        unsettled = sum(run.drafts if run.settled is None else run.settled.drafts for run in self.runs)
        return dict(zip(THRESHOLD_SUMS, (sum(run.drafts for run in self.runs), unsettled), strict=True))
