"""Decoded rounds on disk: one SQLite file under $SQSIM_CACHE that any number of processes read and write.

An entry is a remembered tree's bytes under a key that hashes all that decides them (`round_keys`): never wrong, only
missing; a damaged file is set aside. The journal is the rollback journal: the write-ahead log needs memory that all
processes share, which a cache folder on NFS has not. Each call opens the file anew, so that a store may cross to
another thread or process. No lock is held while a model runs.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from kinds import ConfigError
from kinds.files import cache_folder
from kinds.mistakes import print_once
from simulator.decoding.steps import merge
from simulator.decoding.tree_bytes import from_bytes, to_bytes

R = TypeVar("R")
CAP_VARIABLE = "SQSIM_ROUNDS_GB"
DEFAULT_CAP_GB = 4.0
WAIT_S = 5.0
"""Longest wait for other writers, each of which takes milliseconds; a process that has waited so long once waits no
more."""
TROUBLE = frozenset({
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_AUTH,
})  # fmt: skip
"""SQLite's codes for trouble with a whole file: locks, rights, room. Whatever else is wrong is damage."""
ASIDE = ".damaged"
"""Suffix of a file that is set aside."""
COARSE_S = 3600
"""A use is noted only where the last one noted is older: a warm run writes nothing."""
KEPT_SHARE = 0.9
"""The share of the cap that is kept when the cap is exceeded, which leaves room for a while."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS trees (key TEXT PRIMARY KEY, pair TEXT NOT NULL, checksum TEXT NOT NULL, "
    "size INTEGER NOT NULL, used INTEGER NOT NULL, blob BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_use ON trees (used, size)",
    "CREATE INDEX IF NOT EXISTS by_pair ON trees (pair, size, used)",
)
_given_up = set[tuple[Path, str]]()
"""Operations that this process tries no more: reading or writing a file."""


class WholeEntry(NamedTuple):
    """An entry as it was read."""

    pair: str
    blob: bytes
    checksum: str


class Grown(NamedTuple):
    """An entry to be written. `holds`: the checksum of the entry that it holds all of; "" where none is known of."""

    key: str
    pair: str
    blob: bytes
    holds: str = ""


class Stored(NamedTuple):
    """Summary of one pair's entries; `used`: seconds since the epoch, to the hour."""

    pair: str
    entries: int
    bytes: int
    used: int


@dataclass(frozen=True)
class RoundStore:
    """Store of remembered rounds in one file. No method raises for damage to the file: it is reported on stderr, in one
    line, once a process."""

    path: Path
    cap_bytes: int
    _stale: set[str] = field(default_factory=set, compare=False, repr=False)
    """Keys that were read, and whose use is still to be noted."""

    @classmethod
    def here(cls) -> RoundStore | None:
        """The store of $SQSIM_CACHE; None where $SQSIM_ROUNDS_GB is 0. Raises ConfigError."""
        cap_gb = _cap_gb()
        return cls(cache_folder() / "rounds" / "rounds.sqlite", int(cap_gb * 1e9)) if cap_gb else None

    def get(self, key: str) -> bytes | None:
        """The entry; None where there is none that is whole."""
        found = self.find(key)
        return None if found is None else found.blob

    def find(self, key: str) -> WholeEntry | None:
        """The entry, with what is known of it; None where there is none that is whole. A damaged one is dropped."""
        asked = "SELECT pair, blob, checksum, used FROM trees WHERE key = ?"
        rows = self._rows(asked, (key,))
        if not rows:
            return None
        pair, blob, checksum, used = rows[0]
        if not isinstance(blob, bytes) or not isinstance(used, int) or _checksum(key, blob) != checksum:
            self.drop(key)
            return None
        if abs(time.time() - used) > COARSE_S:
            self._stale.add(key)
        return WholeEntry(pair, blob, checksum)

    def drop(self, key: str) -> None:
        """Drops an entry that turned out to be damaged, and says so."""
        print_once(f"{self.path}: damaged rounds were dropped, and are decoded again")
        self._writing(lambda file: file.execute("DELETE FROM trees WHERE key = ?", (key,)))

    def put(self, key: str, pair: str, blob: bytes) -> None:
        """Writes an entry. `pair`: the fingerprint of the pair that decoded it."""
        self.put_all([Grown(key, pair, blob)])

    def put_all(self, grown: Sequence[Grown]) -> dict[str, str]:
        """Writes entries as one, notes what was used, and drops what was used longest ago where the cap is exceeded. An
        entry that is there becomes what both have decoded. Answers the checksums of what was written as given, by
        key."""
        if not grown and not self._stale:
            return {}
        return self._writing(lambda file: self._put(file, grown)) or {}

    def summary(self) -> Sequence[Stored]:
        """Returns the entries by pair, the one used last first."""
        asked = (
            "SELECT CAST(pair AS TEXT), COUNT(*), SUM(LENGTH(blob)), MAX(MIN(CAST(used AS INTEGER), ?)) AS latest "
            "FROM trees GROUP BY pair ORDER BY latest DESC, pair"
        )
        return [Stored(*row) for row in self._rows(asked, (int(time.time()),))]

    def entries(self, pair: str | None = None) -> Iterator[tuple[str, str, bytes]]:
        """Key, pair and bytes of all whole entries, by key; of one pair or of all."""
        for (key,) in self._rows("SELECT key FROM trees WHERE ?1 IS NULL OR pair = ?1 ORDER BY key", (pair,)):
            found = self.find(key)
            if found is not None:
                yield key, found.pair, found.blob

    def clear(self, pair: str | None = None) -> int:
        """Drops the entries of one pair, or all; answers how many there were."""
        asked, there = "DELETE FROM trees WHERE ?1 IS NULL OR pair = ?1", self._rows("SELECT 1 FROM trees LIMIT 1")
        if pair is None:
            with suppress(OSError):
                Path(f"{self.path}{ASIDE}").unlink(missing_ok=True)
        return (self._writing(lambda file: file.execute(asked, (pair,)).rowcount) or 0) if there else 0

    def _put(self, file: sqlite3.Connection, grown: Sequence[Grown]) -> dict[str, str]:
        now, written = int(time.time()), dict[str, str]()
        for key, pair, blob, holds in grown:
            there = file.execute("SELECT blob, checksum FROM trees WHERE key = ?", (key,)).fetchone()
            whole = blob
            if there is not None and there[1] not in (holds, _checksum(key, blob)):
                whole = _united(there[0], blob)
            if len(whole) > self.cap_bytes:
                continue
            checksum = _checksum(key, whole)
            row = (key, pair, checksum, len(whole), now, whole)
            file.execute(
                "INSERT OR REPLACE INTO trees (key, pair, checksum, size, used, blob) VALUES (?,?,?,?,?,?)", row
            )
            if whole is blob:
                written[key] = checksum
        file.executemany("UPDATE trees SET used = ? WHERE key = ?", [(now, key) for key in self._stale])
        self._stale.clear()
        self._make_room(file)
        return written

    def _make_room(self, file: sqlite3.Connection) -> None:
        """Drops what was used longest ago, where the cap is exceeded. Entries are added up only where the file is
        larger than the cap: each write to a large store would otherwise walk through all of them."""
        (pages,), (page_bytes,) = (file.execute(f"PRAGMA page_{what}").fetchone() for what in ("count", "size"))
        if pages * page_bytes <= self.cap_bytes:
            return
        (total,) = file.execute("SELECT COALESCE(SUM(size), 0) FROM trees").fetchone()
        if total <= self.cap_bytes:
            return
        dropped = list[tuple[int]]()
        for place, size in file.execute("SELECT rowid, size FROM trees ORDER BY used, rowid"):
            if total <= KEPT_SHARE * self.cap_bytes:
                break
            total -= size
            dropped.append((place,))
        file.executemany("DELETE FROM trees WHERE rowid = ?", dropped)

    def _rows(self, asked: str, values: Sequence[str | int | None] = ()) -> list[tuple[Any, ...]]:
        """Returns the rows of a SELECT; [] if the file is missing or cannot be read."""
        return self._trying("reading", lambda file: file.execute(asked, values).fetchall()) or []

    def _writing(self, act: Callable[[sqlite3.Connection], R]) -> R | None:
        """Returns the result of `act` within one transaction; None if nothing could be written."""
        return self._trying("writing", partial(_within, act))

    def _trying(self, what: str, act: Callable[[sqlite3.Connection], R]) -> R | None:
        """Returns the result of `act`. A damaged file is set aside and tried anew; other trouble is reported, once."""
        if (self.path, what) in _given_up:
            return None
        for _ in range(2):
            opened: os.stat_result | None = None
            try:
                if what == "reading" and not self.path.is_file():
                    return None
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)) as file:
                    file.text_factory = _text
                    opened = self.path.stat()
                    return act(file)
            except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: of a message with a damaged name in it
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
                if what == "reading" and code == sqlite3.SQLITE_ERROR and "no such table" in str(error):
                    return None  # a file that another process is about to fill
                if code in TROUBLE and not self._never_writable(code):
                    self._give_up(what, error, both=code == sqlite3.SQLITE_BUSY)
                    return None
                self._set_aside(opened)
            except OSError as error:
                self._give_up(what, error.strerror or error, both=True)
                return None
        return None

    def _never_writable(self, code: int) -> bool:
        """True if the file's own head forbids writing: its write version, the byte at 18, is neither 1 nor 2."""
        if code != sqlite3.SQLITE_READONLY:
            return False
        with suppress(OSError), self.path.open("rb") as file:
            return file.read(19)[18:] not in (b"\1", b"\2")
        return False

    def _give_up(self, what: str, error: Exception | str, both: bool = False) -> None:
        _given_up.update((self.path, each) for each in (("reading", "writing") if both else (what,)))
        print_once(f"{self.path}: {what} failed ({error}); the run goes on without")

    def _set_aside(self, opened: os.stat_result | None) -> None:
        """Moves the damaged file away, unless another process has done so since it was opened; its journal goes first,
        which would be played back into the next file."""
        aside = Path(f"{self.path}{ASIDE}")
        print_once(f"{self.path}: damaged; it is set aside as {aside.name}, and its rounds are decoded again")
        with suppress(OSError):
            if opened is not None and os.path.samestat(self.path.stat(), opened):
                Path(f"{self.path}-journal").unlink(missing_ok=True)
                self.path.replace(aside)


def _text(damaged: bytes) -> str:
    """Returns the bytes as text. Bytes that are no UTF-8 are replaced, so that the text is no key and no checksum."""
    return damaged.decode("utf-8", "replace")


def _within(act: Callable[[sqlite3.Connection], R], file: sqlite3.Connection) -> R:
    file.execute("PRAGMA auto_vacuum = FULL")  # of a new file: what is dropped makes it shorter
    file.execute("PRAGMA synchronous = NORMAL")
    file.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        file.execute(statement)
    answer = act(file)
    file.execute("COMMIT")
    return answer


def _united(there: object, blob: bytes) -> bytes:
    """Returns the union of both entries; `blob` if the stored one is damaged."""
    try:
        mine = from_bytes(there if isinstance(there, bytes) else b"")
        merge(mine, from_bytes(blob))
        return to_bytes(mine)
    except ValueError:
        return blob


def _checksum(key: str, blob: bytes) -> str:
    return hashlib.sha256(key.encode() + blob).hexdigest()


def _cap_gb() -> float:
    typed = os.environ.get(CAP_VARIABLE) or str(DEFAULT_CAP_GB)
    try:
        cap_gb = float(typed)
    except ValueError:
        cap_gb = -1.0
    if not (cap_gb >= 0 and isfinite(cap_gb)):
        raise ConfigError(f"{CAP_VARIABLE} = {typed!r}: must be a size in GB, 0 to keep no rounds")
    return cap_gb
