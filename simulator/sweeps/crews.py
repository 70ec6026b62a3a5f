"""Work in other processes of this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

R = TypeVar("R")


def unordered(call: Callable[..., R], arguments: Iterable[tuple[object, ...]], processes: int) -> Iterator[R]:
    """`call(*each)` for each of the arguments, as the results come; with one process, in this one."""
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=processes, return_as="generator_unordered", batch_size=1, max_nbytes=None)
    yield from parallel(delayed(_deaf)(os.getpid(), call, each) for each in arguments)


def _deaf(parent: int, call: Callable[..., R], arguments: tuple[object, ...]) -> R:
    """A worker leaves an interrupt from the keyboard to the process that it works for, which then stops it."""
    if os.getpid() != parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return call(*arguments)
