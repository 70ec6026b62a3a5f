"""What the processes of a real run have in common: they end with their parent, and hear and say lines of control.

A process says `ready`, hears `start ZERO`, may say `done`, and ends at `stop` or when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from simulator.testbed.host import dies_with_parent

__all__ = ["DONE", "READY", "START", "STOP", "ControlLines", "dies_with_parent", "heard", "real_time", "say"]
READY: Final = "ready"
START: Final = "start"
"""With the run's zero, seconds by `time.monotonic`."""
DONE: Final = "done"
STOP: Final = "stop"
_LONGEST_BYTES: Final = 4096


def real_time() -> None:
    """Runs this process before all that is not so urgent, where that is permitted."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def say(*words: object) -> None:
    """A line of control, to the process that began this one."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def heard() -> AsyncIterator[tuple[str, ...]]:
    """The words of each line of control, as they come; ends when standard input does."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield tuple(line.decode().split())


class ControlLines:
    """The same for a process that has no event loop of asyncio: of a file descriptor that can be read now."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._rest = b""
        self.ended = False
        """Whether nothing more will come."""

    def read(self) -> list[tuple[str, ...]]:
        """The words of each line that is complete now."""
        got = os.read(self._source, _LONGEST_BYTES)
        self.ended = not got
        *whole, self._rest = (self._rest + got).split(b"\n")
        return [tuple(line.decode().split()) for line in whole]
