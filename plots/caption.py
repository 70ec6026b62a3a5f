"""Caption of a figure: notes on what is drawn, then whose numbers they are, seeds and intervals, and which way is
better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd

from plots.page import Page
from plots.style import curves, lossy_curves
from simulator.results.column_names import CI_SUFFIX
from simulator.results.intervals import CONFIDENCE
from simulator.results.lossy_schemes import MARK, UNKNOWN
from simulator.results.units import unit

Better = Literal["lower", "higher", ""]
LOSSY: Final = "(lossy): its text does not follow the verifier's distribution."
MEANT: Final = {
    MARK: LOSSY,
    UNKNOWN: "(not known to be lossless): how far its text is from the verifier's distribution is not known.",
}
UNANSWERED: Final = "not all answered"
LEFT_OUT: Final = "Times are of the answered requests alone."


def caption(
    summary: pd.DataFrame, page: Page, better: Better, notes: Sequence[str] = (), *, intervals: bool = True
) -> str:
    """Returns the notes, a line each, and a line on the numbers (`Page.base`); `intervals` where they are drawn."""
    line = [page.base, _seeds(summary, intervals), f"{better.capitalize()} is better." if better else ""]
    return "\n".join([*notes, *filter(None, [" ".join(filter(None, line))])])


def unanswered(rows: pd.DataFrame) -> pd.Series[bool]:
    """True for each row that lost requests to a deadline or a departure."""
    return rows["answered"] < 1 - 1e-12 if "answered" in rows.columns else pd.Series(False, index=rows.index)


def marks(summary: pd.DataFrame, metric: str = "latency_per_token_s") -> list[str]:
    """Returns the meaning of lossy curves' marks, and a note on the requests that a figure of `metric`, if it is one of
    time, leaves out as unanswered."""
    lost = unit(metric) == "s" and bool(unanswered(summary).any())
    meant = [MEANT[mark] for mark in dict.fromkeys(lossy_curves(summary).values())]
    return [*meant, *([LEFT_OUT] if lost else [])]


def coinciding(summary: pd.DataFrame, axis: str, metric: str, page: Page) -> list[str]:
    """Says which curves hide others because all their values are equal; without a full stop."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for curve, rows in curves(summary[summary[metric].notna()]):
        ordered = rows.sort_values(axis)
        values = [float(f"{value:.9g}") for value in ordered[metric]]
        groups.setdefault((*ordered[axis], *values), []).append(page.curve(curve))
    return [
        f"equal everywhere: {' and '.join([', '.join(names[:-1]), names[-1]])}"
        for names in groups.values()
        if len(names) > 1
    ]


def sentence(text: str) -> str:
    """Returns the text with a capital as its first letter."""
    return text[:1].upper() + text[1:]


def _seeds(summary: pd.DataFrame, intervals: bool) -> str:
    seeds = sorted({int(n) for n in summary["n"].dropna()}) if "n" in summary.columns else []
    if not seeds:
        return ""
    if seeds == [1]:
        return "One seed, no intervals."
    number = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    halves = summary[[name for name in summary.columns if name.endswith(CI_SUFFIX)]].to_numpy(dtype=np.float64)
    drawn = intervals and (np.nan_to_num(halves) > 0).any()
    return (f"Means and {CONFIDENCE:.0%} intervals" if drawn else "Means") + f" over {number} seeds."
