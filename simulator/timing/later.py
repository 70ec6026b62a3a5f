"""Calls that happen later, without a process of their own."""

from __future__ import annotations

from collections.abc import Callable

import simpy


def later(env: simpy.Environment, delay_s: float, call: Callable[[simpy.Event], None]) -> None:
    """Calls `call` after that many simulated seconds, with the event that brought it there."""
    timeout = env.timeout(delay_s)
    timeout.callbacks.append(call)
