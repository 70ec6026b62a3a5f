"""A run as a trace for https://ui.perfetto.dev: tracks of requests, devices, links and servers, made from its spans.

    requests  a track a device, more where its requests overlap: each request and below it its time by state, which adds
              up to its breakdown; and the rounds, side by side where they are drafted ahead
    edge      a track a device: prefill, draft, encode, resolve
    uplink    (and each other link) a track, and more where packets are on the air at once: each by what it carries,
              repeats and losses named so
    cloud     a track a server: its passes, with their sessions

A flow ties each round that was answered: its draft, its packets up, its passes, its packets down, its resolution.

The file is JSON that Perfetto opens, an event a line (`trace_tracks`), headed by what it is of and whether it is cut.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any, Final, NamedTuple

from kinds.files import atomically
from models.interface import Speller
from simulator.results.observer import END, JOINS, ROUND, Airing, ServerPass
from simulator.results.spans import DOWNLINK, UPLINK, RequestSpans, RoundSpans, Spans
from simulator.results.trace_tracks import TICKS_PER_US, Event, Slice, Track, Tracks, Value, ticks
from simulator.results.units import state_name

MOST_EVENTS: Final = 150_000
"""Spans, packets, passes and rounds that a trace holds, some 30 MB; a longer run's ends there, and says so."""
PROMPT_CHARACTERS: Final = 400
"""The end of a prompt's text that a trace holds."""
_SERVED: Final = {"verify_s": "verify", "cloud_decode_s": "decode"}
_RoundKey = tuple[int, int, int]


class TraceSubject(NamedTuple):
    """Subject of a trace, as written at the head of its file and in the names of its processes."""

    cell: str
    settings: Mapping[str, Value] = {}
    """Scheme, pair, seed, the rate of each link by its name, ...: what tells one trace from another."""
    speller: Speller | None = None


def _events(spans: Spans, subject: TraceSubject) -> list[Event]:
    """The spans on tracks, as events in order of time, the requests first: they are looked for first."""
    builder = _Builder(spans, subject)
    builder.requests()
    builder.edges()
    builder.links(UPLINK)
    builder.cloud()
    builder.links(DOWNLINK)
    builder.resolutions()  # behind the packets that bring the replies, which may take no time
    builder.tie_rounds()
    return list(builder.tracks.events())


class _Builder:
    """Lays what was collected on tracks; what flows pass through is noted on the way."""

    def __init__(self, spans: Spans, subject: TraceSubject) -> None:
        self.tracks = Tracks()
        self._spans = spans
        self._subject = subject
        self._piece = None if subject.speller is None else cache(partial(_piece, subject.speller))
        self._edges: dict[int, Track] = {}
        """The track of each device's processor."""
        self._drafting: dict[_RoundKey, Slice] = {}
        """Where its drafting begins."""
        self._resolved: dict[_RoundKey, Slice] = {}
        self._sent: dict[_RoundKey, list[Slice]] = defaultdict(list)
        self._passes: dict[_RoundKey, list[Slice]] = defaultdict(list)
        self._judged = {
            (request.device, request.number, span.began_s): (round_, span.state)
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
        process = self.tracks.process(f"edge: {self._subject.settings.get('scheme', '')}")
        for device, requests in self._devices():
            work = _one_by_one([each for request in requests for each in self._edge_work(request)])
            self._edges[device] = self.tracks.thread(process, f"edge {device}")
            self.tracks.put(self._edges[device], work)

    def _edge_work(self, request: RequestSpans) -> Iterator[Slice]:
        for read in request.read:
            args: dict[str, Value] = {"device": request.device, "request": request.number, "new_tokens": read.tokens}
            yield Slice(
                f"read {_counted(read.tokens, 'token')}", ticks(read.began_s), ticks(read.ended_s), args, "edge"
            )
        for each in request.prepared:
            args = {"device": request.device, "request": request.number, "tokens": each.tokens}
            yield Slice(f"{each.does} branches", ticks(each.began_s), ticks(each.ended_s), args, "edge")
        for round_ in request.rounds:
            key, category = (request.device, request.number, round_.number), "flushed" if _flushed(round_) else "edge"
            for span in round_.edge_work:
                name = _work_name(span.state, round_)
                args = _round_args(request, round_) | {"drafts": round_.drafted}
                work = Slice(name, ticks(span.began_s), ticks(span.ended_s), args, category)
                first = self._drafting.get(key)
                if first is None or (first.name.startswith("prefill") and span.began_s < round_.record.sent_s):
                    self._drafting[key] = work
                yield work

    def resolutions(self) -> None:
        for request in self._spans.requests.values():
            self.tracks.put(self._edges[request.device], self._resolutions(request))

    def _resolutions(self, request: RequestSpans) -> Iterator[Slice]:
        for round_ in request.rounds:
            if round_.answered:
                at_ticks, record = ticks(round_.ended_s), round_.record
                args = _round_args(request, round_) | {"accepted": record.accepted, "committed": record.committed}
                name = f"resolve round {round_.number}: {int(record.committed)} committed"
                resolved = Slice(name, at_ticks, at_ticks, args, "edge")
                self._resolved[request.device, request.number, round_.number] = resolved
                yield resolved

    # Links.

    def links(self, direction: str) -> None:
        airings = self._spans.airings
        for link in dict.fromkeys(each.link for each in airings if each.link.endswith(direction)):
            process = self.tracks.process(f"{link} {self._subject.settings.get(link, '')}".strip())
            aired = [each for each in airings if each.link == link]
            self.tracks.put_apart(process, link, [[self._airing(each)] for each in aired])

    def _airing(self, airing: Airing) -> Slice:
        device, request, _ = airing.address
        kind = "acknowledge" if airing.acknowledges else "retransmit" if airing.attempt else "transmit"
        header_bits = airing.header_bits
        args: dict[str, Value] = {
            "device": device,
            "request": request,
            "round": airing.round,
            "packet": airing.fragment,
            "attempt": airing.attempt + 1,
            "bits": airing.bits,
            "header_bits": header_bits,
            "waited_us": (ticks(airing.began_s) - ticks(airing.joined_s)) / TICKS_PER_US,
            "arrives_us": None if airing.lost else ticks(airing.arrives_s) / TICKS_PER_US,
        }
        size = f"{airing.bits:,}" if header_bits is None else f"{airing.bits - header_bits:,} + {header_bits:,}"
        again = f", attempt {airing.attempt + 1}" if airing.attempt else ""
        lost = " (lost)" if airing.lost else ""
        name = f"{_carried(airing)}, {size} bits{again}{lost}"
        category = "lost" if airing.lost else kind
        sent = Slice(name, ticks(airing.began_s), ticks(airing.left_s), args, category)
        if not airing.acknowledges and airing.address[2] <= ROUND:  # a join is of no round, a branch maybe of none
            self._sent[device, request, airing.round].append(sent)
        return sent

    # The cloud.

    def cloud(self) -> None:
        process, passes = self.tracks.process("cloud"), self._spans.passes
        for server in sorted({each.server for each in passes}):
            row = self.tracks.thread(process, f"server {server}")
            self.tracks.put(row, [self._pass(each) for each in passes if each.server == server])

    def _pass(self, served: ServerPass) -> Slice:
        sessions: list[Value] = []
        names: dict[str, int] = {}
        rounds: list[_RoundKey] = []
        for key, (new, cached), reads in zip(served.sessions, served.work, served.reads, strict=True):
            round_, state = self._judged.get((*key, served.began_s), (None, ""))
            number = None if round_ is None else round_.number
            does = "prefill" if reads else _SERVED.get(state, "verify")
            amount = new if reads or round_ is None else round_.drafted
            names[does] = names.get(does, 0) + amount
            rounds += [] if number is None else [(*key, number)]
            session = {"device": key[0], "request": key[1], "round": number, "new_tokens": new, "cached_tokens": cached}
            sessions.append(session)
        parts = [_pass_name(does, amount) for does, amount in names.items()]
        one = f" of round {rounds[0][2]}" if len(served.sessions) == len(rounds) == 1 else ""
        batch = f", batch of {len(served.sessions)}" if len(served.sessions) > 1 else ""
        name = " and ".join(parts) + one + batch
        args: dict[str, Value] = {"batch": len(served.sessions), "sessions": sessions}
        ran = Slice(name, ticks(served.began_s), ticks(served.ended_s), args, "cloud")
        for each in rounds:
            self._passes[each].append(ran)
        return ran

    # Requests.

    def requests(self) -> None:
        known = self._subject.settings
        process = self.tracks.process(f"requests: pair {known.get('pair')}, seed {known.get('seed')}")
        for device, requests in self._devices():
            families = [[self._request(each), *_states(each)] for each in requests]
            self.tracks.put_apart(process, f"edge {device} requests", families)
            rounds = [[self._round(each, round_)] for each in requests for round_ in each.rounds]
            self.tracks.put_apart(process, f"edge {device} rounds", rounds)

    def _request(self, request: RequestSpans) -> Slice:
        args: dict[str, Value] = {
            "device": request.device,
            "request": request.number,
            "outcome": request.outcome,
            "prompt": request.prompt,
            "prompt_tokens": len(request.prompt_tokens),
            "output_tokens": len(request.tokens),
        }
        if self._subject.speller is not None:
            args["prompt_text"] = self._subject.speller(request.prompt_tokens)[-PROMPT_CHARACTERS:]
            args["text"] = self._subject.speller(request.tokens)
        return Slice(f"request {request.number}", ticks(request.arrival_s), ticks(request.end_s), args, "request")

    def _round(self, request: RequestSpans, round_: RoundSpans) -> Slice:
        record, drafts = round_.record, round_.drafts
        state = "" if round_.answered else ", flushed" if _flushed(round_) else ", cut off"
        args = _round_args(request, round_) | {
            "drafted": record.drafted,
            "accepted": record.accepted,
            "committed": record.committed,
            "payload_bits": record.payload_bits,
            "reply_bits": record.reply_bits,
            "drafts": list(drafts.tokens),
            "tokens": list(drafts.committed),
            "verified_us": _us(record.verified_s),
        }
        if drafts.tokens:
            args |= {
                "results": drafts.results,
                "drawn_us": [_us(at_s) for at_s in drafts.drawn_s],
                "q": [float(f"{each:.3g}") for each in drafts.q],
                "rejection": [float(f"{each:.3g}") for each in drafts.rejection],
            }
        if drafts.branches:
            args["parents"] = list(drafts.parents)
        if self._piece is not None:
            after = zip((-1, *drafts.committed), drafts.committed, strict=False)
            args["draft_texts"] = [
                self._piece((token,) if parent < 0 else (drafts.tokens[parent], token))
                for token, parent in zip(drafts.tokens, drafts.parents, strict=True)
            ]
            args["token_texts"] = [self._piece((token,) if last < 0 else (last, token)) for last, token in after]
        return Slice(f"round {round_.number}{state}", ticks(record.started_s), ticks(round_.ended_s), args, "round")

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
        resolved = self._resolved[key]
        return [*first, *(each for each in between if each.order <= resolved.order), resolved]


def _round_args(request: RequestSpans, round_: RoundSpans) -> dict[str, Value]:
    return {"device": request.device, "request": request.number, "round": round_.number}


def _us(time_s: float) -> float | None:
    return None if isnan(time_s) else ticks(time_s) / TICKS_PER_US


def _work_name(state: str, round_: RoundSpans) -> str:
    """Returns a name for the work of the device's processor: `draft 4 tokens of round 3`."""
    does = state_name(state)
    if state == "draft_s" and not round_.drafted:
        return f"decode a token, round {round_.number}"
    drafts = f" {_counted(round_.drafted, 'token')} of" if state == "draft_s" else ""
    return f"{does}{drafts} round {round_.number}"


def _pass_name(does: str, amount: int) -> str:
    """Returns a name for a pass of the cloud: `verify 4 drafts`; cloud-only decoding has a token a round."""
    return (
        "decode a token"
        if does == "decode"
        else f"{does} {_counted(amount, 'token' if does == 'prefill' else 'draft')}"
    )


def _carried(airing: Airing) -> str:
    """Returns a name for the contents of a packet: `round 3 payload`."""
    index, down = airing.address[2], airing.link.endswith(DOWNLINK)
    if airing.acknowledges:
        return "acknowledgement"
    if index <= 0:
        kind = "end of the request" if index == END else "empty frame"
        return "prompt" if index == 0 else kind
    if index >= JOINS:
        return "join"
    if index > ROUND:
        return f"round {airing.round} branches"
    packet = f" packet {airing.fragment + 1}" if airing.fragment else ""
    return f"round {airing.round} {'reply' if down else 'payload'}{packet}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _piece(speller: Speller, tokens: tuple[int, ...]) -> str:
    """The piece of text that the last of these tokens is after the others; a token without a text by its id."""
    whole, before = speller(tokens), speller(tokens[:-1])
    text = whole.removeprefix(before) if whole.startswith(before) else speller(tokens[-1:])
    return text or f"<{tokens[-1]}>"


def _flushed(round_: RoundSpans) -> bool:
    return bool(round_.record.flushed)


def _states(request: RequestSpans) -> Iterator[Slice]:
    """The request's time by state, as charged; the exact seconds are in the arguments."""
    for spent in request.spent:
        args: dict[str, Value] = {"round": spent.address[2], "seconds": spent.ended_s - spent.began_s}
        yield Slice(state_name(spent.state), ticks(spent.began_s), ticks(spent.ended_s), args, "state")


def _one_by_one(work: Sequence[Slice]) -> list[Slice]:
    """Returns the slices in order of time. If one begins before the end of the one before, by the rounding error of a
    clock, the earlier one is cut."""
    work = sorted(work, key=lambda each: each.order)
    for each, following in pairwise(work):
        each.ended_ticks = min(each.ended_ticks, following.began_ticks)
    return work


SUFFIX: Final = ".trace.json"
_HEAD_BYTES: Final = 1 << 16  # what stands before the events is shorter
_END: Final = "\n]}\n"


def trace_path(folder: Path, cell: str) -> Path:
    """Returns the path of a cell's trace, beside its YAML file in `folder`."""
    return folder / f"{cell}{SUFFIX}"


def tracer() -> Spans:
    """An observer for a run that is to be written as a trace."""
    return Spans(most=MOST_EVENTS)


def write_trace(spans: Spans, subject: TraceSubject, path: Path) -> None:
    """Writes the trace of what was collected of a run, whole or not at all; the same run gives the same bytes."""
    events = _events(spans, subject)
    atomically(path, lambda unfinished: _write(events, spans.cut_s, subject, unfinished))


def read_head(path: Path) -> dict[str, Any]:
    """Returns the head of a trace file. Raises ValueError if it is none of ours, or itself cut off."""
    with path.open("rb") as file:
        first, _, _ = file.read(_HEAD_BYTES).partition(b"\n")
        file.seek(max(0, path.stat().st_size - len(_END)))
        end = file.read()
    try:
        found = json.loads(first.removesuffix(b",") + b"}")["otherData"]
        if end != _END.encode() or not isinstance(found, dict):
            raise ValueError("no end")
        return found
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no whole trace") from error


def is_trace(path: Path) -> bool:
    """True if a whole trace of this version is there."""
    try:
        return {"cut_at_s", "scheme"} <= read_head(path).keys()
    except (OSError, ValueError):
        return False


def _write(events: Sequence[Event], cut_s: float, subject: TraceSubject, path: Path) -> None:
    about: dict[str, Any] = {
        "cell": subject.cell,
        **subject.settings,
        "clock": "simulated time, microseconds",
        "cut_at_s": None if isnan(cut_s) else cut_s,
        "most_heard": MOST_EVENTS,
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"otherData":{_compact(about)},\n"displayTimeUnit":"ms",\n"traceEvents":[\n')
        file.write(",\n".join(map(_compact, events)))
        file.write(_END)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
