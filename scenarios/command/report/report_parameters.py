"""Parameters of a report: what varies from cell to cell, what all cells share, and where that is not the default."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from simulator.cell.cell import Cell
from simulator.cell.descriptions import FieldLine, describe, shown
from simulator.cell.dotted_names import flatten
from simulator.results.intervals import settings_of
from simulator.results.study_columns import STUDY_KEYS
from simulator.results.units import quantity

MOST_VALUES = 12
"""More values of a field are counted."""


@dataclass(frozen=True)
class Parameter:
    """One field. `default` is "" where it is what the cells have, or the default cell has no such field."""

    field: str
    values: str
    default: str
    meaning: str


def parameters(cells: pd.DataFrame) -> tuple[list[Parameter], list[Parameter]]:
    """(what varies, what is the same in all cells that have it), in the order of a cell's fields; seeds first."""
    known: dict[str, FieldLine] = {}
    for line in describe(Cell()):
        known.setdefault(line.field, line)
    defaults = flatten(Cell())
    varying, base = [_seeds(cells)], list[Parameter]()
    for field, name in _fields(settings_of(cells), known):
        values = list(dict.fromkeys(_plain(value) for value in cells[name] if not _missing(value)))
        if values in ([], ["[]"]) or field in STUDY_KEYS:
            continue
        everywhere = bool(cells[name].notna().all())
        default = defaults.get(name)
        differs = name in defaults and len(values) == 1 and values[0] != _plain(default)
        meaning = known[field].meaning if field in known else ""
        parameter = Parameter(field, told_values(values, field), shown(default) if differs else "", meaning)
        (base if len(values) == 1 and (everywhere or name != "scheme.kind") else varying).append(parameter)
    return varying, base


def _fields(columns: Sequence[str], known: dict[str, FieldLine]) -> Iterator[tuple[str, str]]:
    """(field, its column): a part that goes by a name is one field, its own fields are left out."""
    named = {column.removesuffix(".name") for column in columns if column.endswith(".name")} & known.keys()
    for column in columns:
        part = next((part for part in named if column.startswith(f"{part}.")), None)
        if part is None:
            yield column, column
        elif column == f"{part}.name":
            yield part, column


def _seeds(cells: pd.DataFrame) -> Parameter:
    seeds = sorted(int(seed) for seed in cells["seed"].unique())
    text = ", ".join(map(str, seeds))
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        text = f"{seeds[0]} to {seeds[-1]}"
    return Parameter("seed", text, "", "of every random number")


def told_values(values: Sequence[object], field: str) -> str:
    """The values of a field with its unit, numbers in order; the first and the last where there are many."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    ordered: Sequence[object] = sorted(numbers) if len(numbers) == len(values) else values
    lines = [quantity(value, field) if not isinstance(value, bool) else shown(value) for value in ordered]
    if len(lines) > MOST_VALUES:
        return f"{len(lines)} values, {lines[0]} to {lines[-1]}"
    return ", ".join(dict.fromkeys(lines))


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _plain(value: object) -> object:
    """A table's value as the cell had it: whole numbers are whole again."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return str(list(value)) if isinstance(value, list | tuple) else value
