"""Passes looked up in a grid of measured ones, and what becomes of those outside it."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Literal

from pydantic import Field

from kinds import ConfigError
from models.clocks.latency import Work, require_work
from models.clocks.pass_table import AXES, LOWEST, Grid, Point

Beyond = Annotated[
    Literal["refuse", "hold", "extend"],
    Field(
        description="a pass outside what was measured is refused, takes as long as the nearest measured one, or goes "
        "on as the last measured ones do (below them: the nearest), which needs two values to go on from"
    ),
]


def seconds_in(grid: Grid, work: Work, beyond: Beyond, clock: str) -> float:
    """Seconds of a pass by a grid of this clock's. Raises ValueError on an empty batch, ConfigError on a pass beyond
    the grid where that is refused."""
    require_work(work)
    new = cached = 0
    for new_tokens, cached_tokens in work:
        new += new_tokens
        cached += cached_tokens
    sequences = len(work)
    point = (sequences, new / sequences, cached / sequences)
    outside = grid.outside(point)
    if not outside or beyond == "hold":
        return grid.at(point)
    for place in outside:
        if _is_refused(grid, point, place, beyond):
            raise ConfigError(_refusal(clock, "a pass", grid, point, place))
    return grid.extended(point)


def check_reach(grid: Grid, most: Point, beyond: Beyond, clock: str) -> None:
    """Raises ValueError where passes up to `most` leave the grid and that is refused."""
    for point in (most, LOWEST):
        for place in grid.outside(point):
            if _is_refused(grid, point, place, beyond):
                raise ValueError(_refusal(clock, "there are passes", grid, point, place))


def _is_refused(grid: Grid, point: Point, place: int, beyond: Beyond) -> bool:
    """Whether a point outside the grid on an axis is refused there. What goes on from the last two values of an axis
    cannot where it has but one."""
    axis = grid.axes[place]
    return beyond == "refuse" or (beyond == "extend" and len(axis) == 1 and point[place] > axis[-1])


def _refusal(clock: str, what: str, grid: Grid, point: Point, place: int) -> str:
    axis, value = grid.axes[place], point[place]
    shown = f"{ceil(value):,}" if value > axis[-1] else f"{value:,.4g}"
    measured = f"{axis[0]:,} to {axis[-1]:,}" if len(axis) > 1 else f"{axis[0]:,} alone"
    beyond = "`hold` or `extend`" if len(axis) > 1 else "`hold`"
    return (
        f"{clock}: {what} of {shown} {AXES[place]}, measured: {measured}; "
        f"another {clock.split()[0]} or workload, or {beyond} for its field beyond"
    )
