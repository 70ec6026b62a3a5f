"""Questions about trees of drafts beside a chain: from which rate on do they pay, where, and by how much?"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.command.questions import of_setting

if TYPE_CHECKING:
    import pandas as pd

    from simulator.results.tree_gains import Gain


@dataclass(frozen=True)
class _BesideChain:
    """A question about trees beside the kind `chain`, for each value of the column `by`."""

    chain: str
    by: str
    metric: str = "latency_per_token_s"

    def rows(self, table: pd.DataFrame, axis: str | None) -> pd.DataFrame:
        """Those at each one's best setting; none where the question cannot be asked."""
        from simulator.results.columns import CHOSEN

        rows = of_setting(table, CHOSEN)
        return rows if axis is not None and self.by in rows.columns else rows.head(0)


class TreesPay(_BesideChain):
    """From which value of the axis on is each tree below the chain?"""

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results import crossings
        from simulator.results.columns import CURVE
        from simulator.results.rival_findings import named_without
        from simulator.results.tree_gains import acceptance
        from simulator.results.units import title

        rows = self.rows(table, axis)
        if axis is None or rows.empty:
            return ""
        told, sure = [], acceptance(rows, self.by, self.chain)
        for value, part in named_without(rows, self.by).groupby(self.by, sort=True):
            theirs = part["scheme.kind"] == self.chain
            chains, trees = (part.loc[rows_of, CURVE].unique() for rows_of in (theirs, ~theirs))
            pairs = [(str(tree), str(chain)) for chain in chains for tree in trees]
            if said := crossings.told(part, axis, pairs, self.metric):
                told.append(f"acceptance {sure[float(str(value))]:.2f}: {said}")
        heading = f"{title(self.metric)} below that of {self.chain}, over {title(axis)}, by the chain's acceptance"
        return f"{heading}, {' | '.join(told)}" if told else ""


class TreesPayWhere(_BesideChain):
    """At how many places is some tree below the chain, and where is its gain the largest?"""

    def told(self, table: pd.DataFrame, axis: str | None) -> str:
        from simulator.results.findings import percent
        from simulator.results.tree_gains import acceptance, best_gains
        from simulator.results.units import quantity, title

        rows = self.rows(table, axis)
        if axis is None or rows.empty:
            return ""
        found = best_gains(rows, axis, self.by, self.chain, self.metric)
        if not found:
            return ""
        most = min(found, key=lambda gain: gain.less.size)
        sure = acceptance(rows, self.by, self.chain)[most.by]
        lower = sum(gain.less.lower for gain in found)
        return (
            f"the best tree is below {self.chain} by {title(self.metric)} at {lower} of "
            f"{len(found)} rates and acceptances; most at {quantity(most.at, axis)} and acceptance {sure:.2f}, "
            f"{most.curve}: {percent(most.less)}"
        )


@dataclass(frozen=True)
class TreeGains:
    """The metric of each tree over that of the kind `chain`, along the columns `over` and `by`: a table."""

    chain: str
    over: str
    by: str
    name: str = "tree_gains"
    metric: str = "latency_per_token_s"

    def rows(self, cells: pd.DataFrame) -> pd.DataFrame:
        """A row per place and tree, with the chain's acceptance there."""
        import pandas as pd

        from simulator.results.columns import CHOSEN
        from simulator.results.tree_gains import acceptance

        found = self._gains(cells)
        sure = acceptance(of_setting(cells, CHOSEN), self.by, self.chain) if found else {}
        return pd.DataFrame(
            {self.by: gain.by, "chain_acceptance": sure[gain.by], self.over: gain.at, "tree": gain.curve,
             "over_chain": 1 + gain.less.size, "over_chain_low": 1 + gain.less.low,
             "over_chain_high": 1 + gain.less.high, "n": gain.less.n}
            for gain in found
        )  # fmt: skip

    def printed(self, cells: pd.DataFrame) -> str:
        """A row per value of `by` and tree, a column per value of `over`."""
        from scenarios.command.aligned_columns import WIDTH, aligned
        from simulator.results.columns import CHOSEN
        from simulator.results.tree_gains import acceptance
        from simulator.results.units import quantity, title

        found = self._gains(cells)
        if not found:
            return ""
        sure, rates = acceptance(of_setting(cells, CHOSEN), self.by, self.chain), sorted({gain.at for gain in found})
        lines: dict[tuple[float, str], dict[float, str]] = {}
        for gain in found:
            lines.setdefault((gain.by, gain.curve), {})[gain.at] = f"{1 + gain.less.size:.2f}" + "*" * gain.less.lower
        body = [
            [f"a = {sure[by]:.2f}, {curve}", *(line.get(rate, "-") for rate in rates)]
            for (by, curve), line in lines.items()
        ]
        heading = (
            f"{title(self.metric)} over that of {self.chain}, each at its best; a: the chain's acceptance; *: below, "
            "and the seeds can tell"
        )
        columns = [f"tree, by {title(self.over)}", *(quantity(rate, self.over) for rate in rates)]
        return f"{textwrap.fill(heading, WIDTH)}\n\n{aligned(columns, body)}"

    def _gains(self, cells: pd.DataFrame) -> list[Gain]:
        from simulator.results.columns import CHOSEN
        from simulator.results.tree_gains import gains

        rows = of_setting(cells, CHOSEN)
        there = {self.by, self.over} <= {*rows.columns} and (rows["scheme.kind"] == self.chain).any()
        return list(gains(rows, self.over, self.by, self.chain, self.metric)) if there else []
