"""Seeds added until the headline is known well enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scenarios.command.run.choosing import by_setting, changed
from simulator.cell.cell import Cell
from simulator.results.columns import CI_SUFFIX
from simulator.results.intervals import summarise
from simulator.results.units import title

MOST_SEEDS = 200
"""Where it ends, however wide the intervals are."""


@dataclass(frozen=True)
class Precision:
    """Adds seeds to all settings alike until no half-width of `metric` exceeds `within` of its mean: each time so many
    as the widest interval asks for, at most as many as there are."""

    cells: Sequence[Cell]
    metric: str
    within: float

    @property
    def rule(self) -> str:
        return f"{self.metric} within {self.within:g}"

    def more(self, table: pd.DataFrame) -> list[Cell]:
        """The cells of the seeds to add; [] where the table is precise enough, or has MOST_SEEDS."""
        seeds, widest = table["seed"].nunique(), self.widest(table)
        if widest <= self.within or seeds >= MOST_SEEDS:
            return []
        wanted = math.ceil(seeds * (widest / self.within) ** 2) if math.isfinite(widest) else 2 * seeds
        return self.at(range(seeds, min(wanted, 2 * seeds, MOST_SEEDS)), self.cells)

    def at(self, places: Sequence[int], cells: Sequence[Cell]) -> list[Cell]:
        """The settings of `cells` at their first seed + each of `places`."""
        groups = by_setting(cells)
        return [changed(group[0], {"seed": group[0].seed + place}) for group in groups for place in places]

    def widest(self, table: pd.DataFrame) -> float:
        """The largest half-width as a share of its mean; inf where one seed gives none, 0 of what varies with none."""
        summary = summarise(table)
        known = summary[summary[self.metric].notna()]
        none = known["n"].map(lambda seeds: math.inf if seeds == 1 else 0.0)
        shares = (known[self.metric + CI_SUFFIX] / known[self.metric].abs()).fillna(none)
        return float(shares.max()) if len(shares) else 0.0

    def text(self, table: pd.DataFrame) -> str:
        """What came of it, one line."""
        seeds, widest = table["seed"].nunique(), self.widest(table)
        reached = "reached" if widest <= self.within else "not reached"
        return f"Precision: {title(self.metric)} within {self.within:.2%}, {reached} with {seeds} seeds ({widest:.2%})"
