"""Names of the machines that draft, from a table of cells."""

from __future__ import annotations

import pandas as pd

from simulator.results.display_names import DisplayNames


def drafting_devices(cells: pd.DataFrame) -> pd.Series[str]:
    """Returns the machine that drafts in each row, such as `OnePlus 12`: of a measured latency model its name says
    which, of a roofline its device; `device` if neither is known."""
    names = DisplayNames()
    columns = ["edge.latency.name", "edge.latency.device.name"]
    found = [
        names.word(next((part for part in row if isinstance(part, str)), "device")).rpartition(" on ")[2]
        for row in cells.reindex(columns=columns).itertuples(index=False, name=None)
    ]
    return pd.Series(found, index=cells.index)
