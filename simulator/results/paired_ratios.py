"""Curves over a rival's, paired by seed: what figures need of a table of cells beside the summary that they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from simulator.results.column_names import CHOICE_SUFFIX, CURVE, LOSSY, SEARCHED, SETTING
from simulator.results.intervals import error_of_choice, paired_values, settings_of, with_choice
from simulator.results.plain_columns import codes

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
    mine, theirs = _keys(summary, cells, shared)
    return cells.assign(key=theirs).merge(given.assign(key=mine), on="key").drop(columns="key")


def _keys(first: pd.DataFrame, second: pd.DataFrame, columns: Sequence[str]) -> tuple[list[str], list[str]]:
    texts = [(_texts(first[name]), _texts(second[name])) for name in columns]
    telling = [each for each in texts if len({*each[0], *each[1]}) > 1]
    mine, theirs = (
        [str(row) for row in zip(*(each[side] for each in telling), strict=True)] if telling else [""] * len(table)
        for side, table in enumerate((first, second))
    )
    return mine, theirs


def _texts(column: pd.Series[float]) -> list[str]:
    """Returns each value as a text: equal numbers alike, and missing values alike, whichever type their column has."""
    number, numbered = pd.api.types.is_numeric_dtype(column), codes(column).tolist()
    texts = {-1: "nan"}
    for code, value in zip(numbered, column.tolist(), strict=True):
        if code not in texts:
            texts[code] = f"{float(value):.17g}" if number else str(value).replace("None", "nan")
    return [texts[code] for code in numbered]


def ratios(cells: pd.DataFrame, metric: str, rival: pd.Series[bool], places: Sequence[str]) -> pd.DataFrame:
    """`metric` of each curve over that of the rows of `rival` at the same `places`: a row a curve and place, with
    RATIO, LOW and HIGH, the exponential of the mean of ln of the ratio over the seeds that both have and of its
    interval. Places without exactly one row of the rival a seed are left out."""
    rows = []
    theirs = {place: part.set_index("seed") for place, part in cells[rival].groupby([*places], sort=False)}
    for (curve, *place), part in cells.groupby([CURVE, *places], sort=False):
        other, mine = theirs.get(tuple(place)), part.set_index("seed")
        if other is None or other.index.has_duplicates or mine.index.has_duplicates:
            continue
        common = mine.index.intersection(other.index)
        pair = (np.asarray(each.loc[common, metric], dtype=np.float64) for each in (mine, other))
        found = with_choice(paired_values(metric, *pair), *(error_of_choice(each, metric) for each in (mine, other)))
        if found.n and found.relative:
            ends = {RATIO: 1 + found.size, LOW: 1 + found.low, HIGH: 1 + found.high}
            rows.append({CURVE: curve, **dict(zip(places, place, strict=True)), **ends})
    return pd.DataFrame(rows, columns=[CURVE, *places, RATIO, LOW, HIGH])
