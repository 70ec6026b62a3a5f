"""What stands below a figure: notes on what is drawn, then whose numbers they are and which way is better.

All of it is read off the summary: pair, clock, seeds, what was lossy, what was not answered, which curves coincide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd

from plots.page import Page
from plots.style import curves, lossy_curves
from simulator.results.columns import CI_SUFFIX
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
_MANY: Final = 3  # so many pairs or curves are named one by one


def caption(
    summary: pd.DataFrame,
    page: Page,
    better: Better,
    notes: Sequence[str] = (),
    *,
    clock: bool = True,
    intervals: bool = True,
) -> str:
    """The notes and one line on the set-up; `clock` where time was simulated, `intervals` where they are drawn."""
    parts = [_pairs(summary, page), *([_clock(summary, page)] if clock else []), _seeds(summary, intervals)]
    text = ". ".join(part for part in parts if part) + "."
    return "\n".join([*notes, text + (f" {better.capitalize()} is better." if better else "")])


def unanswered(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which rows lost requests to a deadline or a departure."""
    return rows["answered"] < 1 - 1e-12 if "answered" in rows.columns else pd.Series(False, index=rows.index)


def marks(summary: pd.DataFrame, metric: str = "latency_per_token_s") -> list[str]:
    """What the marks of lossy curves stand for, and whose times a figure of `metric`, if it is one of time, shows
    where requests went unanswered."""
    lost = unit(metric) == "s" and bool(unanswered(summary).any())
    said = [MEANT[mark] for mark in dict.fromkeys(lossy_curves(summary).values())]
    return [*said, *([LEFT_OUT] if lost else [])]


def coinciding(summary: pd.DataFrame, axis: str, metric: str, page: Page) -> list[str]:
    """Says which curves hide others because all their values are equal."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for curve, rows in curves(summary[summary[metric].notna()]):
        ordered = rows.sort_values(axis)
        values = [float(f"{value:.9g}") for value in ordered[metric]]
        groups.setdefault((*ordered[axis], *values), []).append(page.curve(curve))
    return [f"Equal everywhere: {' and '.join(names)}." for names in groups.values() if len(names) > 1]


def _pairs(summary: pd.DataFrame, page: Page) -> str:
    if "models.pair.kind" not in summary.columns:
        return ""
    kinds = [text for kind in dict.fromkeys(summary["models.pair.kind"]) for text in _of_kind(summary, str(kind), page)]
    return f"Pair{'s' if len(kinds) > 1 else ''} {', '.join(kinds)}"


def _of_kind(summary: pd.DataFrame, kind: str, page: Page) -> list[str]:
    """The kind; of pairs that go by a name (`published`), the names of a few."""
    if "models.pair.name" not in summary.columns:
        return [page.word(kind)]
    names = list(dict.fromkeys(summary["models.pair.name"][summary["models.pair.kind"] == kind].dropna()))
    if len(names) > _MANY:
        return [f"{len(names)} {page.word(kind)}"]
    return [f"{name} ({page.word(kind)})" for name in names] or [page.word(kind)]


def _clock(summary: pd.DataFrame, page: Page) -> str:
    ends = [(way, _computes(summary, part, page)) for way, part in (("drafts", "edge"), ("verifies", "cloud"))]
    text = [f"{who} {way}" for way, who in ends if who]
    return f"Clock: {', '.join(text)}" if text else ""


def _computes(summary: pd.DataFrame, part: str, page: Page) -> str:
    """`OPT-13B on A100`, or the kind of clock with its parameters."""
    prefix = f"{part}.latency."
    if f"{prefix}kind" not in summary.columns:
        return ""
    names = [f"{prefix}{field}" for field in ("size.name", "device.name", "gpus", "name", "file")]
    rows = summary[[name for name in (f"{prefix}kind", *names) if name in summary.columns]].drop_duplicates()
    if len(rows) > _MANY:
        return f"{len(rows)} clocks"
    text = []
    for _, row in rows.iterrows():
        size, device, gpus, *tables = (row.get(name) for name in names)
        on = "on" if gpus is None or pd.isna(gpus) or gpus == 1 else f"on {int(gpus)}"
        table = [str(name) for name in tables if not pd.isna(name)]
        kind = " ".join([page.word(row.iloc[0]), *table])
        text.append(kind if pd.isna(size) else f"{page.word(size)} {on} {page.word(device)}")
    return " or ".join(text)


def _seeds(summary: pd.DataFrame, intervals: bool) -> str:
    seeds = sorted({int(n) for n in summary["n"].dropna()}) if "n" in summary.columns else []
    if not seeds:
        return ""
    if seeds == [1]:
        return "One seed, no intervals"
    number = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    halves = summary[[name for name in summary.columns if name.endswith(CI_SUFFIX)]].to_numpy(dtype=np.float64)
    drawn = intervals and (np.nan_to_num(halves) > 0).any()
    return (f"Means and {CONFIDENCE:.0%} intervals" if drawn else "Means") + f" over {number} seeds"
