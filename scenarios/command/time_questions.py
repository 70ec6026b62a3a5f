"""Questions to a table of the study `sparsifying_time`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TimesOfSoftmax:
    """How long does each sparsifier take at the largest vocabulary, in softmaxes?"""

    metric: str = "sparsifying_over_softmax"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.time_findings import times_of_softmax

        return times_of_softmax(table, axis)


@dataclass(frozen=True)
class AgainstConformal:
    """How many times as long as each alternative does the conformal threshold take, at both ends of the axis?"""

    metric: str = "sparsifying_over_softmax"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.time_findings import against_conformal

        return against_conformal(table, axis)


@dataclass(frozen=True)
class TimeSpent:
    """What do the quickest and the slowest sparsifier, and the conformal one, cost at the largest vocabulary?"""

    metric: str = "sparsifying_over_softmax"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.time_findings import time_spent

        return time_spent(table, axis)
