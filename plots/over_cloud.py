"""Panels below curves of latency: each scheme's time over that of cloud-only decoding, paired by seed; the upper one
near it, with the rates at which a scheme passes it, the lower one, on from 0, what is far below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from plots.axes import place, tick_at
from plots.page import Page
from plots.style import Look, chosen, curves
from plots.whiskers import draw_curves
from simulator.results.columns import CURVE, SPEEDUP
from simulator.results.crossings import Crossing, crossing
from simulator.results.display_names import words_of

RIVAL: Final = "cloud_only"
LABEL: Final = "over cloud only"
NOTE: Final = "Over cloud only: the ratio paired by seed, below 1 where a scheme is faster."
CROSSES: Final = (
    "Diamonds: where a scheme that is seen faster somewhere passes cloud only, mean over the seeds in which it does."
)
_BASELINES: Final = (RIVAL, "colocated", "edge_only")
"""Kinds that are drawn here too; the panels are for the schemes that draft at the edge."""
_NEAR: Final = (0.8, 1.2)
_REACH: Final = (2 / 3, 1.5)
"""The panel is widened to curves that have a value within this, and to no more than the next."""
_FARTHEST: Final = (0.5, 2.0)
_TICKS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 2.0)
RATIO, LOW, HIGH = "ratio", "ratio_low", "ratio_high"
_PASSES: Final = "passes cloud only"
_MARK: Final = {"marker": "D", "markersize": 7.5, "color": "black", "markerfacecolor": "white", "markeredgewidth": 1.3}


@dataclass(frozen=True)
class OverCloud:
    """Ratios by curve along the axis, the crossings of the curves that have one, and the ends of the upper panel."""

    rows: pd.DataFrame
    crossings: Mapping[str, Crossing]
    low: float
    high: float

    @property
    def strip(self) -> bool:
        """True if something is below the upper panel."""
        return bool((self.rows[RATIO] < self.low).any())

    def notes(self) -> list[str]:
        """Notes on what the panels show."""
        return [NOTE, *([CROSSES] if self.crossings else [])]

    def above(self, members: Mapping[str, str], page: Page) -> str:
        """Returns a note on the curves, of {curve: its name in the panel}, that are above the upper panel
        everywhere."""
        shown = self.rows[self.rows[CURVE].isin(members)]
        names = [members[name] for name, rows in curves(shown) if (rows[RATIO] > self.high).all()]
        return f"above the panel: {', '.join(page.curve(name) for name in names)}" if names else ""

    def key(self) -> list[tuple[str, Artist]]:
        return [(_PASSES, Line2D([], [], linestyle="-", linewidth=1.1, **_MARK))] if self.crossings else []  # type: ignore[arg-type]

    def draw(self, near: Axes, strip: Axes | None, names: Sequence[str], axis: str, look: Mapping[str, Look]) -> None:
        """Draws these curves in the upper panel and, where there is one, the lower."""
        near.set_yscale("log")
        near.set_ylim(self.low / 1.02, self.high * 1.02)
        tick_at(near.yaxis, [each for each in _TICKS if self.low <= each <= self.high][:: 1 + (self.high > 1.5)])
        if strip is not None:
            strip.set_ylim(0, self.low)
            tick_at(strip.yaxis, [0, round(self.low / 2, 2)])
        ends = place(sorted(self.rows[axis].unique()))
        rival = next((look[name] for name in names if words_of(name)[0] == RIVAL), None)
        near.axhline(1.0, color=rival.colour if rival else "black", linewidth=1.6, zorder=1.5)
        shown = self.rows[self.rows[CURVE].isin(names)]
        for ax in filter(None, (near, strip)):
            draw_curves(ax, shown, axis, RATIO, look, True, (LOW, HIGH))
        marks = {(round(np.log10(each.at), 3), each.ends) for name, each in self.crossings.items() if name in names}
        for at, (low, high) in sorted(marks):
            reach = np.clip([low, high], ends[0], ends[-1])
            near.plot(reach, [1, 1], color="black", linewidth=3.5, alpha=0.35, zorder=4, solid_capstyle="butt")
            near.plot([10**at], [1.0], linestyle="", zorder=5, label=_PASSES, **_MARK)  # type: ignore[arg-type]


def with_ratios(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows that cloud-only decoding can be held against, that itself apart, with their ratios and intervals."""
    rows = summary[(summary["scheme.kind"] != RIVAL) & summary[SPEEDUP].notna()]
    ends = (1 / rows[name] for name in (SPEEDUP, f"{SPEEDUP}_high", f"{SPEEDUP}_low"))
    return rows.assign(**dict(zip((RATIO, LOW, HIGH), ends, strict=True)))


def over_cloud(summary: pd.DataFrame, cells: pd.DataFrame | None, axis: str, metric: str) -> OverCloud | None:
    """Returns the ratios to cloud-only decoding, None if no scheme that drafts at the edge comes near it: then their
    times alone say it."""
    if SPEEDUP not in summary.columns:
        return None
    rows = chosen(summary)
    rows = with_ratios(rows[rows[axis].notna()])
    ratios = [part[RATIO] for _, part in curves(rows[~rows["scheme.kind"].isin(_BASELINES)])]
    if not any(each.between(*_NEAR).any() or (each.min() < 1 < each.max()) for each in ratios):
        return None
    within = [each for each in ratios if each.between(*_REACH).any() and (each > _NEAR[0]).any()]
    means = pd.concat(within or ratios).clip(*_FARTHEST)
    seen = {*rows.loc[(rows[RATIO] < 1) & ~(rows[HIGH] >= 1), CURVE]}  # one without spread has no interval
    found = {} if cells is None else _crossings(chosen(cells), axis, metric)
    found = {name: each for name, each in found.items() if name in seen}
    return OverCloud(rows, found, min(_NEAR[0], float(means.min())), max(_NEAR[1], float(means.max())))


def _crossings(cells: pd.DataFrame, axis: str, metric: str) -> dict[str, Crossing]:
    """Returns the crossing of each curve that crosses in more seeds than not; each is compared with the cloud-only
    curve that differs in the scheme alone."""
    names = [*map(str, cells[CURVE].unique())]
    rivals = {tuple(words_of(name)[1].items()): name for name in names if words_of(name)[0] == RIVAL}
    found = {}
    for name in names:
        rival = rivals.get(tuple(words_of(name)[1].items()))
        if rival not in (None, name) and (there := crossing(cells, axis, name, str(rival), metric)) and there.crosses:
            found[name] = there
    return found
