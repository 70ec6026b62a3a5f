"""Questions to a table of the study `positions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class BesideBound:
    """How often is a draft rejected, and what does the bound say?"""

    metric: str = "resampling_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rejection_findings import beside_bound

        return beside_bound(table)


@dataclass(frozen=True)
class Slack:
    """By how much does the bound exceed the probability of rejection, and why?"""

    metric: str = "rejection_slack"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rejection_findings import slack

        return slack(table)


@dataclass(frozen=True)
class Martingale:
    """Are there as many rejections as their probabilities say?"""

    metric: str = "rejections_z"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rejection_findings import martingale

        return martingale(table)


@dataclass(frozen=True)
class HowOften:
    """How often is a draft rejected at the first and at the last position, and what makes the bound loose?"""

    metric: str = "resampling_per_draft"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.rejection_findings import how_often, loosest

        return "; ".join(filter(None, (how_often(table), loosest(table))))
