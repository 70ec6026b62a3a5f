"""What a cell's processes take on this machine beside their networks' passes.

`session_times`: the edge to draft and encode a round, the cloud to decode and verify it. Both serve a request in one
loop, without a link, on a text that the cell itself does not see; each waits before its work, as it does in a run.

`stream_times`: a server that makes one pass after another hands over between them: what a pass has found goes out, and
its jobs come back; what then goes on beside the next pass in the same process slows it. A small real run of the cell's
devices and pair that streams over a free link measures both. Where the cloud waits for drafts this is part of the path.

`crowd_times`: where several devices draft, their processes want the few cores of this machine at one time; a small run
of theirs measures it.

`path_times`: what kernel, interfaces, relay, event loops and threads add to a message beside rate, loss and delay. A
small real run measures it, over a link of a constant delay alone, with a pair whose passes take next to no time.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import count, islice, pairwise
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple, Self

import numpy as np
from scipy.optimize import nnls

from channels.uniforms import Uniforms
from models.latency.empirical import Empirical
from models.latency.latency import Latency
from simulator.cell.cell import Cell
from simulator.decoding.decoder import Decoder, RequestDecoding
from simulator.decoding.divergences import Measurer
from simulator.decoding.memory import Memory
from simulator.schemes.draft_scheme import DraftScheme
from simulator.testbed.journal import MessageReceived, MessageTaken, PassMade, RoundComputed, journal_path, read
from simulator.testbed.packet_header import PacketKind
from simulator.testbed.plan import DIRECTIONS, Side
from simulator.testbed.supervisor import PassTiming, real
from simulator.testbed.timed_text import TimedText

WARM_ROUNDS = 6
"""Rounds that come first and are not counted: code is compiled, tables are made."""
LEAST_ROUNDS, ROUNDS = 12, 80
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
    "workload.requests": 4,
    "workload.output_tokens": 48,
}


class SessionTimes(NamedTuple):
    """Seconds, as the cell's fields of the same names state them."""

    encode_s_per_draft: float
    judge_s: float
    decode_s_per_draft: float


class PathTimes(NamedTuple):
    """Means, seconds."""

    up_s: float
    """From the edge's last work on a round to the cloud's first."""
    down_s: float
    """From the cloud's last work on a round to the edge's first on the next."""


class StreamTimes(NamedTuple):
    """Seconds from the end of a pass to that of the next one, of n jobs, beside networks and judging: a + b n, neither
    below 0."""

    pass_s: float
    """a."""
    job_s: float
    """b."""


class _MeasuredRound(NamedTuple):
    """One round, seconds beside passes."""

    distributions: int
    """Distributions that the edge drew from."""
    drafts: int
    """Drafts that the cloud verified."""
    edge_s: float
    cloud_s: float
    full: bool = False
    """Whether the edge made all the drafts that a round may have."""


def session_times(cell: Cell, budget_s: float, pause_s: float) -> SessionTimes:
    """Measures a cell whose devices are all alike: means over rounds of few drafts and of many, with what the machine
    does beside them. The edge's is that of full rounds, as it has no constant; the cloud's is a constant and a slope,
    neither below 0. `pause_s`: for how long a processor is idle before each end's work on a round: what it then finds
    cold takes up to twice as long."""
    endless = _rounds(cell, pause_s)
    deque(islice(endless, WARM_ROUNDS), maxlen=0)
    end_s, rounds = time.perf_counter() + budget_s, list(islice(endless, LEAST_ROUNDS))
    while len(rounds) < ROUNDS and time.perf_counter() < end_s:
        rounds.append(next(endless))
    drafts = np.array([float(each.drafts) for each in rounds])
    cloud_s = np.array([each.cloud_s for each in rounds])
    judge_s, decode_s = nnls(np.column_stack([np.ones(len(drafts)), drafts]), cloud_s)[0]
    encode_s = float(np.mean([each.edge_s / each.distributions for each in rounds if each.full] or [0.0]))
    return SessionTimes(*(float(f"{seconds:.4g}") for seconds in (encode_s, judge_s, decode_s)))


def _rounds(cell: Cell, pause_s: float) -> Iterator[_MeasuredRound]:
    """Rounds of one request after another, without end. They are of another seed, that is of other texts; a round that
    is drafted ahead costs no more than one that is not."""
    ahead = {"scheme.depth": 0} if getattr(cell.scheme, "depth", 0) else {}
    other = cell.with_({"seed": cell.seed ^ 1, **ahead})
    decoder = Decoder(other, Memory())
    ask = next(other.workload.asks(0, Uniforms.of(other.seed, "users")))
    for number in count():
        prompt = decoder.prompt(0, number, ask)
        decoding = decoder.decoding(0, number, prompt, None, ask.output_tokens)
        if isinstance(other.scheme, DraftScheme):
            yield from _drafted(decoding, prompt.tokens, ask.output_tokens, pause_s)
        else:  # a cloud that decodes by itself waits for nothing between its rounds
            yield from _hosted(decoding, prompt.tokens, ask.output_tokens)


def _drafted(
    decoding: RequestDecoding, prompt: tuple[int, ...], output_tokens: int, pause_s: float
) -> Iterator[_MeasuredRound]:
    at_edge, in_cloud = _Watch(), _Watch()
    _leave_out_passes(decoding, at_edge, in_cloud)
    decoding.meter = Measurer()
    edge, cloud = decoding.edge(), decoding.cloud()
    node, there = edge.start, cloud.prefill(cloud.start(prompt))
    decoding.verifier.catch_up()
    most = decoding.draft_setting.scheme.max_drafts
    while len(node.committed) < len(prompt) + output_tokens:
        drafts = _drafts_of(node.round, most)
        with at_edge:
            drafted = edge.compose(node, drafts)
            parts = edge.seal(drafted).parts
        time.sleep(pause_s)
        with in_cloud:
            new_tokens = cloud.receive(there, parts)
            verified_drafts = new_tokens - there.owed
            there, verified = cloud.verify(there, parts)
        time.sleep(pause_s)
        with at_edge:
            node, _ = edge.resolve_all(drafted, verified.reply, partial(cloud.more, there))
        yield _MeasuredRound(
            drafted.distributions, verified_drafts, at_edge.taken_s(), in_cloud.taken_s(), drafts == most
        )


def _hosted(decoding: RequestDecoding, prompt: tuple[int, ...], output_tokens: int) -> Iterator[_MeasuredRound]:
    watch = _Watch()
    _leave_out_passes(decoding, watch, watch)
    session, most = decoding.hosted(), decoding.setting.scheme.drafts
    node = session.start(prompt)
    while len(node.committed) < len(prompt) + output_tokens:
        drafts = _drafts_of(node.round, most)
        with watch:
            node, _ = session.decode(node, drafts)
        yield _MeasuredRound(0, drafts, 0.0, watch.taken_s())


def _drafts_of(round_number: int, most: int) -> int:
    """Drafts of a round: all that the scheme has, or one, or half of them, in turn."""
    return min(most, (most, 1, (most + 1) // 2)[round_number % 3])


class _Watch:
    """Runs while its block does, and stands still in passes."""

    def __init__(self) -> None:
        self._spent_s = 0.0

    def __enter__(self) -> Self:
        self._spent_s -= time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._spent_s += time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Leaves out a pass."""
        self._spent_s -= seconds

    def taken_s(self) -> float:
        """Seconds since it was read last."""
        taken_s, self._spent_s = self._spent_s, 0.0
        return max(taken_s, 0.0)


def _leave_out_passes(decoding: RequestDecoding, at_edge: _Watch, in_cloud: _Watch) -> None:
    """Has the passes of the drafter left out of the one watch, and those of the verifier out of the other."""
    setting = decoding.setting
    decoding.drafter = TimedText(lambda: setting.pair().drafter.open(setting.temperature), at_edge.leave_out)
    decoding.verifier = TimedText(lambda: setting.pair().verifier.open(setting.temperature), in_cloud.leave_out)


@cache
def path_times() -> PathTimes:
    """Takes some ten seconds, once a process: it is of the machine and of no cell. Raises ConfigError where nothing can
    be run for real."""
    with _small_run(Cell().with_(_SMALL)) as folder:
        return _path_times(folder)


def stream_times(cell: Cell, budget_s: float, pause_s: float) -> StreamTimes:
    """Of the cell's devices and its pair where the cloud decodes alone, over a free link. Raises as `path_times`.

    What lies between the ends of two passes, beside networks and judging: the hand-over itself, and what the pass loses
    to the same process's sending and receiving, which goes on beside it."""
    streams = _over_a_free_link(cell).with_({"scheme": "cloud_only"})
    judge_s = session_times(streams, budget_s, pause_s).judge_s
    with _timed_run(streams, budget_s) as run:
        return _stream_times(run.passes, run.latency("cloud"), judge_s)


def crowd_times(cell: Cell, budget_s: float) -> SessionTimes:
    """As `session_times`, where several devices draft: their processes want this machine's few cores at one time, so
    that passes take longer than when they were timed. A small run over a free link measures all that rounds take
    beyond passes as they were timed in it. Raises as `path_times`."""
    with _timed_run(_over_a_free_link(cell), budget_s) as run:
        return _crowd_times(cell, run)


def _crowd_times(cell: Cell, run: TimedRun) -> SessionTimes:
    edge, cloud = run.latency("edge"), run.latency("cloud")
    text = cell.workload.longest[0]
    rounds = [each for each in run.rounds if each.round > 1 and not each.cut]
    edge_s = sum(each.ended_s - each.began_s - len(each.passes_s) * edge.pass_s([(1, text)]) for each in rounds)
    drafts = sum(len(each.passes_s) for each in rounds) * cell.scheme.drafts_a_pass
    verified = [each for each in run.passes if not any(only_reads for *_, only_reads in each.shares)]
    jobs = sum(len(each.shares) for each in verified)
    cloud_s = sum(each.ended_s - each.began_s - cloud.pass_s(_work(each)) for each in verified)
    return SessionTimes(max(0.0, edge_s / drafts), max(0.0, cloud_s / jobs), 0.0)


def _over_a_free_link(cell: Cell) -> Cell:
    """A small run of other texts of the cell."""
    return cell.with_({**_FREE, "seed": cell.seed ^ 1, "workload.requests": 3})


class TimedRun(NamedTuple):
    """A small run whose processes have timed their passes."""

    journals: Path
    tables: Path

    def latency(self, side: Side) -> Latency:
        """Of the passes of one end."""
        return Empirical(file=self.tables / f"{side}.csv", beyond="extend")

    @property
    def passes(self) -> list[PassMade]:
        """The server's, in their order."""
        return sorted(each for each in read(journal_path(self.journals, "cloud 0")) if isinstance(each, PassMade))

    @property
    def rounds(self) -> list[RoundComputed]:
        """Of all devices."""
        events = (event for path in self.journals.glob("edge_*.jsonl") for event in read(path))
        return [event for event in events if isinstance(event, RoundComputed)]


@contextmanager
def _timed_run(cell: Cell, budget_s: float) -> Iterator[TimedRun]:
    with tempfile.TemporaryDirectory(prefix="sqsim.tables.") as name:
        tables = Path(name)
        with _small_run(cell, [PassTiming(tables, budget_s)]) as journals:
            yield TimedRun(journals, tables)


@contextmanager
def _small_run(cell: Cell, timings: Sequence[PassTiming] = ()) -> Iterator[Path]:
    """The journals of a small real run, while they are there."""
    with tempfile.TemporaryDirectory(prefix="sqsim.path.") as name:
        folder = Path(name) / "journals"
        real(cell, memory=Memory(), journals=folder, timings=timings)
        yield folder


def _stream_times(passes: Sequence[PassMade], latency: Latency, judge_s: float) -> StreamTimes:
    """By passes in their order, those that read a prompt left out."""
    jobs, left_s = list[int](), list[float]()
    for before, after in pairwise(passes):
        goes_on = {share[:2] for share in before.shares} & {share[:2] for share in after.shares}
        if goes_on and not any(only_reads for *_, only_reads in after.shares):
            jobs.append(len(after.shares))
            left_s.append(after.ended_s - before.ended_s - latency.pass_s(_work(after)) - judge_s * len(after.shares))
    pass_s, job_s = nnls(np.column_stack([np.ones(len(jobs)), jobs]), np.array(left_s))[0]
    return StreamTimes(float(pass_s), float(job_s))


def _work(made: PassMade) -> list[tuple[int, int]]:
    """New and cached tokens of each share."""
    return [(new, cached) for _, _, _, new, cached, _ in made.shares]


def _path_times(folder: Path) -> PathTimes:
    """By the (request, round) of the one device."""
    computed = dict[tuple[int, int], RoundComputed]()
    decode_s = defaultdict[tuple[int, int], float](float)
    passes = dict[tuple[int, int], PassMade]()
    for event in (event for path in folder.glob("*.jsonl") for event in read(path)):
        if isinstance(event, RoundComputed):
            computed[event.request, event.round] = event
        elif isinstance(event, PassMade):
            passes |= {(request, round_): event for _, request, round_, *_ in event.shares}
        elif isinstance(event, MessageReceived | MessageTaken) and event.address.kind is PacketKind.PAYLOAD:
            decode_s[event.address.round_key[1:]] += event.at_s if isinstance(event, MessageTaken) else -event.at_s
    rounds = [each for each in decode_s if each in passes and each in computed and each[1] > 1]
    ups = [passes[each].began_s - decode_s[each] - computed[each].ended_s - DELAY_S for each in rounds]
    downs = [
        computed[after].began_s - passes[each].ended_s - DELAY_S
        for each in rounds
        if (after := (each[0], each[1] + 1)) in computed
    ]
    return PathTimes(max(0.0, fmean(ups)), max(0.0, fmean(downs)))
