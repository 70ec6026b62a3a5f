"""Which settings two tables of cells have in common, though one may come from other code, from another place.

A setting is known by its configuration columns, files by their names alone. What documents a field (`source`) does not
count, nor where a user's code lies (`imports`), nor a column that only one of the tables has, as long as the others
tell its settings apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pandas as pd

from simulator.results.intervals import settings_of
from simulator.results.units import names_file, quantity

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class SameSettings:
    """Two tables by setting. `both`: a pair of places in `before` and `after`, whose entries are a setting's rows."""

    before: Sequence[pd.DataFrame]
    after: Sequence[pd.DataFrame]
    both: Sequence[tuple[int, int]]
    fields_before: Sequence[str]
    """Configuration columns of the first table alone, where they have a value."""
    fields_after: Sequence[str]

    @property
    def only_before(self) -> list[pd.DataFrame]:
        met = {place for place, _ in self.both}
        return [rows for place, rows in enumerate(self.before) if place not in met]

    @property
    def only_after(self) -> list[pd.DataFrame]:
        met = {place for _, place in self.both}
        return [rows for place, rows in enumerate(self.after) if place not in met]


def same_settings(before: pd.DataFrame, after: pd.DataFrame, without: Sequence[str] = ()) -> SameSettings:
    """The settings of two tables of cells, in order of appearance; columns in `without` tell none apart."""
    fields = [[name for name in _telling(table) if name not in without] for table in (before, after)]
    shared = [name for name in fields[0] if name in fields[1]]
    groups = [
        _by_key(table, [*shared, *_needed(table, shared, mine)])
        for table, mine in zip((before, after), fields, strict=True)
    ]
    keys = [[key for key, _ in found] for found in groups]
    places = {key: place for place, key in enumerate(keys[1])}
    both = [(place, places[key]) for place, key in enumerate(keys[0]) if key in places]
    alone = [
        [name for name in mine if name not in shared and table[name].notna().any()]
        for table, mine in zip((before, after), fields, strict=True)
    ]
    rows = [[rows for _, rows in found] for found in groups]
    return SameSettings(rows[0], rows[1], both, alone[0], alone[1])


def _telling(table: pd.DataFrame) -> list[str]:
    return [name for name in settings_of(table) if name != "imports" and not name.endswith(".source")]


def _needed(table: pd.DataFrame, shared: Sequence[str], mine: Sequence[str]) -> list[str]:
    """The columns that this table alone has, where it takes them to tell its settings apart; else none."""
    alone = [name for name in mine if name not in shared]
    few, many = (len(_by_key(table, columns)) for columns in (shared, [*shared, *alone]))
    return alone if few < many else []


def _by_key(table: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Key, pd.DataFrame]]:
    """The rows of each setting; what a setting lacks is not in its key, so that it meets one of a table without it."""
    words = {name: [_word(value, name) for value in table[name]] for name in columns}
    places: dict[Key, list[int]] = {}
    for place in range(len(table)):
        key = tuple((name, words[name][place]) for name in sorted(columns) if words[name][place] is not None)
        places.setdefault(key, []).append(place)
    return [(key, table.iloc[found]) for key, found in places.items()]


def _word(value: object, name: str) -> Hashable:
    """A value as it is compared; None where there is none."""
    if value is None or value is pd.NA or value != value:
        return None
    return quantity(value, name) if names_file(name) else value if isinstance(value, Hashable) else str(value)
