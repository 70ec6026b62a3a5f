"""Files, ours and a user's: complaints name file and line, what is written is whole, a file is known by its hash."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import AfterValidator

from kinds import ConfigError

_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)


@contextmanager
def paths_from(folder: Path) -> Iterator[None]:
    """Has each relative `GivenPath` that is validated meanwhile begin at this folder: that of the file it stands in."""
    before = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(before)


def placed(path: Path) -> Path:
    """The path, which is as it is given unless `paths_from` says where relative ones begin."""
    folder = _FOLDER.get()
    return path if folder is None else Path(os.path.abspath(folder / path))


GivenPath = Annotated[Path, AfterValidator(placed)]
"""Of a file that a field names."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, each line ended by a newline alone, without the mark that some programs begin one with.
    Raises ConfigError that says what is wrong."""
    raw = _read(path)
    try:
        return StringIO(raw.decode("utf-8-sig"), newline=None).getvalue()
    except UnicodeDecodeError as error:
        line = 1 + raw.count(b"\n", 0, error.start)
        raise ConfigError(f"{path}, line {line}: must be UTF-8 text") from None


def read_lines(path: Path) -> list[tuple[str, str]]:
    """The lines of a UTF-8 file, each behind its place, `FILE, line 1` and on, for a complaint about it.

    Raises ConfigError when the file cannot be read.
    """
    lines = read_text(path).split("\n")
    if not lines[-1]:
        lines.pop()
    return [(f"{path}, line {number}", line) for number, line in enumerate(lines, 1)]


def read_note(path: Path) -> dict[str, Any]:
    """The JSON object that a file of our own holds; {} where it is not there, or damaged."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[str, list[str]]]:
    """What the rows of a CSV file hold in these columns, in this order, each behind its place as in `read_lines`; blank
    lines and other columns are left out.

    Raises ConfigError when the file cannot be read, has not each of these columns once, or a row has not a value for
    each column of the file.
    """
    (place, header), *rows = _rows(path)
    for name in columns:
        if (times := header.count(name)) != 1:
            told = f"the columns must be {', '.join(columns)}; others may stand beside them"
            raise ConfigError(f"{place}: {told}; {name} is {f'there {times} times' if times else 'missing'}")
    for place, row in rows:
        if len(row) != len(header):
            raise ConfigError(f"{place}: must hold {len(header)} values, got {','.join(row)!r}")
    places = [header.index(name) for name in columns]
    return [(place, [row[each] for each in places]) for place, row in rows]


def read_header(path: Path) -> list[str]:
    """The names of the columns of a CSV file. Raises ConfigError when it cannot be read."""
    return _rows(path)[0][1]


def _rows(path: Path) -> list[tuple[str, list[str]]]:
    """The header, its names without spaces around them, and the rows."""
    reader = csv.reader(StringIO(read_text(path)), strict=True)
    try:
        rows = [(f"{path}, line {reader.line_num}", row) for row in reader if row]
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: {error}") from None
    place, header = rows[0] if rows else (f"{path}, line 1", [])
    return [(place, [name.strip() for name in header]), *rows[1:]]


def sha256(path: Path) -> str:
    """Hash of a file's bytes, hex digits. Raises ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def sha256_once(path: Path) -> str:
    """As `sha256`, but read once a process while the file's size and time stamp stand: for weights of gigabytes."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return _sha256(path, status.st_size, status.st_mtime_ns)


def by_content(value: object) -> str:
    """What stands for a file among the fields of a part, in JSON: the hash of what is in it. Raises ConfigError when it
    cannot be read."""
    assert isinstance(value, Path), f"a field holds {value!r}, which has no name"
    return sha256(value)


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Has `write` make a file or folder beside its place, and moves it there when it is whole.

    A crash, or another process at the same, leaves a whole one or none. Raises OSError where it cannot be moved: a
    folder takes no other folder's place.
    """
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", suffix=".unfinished", dir=path.parent) as scratch:
        unfinished = Path(scratch) / path.name
        write(unfinished)
        unfinished.replace(path)


def cache_folder() -> Path:
    """Where computed files are kept from run to run: $SQSIM_CACHE, by default the platform's cache folder."""
    return Path(os.environ.get("SQSIM_CACHE") or platformdirs.user_cache_path("sqsim"))


@cache
def _sha256(path: Path, size: int, stamp_ns: int) -> str:
    return sha256(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    """The complaint about a file that is not there, or whose name no file can have."""
    return ConfigError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})")
