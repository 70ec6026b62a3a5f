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
        "on as the last measured ones do (below them: the nearest)"
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
    place = grid.beyond(point)
    if place is None or beyond == "hold":
        return grid.at(point)
    if beyond == "refuse":
        raise ConfigError(_refusal(clock, "a pass", grid, point, place))
    return grid.extended(point)


def check_reach(grid: Grid, most: Point, beyond: Beyond, clock: str) -> None:
    """Raises ValueError where passes up to `most` leave the grid and that is refused."""
    if beyond != "refuse":
        return
    for point in (most, LOWEST):
        if (place := grid.beyond(point)) is not None:
            raise ValueError(_refusal(clock, "there are passes", grid, point, place))


def _refusal(clock: str, what: str, grid: Grid, point: Point, place: int) -> str:
    axis, value = grid.axes[place], point[place]
    shown = f"{ceil(value):,}" if value > axis[-1] else f"{value:,.4g}"
    measured = f"{axis[0]:,} to {axis[-1]:,}" if len(axis) > 1 else f"{axis[0]:,} alone"
    return (
        f"{clock}: {what} of {shown} {AXES[place]}, measured: {measured}; "
        f"another {clock.split()[0]} or workload, or `hold` or `extend` for its field beyond"
    )
