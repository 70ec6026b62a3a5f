"""Measured passes on a grid of sequences, new and cached tokens, and what lies between them.

A pass is looked up by its sequences and the means over them of new and of cached tokens. Between grid points the time
is linear in each of the three, which is exact where time is affine in the pass's sequences, new tokens and cached
tokens, whatever the mix. More tokens never take less time: where a point was measured faster than one of less
work, both move to the middle, the monotone table nearest to the measured one (Ubhaya 1974, for the largest error).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from math import ceil, inf
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
from pydantic import Field

from kinds import ConfigError
from kinds.arrays import Floats
from kinds.csv_tables import read_header, read_table
from models.latency.latency import Work, require_work

COLUMNS = ("batch", "new_tokens", "cached_tokens", "seconds")
PROVENANCE = "provenance"  # A column that a file may have; it says of each row where it is from, and decides nothing
SPELL = "spell"  # A last column that a file may have: rows of one number were measured in the same second or two
AXES = ("sequences", "new tokens a sequence", "cached tokens a sequence")
LOWEST = (1, 1, 0)  # of each axis the least that a pass can have
MOST_TOKENS = 1 << 30
T = TypeVar("T")
Point = tuple[float, float, float]  # sequences, new tokens a sequence, cached tokens a sequence


class TimedPass(NamedTuple):
    """Measured pass of `batch` equal sequences; tokens are those of each sequence."""

    batch: int
    new_tokens: int
    cached_tokens: int
    seconds: float
    provenance: str = ""
    spell: int | None = None  # none: nobody noted when it was measured


def csv_text(table: Iterable[TimedPass]) -> str:
    """A table as this module reads it, seconds to five digits; the last column is the spell, where passes have one."""
    passes = list(table)
    last = [SPELL] if any(row.spell is not None for row in passes) else []
    return "\n".join((",".join((*COLUMNS, PROVENANCE, *last)), *map(_line, passes))) + "\n"


def _line(row: TimedPass) -> str:
    last = [] if row.spell is None else [row.spell]
    return ",".join(map(str, (*row[:3], f"{row.seconds:.5g}", row.provenance, *last)))


class Grid:
    """Seconds at each point of a grid. `axes`: the values of each axis, ascending; `seconds`: float64, [B, N, C]."""

    def __init__(self, axes: Sequence[Sequence[int]], seconds: Floats) -> None:
        self.axes = tuple(tuple(axis) for axis in axes)
        self.seconds = seconds
        self._flat: list[float] = self.seconds.ravel().tolist()
        _, self._rows, self._columns = self.seconds.shape

    def outside(self, point: Point) -> list[int]:
        """The axes on which a point lies outside the grid."""
        pairs = enumerate(zip(self.axes, point, strict=True))
        return [place for place, (axis, value) in pairs if not axis[0] <= value <= axis[-1]]

    def at(self, point: Point) -> float:
        """Seconds at a point; outside the grid at its nearest point."""
        near = tuple(min(max(value, axis[0]), axis[-1]) for axis, value in zip(self.axes, point, strict=True))
        return self._linear(near)

    def extended(self, point: Point) -> float:
        """Seconds at a point; above the grid along its last cell, but no less than at the nearest point."""
        raised = tuple(max(value, axis[0]) for axis, value in zip(self.axes, point, strict=True))
        return max(self._linear(raised), self.at(point))

    def _linear(self, point: Sequence[float]) -> float:
        (b, to_b), (n, to_n), (c, to_c) = (_cell(axis, value) for axis, value in zip(self.axes, point, strict=True))
        total = 0.0
        for i, of_b in ((b, 1 - to_b), (b + 1, to_b)):
            for j, of_n in ((n, 1 - to_n), (n + 1, to_n)) if of_b else ():
                for k, of_c in ((c, 1 - to_c), (c + 1, to_c)) if of_n else ():
                    if of_c:
                        total += of_b * of_n * of_c * self._flat[(i * self._rows + j) * self._columns + k]
        return total


def monotone(seconds: Floats) -> Floats:
    """The nearest array that falls along no axis: halfway between the largest before each entry and the least after.
    An array that never falls is returned as it is."""
    up, down = seconds, seconds
    for axis in range(seconds.ndim):
        up = np.maximum.accumulate(up, axis)
        down = np.flip(np.minimum.accumulate(np.flip(down, axis), axis), axis)
    middle: Floats = np.where(up == down, seconds, (up + down) / 2)
    return middle


def read_once(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """`read` as a function that reads a file once a process while its size and time stamp stand."""
    known = cache(lambda path, size, stamp_ns: read(path))

    def found(path: Path) -> T:
        try:
            status = path.stat()
        except (OSError, ValueError):
            return read(path)  # which reports what is wrong
        answer: T = known(path, status.st_size, status.st_mtime_ns)
        return answer

    return found


def table_of(path: Path) -> Grid:
    """The monotone table in a CSV file. Raises ConfigError that names file, line, value and what is allowed."""
    rows = read_rows(path)
    at: dict[tuple[int, int, int], float] = {}
    for place, row in rows:
        if row[:3] in at:
            raise ConfigError(f"{place}: batch, new_tokens, cached_tokens = {_words(row[:3])}: is there already")
        at[row.batch, row.new_tokens, row.cached_tokens] = row.seconds
    if not at:
        raise ConfigError(f"{path}: holds no pass")
    axes = full_axes(path, at)
    seconds = np.array([at[b, n, c] for b, n, c in product(*axes)])
    return Grid(axes, monotone(seconds.reshape([len(axis) for axis in axes])))


def read_rows(path: Path) -> list[tuple[str, TimedPass]]:
    """The rows of a file, each behind its place. Raises ConfigError."""
    header = read_header(path)
    columns = (*COLUMNS, *(name for name in (PROVENANCE, SPELL) if name in header))
    if unknown := [name for name in header if name not in columns]:
        raise ConfigError(f"{path}, line 1: the columns must be {', '.join(columns)}, got {unknown[0]!r} too")
    return [(place, _row(place, dict(zip(columns, row, strict=True)))) for place, row in read_table(path, columns)]


def _row(place: str, row: Mapping[str, str]) -> TimedPass:
    least = dict(zip(COLUMNS, LOWEST, strict=False))
    counts = [_count(place, name, row[name], least[name]) for name in COLUMNS[:3]]
    try:
        seconds = float(row["seconds"])
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < inf:
        raise ConfigError(f"{place}: seconds = {row['seconds']!r}: must be a number above 0")
    spell = _count(place, SPELL, row[SPELL], 0) if SPELL in row else None
    return TimedPass(counts[0], counts[1], counts[2], seconds, row.get(PROVENANCE, ""), spell)


def _count(place: str, name: str, text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not least <= value <= MOST_TOKENS:
        raise ConfigError(f"{place}: {name} = {text!r}: must be a whole number from {least} to {MOST_TOKENS}")
    return value


def full_axes(path: Path, at: Collection[tuple[int, int, int]]) -> list[list[int]]:
    """The values of each axis, ascending. Raises ConfigError where a combination is missing."""
    axes = [sorted({point[place] for point in at}) for place in range(3)]
    for point in product(*axes):
        if point not in at:
            raise ConfigError(
                f"{path}: batch, new_tokens, cached_tokens = {_words(point)}: is missing; each value of one must come "
                "with each of the others"
            )
    return axes


def _cell(axis: Sequence[int], value: float) -> tuple[int, float]:
    """The grid point at or below a value that has one above it, and how far the value is from there to that one: above
    1 behind the last. On an axis of one value, that one."""
    if len(axis) == 1:
        return 0, 0.0
    place = min(max(bisect_right(axis, value) - 1, 0), len(axis) - 2)
    return place, (value - axis[place]) / (axis[place + 1] - axis[place])


def _words(point: Sequence[Any]) -> str:
    return ", ".join(str(value) for value in point)


read_passes = read_once(table_of)  # as `table_of`, but read once a process while the file stands as it is


Beyond = Annotated[
    Literal["refuse", "hold", "extend"],
    Field(
        description="a pass outside what was measured is refused, takes as long as the nearest measured one, or goes "
        "on as the last measured ones do (below them: the nearest), which needs two values to go on from"
    ),
]


def seconds_in(grid: Grid, work: Work, beyond: Beyond, name: str) -> float:
    """Seconds of a pass by a grid. Raises ValueError on an empty batch, ConfigError on a pass that is refused."""
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
            raise ConfigError(_refusal(name, "a pass", grid, point, place))
    return grid.extended(point)


def check_reach(grid: Grid, most: Point, beyond: Beyond, name: str) -> None:
    """Raises ValueError where passes up to `most` leave the grid and that is refused."""
    for point in (most, LOWEST):
        for place in grid.outside(point):
            if _is_refused(grid, point, place, beyond):
                raise ValueError(_refusal(name, "there are passes", grid, point, place))


def _is_refused(grid: Grid, point: Point, place: int, beyond: Beyond) -> bool:
    """True if a point outside an axis is refused; an axis of one value cannot be extended."""
    axis = grid.axes[place]
    return beyond == "refuse" or (beyond == "extend" and len(axis) == 1 and point[place] > axis[-1])


def _refusal(name: str, what: str, grid: Grid, point: Point, place: int) -> str:
    axis, value = grid.axes[place], point[place]
    shown = f"{ceil(value):,}" if value > axis[-1] else f"{value:,.4g}"
    measured = f"{axis[0]:,} to {axis[-1]:,}" if len(axis) > 1 else f"{axis[0]:,} alone"
    beyond = "`hold` or `extend`" if len(axis) > 1 else "`hold`"
    return (
        f"{name}: {what} of {shown} {AXES[place]}, measured: {measured}; "
        f"another {name.split()[0]} or workload, or {beyond} for its field beyond"
    )
