"""Files, ours and a user's: complaints name file and line, what is written is whole, a file is known by its hash."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import platformdirs

from kinds import ConfigError

_CHECKSUM = "checksum"


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, each line ended by a newline alone. Raises ConfigError that says what is wrong."""
    raw = _read(path)
    try:
        return StringIO(raw.decode(), newline=None).getvalue()
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


def write_note(path: Path, fields: Mapping[str, object]) -> None:
    """Writes a JSON object of our own, whole, with a checksum of itself: `read_note` takes no other."""
    plain = json.loads(json.dumps(fields))
    text = json.dumps({**plain, _CHECKSUM: _checksum(plain)}, indent=1)
    atomically(path, lambda unfinished: unfinished.write_text(text + "\n"))


def read_note(path: Path) -> dict[str, Any]:
    """The JSON object that `write_note` has left in a file; {} where it is not there, damaged, or somebody else's."""
    if not path.is_file():  # a device or a pipe may have no end
        return {}
    try:
        found = json.loads(path.read_text())
        return found if found.pop(_CHECKSUM) == _checksum(found) else {}
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return {}


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The rows of a CSV file with this header, each behind its place as in `read_lines`; blank lines are left out.

    Raises ConfigError when the file cannot be read, has another header, or a row has not a value for each column.
    """
    reader = csv.reader(StringIO(read_text(path)), strict=True)
    try:
        rows = [(f"{path}, line {reader.line_num}", row) for row in reader if row]
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: {error}") from None
    place, header = rows[0] if rows else (f"{path}, line 1", [])
    if [name.strip() for name in header] != list(columns):
        raise ConfigError(f"{place}: the columns must be {', '.join(columns)}")
    for place, row in rows[1:]:
        if len(row) != len(columns):
            raise ConfigError(f"{place}: must hold {len(columns)} values, got {','.join(row)!r}")
    return rows[1:]


def sha256(path: Path) -> str:
    """Hash of a file's bytes, hex digits. Raises ConfigError when it cannot be read, or is a device or a pipe."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: cannot be read (is a folder, a device or a pipe)")
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


def _checksum(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    """The complaint about a file that is not there, or whose name no file can have."""
    return ConfigError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})")
