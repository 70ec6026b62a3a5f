"""Tables as CSV files that a spreadsheet opens without running what is in them.

A text that begins as a formula does (=, +, -, @) and is no number stands behind an apostrophe, which spreadsheets take
for the sign of a text, and `read_csv` takes off again. What a terminal would not show is escaped as in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pandas as pd

from kinds.files import atomically
from kinds.mistakes import printable

_BEGINS: Final = ("=", "+", "-", "@")
_QUOTED: Final = tuple(f"'{mark}" for mark in (*_BEGINS, "'"))


def write_csv(table: pd.DataFrame, path: Path) -> Path:
    """Writes a table, whole and without its index; where."""
    quoted = with_texts(table, _quoted)
    quoted.columns = pd.Index([_quoted(name) for name in table.columns])
    atomically(path, lambda unfinished: quoted.to_csv(unfinished, index=False))
    return path


def read_csv(path: Path) -> pd.DataFrame:
    """A table that `write_csv` has written. Raises ValueError where the file holds none, OSError where it is gone."""
    table = with_texts(pd.read_csv(path), _bare)
    table.columns = pd.Index([_bare(name) for name in table.columns])
    return table


def with_texts(table: pd.DataFrame, changed: Callable[[object], object]) -> pd.DataFrame:
    """A copy of a table with its texts as `changed` returns them; a column in which none changes keeps its type."""
    found = table.copy()  # which is in one piece, where a wide file is read in several
    for name, kind in table.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind):
            texts = [changed(value) for value in table[name]]
            if any(isinstance(new, str) and new != old for new, old in zip(texts, table[name], strict=True)):
                found[name] = pd.Series(texts, index=table.index, dtype=object)
    return found


def _quoted(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_QUOTED) or (text.startswith(_BEGINS) and not _is_number(text)) else text


def _bare(value: object) -> object:
    return value[1:] if isinstance(value, str) and value.startswith(_QUOTED) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
