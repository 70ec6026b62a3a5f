"""Where the best setting of a full factorial lies, how clearly, and what one setting for all places would cost.

The best is that of least geometric mean over the seeds that it is then shown on: of many settings alike it is a
fortunate one, so its mean is a little too low, and the cost of another a little too high.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pandas as pd

from simulator.results.columns import CURVE, chosen_name
from simulator.results.intervals import Difference, Interval, geometric_means, interval, paired

Values = tuple[float, ...]


@dataclass(frozen=True)
class BestSetting:
    """At one place: the setting, as values of the factors, what it leads to, and how many others are as good for all
    that the seeds can tell."""

    at: Values
    setting: Values
    reached: Interval
    tied: int
    settings: int


@dataclass(frozen=True)
class OneForAll:
    """The setting with the least mean of its ln ratio to the best of each place; that comparison, place by place,
    paired over seeds."""

    setting: Values
    excess: dict[Values, Difference]


def best_settings(cells: pd.DataFrame, factors: Sequence[str], places: Sequence[str], metric: str) -> list[BestSetting]:
    """The best of each combination of values of the columns `places`, in ascending order."""
    found = []
    for at, here in _groups(cells[cells[metric].notna()], places):
        order = [setting for setting, _ in sorted(_means(here, factors, metric).items(), key=lambda item: item[1])]
        best = _is(here, factors, order[0])
        behind = [paired(here, metric, _is(here, factors, other), best).separable for other in order[1:]]
        reached = interval(here.loc[best, metric].to_numpy())
        found.append(BestSetting(at, order[0], reached, behind.count(False), len(order)))
    return found


def one_for_all(cells: pd.DataFrame, factors: Sequence[str], places: Sequence[str], metric: str) -> OneForAll | None:
    """The setting that fits all places best, of those with a number at each; None where none has."""
    parts = dict(_groups(cells[cells[metric].notna()], places))
    means = {at: _means(here, factors, metric) for at, here in parts.items()}
    everywhere = [
        setting for setting in next(iter(means.values()), {}) if all(setting in table for table in means.values())
    ]
    if not everywhere:
        return None
    excess = {
        setting: sum(math.log(table[setting] / min(table.values())) for table in means.values())
        for setting in everywhere
    }
    chosen = min(excess, key=lambda setting: excess[setting])
    best = {at: min(table, key=lambda setting: table[setting]) for at, table in means.items()}
    return OneForAll(
        chosen,
        {
            at: paired(here, metric, _is(here, factors, chosen), _is(here, factors, best[at]))
            for at, here in parts.items()
        },
    )


def one_setting(fixed: pd.DataFrame, best: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The fixed settings under the names of the best ones, and what their own names add, the longest: `L=4`."""
    names = [chosen_name(str(own), best[CURVE].unique()) for own in fixed[CURVE]]
    added = [str(own).removeprefix(name).strip() for own, name in zip(fixed[CURVE], names, strict=True)]
    return fixed.assign(**{CURVE: names}), max(added, key=len, default="")


def _groups(cells: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Values, pd.DataFrame]]:
    if not columns:
        return [((), cells)]
    return [(_values(key), rows) for key, rows in cells.groupby(list(columns), sort=True)]


def _means(cells: pd.DataFrame, factors: Sequence[str], metric: str) -> dict[Values, float]:
    means = geometric_means(cells, list(factors), metric).sort_index()
    return {_values(key if isinstance(key, tuple) else (key,)): float(mean) for key, mean in means.items()}


def _is(cells: pd.DataFrame, factors: Sequence[str], setting: Values) -> pd.Series[bool]:
    return (cells[list(factors)] == list(setting)).all(axis=1)


def _values(key: Hashable) -> Values:
    assert isinstance(key, tuple)
    return tuple(float(value) for value in key)
