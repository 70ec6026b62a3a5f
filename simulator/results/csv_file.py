"""Tables as CSV files that a spreadsheet opens without running what is in them: a text that begins as a formula does
stands behind an apostrophe, which `read_csv` takes off again. What no terminal shows is escaped as in Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
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
    quoted.columns = pd.Index([_quoted(str(name)) for name in table.columns])
    atomically(path, lambda unfinished: quoted.to_csv(unfinished, index=False))
    return path


def read_csv(path: Path) -> pd.DataFrame:
    """A table that `write_csv` has written. Raises ValueError where the file holds none, OSError where it is gone."""
    table = with_texts(pd.read_csv(path), _bare)
    table.columns = pd.Index([_bare(str(name)) for name in table.columns])
    return table


def with_texts(table: pd.DataFrame, changed: Callable[[str], str]) -> pd.DataFrame:
    """A copy of a table with its texts as `changed` returns them, asked once of each; a column in which
    none changes keeps its type."""
    found, shown = table.copy(), cache(changed)  # the copy is in one piece, where a wide file is read in several
    for name, kind in table.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind):
            values = table[name].tolist()
            new = [shown(value) if isinstance(value, str) else value for value in values]
            if new != values:
                found[name] = pd.Series(new, index=table.index, dtype=object)
    return found


def _quoted(given: str) -> str:
    text = printable(given)
    return f"'{text}" if text.startswith(_QUOTED) or (text.startswith(_BEGINS) and not _is_number(text)) else text


def _bare(text: str) -> str:
    return text[1:] if text.startswith(_QUOTED) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
