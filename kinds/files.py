"""Files, ours and a user's: complaints name file and line, what is written is whole, a file is known by its hash. Only
regular files up to a stated size are read: a pipe may never end."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any, Final

import platformdirs
from pydantic import AfterValidator

from kinds import ConfigError, first_line

MOST_BYTES: Final = 64 * 2**20
"""The largest size of a file that is read whole, bytes."""
MOST_LINES: Final = 2_000_000
"""The largest number of lines of a file that is read by its lines."""
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")

_CHECKSUM = "checksum"

_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)
_NO_FILES: ContextVar[bool] = ContextVar("no_files", default=False)


@contextmanager
def paths_from(folder: Path) -> Iterator[None]:
    """Has each relative `GivenPath` that is validated meanwhile begin at this folder: that of the file it stands in."""
    before = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(before)


@contextmanager
def no_files() -> Iterator[None]:
    """Has each `GivenPath` that is validated meanwhile refused, before anything looks for its file."""
    before = _NO_FILES.set(True)
    try:
        yield
    finally:
        _NO_FILES.reset(before)


def placed(path: Path) -> Path:
    """The path, which is as it is given unless `paths_from` says where relative ones begin. Raises ValueError where
    there may be none."""
    if _NO_FILES.get():
        raise ValueError("no file allowed")
    folder = _FOLDER.get()
    return path if folder is None else Path(os.path.abspath(folder / path))


GivenPath = Annotated[Path, AfterValidator(placed)]
"""The path of a file that a field names."""


@contextmanager
def open_file(path: Path) -> Iterator[BufferedReader]:
    """Opens a regular file to read its bytes. Raises ConfigError for what cannot be read, and for a pipe or device."""
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
    """Returns all bytes of a regular file. Raises ConfigError if it cannot be read, or has more than `most` bytes."""
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size <= most and len(found := file.read(most + 1)) <= most:
            return found
    raise ConfigError(f"{path}: cannot be read (must have at most {most:,} bytes)")


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a UTF-8 file, each line ended by a newline alone, without the mark that some programs begin one with.
    Raises ConfigError that says what is wrong."""
    raw = read_bytes(path, most)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = 1 + raw.count(b"\n", 0, error.start)
        raise ConfigError(f"{path}, line {line}: must be UTF-8 text") from None


def read_lines(path: Path, most: int = MOST_BYTES) -> list[tuple[str, str]]:
    """The lines of a UTF-8 file, each behind its place, `FILE, line 1` and on. Raises ConfigError when it cannot be
    read."""
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


def write_note(path: Path, fields: Mapping[str, object]) -> None:
    """Writes a JSON object of our own, whole, with a checksum of itself: `read_note` takes no other."""
    plain = json.loads(json.dumps(fields))
    text = json.dumps({**plain, _CHECKSUM: _checksum(plain)}, indent=1)
    atomically(path, lambda unfinished: unfinished.write_text(text + "\n"))


def read_note(path: Path) -> dict[str, Any]:
    """The JSON object that `write_note` has left in a file; {} where it is not there, damaged, or somebody else's."""
    try:
        found = read_json(path)
        return found if isinstance(found, dict) and found.pop(_CHECKSUM, None) == _checksum(found) else {}
    except (ConfigError, RecursionError):
        return {}


def sha256(path: Path) -> str:
    """Hash of a file's bytes, hex digits. Raises ConfigError when it cannot be read."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_once(path: Path) -> str:
    """Returns the same as `sha256`, but reads the file once per process while its size and time stamp stay: for weights
    of gigabytes."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return _sha256(path, status.st_size, status.st_mtime_ns)


def by_content(value: object) -> str:
    """The hash that stands for a file among a part's fields, in JSON. Raises ConfigError when it cannot be read."""
    assert isinstance(value, Path), f"a field holds {value!r}, which has no name"
    return sha256(value)


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Has `write` make a file or folder beside its place, and moves it there when it is whole: a crash, or another
    process at the same, leaves a whole one or none. A file that holds the same already is not touched. Raises OSError
    where it cannot be moved."""
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", suffix=".unfinished", dir=path.parent) as scratch:
        unfinished = Path(scratch) / path.name
        write(unfinished)
        if not (path.is_file() and not path.is_symlink() and filecmp.cmp(unfinished, path, shallow=False)):
            unfinished.replace(path)


def cache_folder() -> Path:
    """Returns the folder in which computed files are kept from run to run: $SQSIM_CACHE, by default the platform's
    cache folder."""
    return Path(os.environ.get("SQSIM_CACHE") or platformdirs.user_cache_path("sqsim"))


@cache
def _sha256(path: Path, size: int, stamp_ns: int) -> str:
    return sha256(path)


def _checksum(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    return ConfigError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})")
