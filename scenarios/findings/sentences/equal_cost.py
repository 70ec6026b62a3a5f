"""Families of settings at equal cost, such as rejections at equal bits (`simulator.results.tradeoffs`): which is
lower, and a table of the means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from scenarios.findings.curve_table import curve_table
from scenarios.findings.question import Named, Table
from scenarios.findings.sentences.below import comparison
from scenarios.findings.sentences.lowest import lowest
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import listed
from simulator.results.column_names import CURVE
from simulator.results.intervals import summarise_curves
from simulator.results.tradeoffs import HIGH, LOW, at_equal, named, with_chosen
from simulator.results.units import quantity, title, unit


@dataclass(frozen=True)
class AtEqual(Named):
    """Which family of settings has the least `metric` at equal `cost`, for each value of the column `by`?

    A family is named by the columns `family`, and has its curve (`results.tradeoffs`). Those of the kind `choosing` are
    one, which chooses among them for each seed by the others. With `pair` the answer is how far the first of the two
    families is from the second.
    """

    metric: str
    cost: str
    family: Sequence[str]
    by: str
    choosing: str | None = None
    pair: tuple[str, str] | None = None

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        equal = self.compared(table)
        if equal.empty:
            return ""
        if self.pair is None:
            return listed(self._heading(equal), [lowest(equal, self.by, self.metric)])
        line = comparison(equal, self.by, sorted(equal[self.by].unique()), *self.pair, self.metric)
        return listed(f"{title(self.metric)} at equal {title(self.cost)}", [line])

    @property
    def table(self) -> Table:
        """The comparison as a table: a row per value of `by`, family and seed."""
        return Table(f"{self.metric}_at_equal_{self.cost}", self.compared, self._printed)

    def _printed(self, cells: pd.DataFrame) -> TextTable | None:
        equal = self.compared(cells)
        return None if equal.empty else equal_table(equal, self.by, self.metric, self._heading(equal))

    def compared(self, table: pd.DataFrame) -> pd.DataFrame:
        """`tradeoffs.at_equal` of the families; empty where no cell has any."""
        if self.family[0] not in table.columns:
            return at_equal(table.iloc[:0], self.cost, self.metric, self.by)
        families = table.assign(**{CURVE: named(table, self.family)})
        equal = at_equal(families, self.cost, self.metric, self.by)
        return equal if self.choosing is None else with_chosen(equal, self.metric, self.by, self.choosing)

    def _heading(self, equal: pd.DataFrame) -> str:
        ranges = equal.groupby(self.by, sort=True)[[LOW, HIGH]].mean().itertuples(index=False)
        words = ", ".join(f"{quantity(low, '')} to {quantity(high, '')}" for low, high in ranges)
        return f"At equal {title(self.cost)} ({f'{words} {unit(self.cost)}'.rstrip()})"


def equal_table(equal: pd.DataFrame, by: str, metric: str, heading: str) -> TextTable | None:
    """Returns the table of the means of families at equal cost, a column a value of `by`."""
    rows = equal.drop(columns=[LOW, HIGH])
    found = curve_table(summarise_curves(rows), rows, by, metric)
    return found and replace(found, heading=heading)
