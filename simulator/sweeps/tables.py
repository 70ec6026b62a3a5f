"""Rows of cells as one table, the same in whatever order and beside whatever others they came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simulator.cell.cell import Cell


def in_order(cells: Sequence[Cell], parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of `parts` as one table in the order of `cells`, whatever the order they came in.

    So are its columns: those of the first part first, then what later ones add. A whole number stays one where other
    cells have no such field: what a cell's row says does not depend on the cells beside it (I6).
    """
    order = {cell.id: place for place, cell in enumerate(cells)}
    parts = sorted(parts, key=lambda part: min(order[cell] for cell in part["cell"]))
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
    whole = {name for part in parts for name in part.columns[part.dtypes == "int64"]}
    for name in frame.columns[(frame.dtypes == "float64") & frame.columns.isin(whole)]:
        given = [part[name] for part in parts if name in part and part[name].notna().any()]
        if given and all(column.dtype == "int64" for column in given):
            frame[name] = frame[name].astype("Int64")
    frame = of_one_type(frame)
    return frame.sort_values("cell", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def of_one_type(frame: pd.DataFrame) -> pd.DataFrame:
    """A field that is a number in one cell and a name or a list in another is text in all: a file's column has one
    type."""
    for name in frame.columns[frame.dtypes == "object"]:
        given = frame[name][frame[name].notna()]
        text, many = (given.map(lambda value, of=of: isinstance(value, of)) for of in (str, (list, tuple, np.ndarray)))
        if (text.any() and not text.all()) or (many.any() and not many.all()):
            words = given.map(lambda value: str(value.tolist() if isinstance(value, np.ndarray) else value))
            frame[name] = words.reindex(frame.index)
    return frame
