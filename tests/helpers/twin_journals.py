"""The journals that a real run would have left that does, to the instant, what a simulated one did: what an observer
does not hear is noted where the simulator does it."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.protocols.machine import DraftAll, SendReply, SubmitJob
from simulator.results.observer import Airing, Observer, ServerPass
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound
from simulator.testbed.journal import (
    Acked,
    Aired,
    Arrived,
    Attempted,
    Began,
    Came,
    Closed,
    Computed,
    Ended,
    Event,
    Flushed,
    Judged,
    Passed,
    Put,
    Served,
    Submitted,
    Withdrawn,
)
from simulator.testbed.letters import Address, Kind
from simulator.timing import plant
from simulator.timing.device import Device
from simulator.timing.driver import HANDLERS, Driver
from simulator.timing.link import Link
from simulator.timing.messages import Fragment, Message
from simulator.timing.plant import Plant


class Twin(Observer):
    """Keeps what each process would have noted, in its order."""

    plant: Plant

    def __init__(self, cell: Cell) -> None:
        self.lines: dict[str, list[Event]] = defaultdict(list)
        self._streams = cell.scheme.protocol == "stream"
        self._links: dict[int, str] = {}
        self._held: list[Message] = []  # or an id might come twice
        self._rounds: dict[tuple[int, int], int] = {}
        self._drafting: dict[tuple[int, int], tuple[OpenRound, float, float, list[float]]] = {}

    @property
    def now_s(self) -> float:
        return float(self.plant.env.now)

    def write(self, folder: Path) -> None:
        """As journals are written."""
        for process, events in self.lines.items():
            lines = [json.dumps([type(event).__name__, *event]) for event in events]
            (folder / f"{process}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def on_start(self, plant: object) -> None:
        assert isinstance(plant, Plant)
        self.plant = plant

    def on_packet(self, airing: Airing) -> None:
        ack = airing.acknowledges
        way = {"uplink": "downlink", "downlink": "uplink"}[airing.link] if ack else airing.link
        fragment = -airing.fragment - 1 if ack else airing.fragment
        arrives_s = None if isnan(airing.arrives_s) else airing.arrives_s
        times_s = airing.began_s, airing.left_s, arrives_s
        address = _address(way, airing.address)
        aired = Aired(address, fragment, airing.attempt, airing.bits, *times_s, "ACK" if ack else None)
        self.lines["relay"].append(aired)

    def on_pass(self, served: ServerPass) -> None:
        each = zip(served.sessions, served.work, served.reads, strict=True)
        shares = tuple((*key, self._rounds[key], *work, reads) for key, work, reads in each)
        self.lines["cloud_0"].append(Passed(served.began_s, served.ended_s, shares))

    # What no observer hears.

    def put(self, link: Link, message: Message) -> None:
        self._links[id(message)] = link.name
        self._held.append(message)
        address = self._of(message)
        if address.kind is Kind.PAYLOAD:
            self._computed(address.device, address.request)
        self._sender(address, Put(address, b"".join(message.content).hex(), self.now_s))

    def enqueue(self, link: Link, packet: Fragment) -> None:
        if not packet.acknowledges:
            address = self._of(packet.message)
            self._sender(address, Attempted(address, packet.number, packet.attempt, packet.bits, self.now_s))

    def acknowledge(self, link: Link, packet: Fragment, _: object = None) -> None:
        if not packet.acked:
            address = self._of(packet.message)
            self._sender(address, Acked(address, packet.number, self.now_s))

    def deliver(self, link: Link, message: Message, parts: int) -> None:
        address = self._of(message)
        far = "cloud_0" if address.way == "uplink" else f"edge_{address.device}"
        self.lines[far].append(Arrived(address, self.now_s))

    def withdraw(self, link: Link, message: Message) -> None:
        if message.packets:
            address = self._of(message)
            self._sender(address, Withdrawn(address, self.now_s))

    def came(self, device: Device, request: Request) -> None:
        self._edge(request, Came(request.device, request.number, self.now_s))

    def served(self, network: object, decoder: object, device: Device, request: Request, kept: object) -> None:
        self._edge(request, Served(request.device, request.number, self.now_s))

    def begin(self, request: Request, number: int, now_s: float) -> None:
        event = Began(request.device, request.number, number, now_s)
        if self._streams and number > 1:
            self.lines["cloud_0"].append(event)
        else:
            self._edge(request, event)

    def drafts(self, driver: Driver, command: DraftAll) -> None:
        """After the processor has begun."""
        working = driver._device._working
        assert working is not None
        round_ = driver._request.open[command.round]
        durations_s = [to_s - from_s for from_s, to_s in pairwise([self.now_s, *round_.pass_ends_s])]
        self._drafting[driver._key] = round_, self.now_s, working[2], durations_s

    def close(self, request: Request, number: int, tokens: tuple[int, ...], now_s: float) -> None:
        self._edge(request, Closed(request.device, request.number, number, tokens, now_s))

    def flush(self, request: Request, number: int, drafts: int, on_air_bits: int, now_s: float) -> None:
        drafting = self._drafting.get((request.device, request.number))
        if drafting is not None and drafting[0].number == number:
            self._computed(request.device, request.number)
        self._edge(request, Flushed(request.device, request.number, number, drafts, now_s))

    def end(self, request: Request, outcome: str, now_s: float) -> None:
        self._edge(request, Ended(request.device, request.number, tuple(request.tokens), now_s))

    def submit(self, driver: Driver, command: SubmitJob) -> None:
        self._rounds[driver._key] = command.round
        self.lines["cloud_0"].append(Submitted(*driver._key, command.round, self.now_s))

    def judged(self, driver: Driver, command: SendReply) -> None:
        self.lines["cloud_0"].append(Judged(*driver._key, command.round, 0.0, self.now_s))

    def _computed(self, device: int, request: int) -> None:
        """What the processor did until now of the round that was drafted."""
        round_, began_s, end_s, durations_s = self._drafting.pop((device, request))
        passes = bisect_right(round_.pass_ends_s, self.now_s)
        ended_s = min(end_s, self.now_s)
        computed = Computed(device, request, round_.number, began_s, ended_s, tuple(durations_s[:passes]))
        self.lines[f"edge_{device}"].append(computed)

    def _of(self, message: Message) -> Address:
        return _address(self._links[id(message)], message.index)

    def _edge(self, request: Request, event: Event) -> None:
        self.lines[f"edge_{request.device}"].append(event)

    def _sender(self, address: Address, event: Event) -> None:
        self.lines[f"edge_{address.device}" if address.way == "uplink" else "cloud_0"].append(event)


def _address(way: str, index: tuple[int, int, int]) -> Address:
    if way == "downlink":
        return Address(Kind.REPLY, *index)
    return Address(Kind.PAYLOAD if index[2] else Kind.PROMPT, *index)


def simulated(cell: Cell, folder: Path) -> tuple[CellResult, Twin]:
    """What the simulator says of a cell; and the journals of its twin, in the folder."""
    twin = Twin(cell)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plant, "plannable", lambda config: False)
        for owner, name, note in (
            (Link, "put", twin.put),
            (Link, "_enqueue", twin.enqueue),
            (Link, "_deliver", twin.deliver),
            (Link, "withdraw", twin.withdraw),
            (Link, "_acknowledge", twin.acknowledge),
            (Device, "submit", twin.came),
            (plant, "_open_exchange", twin.served),
            (Request, "begin_round", twin.begin),
            (Request, "close_round", twin.close),
            (Request, "flush_round", twin.flush),
            (Request, "end", twin.end),
        ):
            patch.setattr(owner, name, _after(note, getattr(owner, name)))
        patch.setitem(HANDLERS, SubmitJob, _after(twin.submit, HANDLERS[SubmitJob]))
        patch.setitem(HANDLERS, SendReply, _after(twin.judged, HANDLERS[SendReply]))
        patch.setattr(Driver, "_draft_now", _before(twin.drafts, Driver._draft_now))
        result = simulate(cell, twin, memory=Memory())
        twin.plant.env.run(until=twin.now_s + 1.0)  # what was on the air, or in a pass, comes to its end
    twin.write(folder)
    return result, twin


def _after(note: Callable[..., None], does: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any, **named: Any) -> Any:
        note(*given, **named)
        return does(*given, **named)

    return noted


def _before(note: Callable[..., None], does: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any) -> Any:
        answer = does(*given)
        note(*given)
        return answer

    return noted
