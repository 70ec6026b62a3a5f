"""Times of a cell's processes on this machine that are neither their networks' passes nor rate, loss and delay.

`process_times`: a small real run of the cell's devices and pair, on texts that the cell itself does not see, in which
nothing is lost, by processes that have timed their networks' passes just before. What its processes and its relay noted
says what the edge takes to draft and encode a round, the cloud to read and verify it, and what kernel, interfaces,
event loops and threads add to a message. A server that makes one pass after another hands over between them: what a
pass has found goes out, and its jobs come back.

Where several devices draft, their processes want the few cores of this machine at one time; where the cloud decodes by
itself, it sends and receives beside its passes. Networks' passes then take longer than when they were timed alone, and
what they take longer is counted too.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from simulator.testbed.journal import (
    Event,
    MessagePut,
    MessageReceived,
    MessageTaken,
    PacketSent,
    PassMade,
    RoundComputed,
    read,
)
from simulator.testbed.packet_header import OPPOSITE, REPLIES, Direction, MessageAddress, PacketKind
from simulator.testbed.plan import DIRECTIONS, link
from simulator.testbed.supervisor import note

RUN_S: Final = 8.0
"""Length of a small run; longer if the first requests of its devices take longer."""
MOST_REQUESTS: Final = 256
"""Requests of each device in a small run, which ends before it has served them all."""
OTHER_TEXTS: Final = 1 << 40
"""Bit of the seed in which a small run differs from its cell, and from every seed of a scenario."""
PIECES: Final = 8
"""Parts of a small run, of which the slowest and the fastest are left out."""
_Round = tuple[int, int, int]
"""(device, request, round)."""
_FOLLOWED: Final = (PacketKind.PROMPT, PacketKind.PAYLOAD, *REPLIES)
_Row = tuple[tuple[int, ...], float]
"""Number of each of a list of units, and the seconds that they took together."""


class ProcessTimes(NamedTuple):
    """Seconds, as the cell's fields of the same names state them, and what messages take beside the link, means."""

    encode_s_per_draft: float
    step_s: float
    """Time of a step; 0 if the cloud waits for drafts."""
    judge_s: float
    decode_s_per_draft: float
    up_s: float
    """Time from the edge's last work on a round to the cloud's first."""
    down_s: float
    """Time from the cloud's last work on a round to the edge's first on the next."""


@dataclass(frozen=True)
class _Transfer:
    """A message on its way, seconds since the run's zero."""

    began_s: float
    """Time at which its first packet was on the link."""
    waited: bool
    """True if another packet was there before it."""
    arrives_s: float
    """Time at which its last packet was at the end of the link."""
    received_s: float
    taken_s: float


def process_times(cell: Cell, folder: Path, budget_s: float) -> ProcessTimes:
    """Measures a cell whose devices are all alike, and leaves the passes of its models, timed for about so long, in the
    folder. Raises ConfigError where it cannot be run for real."""
    changes: dict[str, object] = {"seed": cell.seed ^ OTHER_TEXTS}
    if hasattr(cell.workload, "requests"):
        changes["workload.requests"] = MOST_REQUESTS
    for direction in DIRECTIONS:
        # A packet that is sent again, or waits in the kernel or for its first bit, says nothing of processes.
        changes[f"{direction}.loss"] = "none"
        changes[f"{direction}.rate"] = {"kind": "constant", "bps": link(cell, direction).rate.fastest_bps or inf}
    small = cell.with_(changes)
    compete = cell.workload.devices > 1 or not isinstance(cell.scheme, DraftScheme)
    with tempfile.TemporaryDirectory(prefix="sqsim.small.") as journals:
        note(small, Path(journals), RUN_S, folder, budget_s)
        return NotedRun(small, Path(journals), folder if compete else None).times()


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
        self._passes = [each for each in passes if not _reads_alone(each)]
        self._successive = [*pairwise(passes)]
        self._prompts_s = {
            each.address.round_key: each.at_s
            for each in events
            if isinstance(each, MessagePut) and each.address.kind is PacketKind.PROMPT
        }
        """By (device, request, 0), when each was put."""
        self._transfers = _transfers(events)

    def times(self) -> ProcessTimes:
        """Returns the times of edge and cloud besides networks, and of messages besides the link."""
        edge = [((each.distributions,), self._edge_s(each)) for each in self._rounds]
        cloud = self._verified() if self._drafting else self._streamed()
        (encode_s,), (step_s, judge_s, decode_s) = _fitted(edge, 1), _fitted(list(cloud), 3)
        return ProcessTimes(encode_s, step_s, judge_s, decode_s, self._up_s(), self._down_s())

    def _up_s(self) -> float:
        ends_s = {each[:3]: each.ended_s for each in self._rounds} or self._prompts_s
        starts_s = {
            share[:3]: (before.ended_s, made.began_s)
            for before, made in self._successive
            if not _reads_alone(made)
            for share in made.shares
        }
        return self._beside_link_s("uplink", ends_s, starts_s)

    def _down_s(self) -> float:
        ends_s = {share[:3]: made.ended_s for made in self._passes for share in made.shares}
        starts_s = {(*each[:2], each.round - 1): (-inf, each.began_s) for each in self._rounds}
        return self._beside_link_s("downlink", ends_s, starts_s)

    def _beside_link_s(
        self, direction: Direction, ends_s: Mapping[_Round, float], starts_s: Mapping[_Round, tuple[float, float]]
    ) -> float:
        """Returns the time of a message besides the link and besides being read, from the end of the work before it to
        the start of that after it. `ends_s`: of the work before each; `starts_s`: since when the processor was free for
        the work after it, and its start, which says nothing if the processor was not free."""
        found = [(key, each) for (way, key), each in self._transfers.items() if way == direction and key in ends_s]
        before = [each.began_s - ends_s[key] for key, each in found if not each.waited]
        behind = [each.received_s - each.arrives_s for _, each in found]
        after = [
            starts_s[key][1] - each.taken_s
            for key, each in found
            if key in starts_s and starts_s[key][0] <= each.taken_s <= starts_s[key][1]
        ]
        return sum(_fitted([((1,), seconds) for seconds in part], 1)[0] for part in (before, behind, after))

    def _edge_s(self, computed: RoundComputed) -> float:
        """Returns the time that the edge took to draft and encode a round, and to read the reply to it."""
        networks_s, alone = sum(computed.passes_s), self._latencies.get("edge.latency")
        if alone is not None:
            networks_s = sum(alone.pass_s([(new, self._prompt_tokens)]) for new in computed.new_tokens)
        return computed.ended_s - computed.began_s - networks_s + self._reading_s("downlink", computed[:3])

    def _verified(self) -> Iterator[_Row]:
        """Jobs and drafts of passes that waited for drafts, and what the cloud took to read and verify these."""
        for made in self._passes:
            read_s = sum(self._reading_s("uplink", share[:3]) for share in made.shares)
            yield (0, *_work(made)), read_s + made.ended_s - made.began_s - self._networks_s(made)

    def _streamed(self) -> Iterator[_Row]:
        """Jobs and drafts of passes that had a job of the one before, and what was between their two ends."""
        for before, after in self._successive:
            shared = {share[:2] for share in before.shares} & {share[:2] for share in after.shares}
            if shared and not (_reads_alone(before) or _reads_alone(after)):
                yield (1, *_work(after)), after.ended_s - before.ended_s - self._networks_s(after)

    def _reading_s(self, direction: Direction, key: _Round) -> float:
        """Returns the time from the arrival of a round's payload, or of the reply to it, until a machine had taken it
        in."""
        transfer = self._transfers.get((direction, key))
        return 0.0 if transfer is None else transfer.taken_s - transfer.received_s

    def _networks_s(self, made: PassMade) -> float:
        """Returns the time of a pass's networks: the verifier, and a drafter before it, which makes a draft a pass."""
        if "cloud.latency" not in self._latencies:
            return made.networks_s
        work = [(new, cached) for _, _, _, new, cached, *_ in made.shares]
        networks_s = self._latencies["cloud.latency"].pass_s(work)
        if (drafter := self._latencies.get("cloud.drafter_latency")) is not None:
            for draft in range(1, max(new for new, _ in work)):
                networks_s += drafter.pass_s([(1, cached + draft) for new, cached in work if new > draft])
        return networks_s


def _reads_alone(made: PassMade) -> bool:
    """True if a job of the pass does nothing but read a prompt, whose tokens the other passes do not have."""
    return any(share[5] for share in made.shares)


def _work(made: PassMade) -> tuple[int, int]:
    """Jobs of a pass, and drafts, which come behind a token of the text."""
    return len(made.shares), sum(share[3] - 1 for share in made.shares)


def _transfers(events: Sequence[Event]) -> dict[tuple[Direction, _Round], _Transfer]:
    """Prompts, payloads and the replies to these that a machine has taken, by direction and round."""
    received_s = {each.address: each.at_s for each in events if isinstance(each, MessageReceived)}
    taken_s = {each.address: each.at_s for each in events if isinstance(each, MessageTaken)}
    packets, free_s = defaultdict[MessageAddress, list[PacketSent]](list), dict.fromkeys(DIRECTIONS, -inf)
    waited = set[PacketSent]()
    for sent in sorted((each for each in events if isinstance(each, PacketSent)), key=lambda each: each.left_s):
        direction = sent.address.direction if sent.note is None else OPPOSITE[sent.address.direction]
        if sent.began_s <= free_s[direction]:
            waited.add(sent)
        free_s[direction] = sent.left_s
        if sent.note is None and sent.arrives_s is not None:
            packets[sent.address].append(sent)
    return {
        (address.direction, address.round_key): _Transfer(
            sent[0].began_s,
            sent[0] in waited,
            max(each.arrives_s or 0.0 for each in sent),
            received_s[address],
            taken_s[address],
        )
        for address, sent in packets.items()
        if address in taken_s and address.kind in _FOLLOWED
    }


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
