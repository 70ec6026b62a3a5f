"""Many measured passes at each point of a grid: how they are spread, and what lies between the points.

Level k of n is a grid of its own: at each point the k-th shortest of its n passes. A draw picks a level and looks the
pass up there, so that between points the quantile functions are interpolated, and at a point its own passes come up,
each as often as the others. Nothing is smoothed: a point may be faster than one of less work.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from kinds import ConfigError
from models.clocks.pass_table import Grid, full_axes, read_once, read_rows


class PassSamples:
    """`levels`: grids over the same axes, the fastest first."""

    def __init__(self, levels: tuple[Grid, ...]) -> None:
        self.levels = levels

    def level(self, uniform: float) -> Grid:
        """The level that a number in [0, 1) stands for."""
        return self.levels[int(uniform * len(self.levels))]


def samples_of(path: Path) -> PassSamples:
    """The samples in a CSV file, each a row. A point with fewer of them than another has each stand for several, as
    evenly as may be. Raises ConfigError that names file, line, value and what is allowed."""
    at: dict[tuple[int, int, int], list[float]] = {}
    for _, row in read_rows(path):
        at.setdefault((row.batch, row.new_tokens, row.cached_tokens), []).append(row.seconds)
    if not at:
        raise ConfigError(f"{path}: holds no pass")
    axes = full_axes(path, at)
    levels = max(len(seconds) for seconds in at.values())
    middles = (np.arange(levels) + 0.5) / levels
    spread = [np.sort(at[b, n, c])[(middles * len(at[b, n, c])).astype(int)] for b, n, c in product(*axes)]
    shape = [len(axis) for axis in axes]
    return PassSamples(tuple(Grid(axes, seconds.reshape(shape)) for seconds in np.array(spread).T))


read_samples = read_once(samples_of)
"""As `samples_of`, but read once a process while the file stands as it is."""
