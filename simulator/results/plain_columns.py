"""A table's columns as plain arrays, and an index of their values: `in_plain_columns` keeps those of one type together,
since to take some rows of a wide table costs as much as there are columns."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from kinds.arrays import Ints


def in_plain_columns(table: pd.DataFrame) -> pd.DataFrame:
    """A copy of a table whose texts are objects, and whose columns of one type are kept together."""
    texts = [name for name, kind in table.dtypes.items() if pd.api.types.is_string_dtype(kind)]
    return table.astype(dict.fromkeys(texts, object)).copy()


def codes(column: pd.Series[float]) -> Ints:
    """A number for each row of a column, one for equal values, from 0 on in order of appearance; -1 for none."""
    try:
        found, _ = pd.factorize(column)
    except TypeError:  # of lists
        found, _ = pd.factorize(column.map(hashable))
    return np.asarray(found, dtype=np.int64)


def distinct(column: pd.Series[float]) -> list[object]:
    """Returns each value of a column once, one missing value included."""
    return list(column.take(np.unique(codes(column), return_index=True)[1]))


def rows_alike(given: Iterable[Ints], rows: int) -> list[list[int]]:
    """The places of the rows that are alike in the `codes` of all these columns, in order of appearance; a value that
    is missing is like another."""
    varied = [of for of in given if of.size and (of != of[0]).any()]
    keys = np.stack(varied, axis=1) if varied else np.zeros((rows, 1), dtype=np.int64)
    places: dict[bytes, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key.tobytes(), []).append(place)
    return list(places.values())


def numbered(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> list[Ints]:
    """A number for each row of each table, one for rows that are alike in these columns; what a table lacks is missing
    there."""
    sizes = [len(table) for table in tables]
    values = (
        [value for table in tables for value in (table[name] if name in table.columns else [None] * len(table))]
        for name in columns
    )
    numbers = np.zeros(sum(sizes), dtype=np.int64)
    for number, places in enumerate(rows_alike((codes(pd.Series(of, dtype=object)) for of in values), len(numbers))):
        numbers[places] = number
    return np.split(numbers, np.cumsum(sizes)[:-1])


def hashable(value: object) -> Hashable:
    """A value as a key of a dictionary: lists and mappings as their text, and what is missing as None."""
    return None if is_missing(value) else str(value) if isinstance(value, list | dict) else value


def is_missing(value: object) -> bool:
    """True if a value is missing in a table."""
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
