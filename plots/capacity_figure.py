"""How many devices a cell bears at the objective, along the swept axis, a curve a scheme."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from plots.along_axis import Along, along
from plots.lines_or_bars import Series
from plots.page import Page

FOUND = "capacity"


def draw(summary: pd.DataFrame, axis: str | None, page: Page) -> Figure | None:
    """Curves of `capacity`; open markers where more devices were not tried. None without an axis or a search."""
    if axis is None or FOUND not in summary.columns:
        return None
    what = Along(
        f"Devices that a cell bears against {page.axis(axis)}", "devices", "devices", [Series(FOUND, "")], "higher",
        hollow=_unbounded, open_label="at least",
    )  # fmt: skip
    return along(summary, axis, what, page)


def _unbounded(rows: pd.DataFrame) -> pd.Series[bool]:
    """More were not tried."""
    return ~rows["bounded"].astype(bool)
