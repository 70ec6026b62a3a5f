"""What the programs of both hosts do as their supervisor says: begin at the run's zero, and end; and end as soon as
anything in them fails, in whatever task or callback that is."""

from __future__ import annotations

import asyncio
import ctypes
import os
import selectors
import sys
from collections.abc import Callable, Coroutine
from typing import Final

from simulator.testbed.processes import START, STOP, heard

_SWITCH_INTERVAL_S: Final = 1e-4
"""Between threads, so that the network need not wait while the worker makes a pass."""
_PR_SET_TIMERSLACK: Final = 29


def play(program: Coroutine[None, None, None]) -> None:
    """Runs a program in an event loop of its own, to its end; a failure anywhere ends the process.

    The loop waits by `select`: `epoll` counts milliseconds, and would have every timer run out half of one late. Nor
    may the kernel put waits off to save energy.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(program)


def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.set_exception_handler(_end_process)
    return loop


async def obey(start: Callable[[float], Coroutine[None, None, None]]) -> None:
    """Has the run started with its zero, by `time.monotonic`, when told to; returns when told to stop, or when there is
    nobody left to tell."""
    running: asyncio.Task[None] | None = None
    async for word, *values in heard():
        if word == START:
            running = asyncio.create_task(start(float(values[0])))
            running.add_done_callback(tell_failure)
        elif word == STOP:
            break
    if running is not None:
        running.cancel()


def tell_failure(task: asyncio.Task[None]) -> None:
    """To be called when a task that nobody waits for is done."""
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": "a task has failed", "exception": error})


def _end_process(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """An exception handler of an event loop: tells, and ends the process with status 1."""
    loop.default_exception_handler(context)
    os._exit(1)
