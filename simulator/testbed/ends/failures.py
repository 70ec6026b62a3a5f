"""A process of a real run ends as soon as anything in it fails, in whatever task or callback that is."""

from __future__ import annotations

import asyncio
import os


def tell_failure(task: asyncio.Task[None]) -> None:
    """To be called when a task that nobody waits for is done."""
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": "a task has failed", "exception": error})


def end_process(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """An exception handler of an event loop: tells, and ends the process with status 1."""
    loop.default_exception_handler(context)
    os._exit(1)
