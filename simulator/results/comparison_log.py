"""The numbers behind a sentence: every comparison that was made while it was computed, for programs to read. They
report themselves from where they are computed (`intervals.paired`, `crossings.crossing`)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kinds.arrays import Bools
from simulator.results.columns import CURVE
from simulator.results.units import unit

Plain = float | int | str | bool | None | Mapping[str, "Plain"] | Sequence["Plain"]
"""Value that JSON holds."""


@dataclass
class Comparisons:
    """The comparisons made. `places`: the columns by which each has its place in a sweep."""

    places: Sequence[str]
    numbers: list[dict[str, Plain]] = field(default_factory=list)


_recorder: ContextVar[Comparisons | None] = ContextVar("recorder", default=None)


@contextmanager
def recording(places: Sequence[str]) -> Iterator[Comparisons]:
    """Within it, comparisons made in this context are kept."""
    record = Comparisons(places)
    token = _recorder.set(record)
    try:
        yield record
    finally:
        _recorder.reset(token)


def difference(
    cells: pd.DataFrame, metric: str, first: pd.Series[bool], second: pd.Series[bool], found: Mapping[str, object]
) -> None:
    """Reports how `metric` of the rows `first` differs from that of `second`, in these numbers, to whoever records."""
    record = _recorder.get()
    if record is None:
        return
    seeds = cells["seed"].tolist()
    one, other = (rows.to_numpy(dtype=bool) for rows in (first, second))
    common = set(itertools.compress(seeds, one)) & set(itertools.compress(seeds, other))
    both = np.array([seed in common for seed in seeds], dtype=bool)
    values = cells[metric].astype(float)
    record.numbers.append(
        {
            "metric": metric,
            "unit": unit(metric),
            "first": _name(cells, one),
            "second": _name(cells, other),
            "where": dict(_shared(cells, record.places, one | other)),
            "first_mean": plain(values[one & both].mean()),
            "second_mean": plain(values[other & both].mean()),
            **{name: plain(value) for name, value in found.items()},
        }
    )


def add(numbers: Mapping[str, object]) -> None:
    """Reports the numbers of a comparison to whoever records."""
    if (record := _recorder.get()) is not None:
        record.numbers.append({name: plain(value) for name, value in numbers.items()})


def plain(value: object) -> Plain:
    """A value of a table as JSON takes it: nothing for nan, `inf` in words."""
    if value is None or value is pd.NA:
        return None
    if hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if isinstance(value, bool | int | float) else str(value)


def _name(cells: pd.DataFrame, rows: Bools) -> str:
    return " or ".join(dict.fromkeys(map(str, cells[CURVE].to_numpy()[rows]))) if CURVE in cells.columns else ""


def _shared(cells: pd.DataFrame, names: Sequence[str], rows: Bools) -> Iterator[tuple[str, Plain]]:
    for name in names:
        if name in cells.columns:
            values = {plain(value) for value in cells[name].to_numpy()[rows].tolist()}
            if len(values) == 1:
                yield name, values.pop()
