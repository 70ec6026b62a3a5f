"""Questions from which value of an axis on, or up to which, one scheme is below another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scenarios.findings.question import LATENCY, Named, curves_of, of_setting
from scenarios.findings.wording import Finding, called, listed, passes
from simulator.results.crossings import Crossing, crossing
from simulator.results.display_names import words_of
from simulator.results.lossy_schemes import unmarked
from simulator.results.units import title


@dataclass(frozen=True)
class PaysFrom(Named):
    """From which value of the axis on, or up to which, is `kind` below `against`? Each of its curves is compared with
    the one that differs from it in the scheme alone."""

    kind: str
    against: str
    metric: str = LATENCY

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        if axis is None:
            return ""
        rows = of_setting(table)
        line = crossings(rows, axis, alike(rows, self.kind, self.against), self.metric)
        return listed(f"{title(self.metric)} below that of {called(self.against)}, over {title(axis)}", [line])


def crossings(cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str) -> str:
    """`a from 3 kbit/s on (2 to 5); b nowhere`: where the first of each pair of curves passes the second."""
    found = crossings_of(cells, axis, pairs, metric)
    line = "; ".join(f"{called(first)} {passes(there, axis)}" for first, there in found)
    return Finding(line, [there for _, there in found])


def crossings_of(
    cells: pd.DataFrame, axis: str, pairs: Sequence[tuple[str, str]], metric: str
) -> list[tuple[str, Crossing]]:
    """The pairs that can be compared, by their first."""
    found = [(first, crossing(cells, axis, first, second, metric)) for first, second in pairs]
    return [(first, there) for first, there in found if there is not None]


def alike(rows: pd.DataFrame, kind: str, against: str) -> list[tuple[str, str]]:
    """The pairs of curves of two kinds that differ in the scheme alone."""
    return [
        (mine, theirs)
        for mine in curves_of(rows, kind)
        for theirs in curves_of(rows, against)
        if words_of(unmarked(mine))[1] == words_of(unmarked(theirs))[1]
    ]
