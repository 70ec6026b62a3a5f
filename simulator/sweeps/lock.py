"""Lock of a result directory, so that one run at a time writes to it: the operating system's lock on a file, which ends
with the process that holds it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kinds import ConfigError
from simulator.results.result_directory import LOCK


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Makes `out`, where it is not there, and holds it; again where this thread holds it already. Raises ConfigError
    where it cannot be made, or another run holds it. A directory made here and left empty goes."""
    try:
        place = out.resolve()
        made = [folder for folder in (place, *place.parents) if not folder.exists()]
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / LOCK, blocking=False, is_singleton=True, on_acquired=_sign)
        lock.acquire()
    except Timeout:
        raise ConfigError(f"out = {out}: in use by another run{_signed(place)}; wait for it or name another") from None
    except (OSError, ValueError, RuntimeError) as error:  # the last one of a loop of links
        raise ConfigError(f"out = {out}: {getattr(error, 'strerror', None) or error}") from None
    try:
        yield
    finally:
        with suppress(OSError):
            if lock.lock_counter == 1:
                (place / LOCK).unlink()  # while it is held: who waits for it sees that it is gone
        lock.release()
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def _sign(lock: int) -> None:
    os.ftruncate(lock, 0)
    os.write(lock, f"process {os.getpid()} on {platform.node()}\n".encode())


def _signed(out: Path) -> str:
    with suppress(OSError, ValueError):
        if text := (out / LOCK).read_text().strip():
            return f", {text}"
    return ""
