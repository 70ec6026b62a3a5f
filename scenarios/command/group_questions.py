"""Questions about a column of names, such as languages or kinds of links: each scheme in each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.command.questions import of_setting

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Levels:
    """What is the mean of `metric` of the schemes of one kind in each group of the column `by`, or in all?"""

    kind: str
    metric: str
    by: str | None = None
    note: str = ""
    """What a reader must know to take the numbers for what they are."""

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CHOSEN
        from simulator.results.groups import levels, sentence

        if self.by is not None and self.by not in table.columns:
            return ""
        found = levels(of_setting(table, CHOSEN), self.by, self.kind, self.metric)
        told = sentence(self.metric, f"{self.kind}: {found}" if found else "")
        return f"{told} ({self.note})" if told and self.note else told


@dataclass(frozen=True)
class Differences:
    """How far is each kind of `first` from each of `second` in `metric`, within each group of the column `by`?"""

    first: Sequence[str]
    second: Sequence[str]
    metric: str
    by: str

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CHOSEN
        from simulator.results.groups import differences, sentence

        if self.by not in table.columns:
            return ""
        table = of_setting(table, CHOSEN)
        told = [
            f"{one} against {other}: {found}"
            for one in self.first
            for other in self.second
            if (found := differences(table, self.by, one, other, self.metric))
        ]
        return sentence(self.metric, "; ".join(told))


@dataclass(frozen=True)
class InEveryGroup:
    """Is each kind of `first` lower or higher than `second` in each of `metrics`, in every group of the column `by`?"""

    first: Sequence[str]
    second: str
    metrics: Sequence[str]
    by: str

    @property
    def metric(self) -> str:
        return self.metrics[0]

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CHOSEN
        from simulator.results.groups import summed_up
        from simulator.results.units import title

        if self.by not in table.columns:
            return ""
        table = of_setting(table, CHOSEN)
        told = []
        for one in self.first:
            found = [(name, summed_up(table, self.by, one, self.second, name)) for name in self.metrics]
            each = ", ".join(f"{title(name)} {said}" for name, said in found if said)
            told += [f"{one} against {self.second}, {each}"] if each else []
        return "; ".join(told)
