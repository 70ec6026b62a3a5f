"""What is said of lossy schemes, apart from the ranking of the others: how far off their text is, what they gain."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import along, sizes, with_interval
from simulator.results.intervals import Difference, geometric_means, interval, paired
from simulator.results.lossy import UNKNOWN, lossy_curves, marks
from simulator.results.units import title

OFF = "tv_output"


def apart(cells: pd.DataFrame, axis: str | None, metric: str | None) -> str:
    """A clause for each lossy curve; "" without one. `metric`: what it gains in; None where cells bear different loads,
    and are not to be compared."""
    told = []
    for curve in lossy_curves(cells):
        said = curve
        if OFF in cells.columns:
            off = interval(cells[cells[CURVE] == curve].groupby("seed")[OFF].mean().to_numpy())
            said += f", {title(OFF)} {with_interval(off, OFF) if off.n else 'not known'}"
        gains = [] if metric is None else sorted(_gains(cells, axis, metric, curve), key=lambda gain: gain.size)
        if metric is not None and gains:
            said += f", {title(metric)} {_ways(gains[0], gains[-1])} the lowest of the lossless"
        told.append(said)
    unknown = UNKNOWN in marks(cells).values()
    what = "Lossy or not known to be lossless" if unknown else "Lossy"
    return f"{what}, ranked apart: {'; '.join(told)}" if told else ""


def _gains(cells: pd.DataFrame, axis: str | None, metric: str, curve: str) -> Iterator[Difference]:
    """At each value of the axis the curve against the lowest lossless one, paired by seed."""
    lossy = lossy_curves(cells)
    for _, here in along(cells[cells[metric].notna()], axis):
        means = geometric_means(here[~here[CURVE].isin(lossy)], CURVE, metric)
        if len(means):
            less = paired(here, metric, here[CURVE] == curve, here[CURVE] == means.idxmin())
            if less.n:
                yield less


def _ways(least: Difference, most: Difference) -> str:
    """`75% to 99.9% below`, `10% below to 3% above`."""
    ways = ["below" if gain.size < 0 else "above" for gain in (least, most)]
    if ways[0] != ways[1]:
        return " to ".join(f"{sizes([gain])} {way}" for gain, way in zip((least, most), ways, strict=True))
    return f"{sizes([least, most])} {ways[0]}"
