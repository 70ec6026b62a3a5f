"""Questions to a table of the study `convergence`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Promised:
    """Does the mean of the dropped mass keep to its bound, and how close does it come?"""

    metric: str = "kept_dropped_mass"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.guarantee_findings import promised

        return promised(table)


@dataclass(frozen=True)
class Meaningful:
    """From which length on does the guarantee say anything?"""

    metric: str = "one_sided_bound"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.guarantee_findings import meaningful

        return meaningful(table)


@dataclass(frozen=True)
class Covered:
    """Which drafts is it about, by what a rejection undoes?"""

    metric: str = "verified_dropped_mass"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.guarantee_findings import covered

        return covered(table)


@dataclass(frozen=True)
class SaysSomething:
    """After how many tokens does the guarantee say anything, and how far is its bound from what is dropped?"""

    metric: str = "one_sided_bound"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.guarantee_findings import says_something

        return says_something(table)
