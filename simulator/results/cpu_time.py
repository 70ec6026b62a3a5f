"""CPU time of a command: that of its own process, and what its workers have taken for it."""

from __future__ import annotations

import time

_WORKERS_S: list[float] = []
"""Seconds of each call that a worker has made for this process."""


def add_cpu_s(seconds: float) -> None:
    """Counts what a worker has taken."""
    _WORKERS_S.append(seconds)


def cpu_s() -> float:
    """Returns the CPU seconds so far, with those of workers."""
    return time.process_time() + sum(_WORKERS_S)
