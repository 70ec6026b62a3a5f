"""Questions that a scenario puts to its finished table of cells. Each answers in sentences, computed, never typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Question(Protocol):
    """Anything with an answer."""

    @property
    def metric(self) -> str:
        """The column asked about."""
        ...

    def told(self, table: pd.DataFrame, axis: str | None) -> list[str]:
        """The answer for a table of cells with a `curve` column, along `axis`; [] where the table holds none."""
        ...


@dataclass(frozen=True)
class Finding:
    """Which curve is lowest in `metric`, leaving out the schemes `without`?"""

    metric: str = "latency_per_token_s"
    without: Sequence[str] = ()

    def told(self, table: pd.DataFrame, axis: str | None) -> list[str]:
        from simulator.findings import lines

        left_out = [kind for kind in self.without if (table["scheme.kind"] == kind).any()]
        kept = table[~table["scheme.kind"].isin(left_out)]
        if kept["curve"].nunique() < 2:
            return []
        prefix = f"without {', '.join(left_out)}: " if left_out else ""
        return [prefix + line for line in lines(kept, axis, self.metric)]


@dataclass(frozen=True)
class Below:
    """By how many percent is each scheme of `first` below each of `second`, at these values of the axis?"""

    first: Sequence[str]
    second: Sequence[str]
    at: Sequence[float]
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> list[str]:
        from simulator.findings import comparison

        pairs = [(one, other) for one in self.first for other in self.second]
        found = [
            comparison(table, axis, self.at, mine, theirs, self.metric)
            for one, other in pairs
            for mine in table.loc[table["scheme.kind"] == one, "curve"].unique()
            for theirs in table.loc[table["scheme.kind"] == other, "curve"].unique()
        ]
        return [line for line in found if line]
