"""What a scenario is: a question, a base cell, a grid over it, seeds, and what to draw and say at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenarios.command.questions import Finding, Question, Table

if TYPE_CHECKING:
    from simulator.sweeps.search import Objective


@dataclass(frozen=True)
class Best:
    """What each scheme chooses for itself at each value of the axis: the values of `over` with the least mean `metric`.

    A scheme chooses among the fields that it has. The choice is made on `seeds` seeds of their own, in cells changed by
    `base` (smaller ones, as a rule); what it leads to is measured on the scenario's. With an objective it is by what
    bears most, and `metric` has no say.
    """

    over: Mapping[str, Sequence[object]]
    seeds: int = 2
    base: Mapping[str, object] = field(default_factory=dict)
    metric: str = "latency_per_token_s"
    of: Sequence[str] = ()
    """The kinds of scheme that choose; (): all."""


@dataclass(frozen=True)
class Quick:
    """What `--quick` puts in place of the scenario's own values."""

    base: Mapping[str, object] = field(default_factory=dict)
    grid: Mapping[str, Sequence[object]] = field(default_factory=dict)
    seeds: int = 3
    objective: Objective | None = None
    best: Best | None = None


@dataclass(frozen=True)
class Also:
    """Another cut through the same question: a grid of its own over the scenario's base, changed by `base`.

    Its cells are swept, tabled and asked about with the others. A user's changes hold in it too; it is left out where
    it cannot take them. `quick` is what `--quick` puts in place of its axes; without, it is left out then.
    """

    grid: Mapping[str, Sequence[object]]
    base: Mapping[str, object] = field(default_factory=dict)
    quick: Mapping[str, Sequence[object]] | None = None


@dataclass(frozen=True)
class Scenario:
    """A sweep with a question: a base, a grid over it, seeds, what to draw and what to say.

    Field names are dotted, as in `--set` and `--grid`. `base` is what differs from a default cell; `axis` is the grid's
    column that figures and findings run along, of numbers or of names, or a property of a part
    (`uplink.loss.mean_loss`), or a key of the `study`. With an `objective` the number of devices is found, not given.
    With `best` each scheme is shown at its own best setting, and beside it as the grid has it. `headlines` are the
    metrics that get a printed table.
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
    best: Best | None = None
    study: str = "simulation"
    """What is asked of each cell (`simulator.studies`)."""
    headlines: Sequence[str] = ("latency_per_token_s",)
    """Without any, what schemes cost and chose is not printed either: for grids with too many curves to read."""
    hidden: Sequence[str] = ()
    """Fields, or whole parts, that tell no curves apart because the axis stands for them."""
    assumed: str = ""
    """What is not known of the set-up and was chosen here; printed where the numbers stand."""
    tables: Sequence[Table] = ()
    """What is printed beside, or in place of, a table per headline, and written beside the results."""
    also: Sequence[Also] = ()
