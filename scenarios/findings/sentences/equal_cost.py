"""Families of settings at equal cost, such as rejections at equal bits (`simulator.results.tradeoffs`): which is
lower, a table of the means, and one family against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from scenarios.findings.comparisons import places
from scenarios.findings.curve_table import curve_table
from scenarios.findings.question import Named, Table
from scenarios.findings.sentences.below import comparison
from scenarios.findings.sentences.lowest import lowest
from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import NO_DIFFERENCE, called, joined, sizes, would_show
from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, summarise_curves
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
            return f"{self._heading(equal)}: {lowest(equal, self.by, self.metric)}"
        line = comparison(equal, self.by, sorted(equal[self.by].unique()), *self.pair, self.metric)
        return f"{title(self.metric)} at equal {title(self.cost)}: {line}" if line else ""

    @property
    def table(self) -> Table:
        """The comparison as a table: a row per value of `by`, family and seed."""
        return Table(f"{self.metric}_at_equal_{self.cost}", self.compared, self._printed)

    def _printed(self, cells: pd.DataFrame) -> TextTable | None:
        equal = self.compared(cells)
        if equal.empty:
            return None
        rows = equal.drop(columns=[LOW, HIGH])
        found = curve_table(summarise_curves(rows), rows, self.by, self.metric)
        return found and replace(found, heading=self._heading(equal))

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


@dataclass(frozen=True)
class AgainstOthers(Named):
    """Against which other families, at equal cost, is one lower at each value of the comparison's `by`, against which
    not?"""

    equal: AtEqual
    family: str

    @property
    def metric(self) -> str:
        return self.equal.metric

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        equal = self.equal.compared(table)
        if self.family not in set(equal[CURVE]):
            return f"none, {called(self.family)} is not among what this grid compares, so nothing is said of it"
        line = against_others(equal, self.family, self.equal.by, self.metric)
        return (
            f"{title(self.metric)} of {called(self.family)} at equal {title(self.equal.cost)} is {line}" if line else ""
        )


def against_others(equal: pd.DataFrame, family: str, by: str, metric: str) -> str:
    """`above threshold (0.3%, at 1.1), below top_p`: a family of `at_equal` against each other, paired by seed, at
    each value."""
    unclear = f"with {NO_DIFFERENCE} from"
    found_by: dict[str, dict[str, list[tuple[object, Difference]]]] = {"below": {}, "above": {}, unclear: {}}
    there = places(equal, by, metric)
    for other in dict.fromkeys(equal.loc[equal[CURVE] != family, CURVE]):
        for place in there:
            less = place.of(family, str(other)).less
            if less.n:
                relation = "below" if less.lower else "above" if less.separable else unclear
                found_by[relation].setdefault(str(other), []).append((place.at, less))
    clauses = [
        f"{relation} {', '.join(_with_places(*each, relation, by, len(there)) for each in others.items())}"
        for relation, others in found_by.items()
        if others
    ]
    return "; ".join(clauses)


def _with_places(other: str, found: Sequence[tuple[object, Difference]], relation: str, by: str, values: int) -> str:
    """`threshold (0.09% to 0.3%, at 0.8 and 1.1)`: where not at all values, and by how much."""
    gaps = [gap for _, gap in found]
    words = list(filter(None, [would_show(gaps)])) if NO_DIFFERENCE in relation else [sizes(gaps, 2)]
    words += [] if len(found) == values else [f"at {joined([quantity(at, by) for at, _ in found])}"]
    return f"{called(other)} ({', '.join(words)})" if words else called(other)
