"""Many schemes on one link: which is lowest where and by how much, what share of another's time the best of them takes,
and what each puts on the air.

The best of many is a little lucky on the seeds that it is chosen on, so its share of another's is a little too low.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.intervals import Difference, geometric_means, paired
from simulator.results.lossy import ranked

UP, DOWN = "payload_bits_per_token", "reply_bits_per_token"
AIR: Final = (UP, DOWN, "uplink_bits_per_token", "downlink_bits_per_token")
"""Bits a token of what is said, each way; and of all that the links carry."""


class TimeShare(NamedTuple):
    """At one value of the axis: the lossless curve of least geometric mean, against another, paired by seed."""

    at: float
    curve: str
    less: Difference

    def within(self, most: float) -> bool | None:
        """Whether it is at most that share of the other's; None where the interval covers it."""
        known = not np.isnan(self.less.low)
        low, high = (1 + end for end in ((self.less.low, self.less.high) if known else (self.less.size,) * 2))
        return True if high <= most else False if low > most else None


def shares(cells: pd.DataFrame, axis: str, at: Sequence[float], rival: str, metric: str) -> Iterator[TimeShare]:
    """At each of these values of the axis where the curve `rival` has a value. `cells`: with CURVE and `seed`; lossy
    curves and limits are not ranked."""
    for value in at:
        here = cells[cells[metric].notna() & np.isclose(cells[axis], value, rtol=1e-9)]
        if not (here[CURVE] == rival).any():
            continue
        best = str(geometric_means(ranked(here), CURVE, metric).idxmin())
        yield TimeShare(value, best, paired(here, metric, here[CURVE] == best, here[CURVE] == rival))


def named_without(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The table whose curves' names no longer tell their values of a column: `dense delay_s=0.05` -> `dense`. They tell
    none of a column with one value, and of two fields with one word that of the first column first."""
    if table[column].nunique() < 2:
        return table
    word = rf" {column.removesuffix('.kind').rsplit('.', 1)[-1]}=\S+"
    return table.assign(**{CURVE: table[CURVE].str.replace(word, "", n=1, regex=True)})


def on_air(table: pd.DataFrame, places: Sequence[str]) -> pd.DataFrame:
    """Of each curve, in order of appearance, the means of AIR over seeds at each place: a row per curve and place."""
    there = [name for name in places if name in table.columns]
    return table.groupby([CURVE, *there], sort=False)[list(AIR)].mean().reset_index()
