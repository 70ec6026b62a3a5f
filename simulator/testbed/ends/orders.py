"""What the programs of both hosts do as their supervisor says: begin at the run's zero, and end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from simulator.testbed.ends.failures import end_process, tell_failure
from simulator.testbed.processes import START, STOP, heard

_SWITCH_INTERVAL_S: Final = 1e-4
"""Between threads, so that the network need not wait while the worker makes a pass."""


def prepare() -> None:
    """The running event loop of a program: a failure anywhere is its end."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    asyncio.get_running_loop().set_exception_handler(end_process)


async def obey(start: Callable[[float], Awaitable[None]]) -> None:
    """Has the run started with its zero, by `time.monotonic`, when told to; returns when told to stop, or when there is
    nobody left to tell."""

    async def started(zero_s: float) -> None:
        await start(zero_s)

    running: asyncio.Task[None] | None = None
    async for word, *values in heard():
        if word == START:
            running = asyncio.create_task(started(float(values[0])))
            running.add_done_callback(tell_failure)
        elif word == STOP:
            break
    if running is not None:
        running.cancel()
