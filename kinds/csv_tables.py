"""The columns of a user's CSV file; what is wrong with it is a ConfigError that names the line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from kinds import ConfigError
from kinds.files import read_text


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Returns the rows of a CSV file in these columns, each behind its place; blank lines and other columns are left
    out. Raises ConfigError when the file cannot be read, a column is not there once, or a row lacks a value."""
    (place, header), *rows = _rows(path)
    for name in columns:
        if (times := header.count(name)) != 1:
            message = f"the columns must be {', '.join(columns)}; others may stand beside them"
            raise ConfigError(f"{place}: {message}; {name} is {f'there {times} times' if times else 'missing'}")
    for place, row in rows:
        if len(row) != len(header):
            raise ConfigError(f"{place}: must hold {len(header)} values, got {','.join(row)!r}")
    places = [header.index(name) for name in columns]
    return [(place, [row[each] for each in places]) for place, row in rows]


def read_header(path: Path) -> list[str]:
    """The names of the columns of a CSV file. Raises ConfigError when it cannot be read."""
    return _rows(path)[0][1]


def _rows(path: Path) -> list[tuple[str, list[str]]]:
    reader = csv.reader(StringIO(read_text(path)), strict=True)
    try:
        rows = [(f"{path}, line {reader.line_num}", row) for row in reader if row]
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: {error}") from None
    place, header = rows[0] if rows else (f"{path}, line 1", [])
    return [(place, [name.strip() for name in header]), *rows[1:]]
