"""Questions about drafting ahead of verdicts: its closed form, what it gains, and what it takes in a shared cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ClosedForm:
    """How far is the time per token of rounds drafted ahead from its closed form?"""

    metric: str = "tpot_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.ahead_findings import largest_error

        found = largest_error(table)
        if found is None:
            return ""
        return (
            f"Time per token of rounds drafted ahead is within {100 * found[0]:.1f}% of its closed form in all "
            f"{found[1]} settings of one device"
        )


@dataclass(frozen=True)
class AheadGains:
    """By how much is the time per token of the deepest setting below that of waiting, for each acceptance, near and
    far?"""

    metric: str = "tpot_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.ahead_findings import compared, gains

        told = "; ".join(gains(table))
        return f"{compared(table)}: {told}" if told else ""


@dataclass(frozen=True)
class SharedCell:
    """Up to how many devices of a shared cell is drafting ahead faster than waiting?"""

    metric: str = "tpot_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.ahead_findings import shared

        told = "; ".join(shared(table))
        return f"in the shared cell faster than waiting, by devices: {told}" if told else ""
