"""Rounds a second of a large remembered run, beside a bare SimPy skeleton that makes the same events.

The run replays rounds of a pool of synthetic sessions: no forward passes, no codec. The skeleton has one process a
device, which for each round waits out as many timeouts as the real run's device does, and as many bare timeouts with a
callback as links and cloud make; it decides, records and checks nothing.

`SQSIM_SCALE=full` runs 10,000 devices and 1,000,000 rounds; without it, a hundredth of that.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import simpy

from simulator import Cell, simulate
from simulator.memory import Memory

FULL = os.environ.get("SQSIM_SCALE") == "full"
SESSIONS = 1_000 if FULL else 100
ROUNDS = 1_000_000 if FULL else 20_000
ROUNDS_A_REQUEST = 10  # about, at 32 output tokens
OUTPUT_TOKENS = 32


def cell(devices: int, requests: int) -> Cell:
    own = {"sharing": "own"}
    return Cell.from_fields(
        {
            "models": {"pair": {"kind": "synthetic", "size": 256}},
            "workload": {
                "kind": "closed", "devices": devices, "requests": requests, "distinct": SESSIONS,
                "prompt_tokens": 16, "output_tokens": OUTPUT_TOKENS,
            },
            "uplink": {"rate": {"kind": "constant", "bps": 1e5}, **own},
            "downlink": {"rate": {"kind": "constant", "bps": 1e7}, **own},
            "cloud": {"servers": max(1, devices // 4)},
        }
    )  # fmt: skip


def skeleton(devices: int, rounds: int, waits: int, callbacks: int) -> float:
    """Seconds for `devices` processes to live `rounds` rounds in all, of `waits` timeouts and `callbacks` callbacks."""
    env = simpy.Environment()

    def nothing(_: simpy.Event) -> None:
        return None

    def device(number: int):
        for _ in range(rounds // devices):
            for _ in range(waits):
                yield env.timeout(0.005 + number * 1e-6)
            for n in range(callbacks):
                env.timeout(0.001 * n).callbacks.append(nothing)

    for number in range(devices):
        env.process(device(number))
    start = time.process_time()
    env.run()
    return time.process_time() - start


def counted_calls(events: dict[str, int], name: str, call: Callable[..., object]) -> Callable[..., object]:
    """`call`, counted."""

    def wrapped(*args: object) -> object:
        events[name] += 1
        return call(*args)

    return wrapped


def events_a_round(memory: Memory) -> tuple[float, float]:
    """(all SimPy events, those that resume a process) per round of a small run."""
    events = {"step": 0, "resume": 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simpy.Environment, "step", counted_calls(events, "step", simpy.Environment.step))
        patch.setattr(simpy.Process, "_resume", counted_calls(events, "resume", simpy.Process._resume))
        rounds = int(simulate(cell(20, 5), memory).requests["rounds"].sum())
    return events["step"] / rounds, events["resume"] / rounds


@pytest.mark.parametrize("devices", [100, 10_000] if FULL else [20, 1_000])
def test_rounds_a_second_beside_a_bare_skeleton(
    devices: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = Memory()
    simulate(cell(1, SESSIONS), memory)
    all_events, waits = events_a_round(memory)
    requests = max(1, ROUNDS // ROUNDS_A_REQUEST // devices)
    start = time.process_time()
    result = simulate(cell(devices, requests), memory, tmp_path / "rounds.parquet")
    run_s = time.process_time() - start
    rounds = int(result.requests["rounds"].sum())
    bare_s = skeleton(devices, rounds, round(waits), round(all_events - waits))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with capsys.disabled():
        print(f"\n{devices} devices, {rounds} rounds of {all_events:.1f} events, peak memory {peak:.0f} MiB:")
        print(f"{rounds / run_s:.0f} rounds/s, skeleton {rounds / bare_s:.0f}, ratio {bare_s / run_s:.2f}")
