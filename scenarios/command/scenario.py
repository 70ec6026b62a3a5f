"""Scenario: a question, a base cell, a grid over it, seeds, and what to draw and say at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.findings.claims import Claim
    from scenarios.findings.question import Question, Table
    from simulator.cell.cell import Cell
    from simulator.sweeps.search import Objective


@dataclass(frozen=True)
class Tune:
    """Tuning: each scheme is shown at a setting of its own at each value of the axis, chosen by a race
    (`simulator.tuning`).

    What is tuned is what the parts of a scheme declare (`kinds.tunable`), and the fields in `further`, with the values
    to try. What the grid varies, the user types or the question fixes is not: `fixed` has the latter, with the reason,
    which is printed. The race is on seeds of its own, in cells changed by `base` (smaller ones, as a rule), by the
    least mean `metric`; with an objective it is by what supports most, and `metric` does not matter. The rest is its
    budget for each scheme and value of the axis (`simulator.tuning.trials.Budget`).
    """

    fixed: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, Sequence[object]] = field(default_factory=dict)
    base: Mapping[str, object] = field(default_factory=dict)
    metric: str = "latency_per_token_s"
    settings: int = 24
    looks: tuple[int, ...] = (2, 4, 8)
    kept: int = 4
    steps: int = 3
    typed: frozenset[str] = frozenset()
    """Fields that the user types and the grid varies; filled in by the plan."""
    named: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Fields that are typed of a scheme and not tuned there, by its label. The plan adds those that the user names."""

    @property
    def closed(self) -> frozenset[str]:
        """The fields that are tuned in no scheme."""
        return self.typed | self.fixed.keys()

    def closed_in(self, label: str | None) -> frozenset[str]:
        """The fields that are not tuned in a scheme with this label."""
        return self.closed | self.named.get(label or "", frozenset())


@dataclass(frozen=True)
class Quick:
    """Values that `--quick` puts in place of the scenario's own."""

    base: Mapping[str, object] = field(default_factory=dict)
    grid: Mapping[str, Sequence[object]] = field(default_factory=dict)
    seeds: int = 3
    objective: Objective | None = None
    tune: Tune | None = None


@dataclass(frozen=True)
class Also:
    """Another cut through the same question: a grid of its own over the scenario's base, changed by `base`; left out
    where it cannot take a user's changes. `quick`: axes under `--quick`; without, it is left out then."""

    grid: Mapping[str, Sequence[object]]
    base: Mapping[str, object] = field(default_factory=dict)
    quick: Mapping[str, Sequence[object]] | None = None


def default_findings() -> Sequence[Question]:
    """Returns the question that is asked if there is no other: which curve is lowest where."""
    from scenarios.findings.sentences.lowest import Lowest

    return (Lowest(),)


@dataclass(frozen=True)
class Scenario:
    """A sweep with a question: a base, a grid over it, seeds, what to draw and what to say.

    Field names are dotted, as in `--set` and `--grid`. `base` is what differs from a default cell; `axis` is the grid's
    column that figures and findings run along, of numbers or of names, or a property of a part
    (`uplink.loss.mean_loss`), or a key of the `study`. With an `objective` the number of devices is found, not given.
    With `tune` each scheme is shown at a setting chosen for it, and beside it as the grid has it. `left_out` has the
    baselines that the question leaves out, and why: cloud-only decoding, co-located speculation, the drafter alone.
    `headlines` are the metrics that get a printed table.
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
    worded: Callable[[Sequence[Cell], Objective], str] | None = None
    """Function that words the question of a search from the cells that run, in place of `summary`."""
    answer: Question | None = None
    """Question that answers `summary` in one breath: at most 40 words, one number with its interval, and its
    conditions."""
    findings: Sequence[Question] = field(default_factory=default_findings)
    """Other questions to the table, reported beside the answer."""
    claims: Sequence[Claim] = ()
    """Claims of papers that the table can judge; reported among the findings."""
    pairs: Sequence[str] = ()
    """Kinds of model pairs, best first: the first that this machine has is the default; (): the base's."""
    objective: Objective | None = None
    tune: Tune | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    study: str = "simulation"
    """Study of each cell (`simulator.studies`)."""
    headlines: Sequence[str] = ("latency_per_token_s",)
    """Metrics with a table each. Without any, the costs and choices of schemes are not printed either: for grids with
    too many curves to read."""
    hidden: Sequence[str] = ()
    """Fields, or whole parts, that tell no curves apart because a label, or an axis of several fields, stands for them;
    those that follow from the axis do not either, and need not be here."""
    assumed: str = ""
    """Unknowns of the set-up that were chosen here; printed beside the numbers."""
    tables: Sequence[Table] = ()
    """Tables that are printed beside, or in place of, a table per headline, and written beside the results."""
    also: Sequence[Also] = ()
