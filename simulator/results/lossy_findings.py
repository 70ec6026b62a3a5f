"""What is said of lossy schemes, apart from the ranking of the others: how far off their text is, what they gain."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simulator.results.columns import CURVE
from simulator.results.findings import along, with_interval
from simulator.results.intervals import interval, paired
from simulator.results.lossy import UNKNOWN, lossy_curves, marks
from simulator.results.units import quantity, title

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
        gains = [] if metric is None else sorted(_gains(cells, axis, metric, curve))
        if metric is not None and gains:
            said += f", {title(metric)} {_ways(gains[0], gains[-1])} the lowest of the lossless"
        told.append(said)
    unknown = UNKNOWN in marks(cells).values()
    what = "Lossy or not known to be lossless" if unknown else "Lossy"
    return f"{what}, ranked apart: {'; '.join(told)}" if told else ""


def _gains(cells: pd.DataFrame, axis: str | None, metric: str, curve: str) -> Iterator[float]:
    """At each value of the axis the mean of (curve - lowest lossless) / lowest lossless, paired by seed."""
    lossy = lossy_curves(cells)
    for _, here in along(cells[cells[metric].notna()], axis):
        means = here[~here[CURVE].isin(lossy)].groupby(CURVE, sort=False)[metric].mean()
        if len(means):
            less = paired(here, metric, here[CURVE] == curve, here[CURVE] == means.idxmin(), relative=True)
            if less.n:
                yield less.mean


def _ways(least: float, most: float) -> str:
    """`75% to 99.9% below`, `10% below to 3% above`."""
    words = [(f"{quantity(100 * abs(gain), '')}%", "below" if gain < 0 else "above") for gain in (least, most)]
    if words[0][1] != words[1][1]:
        return " to ".join(" ".join(each) for each in words)
    shares = words if least >= 0 else words[::-1]
    return f"{' to '.join(dict.fromkeys(share for share, _ in shares))} {words[0][1]}"
