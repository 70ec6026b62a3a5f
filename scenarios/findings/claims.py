"""Claims of papers, each with a question whose answer begins with HOLDS, FAILS or UNCLEAR, computed from results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from scenarios.findings.comparisons import PairedCurves
from scenarios.findings.question import Question
from scenarios.findings.wording import Finding, called, change, percent, rows_of

HOLDS: Final = "holds"
FAILS: Final = "does not hold"
UNCLEAR: Final = "cannot be told"
NAME: Final = "Claim"
"""Name of the question in `findings.json`."""
FAIR: Final = "tuned and coded"
"""Name of the comparison in which every scheme is tuned and has the shorter code, beside that of the paper."""


@dataclass(frozen=True)
class Claim:
    """A claim of a paper; `finding` tells whether it holds, with numbers."""

    text: str
    source: str
    """Paper and place: `SQS-SD, experiment`."""
    finding: Question

    @property
    def metric(self) -> str:
        return self.finding.metric

    @property
    def name(self) -> str:
        return NAME

    @property
    def heading(self) -> str:
        """Returns what stands before the answer."""
        return f"{self.source}, {self.text}: "

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        line = self.finding.report(table, axis)
        return Finding(self.heading + line, rows_of([line])) if line else ""


def ruled(found: bool | None, words: str) -> str:
    """`holds: WORDS`; `cannot be told: WORDS` for None."""
    return f"{UNCLEAR if found is None else HOLDS if found else FAILS}: {words}"


def below_everywhere(
    rows: Sequence[PairedCurves], fair: Sequence[PairedCurves] = (), beside: Sequence[PairedCurves] = ()
) -> str:
    """Returns the ruling on first curves below second ones at every place: a claim holds if all are seen lower, and
    does not if any is seen higher. Then what is seen at places `beside` those of the claim, and the same of `fair`; ""
    without places."""
    if not rows:
        return ""
    others = [f"{change(row.less)} at {row.place.setting}" for row in beside]
    parts = [_ruled_over(rows), ", ".join(others), f"{FAIR} {_ruled_over(fair)}" if fair else ""]
    return Finding("; ".join(filter(None, parts)), [*rows, *beside, *fair])


def _size(row: PairedCurves) -> float:
    return row.less.found.mean


def _ruled_over(rows: Sequence[PairedCurves]) -> str:
    """Returns the ruling with one number: the least of a claim that holds, the worst seen against one that does not,
    and the nearest to one that cannot be told."""
    higher = [row for row in rows if row.less.separable and not row.less.lower]
    lower = sum(row.less.lower for row in rows)
    found = False if higher else True if lower == len(rows) else None
    shown = min(rows, key=_size) if found is None else max(higher or rows, key=_size)
    number = f"{called(shown.first)} against {called(shown.second)} {percent(shown.less)}"
    if len(rows) == 1:
        return ruled(found, number)
    number += f" at {shown.place.where}"
    return ruled(found, f"lower at {lower}, higher at {len(higher)} of {len(rows)} places; {number}")
