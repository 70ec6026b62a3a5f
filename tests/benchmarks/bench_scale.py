"""Rounds a second of a large remembered run, beside two bare SimPy programs at the same number of devices.

The run replays rounds of a pool of synthetic sessions: no forward passes, no codec, but links, cloud, ledger, checks
and tables as ever. The first program, `plant`, is what one writes in SimPy for the same queues: a process a device,
links and cloud as `simpy.Resource`, packets that travel and are acknowledged. It makes an event of each, and of the
requests and releases that `Resource` adds, where a run makes one of an arrival in the cloud and one of a pass. The
second, `timeouts`, makes as many events as the run, and nothing happens at them: the floor of any SimPy program of this
size. Neither decides, records or checks anything.

`SQSIM_SCALE=full` runs 10,000 devices and 1,000,000 rounds; without it, a hundredth of that.
"""

import gc
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import simpy
from timed_cells import replayed

from scenarios.command.progress_bar import ProgressBar
from simulator import CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import Observer
from simulator.results.requests import Request
from simulator.run import GC_THRESHOLDS

FULL = os.environ.get("SQSIM_SCALE") == "full"
SESSIONS = 1_000 if FULL else 100
ROUNDS = 1_000_000 if FULL else 20_000
ROUNDS_A_REQUEST = 10  # about, at 32 output tokens
MEMORY = Memory()


def nothing(_: simpy.Event) -> None:
    return None


def plant(devices: int, rounds: int, drafts: int) -> simpy.Environment:
    """Devices that draft `drafts` times, encode, send, are verified and answered, `rounds` rounds in all."""
    env = simpy.Environment()
    cloud = simpy.Resource(env, max(1, devices // 4))

    def carry(link: simpy.Resource, transmit_s: float) -> Iterator[simpy.Event]:
        with link.request() as turn:
            yield turn
            yield env.timeout(transmit_s)
        yield env.timeout(0.02)
        env.timeout(0.02).callbacks.append(nothing)  # the acknowledgement

    def device(number: int) -> Iterator[simpy.Event]:
        uplink, downlink = simpy.Resource(env), simpy.Resource(env)
        for _ in range(rounds // devices):
            for _ in range(drafts):
                yield env.timeout(0.005 + number * 1e-6)
            yield env.timeout(0.0)
            yield from carry(uplink, 0.02)
            with cloud.request() as turn:
                yield turn
                yield env.timeout(0.02)
            yield from carry(downlink, 0.001)

    for number in range(devices):
        env.process(device(number))
    return env


def timeouts(devices: int, rounds: int, waits: int, callbacks: int) -> simpy.Environment:
    """Devices that live `rounds` rounds in all, of `waits` timeouts and `callbacks` callbacks."""
    env = simpy.Environment()

    def device(number: int) -> Iterator[simpy.Event]:
        for _ in range(rounds // devices):
            for _ in range(waits):
                yield env.timeout(0.005 + number * 1e-6)
            for n in range(callbacks):
                env.timeout(0.001 * n).callbacks.append(nothing)

    for number in range(devices):
        env.process(device(number))
    return env


def seconds(env: simpy.Environment) -> float:
    """CPU seconds to run a program to its end, with the garbage collector as the simulator sets it."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    start = time.process_time()
    env.run()
    spent = time.process_time() - start
    gc.unfreeze()
    return spent


def counted_calls(events: dict[str, int], name: str, call: Callable[..., object]) -> Callable[..., object]:
    """`call`, counted."""

    def wrapped(*args: object) -> object:
        events[name] += 1
        return call(*args)

    return wrapped


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Counts SimPy events ("step"), and those of them that resume a process ("resume")."""
    events = {"step": 0, "resume": 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simpy.Environment, "step", counted_calls(events, "step", simpy.Environment.step))
        patch.setattr(simpy.Process, "_resume", counted_calls(events, "resume", simpy.Process._resume))
        yield events


def shape() -> tuple[int, float, float, float]:
    """(drafter passes, SimPy events, process resumptions) per round of a small run, and events of `plant` for it."""
    with counted() as events:
        result = simulate(replayed(20, 5, SESSIONS), memory=MEMORY)
    rounds = len(result.rounds)
    drafts = round(float(result.rounds["edge_passes"].sum()) / rounds)
    with counted() as bare:
        plant(20, 20 * (rounds // 20), drafts).run()
    return drafts, events["step"] / rounds, events["resume"] / rounds, bare["step"] / (20 * (rounds // 20))


class Telling(Observer):
    """Tells a progress bar how far the run is."""

    def __init__(self, progress: ProgressBar, label: str) -> None:
        self._progress = progress
        self._label = label

    def on_request(self, request: Request, share: float) -> None:
        self._progress(share, 1, self._label)


def replay(devices: int, requests: int, path: Path) -> tuple[float, CellResult]:
    """CPU seconds of a run whose rounds are remembered and go to a file, and its result."""
    with ProgressBar(quiet=not FULL) as progress:
        observer = Telling(progress, f"{devices} devices") if FULL else None
        start = time.process_time()
        result = simulate(replayed(devices, requests, SESSIONS), observer, memory=MEMORY, rounds_to=path)
        return time.process_time() - start, result


@pytest.mark.parametrize("devices", [100, 10_000] if FULL else [100, 1_000])
def test_rounds_a_second_beside_bare_simpy(devices, tmp_path, capsys, ratio):
    simulate(replayed(1, SESSIONS, SESSIONS), memory=MEMORY)
    drafts, all_events, waits, plant_events = shape()
    with capsys.disabled():
        run_s, result = replay(devices, max(1, ROUNDS // ROUNDS_A_REQUEST // devices), tmp_path / "rounds.parquet")
    rounds = int(result.requests["rounds"].sum())
    bare_s = seconds(plant(devices, rounds, drafts))
    floor_s = seconds(timeouts(devices, rounds, round(waits), round(all_events - waits)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    written = (tmp_path / "rounds.parquet").stat().st_size / 2**20
    print(
        f"\n{devices} devices, {rounds} rounds of {all_events:.1f} events, peak memory {peak:.0f} MiB, "
        f"{written:.0f} MiB of rounds written\n"
        f"{rounds / run_s:.0f} rounds/s, a bare plant of {plant_events:.1f} events a round "
        f"{rounds / bare_s:.0f}: ratio {bare_s / run_s:.2f}; {all_events:.1f} empty events a round "
        f"{rounds / floor_s:.0f}: ratio {floor_s / run_s:.2f}",
        file=sys.stderr,
    )
    ratio(f"bare plant / run: {devices} devices", bare_s / run_s, at_least=0.8, meaning="CPU time of a round")
    ratio(f"empty events / run: {devices} devices", floor_s / run_s, meaning="CPU time of a round")
