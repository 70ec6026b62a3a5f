"""Convergence of a conformal threshold: the running mean of the dropped mass and both of its bounds.

The cell is simulated, and each device's drafts are followed along the text that it commits, over all its requests.
`KeptRun` says which of them the theorem is about; it is asserted after every one. Where a device begins several
runs of the threshold, what a bound allows above the target is allowed once a run. A scheme without such a threshold has
no bounds; the drafts up to the first rejected one are averaged.

The theorem is about the drafts whose updates of the threshold were kept. By `rollback` these are, of each round, the
drafts up to the first rejected one, the accepted ones, or all. With `carry` those of all its requests are one run;
without, each request begins another. What is asserted: each round began at the threshold that the kept drafts before it
lead to, and after every one of them the bounds of `channels.codec.conformal` hold, the papers' where the step is small
enough for it.

An adversary who sees the threshold chooses distributions by which nearly the most is dropped. Of one on V tokens
everything but its first can be dropped where the threshold is above 1/V, V - 1 times the threshold below, nothing at or
below 0. What has been dropped is as much as the threshold has fallen, so the adversary lands just above 1/V before it
drops everything once more; further below 1/V it waits for the threshold to rise where that pays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from channels.codec.conformal import Conformal
from kinds import ConfigError
from kinds.arrays import Floats
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer, together
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound
from simulator.run import simulate
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.sparsifiers.conformal import KeepConformal
from simulator.studies.study import Study, StudyResult

FIRST_TOKENS: Final = 16
"""Rows are at this many output tokens of a device, or half of those that it comes to, and at each doubling."""


class Convergence(Study):
    """A row at 16, 32, ... output tokens of a device, as far as all devices have come: means over devices."""

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        sparsifier, seen = _uncapped(cell).families.sparsifier, RoundsSeen()
        conformal = sparsifier if isinstance(sparsifier, KeepConformal) else None
        result = simulate(cell, together(observer, seen), memory=memory, rounds_to=rounds_to)
        devices = list(seen.devices.values())
        shortest = min((sum(round_.tokens for round_ in rounds) for rounds in devices), default=0)
        first = max(1, min(FIRST_TOKENS, shortest // 2))
        followed = [list(_rows(Followed(conformal, cell.models.pair.vocabulary), rounds, first)) for rounds in devices]
        if not followed:
            raise ConfigError("workload: no request is answered, so there is no text to follow")
        return StudyResult([_mean(rows) for rows in zip(*followed, strict=False)], result.request_table)


def _uncapped(cell: Cell) -> DraftScheme:
    """The scheme of a cell that sends what its rule keeps. Raises ConfigError where there is none."""
    scheme = cell.scheme
    if cell.fleet:
        raise ConfigError("fleet: convergence is followed of one scheme; give scheme alone")
    if not isinstance(scheme, DraftScheme):
        raise ConfigError(f"scheme = {scheme.kind!r}: sends no distribution")
    if scheme.budget_bits is not None:
        raise ConfigError(f"scheme.budget_bits = {scheme.budget_bits}: must be null, or it cuts what the rule keeps")
    if (k_max := getattr(scheme.families.sparsifier, "k_max", None)) is not None:
        raise ConfigError(f"scheme.k_max = {k_max}: must be null, or it cuts what the rule keeps")
    return scheme


@dataclass
class Mean:
    """The mean of numbers that come one after the other."""

    total: float = 0.0
    count: int = 0

    def add(self, values: Sequence[float]) -> None:
        self.total += sum(values)
        self.count += len(values)

    def of(self, total: float) -> float:
        """Such a total over as many; nan over none."""
        return total / self.count if self.count else math.nan


@dataclass
class Followed:
    """Device that is followed, up to a round."""

    conformal: KeepConformal | None
    vocabulary: int
    runs: list[KeptRun] = field(default_factory=list)
    tokens: int = 0
    kept: Mean = field(default_factory=Mean)
    verified: Mean = field(default_factory=Mean)
    support_lately: Mean = field(default_factory=Mean)  # since the last row

    def go_on(self, round_: SeenRound) -> None:
        self.tokens += round_.tokens
        self.kept.add(self._keep(round_))
        self.verified.add(round_.dropped[: round_.accepted + 1])
        self.support_lately.add(round_.support)

    def _keep(self, round_: SeenRound) -> Sequence[float]:
        if self.conformal is None:
            return round_.dropped[: round_.accepted + 1]
        if not self.runs or (round_.begins and not self.conformal.carry):
            self.runs.append(KeptRun.of(self.conformal.rule))
        return self.runs[-1].go_on(round_)

    def row(self) -> dict[str, float]:
        found = {
            "kept_updates": float(self.kept.count),
            "kept_dropped_mass": self.kept.of(self.kept.total),
            "verified_dropped_mass": self.verified.of(self.verified.total),
            "support_size": self.support_lately.of(self.support_lately.total),
        }
        self.support_lately = Mean()
        return found | self._bounds()

    def _bounds(self) -> dict[str, float]:
        if self.conformal is None:
            return dict.fromkeys(("threshold", "one_sided_bound", "papers_bound", "adversarial_dropped_mass"), math.nan)
        rule, runs = self.conformal.rule, len(self.runs)
        return {
            "threshold": self.runs[-1].beta,
            "one_sided_bound": rule.target + self.kept.of(runs * rule.most_excess),
            "papers_bound": rule.target + self.kept.of(runs * rule.papers_excess),
            "adversarial_dropped_mass": self.kept.of(self._adversarial(rule)),
        }

    def _adversarial(self, rule: Conformal) -> float:
        longest = max(run.updates for run in self.runs)
        dropped = dropped_at_worst(rule, self.vocabulary, 1 << longest.bit_length())
        return float(sum(dropped[run.updates] for run in self.runs))


def _rows(device: Followed, rounds: Sequence[SeenRound], due: int) -> Iterator[dict[str, float]]:
    """Yields a row at `due` tokens and at each doubling."""
    for round_ in rounds:
        device.go_on(round_)
        if device.tokens >= due:
            yield {"tokens": due} | device.row()
            due *= 2


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return means | {"tokens": int(rows[0]["tokens"])}


ROUNDING: Final = 1e-15  # of a threshold, an update


class SeenRound(NamedTuple):
    """A round of an answered request."""

    begins: bool  # the request
    state: tuple[float, ...]  # before its first draft: of a conformal threshold (beta,)
    dropped: Sequence[float]  # alpha_n of each draft sent
    support: Sequence[int]  # K_n of each
    accepted: int
    tokens: int  # that it committed


class RoundsSeen(Observer):
    """Keeps each device's rounds, in order."""

    def __init__(self) -> None:
        self.devices: dict[int, list[SeenRound]] = {}
        self._open: dict[tuple[int, int], list[SeenRound]] = {}

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        rounds = self._open.setdefault((request.device, request.number), [])
        verified, drafts = notes.verified, notes.sent.drafts
        dropped = [each.dropped_mass for each in drafts]
        support = [each.support_size for each in drafts]
        rounds.append(SeenRound(not rounds, notes.sent.state, dropped, support, verified.accepted, verified.tokens))

    def on_request(self, request: Request, share: float) -> None:
        rounds = self._open.pop((request.device, request.number), [])
        if request.outcome == "answered":  # of any other the device keeps nothing
            self.devices.setdefault(request.device, []).extend(rounds)


@dataclass
class KeptRun:
    """Run of the threshold. Raises AssertionError if it breaks its theorem."""

    rule: Conformal
    beta: float
    excess: float = 0.0  # sum of alpha_n - alpha
    updates: int = 0

    @classmethod
    def of(cls, rule: Conformal) -> KeptRun:
        return cls(rule, rule.initial)

    def go_on(self, round_: SeenRound) -> Sequence[float]:
        """Takes the kept drafts of a round; answers what each dropped."""
        assert round_.state == (self.beta,), "a round began at another threshold than its kept drafts lead to"
        rule = self.rule
        kept = round_.dropped[: rule.kept(round_.accepted, len(round_.dropped))]
        for dropped in kept:
            self.beta = rule.next(self.beta, dropped)
            self.excess += dropped - rule.target
            self.updates += 1
            excess = self.excess - ROUNDING * self.updates * (1 + 1 / rule.step)
            assert excess <= rule.most_excess, "the dropped mass exceeds its one-sided bound"
            papers = rule.papers_excess if rule.papers_excess_holds else math.inf
            assert excess <= papers, "the dropped mass exceeds the papers' bound"
        return kept


NEAR: Final = 1e-6  # relative distance from 1/V within which a threshold is just above it


@lru_cache(maxsize=8)
def dropped_at_worst(rule: Conformal, vocabulary: int, drafts: int) -> Floats:
    """Sums of the dropped mass of 0, 1, ..., `drafts` drafts, float64 [drafts + 1], none of them undone."""
    dropped, beta = [], rule.initial
    for _ in range(drafts):
        dropped.append(rule.dropped_mass(against(rule, beta, vocabulary), beta))
        beta = rule.next(beta, dropped[-1])
    return np.array([*accumulate(dropped, initial=0.0)])


def against(rule: Conformal, beta: float, vocabulary: int) -> Floats:
    """The distribution, float64 [V], that the adversary chooses at the threshold beta."""
    mass = _aim(rule, beta, vocabulary)
    distribution = np.full(vocabulary, mass / (vocabulary - 1))
    distribution[0] = 1 - mass
    return distribution


def _aim(rule: Conformal, beta: float, vocabulary: int) -> float:
    edge, everything = 1 / vocabulary, 1 - 1 / vocabulary
    fall = rule.step * (everything - rule.target)
    if beta <= 0:
        return 0.0
    if beta <= edge:
        return 0.0 if fall > 2 * edge else (vocabulary - 1) * beta * (1 - NEAR)
    if beta - fall > edge or beta <= edge * (1 + NEAR):
        return everything
    return min(everything, rule.target + (beta - edge * (1 + NEAR / 2)) / rule.step)
