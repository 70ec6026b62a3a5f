"""Files, ours and a user's: complaints name file and line, what is written is whole, a file is known by its hash.

Only regular files are read, and whole ones only up to a stated size: a pipe or a device may never end.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BufferedReader, StringIO
from pathlib import Path
from typing import Any, Final

import platformdirs

from kinds import ConfigError, first_line

MOST_BYTES: Final = 64 * 2**20
"""Of a file that is read whole."""
MOST_LINES: Final = 2_000_000
"""Of a file that is read by its lines."""
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def open_file(path: Path) -> Iterator[BufferedReader]:
    """A regular file, opened to read its bytes. Raises ConfigError where it cannot be read, or is a pipe or a device,
    which may never end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConfigError(f"{path}: cannot be read (must be a regular file; no directory, pipe or device)")
    try:
        with open(descriptor, "rb") as file:
            yield file
    except OSError as error:
        raise _unreadable(path, error) from None


def require_file(path: Path) -> Path:
    """The path, for a library that opens it by itself. Raises ConfigError as `open_file` does."""
    with open_file(path):
        return path


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file. Raises ConfigError where it cannot be read, or has more than `most` bytes."""
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size <= most and len(found := file.read(most + 1)) <= most:
            return found
    raise ConfigError(f"{path}: cannot be read (must have at most {most:,} bytes)")


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a UTF-8 file, each line ended by a newline alone. Raises ConfigError that says what is wrong."""
    raw = read_bytes(path, most)
    try:
        return raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = 1 + raw.count(b"\n", 0, error.start)
        raise ConfigError(f"{path}, line {line}: must be UTF-8 text") from None


def read_lines(path: Path, most: int = MOST_BYTES) -> list[tuple[str, str]]:
    """The lines of a UTF-8 file, each behind its place, `FILE, line 1` and on, for a complaint about it.

    Raises ConfigError when the file cannot be read.
    """
    text = read_text(path, most)
    if text.count("\n") > MOST_LINES:
        raise ConfigError(f"{path}: cannot be read (must have at most {MOST_LINES:,} lines)")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [(f"{path}, line {number}", line) for number, line in enumerate(lines, 1)]


def parse_json(text: str, place: str) -> object:
    """The value of a JSON text. Raises ConfigError naming `place` where it is none, or holds half a surrogate pair,
    which no file and no terminal could show again."""
    try:
        found: object = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{place}: must be Unicode text, holds a lone surrogate") from None
    except RecursionError:
        raise ConfigError(f"{place}: is nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"{place}: not JSON, {first_line(error)}") from None
    return found


def read_json(path: Path, most: int = MOST_BYTES) -> object:
    """The value of a JSON file. Raises ConfigError as `read_text` and `parse_json` do."""
    return parse_json(read_text(path, most), str(path))


def read_note(path: Path) -> dict[str, Any]:
    """The JSON object that a file of our own holds; {} where it is not there, or damaged."""
    try:
        found = read_json(path)
    except ConfigError:
        return {}
    return found if isinstance(found, dict) else {}


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
    """Hash of a file's bytes, hex digits. Raises ConfigError when it cannot be read."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    """The complaint about a file that is not there, or whose name no file can have."""
    return ConfigError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})")
