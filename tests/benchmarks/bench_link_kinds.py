"""Rounds per second of remembered runs by kind of link, serving mode included; and what one round costs in calls.

As in `bench_scale` nothing is decoded in what is timed. The ratios are to ideal lanes.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from timed_cells import seconds

from simulator import Cell, simulate
from simulator.decoding.memory import Memory

ROOT = str(Path(__file__).parents[2])
DEVICES, REQUESTS = 25, 12
OWN: dict[str, Any] = {"sharing": "own"}
UP: dict[str, Any] = {"rate": {"kind": "constant", "bps": 1e5}, **OWN}
DOWN: dict[str, Any] = {"rate": {"kind": "constant", "bps": 1e7}, **OWN}
LOSS: dict[str, Any] = {"loss": {"kind": "bernoulli", "probability": 0.01}}


def both(preset: str) -> dict[str, Any]:
    """The two directions of a preset, on lanes of each device's own."""
    return {way: {"preset": f"{preset}.{way}", **OWN} for way in ("uplink", "downlink")}


KINDS: dict[str, dict[str, Any]] = {
    "ideal": {},
    "loss 1%": {"uplink": UP | LOSS, "downlink": DOWN | LOSS},
    "grants": {"uplink": UP | {"access_s": 0.01}},
    "Wi-Fi": both("wifi"),
    "LTE": both("lte"),
    "NR": {way: {"preset": f"nr_cell.{way}"} for way in ("uplink", "downlink")},
    "MTU and loss": {"uplink": UP | LOSS | {"mtu_bits": 500}, "downlink": DOWN | LOSS},
    "streams": {"scheme": "cloud_only"},
    "ahead": {"scheme": {"kind": "k_sqs", "k": 8, "depth": 2}},
}


def cell(devices: int = DEVICES, requests: int = REQUESTS, **fields: Any) -> Cell:
    """Sessions of a synthetic pair that are alike on all devices."""
    workload = {"kind": "closed", "devices": devices, "requests": requests, "distinct": 20, "prompt_tokens": 16,
                "output_tokens": 32}  # fmt: skip
    given = {"models": {"pair": {"kind": "synthetic", "size": 256}}, "workload": workload, "uplink": UP,
             "downlink": DOWN, "cloud": {"servers": max(1, devices // 4)}}  # fmt: skip
    return Cell.from_fields(given | fields)


@pytest.fixture(scope="module")
def ideal_per_s() -> float:
    return rounds_per_s(KINDS["ideal"])


def rounds_per_s(fields: dict[str, Any]) -> float:
    """Rounds per CPU second of the fastest of three runs whose rounds are remembered."""
    memory, made = Memory(), cell(**fields)
    rounds = len(simulate(made, memory=memory).rounds)
    return rounds / min(seconds(lambda: simulate(made, memory=memory)) for _ in range(3))


@pytest.mark.parametrize("kind", KINDS)
def test_rounds_a_second(
    kind: str, ideal_per_s: float, ratio: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    per_s = rounds_per_s(KINDS[kind])
    with capsys.disabled():
        print(f"\n{kind}: {per_s:.0f} rounds/s")
    ratio(f"ideal lanes / {kind}", ideal_per_s / per_s, meaning="CPU time of a round")


@pytest.mark.parametrize("remembered", [False, True], ids=["decoded", "remembered"])
def test_calls_of_a_round(remembered: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Of one more K-SQS round with two drafts."""
    (rounds, before), (more, after) = profiled(16, remembered), profiled(64, remembered)
    grown = after - before
    calls, returns = (sum(n for (event, _), n in grown.items() if event == one) for one in ("call", "back"))
    files = len({path for (event, path) in grown if event == "call"})
    with capsys.disabled():
        name = "remembered" if remembered else "decoded"
        print(f"\n{name}: {calls / (more - rounds):.0f} calls, {files} files, {returns / (more - rounds):.0f} returns")


def profiled(tokens: int, remembered: bool) -> tuple[int, Counter[tuple[str, str]]]:
    """Returns the rounds of a request with so many tokens, and by file of this project the calls of its functions, and
    how often control comes back to it from another file."""
    workload = {"kind": "closed", "devices": 1, "requests": 1, "prompt_tokens": 16, "output_tokens": tokens}
    made = cell(scheme={"kind": "k_sqs", "k": 8, "max_drafts": 2}, workload=workload)
    memory, counted = Memory(), Counter[tuple[str, str]]()
    simulate(made, memory=memory)

    def count(frame: FrameType, event: str, _: object) -> None:
        path, caller = frame.f_code.co_filename, frame.f_back
        if event == "call" and path.startswith(ROOT):
            counted["call", path] += 1
        elif event == "return" and caller is not None:
            back = caller.f_code.co_filename
            counted["back", back] += back != path and back.startswith(ROOT)

    sys.setprofile(count)
    try:
        rounds = len(simulate(made, memory=memory if remembered else Memory()).rounds)
    finally:
        sys.setprofile(None)
    return rounds, counted
