"""A run as a trace for https://ui.perfetto.dev: tracks of devices, links, servers and requests, made from its spans.

    edge      a track a device: prefill, draft, encode; wait, the processor idle beside an open request; resolve
    uplink    (and each other link) a track, and more where packets are on the air at once: transmissions, repeats and
              losses named so; a counter of the packets that wait
    cloud     a track a server: its passes, with their sessions; tracks of those that wait; a counter of them
    requests  a track a device, more where its requests overlap: each request and below it its time by state, which adds
              up to its breakdown; and the rounds, side by side where they are drafted ahead

A flow ties each round that was answered: its draft, its packets up, its passes, its packets down, its resolution.

The file is JSON that Perfetto opens, an event a line, headed by what it is of and whether it is cut. The format is that
of Chrome's trace events ("Trace Event Format"): slices are complete events (X), flows s, t, f bind to the slice that
begins with them, counters are C, names M; times in microseconds. Here times are whole eighths of a microsecond, so that
the end of one slice is the very beginning of the next: a float holds them, and a reader that cuts off below its
nanosecond too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from math import isnan, nan
from pathlib import Path
from typing import Any, Final, NamedTuple

from kinds.files import atomically
from simulator.results.observer import Airing, ServerPass
from simulator.results.spans import RequestSpans, RoundSpans, Spans

Value = int | float | str | None | Sequence["Value"] | Mapping[str, "Value"]
Event = Mapping[str, Value]
TICKS_PER_US: Final = 8
FLOW: Final = "round"  # name and category of a flow
MOST_EVENTS: Final = 150_000
"""Spans, packets, passes and rounds that a trace holds, some 25 MB; a longer run's ends there, and says so."""
_SERVED: Final = {"verify_s": "verify", "cloud_decode_s": "decode"}
_RoundKey = tuple[int, int, int]


class RunTrace(NamedTuple):
    """The events of a run, in order of time; `cut_s`: when it stops telling, nan where it has all."""

    events: Sequence[Event]
    cut_s: float = nan


def trace(spans: Spans) -> RunTrace:
    builder = _Builder(spans)
    builder.edges()
    builder.links()
    builder.cloud()
    builder.requests()
    builder.tie_rounds()
    return RunTrace(list(builder.tracks.events()), spans.cut_s)


class _Builder:
    """Lays what was collected on tracks; what flows pass through is noted on the way."""

    def __init__(self, spans: Spans) -> None:
        self.tracks = Tracks()
        self._spans = spans
        self._drafting: dict[_RoundKey, Slice] = {}
        """Where its drafting begins."""
        self._resolved: dict[_RoundKey, Slice] = {}
        self._sent: dict[_RoundKey, list[Slice]] = defaultdict(list)
        self._passes: dict[_RoundKey, list[Slice]] = defaultdict(list)
        self._judged = {
            (request.device, request.number, span.began_s): (round_.number, span.state)
            for request, round_ in self._rounds()
            for span in round_.served
        }
        """The round that a session's pass was for, and its state, by when the pass began."""

    def _rounds(self) -> Iterator[tuple[RequestSpans, RoundSpans]]:
        for request in self._spans.requests.values():
            for round_ in request.rounds:
                yield request, round_

    def _devices(self) -> list[tuple[int, list[RequestSpans]]]:
        found: dict[int, list[RequestSpans]] = defaultdict(list)
        for request in self._spans.requests.values():
            found[request.device].append(request)
        return sorted(found.items())

    # The edge.

    def edges(self) -> None:
        process = self.tracks.process("edge")
        for device, requests in self._devices():
            work = _one_by_one([each for request in requests for each in self._edge_work(request)])
            open_ticks = sorted((ticks(each.arrival_s), self._end_ticks(each)) for each in requests)
            row = self.tracks.thread(process, f"edge {device}")
            self.tracks.put(row, [*work, *_waits(work, open_ticks)])
            self.tracks.put(row, [each for request in requests for each in self._resolutions(request)])

    def _edge_work(self, request: RequestSpans) -> Iterator[Slice]:
        for round_ in request.rounds:
            key, category = (request.device, request.number, round_.number), "flushed" if _flushed(round_) else "edge"
            for span in round_.edge_work:
                name, args = span.state.removesuffix("_s"), _round_args(request, round_)
                work = Slice(name, ticks(span.began_s), ticks(span.ended_s), args, category)
                if key not in self._drafting or self._drafting[key].name == "prefill":
                    self._drafting[key] = work
                yield work

    def _resolutions(self, request: RequestSpans) -> Iterator[Slice]:
        for round_ in request.rounds:
            if round_.answered:
                at_ticks, record = ticks(round_.ended_s), round_.record
                args = _round_args(request, round_) | {"accepted": record.accepted, "committed": record.committed}
                resolved = Slice("resolve", at_ticks, at_ticks, args, "edge")
                self._resolved[request.device, request.number, round_.number] = resolved
                yield resolved

    def _end_ticks(self, request: RequestSpans) -> int:
        """Returns the end of a request; of one that had none, where it was followed."""
        known_s = max([request.arrival_s, *(spent.ended_s for spent in request.spent)])
        return ticks(known_s if isnan(request.finish_s) else request.finish_s)

    # Links.

    def links(self) -> None:
        spans = self._spans
        for link in dict.fromkeys([each.link for each in spans.airings] + [each.station for each in spans.unserved]):
            if link == "cloud":
                continue
            process = self.tracks.process(link)
            aired = [each for each in spans.airings if each.link == link]
            self.tracks.put_apart(process, link, [[self._airing(each)] for each in aired])
            waits = [(ticks(each.joined_s), ticks(each.began_s)) for each in aired]
            waits += [(ticks(each.joined_s), ticks(each.left_s)) for each in spans.unserved if each.station == link]
            self.tracks.count(process, f"{link} queue", "packets", waits)

    def _airing(self, airing: Airing) -> Slice:
        device, request, _ = airing.address
        kind = "acknowledge" if airing.acknowledges else "retransmit" if airing.attempt else "transmit"
        args: dict[str, Value] = {
            "device": device,
            "request": request,
            "round": airing.round,
            "packet": airing.fragment,
            "attempt": airing.attempt + 1,
            "bits": airing.bits,
            "waited_us": (ticks(airing.began_s) - ticks(airing.joined_s)) / TICKS_PER_US,
            "arrives_us": None if airing.lost else ticks(airing.arrives_s) / TICKS_PER_US,
        }
        name, category = (f"{kind} (lost)", "lost") if airing.lost else (kind, kind)
        sent = Slice(name, ticks(airing.began_s), ticks(airing.left_s), args, category)
        if not airing.acknowledges:
            self._sent[device, request, airing.round].append(sent)
        return sent

    # The cloud.

    def cloud(self) -> None:
        process, passes = self.tracks.process("cloud"), self._spans.passes
        for server in sorted({each.server for each in passes}):
            row = self.tracks.thread(process, f"server {server}")
            self.tracks.put(row, [self._pass(each) for each in passes if each.server == server])
        waits = [(since_s, each.began_s) for each in passes for since_s in each.waited_since_s]
        waited = [
            Slice("queue", ticks(since_s), ticks(each.began_s), {"device": key[0], "request": key[1]}, "cloud")
            for each in passes
            for key, since_s in zip(each.sessions, each.waited_since_s, strict=True)
        ]
        self.tracks.put_apart(process, "queue", [[each] for each in waited if each.ended_ticks > each.began_ticks])
        waits += [(each.joined_s, each.left_s) for each in self._spans.unserved if each.station == "cloud"]
        self.tracks.count(process, "cloud queue", "jobs", [(ticks(from_s), ticks(to_s)) for from_s, to_s in waits])

    def _pass(self, served: ServerPass) -> Slice:
        sessions: list[Value] = []
        names: dict[str, None] = {}
        rounds: list[_RoundKey] = []
        for key, (new, cached), reads in zip(served.sessions, served.work, served.reads, strict=True):
            number, state = self._judged.get((*key, served.began_s), (None, ""))
            names["prefill" if reads else _SERVED.get(state, "verify")] = None
            rounds += [] if number is None else [(*key, number)]
            session = {"device": key[0], "request": key[1], "round": number, "new_tokens": new, "cached_tokens": cached}
            sessions.append(session)
        name = " and ".join(names) + (" (lost)" if served.lost else "")
        args: dict[str, Value] = {"batch": len(served.sessions), "sessions": sessions}
        ran = Slice(name, ticks(served.began_s), ticks(served.ended_s), args, "lost" if served.lost else "cloud")
        for each in rounds:
            self._passes[each].append(ran)
        return ran

    # Requests.

    def requests(self) -> None:
        process = self.tracks.process("requests")
        for device, requests in self._devices():
            families = [[self._request(each), *_states(each)] for each in requests]
            self.tracks.put_apart(process, f"edge {device} requests", families)
            rounds = [[_round(each, round_)] for each in requests for round_ in each.rounds]
            self.tracks.put_apart(process, f"edge {device} rounds", rounds)

    def _request(self, request: RequestSpans) -> Slice:
        args: dict[str, Value] = {
            "device": request.device,
            "request": request.number,
            "outcome": request.outcome,
            "prompt": request.prompt,
            "prompt_tokens": request.prompt_tokens,
            "output_tokens": len(request.tokens),
        }
        return Slice(f"request {request.number}", ticks(request.arrival_s), self._end_ticks(request), args, "request")

    # Flows.

    def tie_rounds(self) -> None:
        for flow, (request, round_) in enumerate(self._rounds(), 1):
            steps = self._steps(request, round_) if round_.answered else []
            for step, each in enumerate(steps if len(steps) > 1 else ()):
                each.flows.append(("s" if not step else "f" if step == len(steps) - 1 else "t", flow))

    def _steps(self, request: RequestSpans, round_: RoundSpans) -> list[Slice]:
        key = request.device, request.number, round_.number
        first = [self._drafting[key]] if key in self._drafting else []
        between = sorted([*self._sent[key], *self._passes[key]], key=lambda each: each.order)
        ended_ticks = ticks(round_.ended_s)
        return [*first, *(each for each in between if each.began_ticks <= ended_ticks), self._resolved[key]]


def _round_args(request: RequestSpans, round_: RoundSpans) -> dict[str, Value]:
    return {"device": request.device, "request": request.number, "round": round_.number}


def _flushed(round_: RoundSpans) -> bool:
    return bool(round_.record.flushed)


def _round(request: RequestSpans, round_: RoundSpans) -> Slice:
    record = round_.record
    state = "" if round_.answered else ", flushed" if _flushed(round_) else ", cut off"
    args = _round_args(request, round_) | {
        "drafted": record.drafted,
        "accepted": record.accepted,
        "committed": record.committed,
        "payload_bits": record.payload_bits,
        "reply_bits": record.reply_bits,
        "drafts": list(round_.drafts.tokens),
        "tokens": list(round_.drafts.committed),
    }
    return Slice(f"round {round_.number}{state}", ticks(record.started_s), ticks(round_.ended_s), args, "round")


def _states(request: RequestSpans) -> Iterator[Slice]:
    """The request's time by state, as charged; the exact seconds are in the arguments."""
    for spent in request.spent:
        args: dict[str, Value] = {"round": spent.address[2], "seconds": spent.ended_s - spent.began_s}
        yield Slice(spent.state, ticks(spent.began_s), ticks(spent.ended_s), args, "state")


def _one_by_one(work: Sequence[Slice]) -> list[Slice]:
    """In order of time; where one begins the rounding error of a clock before the end of the one before, that ends."""
    work = sorted(work, key=lambda each: each.order)
    for each, following in pairwise(work):
        each.ended_ticks = min(each.ended_ticks, following.began_ticks)
    return work


def _waits(work: Sequence[Slice], open_ticks: Sequence[tuple[int, int]]) -> Iterator[Slice]:
    """Where a request is open and the processor idle."""
    busy = iter([*((each.began_ticks, each.ended_ticks) for each in work), (open_ticks[-1][1] + 1,) * 2])
    began_ticks, ended_ticks = next(busy)
    at_ticks = 0
    for from_ticks, to_ticks in open_ticks:
        at_ticks = max(at_ticks, from_ticks)
        while at_ticks < to_ticks:
            while ended_ticks <= at_ticks:
                began_ticks, ended_ticks = next(busy)
            if at_ticks < began_ticks:
                yield Slice("wait", at_ticks, min(began_ticks, to_ticks), {}, "wait")
            at_ticks = min(ended_ticks, to_ticks) if began_ticks < to_ticks else to_ticks


SUFFIX: Final = ".trace.json"
_HEAD_BYTES: Final = 4096  # what stands before the events is shorter
_END: Final = "\n]}\n"


def trace_path(folder: Path, cell: str) -> Path:
    """Where the trace of a cell is, beside its YAML file in `folder`."""
    return folder / f"{cell}{SUFFIX}"


def tracer() -> Spans:
    """An observer for a run that is to be written as a trace."""
    return Spans(most=MOST_EVENTS)


def write_trace(spans: Spans, cell: str, path: Path) -> None:
    """Writes the trace of what was collected of a run, whole or not at all; the same run gives the same bytes."""
    made = trace(spans)
    atomically(path, lambda unfinished: _write(made, cell, unfinished))


def cut_at_s(path: Path) -> float | None:
    """When a trace file stops telling, in simulated seconds; None where it has the whole run. Raises ValueError where
    it is none of ours, or itself cut off."""
    with path.open("rb") as file:
        first, _, _ = file.read(_HEAD_BYTES).partition(b"\n")
        file.seek(max(0, path.stat().st_size - len(_END)))
        end = file.read()
    try:
        found = json.loads(first.removesuffix(b",") + b"}")["otherData"]["cut_at_s"]
        if end != _END.encode():
            raise ValueError("no end")
        return None if found is None else float(found)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no whole trace") from error


def is_trace(path: Path) -> bool:
    """Whether a whole trace of ours is there."""
    try:
        cut_at_s(path)
    except (OSError, ValueError):
        return False
    return True


def _write(made: RunTrace, cell: str, path: Path) -> None:
    about: dict[str, Any] = {
        "cell": cell,
        "clock": "simulated time, microseconds",
        "cut_at_s": None if isnan(made.cut_s) else made.cut_s,
        "most_heard": MOST_EVENTS,
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"otherData":{_compact(about)},\n"displayTimeUnit":"ms",\n"traceEvents":[\n')
        file.write(",\n".join(map(_compact, made.events)))
        file.write(_END)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def ticks(time_s: float) -> int:
    """A simulated time in whole eighths of a microsecond."""
    return round(time_s * 1e6 * TICKS_PER_US)


@dataclass(slots=True, eq=False)
class Slice:
    """A span on a track, and the flows that pass through its beginning, each with its phase s, t or f."""

    name: str
    began_ticks: int
    ended_ticks: int
    args: Mapping[str, Value] = field(default_factory=dict)
    category: str = "span"
    flows: list[tuple[str, int]] = field(default_factory=list)

    @property
    def order(self) -> tuple[int, bool, int]:
        """The order of slices on a track: one of no length before one that begins there, a parent before its
        children."""
        return self.began_ticks, self.ended_ticks > self.began_ticks, -self.ended_ticks


class Track(NamedTuple):
    """A thread of the trace: what its slices are is exclusive, or nests."""

    process: int
    thread: int


class Tracks:
    """Processes, threads in them, and what is on each, until they become events."""

    def __init__(self) -> None:
        self._names: list[Event] = []
        self._slices: list[tuple[Track, Slice]] = []
        self._counts: list[tuple[int, Event]] = []
        self._numbers = count(1)

    def process(self, name: str) -> int:
        """A further group of tracks, below those before it."""
        pid = next(self._numbers)
        self._name(Track(pid, pid), "process", name, pid)
        return pid

    def thread(self, process: int, name: str) -> Track:
        """A further track of a group. No two threads or processes have one number: none is 0, which stands for an idle
        core elsewhere."""
        row = Track(process, next(self._numbers))
        self._name(row, "thread", name, row.thread)
        return row

    def _name(self, row: Track, what: str, name: str, order: int) -> None:
        place: Event = {"ph": "M", "pid": row.process, "tid": row.thread}
        self._names += [
            {**place, "name": f"{what}_name", "args": {"name": name}},
            {**place, "name": f"{what}_sort_index", "args": {"sort_index": order}},
        ]

    def put(self, row: Track, slices: Iterable[Slice]) -> None:
        """Slices on a track; any two of one track are apart, or one holds the other."""
        self._slices += [(row, each) for each in slices]

    def put_apart(self, process: int, name: str, families: Iterable[Sequence[Slice]]) -> None:
        """Families of slices, each a parent and its children, on as many tracks as there are at once: NAME, NAME 2."""
        rows: list[Track] = []
        free_ticks: list[int] = []
        for family in sorted(families, key=lambda family: family[0].order):
            parent = family[0]
            place = next((place for place, free in enumerate(free_ticks) if free <= parent.began_ticks), len(rows))
            if place == len(rows):
                rows.append(self.thread(process, f"{name} {place + 1}" if place else name))
                free_ticks.append(0)
            free_ticks[place] = parent.ended_ticks
            self.put(rows[place], family)

    def count(self, process: int, name: str, unit: str, waits: Iterable[tuple[int, int]]) -> None:
        """A counter of how many of these (began, ended) hold, wherever it changes."""
        steps: dict[int, int] = {}
        for began_ticks, ended_ticks in waits:
            if ended_ticks > began_ticks:
                steps[began_ticks] = steps.get(began_ticks, 0) + 1
                steps[ended_ticks] = steps.get(ended_ticks, 0) - 1
        present = 0
        for at_ticks in sorted(steps):
            if steps[at_ticks]:
                present += steps[at_ticks]
                at_us = at_ticks / TICKS_PER_US
                place: Event = {"ph": "C", "pid": process, "tid": process, "ts": at_us}
                self._counts.append((at_ticks, {**place, "name": name, "args": {unit: present}}))

    def events(self) -> Iterator[Event]:
        yield from self._names
        timed: list[tuple[tuple[int, bool, int], Sequence[Event]]] = [
            (each.order, _slice_events(row, each)) for row, each in self._slices
        ]
        timed += [((at_ticks, False, -at_ticks), [event]) for at_ticks, event in self._counts]
        for _, events in sorted(timed, key=lambda pair: pair[0]):
            yield from events


def _slice_events(row: Track, each: Slice) -> list[Event]:
    place: Event = {"pid": row.process, "tid": row.thread, "ts": each.began_ticks / TICKS_PER_US}
    length_us = (each.ended_ticks - each.began_ticks) / TICKS_PER_US
    span = {"ph": "X", **place, "dur": length_us, "name": each.name, "cat": each.category, "args": each.args}
    flows = ({"ph": phase, **place, "id": flow, "name": FLOW, "cat": FLOW, "bp": "e"} for phase, flow in each.flows)
    return [span, *flows]
