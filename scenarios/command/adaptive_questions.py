"""Questions about a policy that adapts: against what it could have been set to, and against what nobody can know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.command.questions import of_setting

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class AgainstBetter:
    """How far is a policy from the better of `rivals`, kinds of scheme each at its own best setting, and where is it
    farthest, for each combination of values of the columns `by`?"""

    policy: str
    rivals: Sequence[str]
    by: Sequence[str] = ()
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.adaptive_findings import against_better
        from simulator.results.columns import CHOSEN

        return against_better(of_setting(table, CHOSEN), axis, self.policy, self.rivals, self.by, self.metric)


@dataclass(frozen=True)
class AgainstLimit:
    """How far is a policy from an oracle, at the least and at the most, for each combination of values of `by`?"""

    policy: str
    limit: str = "oracle"
    by: Sequence[str] = ()
    metric: str = "latency_per_token_s"

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.adaptive_findings import against_limit
        from simulator.results.columns import CHOSEN

        return against_limit(of_setting(table, CHOSEN), axis, self.policy, self.limit, self.by, self.metric)
