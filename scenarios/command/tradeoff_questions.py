"""Questions about settings as points of bits and rejections: who is lower at equal cost, and what a packet is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

QUANTIZER, RESOLUTION, SIZE = "scheme.quantizer.kind", "scheme.quantizer.resolution", "scheme.sparsifier.k"


@dataclass(frozen=True)
class AtEqual:
    """Which family of settings has the least `metric` at equal `cost`, for each value of the column `by`?

    A family is told by the columns `family`, and has its curve (`results.tradeoffs`). Those of the kind `choosing` are
    one, which chooses among them for each seed by the others. With `pair` the answer is how far the first of the two
    families is from the second.
    """

    metric: str
    cost: str
    family: Sequence[str]
    by: str
    choosing: str | None = None
    pair: tuple[str, str] | None = None

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.findings import comparison, lowest
        from simulator.results.units import title

        equal = self.compared(table)
        if equal.empty:
            return ""
        if self.pair is None:
            return f"At equal {title(self.cost)} ({self._range(equal)}): {lowest(equal, self.by, self.metric)}"
        said = comparison(equal, self.by, sorted(equal[self.by].unique()), *self.pair, self.metric)
        return f"{title(self.metric)} at equal {title(self.cost)}: {said}" if said else ""

    @property
    def name(self) -> str:
        return f"{self.metric}_at_equal_{self.cost}"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row per value of `by`, family and seed."""
        return self.compared(cells)

    def printed(self, cells: pd.DataFrame) -> str:
        """A row per value of `by`, a column per family: the mean over the range of costs."""
        from scenarios.command.headline_table import headline
        from scenarios.command.run.choosing import summarised
        from simulator.results.tradeoffs import HIGH, LOW
        from simulator.results.units import title

        equal = self.compared(cells)
        if equal.empty:
            return ""
        means = headline(summarised(equal.drop(columns=[LOW, HIGH])), self.by, self.metric)
        return f"At equal {title(self.cost)} ({self._range(equal)}): {means}"

    def compared(self, table: pd.DataFrame) -> pd.DataFrame:
        """`tradeoffs.at_equal` of the families; empty where no cell has any."""
        from simulator.results.columns import CURVE
        from simulator.results.tradeoffs import at_equal, named, with_chosen

        if self.family[0] not in table.columns:
            return at_equal(table.iloc[:0], self.cost, self.metric, self.by)
        families = table.assign(**{CURVE: named(table, self.family)})
        equal = at_equal(families, self.cost, self.metric, self.by)
        return equal if self.choosing is None else with_chosen(equal, self.metric, self.by, self.choosing)

    def _range(self, equal: pd.DataFrame) -> str:
        """`8 to 100 bit`, a mean over seeds for each value of `by`."""
        from simulator.results.tradeoffs import HIGH, LOW
        from simulator.results.units import quantity, unit

        ranges = equal.groupby(self.by, sort=True)[[LOW, HIGH]].mean().itertuples(index=False)
        told = ", ".join(f"{quantity(low, '')} to {quantity(high, '')}" for low, high in ranges)
        return f"{told} {unit(self.cost)}".rstrip()


@dataclass(frozen=True)
class KeepsItsWord:
    """Is each qhat within its quantizer's bound, and each packet as long as it states?"""

    metric: str = "largest_excess_bits"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.units import quantity

        shares = table.groupby(QUANTIZER, sort=False)["largest_bound_share"].max()
        told = ", ".join(f"{kind} {share:.3f}" for kind, share in shares.items())
        within = (
            "Each qhat is within its quantizer's bound" if shares.max() <= 1 + 1e-9 else "Some qhat exceed their bound"
        )
        longer, shorter = (quantity(float(table[name].max()), name, 4) for name in (self.metric, "largest_saving_bits"))
        few = int((table["largest_saving_bits"] > 2).sum())
        return (
            f"{within} (largest TV(q, qhat) / bound: {told}). No packet is more than {longer} longer than it states; "
            f"in {few} of {len(table)} cells one is more than 2 bit shorter, by {shorter} at most."
        )


@dataclass(frozen=True)
class DenseOvertakes:
    """From which size on is a packet over the whole vocabulary the shorter one?"""

    metric: str = "coded_bits_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        lattice = table[table[QUANTIZER] == "lattice"].dropna(subset=["vocabulary", RESOLUTION])
        told = [self._of(lattice, vocabulary) for vocabulary in sorted(lattice["vocabulary"].astype(int).unique())]
        if not told:
            return ""
        return (
            "A dense packet is the shorter one from this K / where only ids with a count are sent, from so many of "
            f"them (drafts here have): {'; '.join(told)}."
        )

    @staticmethod
    def _of(lattice: pd.DataFrame, vocabulary: int) -> str:
        """Of one vocabulary, each resolution."""
        from simulator.results.dense_packets import shorter_from_counts, shorter_from_size

        told, rows = [], lattice[lattice["vocabulary"] == vocabulary]
        for ell in sorted(rows[RESOLUTION].astype(int).unique()):
            size, counts = shorter_from_size(vocabulary, ell), shorter_from_counts(vocabulary, ell)
            had = rows.loc[rows[RESOLUTION] == ell, "coded_size"].max()
            told.append(f"{size or 'none'} / {counts or 'none'} ({had:.0f}) at ell={ell}")
        return f"V={vocabulary:,}: {', '.join(told)}"


@dataclass(frozen=True)
class LeastWithin:
    """Which setting has the least `metric` within so much of `cost`, for each value of the column `by`? A table."""

    metric: str
    cost: str
    limits: Sequence[float]
    by: str

    @property
    def name(self) -> str:
        return f"least_{self.metric}"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row per limit, a column per value of `by`."""
        import pandas as pd

        columns = [*cells.groupby(self.by, sort=True)]
        return pd.DataFrame(
            [
                {self.cost: limit, **{value: self._least(rows, limit) for value, rows in columns}}
                for limit in self.limits
            ]
        )

    def printed(self, cells: pd.DataFrame) -> str:
        from scenarios.command.aligned_columns import aligned
        from simulator.results.units import quantity, title

        found = self.rows(cells)
        heading = f"Least {title(self.metric)} within so many {title(self.cost)}, mean over seeds, and its setting"
        names = [f"{title(self.by)} {quantity(value, self.by, 9)}" for value in found.columns[1:]]
        body = [[quantity(limit, self.cost), *told] for limit, *told in found.itertuples(index=False)]
        return f"{heading}\n\n" + aligned(["", *names], body)

    def _least(self, rows: pd.DataFrame, limit: float) -> str:
        from simulator.results.intervals import summarise
        from simulator.results.units import symbol

        means = summarise(rows)
        within = means[means[self.cost] <= limit]
        if within.empty:
            return "-"
        best = dict(within.sort_values(self.metric).iloc[0])
        fields = [f"{symbol(name)}={best[name]:.0f}" for name in (RESOLUTION, SIZE) if best[name] == best[name]]
        return " ".join([f"{best[self.metric]:.3f}", str(best[QUANTIZER]), *fields])


@dataclass(frozen=True)
class AgainstOthers:
    """Against which other families, at equal cost, is one lower at each value of the comparison's `by`, against which
    not?"""

    equal: AtEqual
    family: str

    @property
    def metric(self) -> str:
        return self.equal.metric

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.columns import CURVE
        from simulator.results.tradeoffs import against_others
        from simulator.results.units import title

        equal = self.equal.compared(table)
        if self.family not in set(equal[CURVE]):
            return f"none, {self.family} is not among what this grid compares, so nothing is said of it"
        said = against_others(equal, self.family, self.equal.by, self.metric)
        return f"{title(self.metric)} of {self.family} at equal {title(self.equal.cost)} is {said}" if said else ""


@dataclass(frozen=True)
class LeastAt:
    """The setting that `LeastWithin` finds within its limit, in one line."""

    least: LeastWithin

    @property
    def metric(self) -> str:
        return self.least.metric

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.units import quantity, title

        by = self.least.by
        found = self.least.rows(table)
        told = [
            f"within {quantity(row[self.least.cost], self.least.cost)}, "
            + "; ".join(f"{title(by)} {quantity(value, by, 9)}: {row[value]}" for value in found.columns[1:])
            for _, row in found.iterrows()
        ]
        return f"least {title(self.metric)} {'; '.join(told)}" if len(found.columns) > 1 else ""


@dataclass(frozen=True)
class DenseShorterFrom:
    """From which K on, over resolutions, is a packet over the whole vocabulary the shorter one?"""

    metric: str = "coded_bits_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.dense_packets import shorter_from_size

        lattice = table[table[QUANTIZER] == "lattice"].dropna(subset=["vocabulary", RESOLUTION])
        told = []
        for vocabulary in sorted(lattice["vocabulary"].astype(int).unique()):
            cells = sorted(lattice.loc[lattice["vocabulary"] == vocabulary, RESOLUTION].astype(int).unique())
            sizes = [f"{shorter_from_size(vocabulary, ell) or 'none'}" for ell in (cells[0], cells[-1])]
            told.append(f"V={vocabulary:,} K={sizes[0]} at ell={cells[0]}, {sizes[1]} at {cells[-1]}")
        return f"the dense packet is shorter from {'; '.join(told)}" if told else ""
