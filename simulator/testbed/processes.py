"""Base of the processes of a real run: lines of control, an event loop that is on time, and how they end.

A process prints `ready`, reads `start ZERO`, may print `done`, and ends at `stop`, when its standard input or its
parent does, or as soon as anything in it fails, in whatever task or callback that is. Before its start and after it is
done, `time FOLDER SECONDS` has it time its models' passes, and print `timed FOLDER`.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import selectors
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final

READY: Final = "ready"
START: Final = "start"
"""Line of control with the run's zero, seconds by `time.monotonic`, and, if that is limited, the time for which devices
take on requests."""
DONE: Final = "done"
TIME: Final = "time"
"""Line of control with a folder within that of the run, and a number of seconds."""
TIMED: Final = "timed"
STOP: Final = "stop"
_LONGEST_BYTES: Final = 4096
_SWITCH_INTERVAL_S: Final = 1e-4
"""Time between switches of threads, so that the network need not wait while the worker makes a pass."""
_PR_SET_TIMERSLACK: Final = 29


def real_time() -> None:
    """Runs this process before all that is not so urgent, where that is permitted."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


class ControlLines:
    """Lines of control from a file descriptor that can be read now."""

    def __init__(self, source: int) -> None:
        self.source = source
        self._rest = b""
        self.ended = False
        """Whether nothing more will come."""

    def read(self) -> list[tuple[str, ...]]:
        """The words of each line that is complete now."""
        got = os.read(self.source, _LONGEST_BYTES)
        self.ended = not got
        *complete, self._rest = (self._rest + got).split(b"\n")
        return [tuple(line.decode().split()) for line in complete]


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


def _end_process(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """An exception handler of an event loop: reports, and ends the process with status 1."""
    loop.default_exception_handler(context)
    os._exit(1)


async def obey(**commands: Callable[..., Coroutine[None, None, None]]) -> None:
    """Runs what the lines of standard input command, by their first word, with their other words, each beside the rest;
    returns at `stop`, or when nobody is left who could write it."""
    loop, lines, running = asyncio.get_running_loop(), asyncio.StreamReader(), list[asyncio.Task[None]]()
    stdin, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        word, *values = line.decode().split()
        if word == STOP:
            break
        running.append(loop.create_task(commands[word](*values)))
        running[-1].add_done_callback(_report_failure)
    stdin.close()
    for task in running:
        task.cancel()


def _report_failure(task: asyncio.Task[None]) -> None:
    """Hands on what a task has raised that nobody waits for; called when it is done."""
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": "a task has failed", "exception": error})
