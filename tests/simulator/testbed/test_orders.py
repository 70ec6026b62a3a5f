"""The event loop that the programs of both hosts run in."""

from __future__ import annotations

import asyncio
import sys

import pytest

from simulator.testbed.ends.orders import play


def test_timers_run_out_to_less_than_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where waits are counted in whole ones, each of these is 0.9 ms late."""
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)  # of the tests' own process
    late_s = list[float]()

    async def waits() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            due_s = loop.time() + 0.0021
            await asyncio.sleep(due_s - loop.time())
            late_s.append(loop.time() - due_s)

    play(waits())
    assert min(late_s) < 5e-4
