"""What the path adds to a letter beside rate, loss and delay: kernel, interfaces, relay, event loops, threads.

Measured by a small run of the real system on this machine, over a link that takes no time but a constant delay, with a
pair whose passes take next to none: what is left of the time between one end's work and the other's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

from simulator.cell.cell import Cell
from simulator.decoding.memory import Memory
from simulator.testbed.journal import PassMade, RoundDrafted, RoundVerified, read
from simulator.testbed.supervisor import real

DELAY_S: Final = 0.01
"""Of each way: processes sleep meanwhile, and must be woken, as in a run."""
_SMALL: Final = {
    "models.pair": {"kind": "synthetic", "size": 64},
    "scheme": {"kind": "dense", "max_drafts": 2},
    "workload.requests": 4,
    "workload.output_tokens": 48,
    "uplink.rate.bps": float("inf"),
    "downlink.rate.bps": float("inf"),
    "uplink.delay": {"kind": "constant", "delay_s": DELAY_S},
    "downlink.delay": {"kind": "constant", "delay_s": DELAY_S},
}
Round = tuple[int, int]
"""(request, round) of the one device."""


class PathTimes(NamedTuple):
    """Means, seconds."""

    up_s: float
    """From the edge's last work on a round to the cloud's first."""
    down_s: float
    """From the cloud's last work on a round to the edge's first on the next."""


def path_times() -> PathTimes:
    """Takes some ten seconds. Raises ConfigError where nothing can be run for real."""
    with tempfile.TemporaryDirectory(prefix="sqsim.path.") as name:
        folder = Path(name) / "journals"
        real(Cell().with_(_SMALL), memory=Memory(), journals=folder)
        return _times(folder)


def _times(folder: Path) -> PathTimes:
    computed = dict[Round, RoundDrafted]()
    judged = dict[Round, RoundVerified]()
    passed = dict[Round, PassMade]()
    for event in (event for path in folder.glob("*.jsonl") for event in read(path)):
        if isinstance(event, RoundDrafted):
            computed[event.request, event.round] = event
        elif isinstance(event, RoundVerified):
            judged[event.request, event.round] = event
        elif isinstance(event, PassMade):
            passed |= {(request, round_): event for _, request, round_, *_ in event.shares}
    rounds = [each for each in judged if each in computed and each[1] > 1]
    ups = [passed[each].began_s - judged[each].decode_s - computed[each].ended_s - DELAY_S for each in rounds]
    downs = [
        computed[after].began_s - passed[each].ended_s - DELAY_S
        for each in rounds
        if (after := (each[0], each[1] + 1)) in computed
    ]
    return PathTimes(max(0.0, fmean(ups)), max(0.0, fmean(downs)))
