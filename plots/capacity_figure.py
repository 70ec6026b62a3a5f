"""How many devices a cell bears at the objective, along the swept axis, a curve a scheme, and which limit it meets."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.lines_or_bars import Series
from plots.page import Page
from plots.style import chosen

FOUND, LIMIT = "capacity", "first_limit"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of `capacity`; open markers where more devices were not tried, rings where another limit is met first than
    at most points. None without an axis or a search."""
    if axis is None or FOUND not in summary.columns:
        return None
    plain, ringed = _limits(summary, page)
    notes = [f"Objective: {each}." for each in summary.get("objective", pd.Series(dtype=str)).unique()]
    ends = f"; at ringed points it is {ringed}." if ringed else "."
    notes += [f"What fails first with more devices is {plain}{ends}"] if plain else []
    what = Along(
        f"Devices that a cell bears against {page.axis(axis)}", "devices", "devices", [Series(FOUND, "")], "higher",
        notes, hollow=lambda rows: ~rows["bounded"].astype(bool), open_label="at least",
        ringed=lambda rows: _ringed(rows, summary), ring_label=f"{ringed} fails first",
    )  # fmt: skip
    return along(summary, axis, what, page)


def _known(summary: pd.DataFrame) -> pd.Series[str]:
    """The limits met first, the one of most points first; of what schemes chose, where they did."""
    shown = chosen(summary)
    limits = shown[LIMIT].dropna() if LIMIT in shown.columns else pd.Series(dtype=str)
    return limits[limits != ""].value_counts().index.to_series()


def _limits(summary: pd.DataFrame, page: Page) -> tuple[str, str]:
    """In words: the limit met first at most points, and those at the others."""
    words = [" and ".join(page.axis(name) for name in each.split(" and ")) for each in _known(summary)]
    return (words[0], " or ".join(words[1:])) if words else ("", "")


def _ringed(rows: pd.DataFrame, summary: pd.DataFrame) -> pd.Series[bool]:
    return rows[LIMIT].isin(list(_known(summary)[1:])) if LIMIT in rows.columns else pd.Series(False, index=rows.index)
