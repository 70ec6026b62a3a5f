"""What a cell's processes take on this machine beside their networks' passes.

`process_times`: a small real run of the cell's devices and pair, on texts that the cell itself does not see, over a
free link. What its processes noted says what the edge takes to draft and encode a round and the cloud to read and
verify it. A server that makes one pass after another hands over between them: what a pass has found goes out, and its
jobs come back.

Where several devices draft, their processes want the few cores of this machine at one time; where the cloud decodes by
itself, it sends and receives beside its passes. Networks' passes then take longer than when they were timed alone, and
what they take longer is counted too.

`path_times`: what kernel, interfaces, relay, event loops and threads add to a message beside rate, loss and delay. A
small real run measures it, over a link of a constant delay alone, with a pair whose passes take next to no time.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import nnls

from models.latency.empirical import Empirical
from models.latency.latency import Latency
from simulator.cell.cell import Cell
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed.endpoints.timed_passes import timed_models
from simulator.testbed.journal import Event, MessageReceived, MessageTaken, PassMade, RoundComputed, read
from simulator.testbed.packet_header import REPLIES, Direction, MessageAddress, PacketKind
from simulator.testbed.plan import DIRECTIONS
from simulator.testbed.supervisor import PassTiming, note

RUN_S: Final = 8.0
"""How long a small run lasts; longer where the first requests of its devices do."""
TIMING_S: Final = 4.0
"""What the timing of passes before it may take."""
MOST_REQUESTS: Final = 256
"""Requests of each device in a small run, which ends before it has served them all."""
PIECES: Final = 8
"""Parts of a small run, of which the slowest and the fastest are left out."""
DELAY_S: Final = 0.01
"""In each direction: processes sleep meanwhile, and must be woken, as in a run."""
_FREE: Final = {
    f"{direction}.{name}": value
    for direction in DIRECTIONS
    for name, value in {
        "rate": {"kind": "constant", "bps": inf},
        "loss": "none",
        "delay": {"kind": "constant", "delay_s": DELAY_S},
    }.items()
}
"""A link of a constant delay alone."""
_SMALL: Final = {
    **_FREE,
    "models.pair": {"kind": "synthetic", "size": 64},
    "scheme": {"kind": "dense", "max_drafts": 2},
    "workload.requests": MOST_REQUESTS,
    "workload.output_tokens": 48,
}
_Round = tuple[int, int, int]
"""(device, request, round)."""
_Row = tuple[tuple[int, ...], float]
"""How many of each of a list of units, and the seconds that they took together."""


class ProcessTimes(NamedTuple):
    """Seconds, as the cell's fields of the same names state them."""

    encode_s_per_draft: float
    step_s: float
    """0 where the cloud waits for drafts."""
    judge_s: float
    decode_s_per_draft: float


class PathTimes(NamedTuple):
    """Means, seconds."""

    up_s: float
    """From the edge's last work on a round to the cloud's first."""
    down_s: float
    """From the cloud's last work on a round to the edge's first on the next."""


def process_times(cell: Cell) -> ProcessTimes:
    """Measures a cell whose devices are all alike. Raises ConfigError where it cannot be run for real."""
    more = {"workload.requests": MOST_REQUESTS} if hasattr(cell.workload, "requests") else {}
    small = cell.with_({**_FREE, **more, "edge.mobility": "still", "seed": cell.seed ^ 1})
    compete = cell.workload.devices > 1 or not isinstance(cell.scheme, DraftScheme)
    with tempfile.TemporaryDirectory(prefix="sqsim.small.") as name:
        folder = Path(name)
        note(small, folder / "journals", RUN_S, PassTiming(folder, TIMING_S) if compete else None)
        return NotedRun(small, folder / "journals", folder if compete else None).times()


@cache
def path_times() -> PathTimes:
    """Measured once a process: it is of the machine and of no cell. Raises ConfigError where nothing can be run for
    real."""
    small = Cell().with_(_SMALL)
    with tempfile.TemporaryDirectory(prefix="sqsim.path.") as name:
        journals = Path(name) / "journals"
        note(small, journals, RUN_S)
        return NotedRun(small, journals, None).path()


class NotedRun:
    """A small run of a cell, by what its processes noted."""

    def __init__(self, cell: Cell, journals: Path, tables: Path | None) -> None:
        """`tables`: its networks' passes, timed before it with nothing else going on; null where they took no longer in
        it than then."""
        self._drafting = isinstance(cell.scheme, DraftScheme)
        self._prompt_tokens = cell.workload.longest[0]
        self._latencies: dict[str, Latency] = {}
        """By the cell's field of it."""
        if tables is not None:
            self._latencies = {
                each.field: Empirical(file=tables / each.file, beyond="extend") for each in timed_models(cell)
            }
        events = [event for path in sorted(journals.glob("*.jsonl")) for event in read(path)]
        self._rounds = [each for each in events if isinstance(each, RoundComputed) and each.round > 1 and not each.cut]
        passes = sorted(each for each in events if isinstance(each, PassMade))
        self._passes = [each for each in passes if not any(only_reads for *_, only_reads in each.shares)]
        self._reading_s = _reading_s(events)

    def times(self) -> ProcessTimes:
        """What edge and cloud take beside networks."""
        edge = [((each.distributions,), self._edge_s(each)) for each in self._rounds]
        cloud = self._verified() if self._drafting else self._streamed()
        return ProcessTimes(*_fitted(edge, 1), *_fitted(list(cloud), 3))

    def path(self) -> PathTimes:
        """What lies between the work of the two ends beside the delay, of one device."""
        passes = {share[:3]: made for made in self._passes for share in made.shares}
        rounds = {each[:3]: each for each in self._rounds if each[:3] in passes}
        ups = [passes[key].began_s - self._reading_s["uplink", key] - each.ended_s for key, each in rounds.items()]
        downs = [
            rounds[after].began_s - self._reading_s["downlink", key] - passes[key].ended_s
            for key in rounds
            if (after := (*key[:2], key[2] + 1)) in rounds
        ]
        (up_s,), (down_s,) = (_fitted([((1,), each - DELAY_S) for each in ways], 1) for ways in (ups, downs))
        return PathTimes(up_s, down_s)

    def _edge_s(self, computed: RoundComputed) -> float:
        """What the edge took to draft and encode a round, and to read the reply to it."""
        networks_s, alone = sum(computed.passes_s), self._latencies.get("edge.latency")
        if alone is not None:
            networks_s = sum(alone.pass_s([(new, self._prompt_tokens)]) for new in computed.new_tokens)
        return computed.ended_s - computed.began_s - networks_s + self._reading_s["downlink", computed[:3]]

    def _verified(self) -> Iterator[_Row]:
        """Jobs and drafts of passes that waited for drafts, and what the cloud took to read and verify these."""
        for made in self._passes:
            read_s = sum(self._reading_s["uplink", share[:3]] for share in made.shares)
            yield (0, *_work(made)), read_s + made.ended_s - made.began_s - self._networks_s(made)

    def _streamed(self) -> Iterator[_Row]:
        """Jobs and drafts of passes that had a job of the one before, and what was between their two ends."""
        for before, after in pairwise(self._passes):
            if {share[:2] for share in before.shares} & {share[:2] for share in after.shares}:
                yield (1, *_work(after)), after.ended_s - before.ended_s - self._networks_s(after)

    def _networks_s(self, made: PassMade) -> float:
        """What a pass's networks take: the verifier, and a drafter before it, which makes a draft a pass."""
        if "cloud.latency" not in self._latencies:
            return made.networks_s
        work = [(new, cached) for _, _, _, new, cached, _ in made.shares]
        networks_s = self._latencies["cloud.latency"].pass_s(work)
        if (drafter := self._latencies.get("cloud.drafter_latency")) is not None:
            for draft in range(1, max(new for new, _ in work)):
                networks_s += drafter.pass_s([(1, cached + draft) for new, cached in work if new > draft])
        return networks_s


def _work(made: PassMade) -> tuple[int, int]:
    """Jobs of a pass, and drafts, which come behind a token of the text."""
    return len(made.shares), sum(new - 1 for _, _, _, new, _, _ in made.shares)


def _reading_s(events: Iterable[Event]) -> defaultdict[tuple[Direction, _Round], float]:
    """Seconds from the arrival of a round's payload, or of the reply to it, until a machine had taken it in."""
    arrived_s, found = dict[MessageAddress, float](), defaultdict[tuple[Direction, _Round], float](float)
    for event in events:
        if isinstance(event, MessageReceived):
            arrived_s[event.address] = event.at_s
        elif isinstance(event, MessageTaken) and event.address.kind in (PacketKind.PAYLOAD, *REPLIES):
            found[event.address.direction, event.address.round_key] += event.at_s - arrived_s[event.address]
    return found


def _fitted(rows: Sequence[_Row], columns: int) -> list[float]:
    """The seconds of a unit of each column, none below 0, by least squares over rows in the order of a run. Of PIECES,
    that in which most seconds are left over and that in which fewest are say more of other work on the machine, and are
    left out."""
    units = np.array([row for row, _ in rows], float).reshape(-1, columns)
    seconds = np.array([taken_s for _, taken_s in rows])
    if len(rows) >= 2 * PIECES:
        left_s = seconds - units @ nnls(units, seconds)[0]
        pieces = np.array_split(np.arange(len(rows)), PIECES)
        kept = np.concatenate(sorted(pieces, key=lambda piece: float(left_s[piece].mean()))[1:-1])
        units, seconds = units[kept], seconds[kept]
    return [float(f"{each:.4g}") for each in nnls(units, seconds)[0]] if rows else [0.0] * columns
