"""What a scenario is: a question, a base cell, a grid over it, seeds, and what to draw and say at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenarios.command.questions import Finding, Question

if TYPE_CHECKING:
    from simulator.sweeps.search import Objective


@dataclass(frozen=True)
class Quick:
    """What `--quick` puts in place of the scenario's own values."""

    base: Mapping[str, object] = field(default_factory=dict)
    grid: Mapping[str, Sequence[object]] = field(default_factory=dict)
    seeds: int = 3
    objective: Objective | None = None


@dataclass(frozen=True)
class Scenario:
    """A sweep with a question: a base, a grid over it, seeds, what to draw and what to say.

    Field names are dotted, as in `--set` and `--grid`. `base` is what differs from a default cell; `axis` is the grid's
    column that figures and findings run along, or a property of a part (`uplink.loss.mean_loss`). With an `objective`
    the number of devices is found, not given.
    """

    name: str
    summary: str
    minutes: float
    grid: Mapping[str, Sequence[object]]
    axis: str | None = None
    base: Mapping[str, object] = field(default_factory=dict)
    seeds: int = 3
    quick: Quick = field(default_factory=Quick)
    figures: Sequence[str] = ("latency", "breakdown", "bits", "resampling")
    findings: Sequence[Question] = (Finding(),)
    pairs: Sequence[str] = ()
    """Kinds of model pairs, best first: the first that this machine has is the default; (): the base's."""
    objective: Objective | None = None
