"""How soon a conformal threshold keeps its promise: the running mean of the dropped mass beside both of its bounds.

The cell is simulated, and each device's drafts are followed along the text that it commits, over all its requests.
`kept_drafts` says which of them the theorem is about; it is asserted after every one. Where a device begins several
runs of the threshold, what a bound allows above the target is allowed once a run. A scheme without such a threshold has
no bounds; the drafts up to the first rejected one are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from channels.codec.conformal import Conformal
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer, Together
from simulator.run import simulate
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.sparsifier import KeepConformal
from simulator.studies.kept_drafts import KeptRun, RoundsSeen, SeenRound
from simulator.studies.study import Study, StudyResult
from simulator.studies.threshold_adversary import dropped_at_worst

FIRST_TOKENS: Final = 16
"""Rows are at this many output tokens of a device, or half of those that it comes to, and at each doubling."""


class Convergence(Study):
    """A row at 16, 32, ... output tokens of a device, as far as all devices have come: means over devices."""

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        conformal, seen = _conformal(_uncapped(cell)), RoundsSeen()
        listening = seen if observer is None else Together(observer, seen)
        result = simulate(cell, listening, memory=memory, rounds_to=rounds_to)
        devices = list(seen.devices.values())
        shortest = min((sum(round_.tokens for round_ in rounds) for rounds in devices), default=0)
        first = max(1, min(FIRST_TOKENS, shortest // 2))
        followed = [list(_rows(Followed(conformal, cell.models.pair.vocabulary), rounds, first)) for rounds in devices]
        if not followed:
            raise ConfigError("workload: no request is answered, so there is no text to follow")
        return StudyResult([_mean(rows) for rows in zip(*followed, strict=False)], result.requests)


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


def _conformal(scheme: DraftScheme) -> KeepConformal | None:
    sparsifier = scheme.families.sparsifier
    return sparsifier if isinstance(sparsifier, KeepConformal) else None


@dataclass
class Mean:
    """Of numbers that come one after the other."""

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
    """One device, up to a round."""

    conformal: KeepConformal | None
    vocabulary: int
    runs: list[KeptRun] = field(default_factory=list)
    tokens: int = 0
    kept: Mean = field(default_factory=Mean)
    verified: Mean = field(default_factory=Mean)
    sent: Mean = field(default_factory=Mean)
    support_lately: Mean = field(default_factory=Mean)
    """Since the last row."""

    def go_on(self, round_: SeenRound) -> None:
        """One more round."""
        self.tokens += round_.tokens
        self.kept.add(self._keep(round_))
        self.verified.add(round_.dropped[: round_.accepted + 1])
        self.sent.add(round_.dropped)
        self.support_lately.add(round_.support)

    def _keep(self, round_: SeenRound) -> Sequence[float]:
        if self.conformal is None:
            return round_.dropped[: round_.accepted + 1]
        if not self.runs or (round_.begins and not self.conformal.carry):
            self.runs.append(KeptRun.of(self.conformal.rule))
        return self.runs[-1].go_on(round_)

    def row(self) -> dict[str, float]:
        """What is known by now."""
        found = {
            "kept_updates": float(self.kept.count),
            "kept_dropped_mass": self.kept.of(self.kept.total),
            "verified_dropped_mass": self.verified.of(self.verified.total),
            "sent_dropped_mass": self.sent.of(self.sent.total),
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
        """What an adversary would have made runs as long as these drop."""
        longest = max(run.updates for run in self.runs)
        dropped = dropped_at_worst(rule, self.vocabulary, 1 << longest.bit_length())
        return float(sum(dropped[run.updates] for run in self.runs))


def _rows(device: Followed, rounds: Sequence[SeenRound], due: int) -> Iterator[dict[str, float]]:
    """At `due` tokens and at each doubling."""
    for round_ in rounds:
        device.go_on(round_)
        if device.tokens >= due:
            yield {"tokens": due} | device.row()
            due *= 2


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return means | {"tokens": int(rows[0]["tokens"])}


STUDY = Convergence()
