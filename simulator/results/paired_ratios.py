"""Curves over a rival's, paired by seed: what figures need of a table of cells beside the summary that they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from simulator.results.column_names import CHOICE_SUFFIX, CURVE, LOSSY, SEARCHED, SETTING
from simulator.results.intervals import compared, settings_of
from simulator.results.plain_columns import numbered

RATIO: Final = "ratio"
LOW, HIGH = "ratio_low", "ratio_high"
"""The ends of its interval."""
_BESIDE: Final = frozenset({SETTING, LOSSY, *SEARCHED})
"""Columns of a summary that rows of cells take over."""


def with_curves_of(summary: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of cells, each under the curve, and with the axis, of the summary's row that it is averaged
    in; twice where it is in two of them, as what a scheme chose and as what the grid gave it."""
    shared = [name for name in settings_of(summary) if name in cells.columns and name != SETTING]
    added = [name for name in settings_of(summary) if name not in cells.columns]
    beside = [name for name in summary.columns if name in _BESIDE or name.endswith(CHOICE_SUFFIX)]
    given = summary[[*dict.fromkeys([*added, CURVE, *(name for name in beside if name not in cells.columns)])]]
    mine, theirs = numbered((summary, cells), shared)
    return cells.assign(key=theirs).merge(given.assign(key=mine), on="key").drop(columns="key")


def ratios(cells: pd.DataFrame, metric: str, rival: pd.Series[bool], places: Sequence[str]) -> pd.DataFrame:
    """`metric` of each curve over that of the rows of `rival` at the same `places`: a row a curve and place, with
    RATIO, LOW and HIGH, the exponential of the mean of ln of the ratio over the seeds that both have and of its
    interval. Places without exactly one row of the rival a seed are left out."""
    rows = []
    theirs = dict(iter(cells[rival].groupby([*places], sort=False)))
    for (curve, *place), mine in cells.groupby([CURVE, *places], sort=False):
        other = theirs.get(tuple(place))
        if other is None or not (mine["seed"].is_unique and other["seed"].is_unique):
            continue
        found = compared(mine, other, metric)
        if found.n and found.relative:
            ends = {RATIO: 1 + found.size, LOW: 1 + found.low, HIGH: 1 + found.high}
            rows.append({CURVE: curve, **dict(zip(places, place, strict=True)), **ends})
    return pd.DataFrame(rows, columns=[CURVE, *places, RATIO, LOW, HIGH])
