"""The journals that a real run would have left that does, to the instant, what a simulated one did: what an observer
does not receive is noted where the simulator does it."""

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from journal_files import write

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.protocols.machine import DraftAll, DraftPass, FlushRounds, MessageArrived, SubmitJob, TimeIs
from simulator.results.observer import JOINS, Airing, Observer, ServerPass
from simulator.results.requests import Request
from simulator.testbed.journal import (
    Event,
    MessageCancelled,
    MessagePut,
    MessageReceived,
    MessageTaken,
    PacketAcknowledged,
    PacketQueued,
    PacketSent,
    PassMade,
    RequestArrived,
    RequestEnded,
    RequestServed,
    RoundComputed,
    TextRead,
    UplinkSeen,
)
from simulator.testbed.packet_header import MessageAddress, PacketKind
from simulator.timing import request_process
from simulator.timing.device import Device
from simulator.timing.link import Link
from simulator.timing.messages import Fragment, Message
from simulator.timing.plant import Plant
from simulator.timing.request_process import HANDLERS, DrivenRequest


class Twin(Observer):
    """Keeps what each process would have noted, in its order."""

    plant: Plant

    def __init__(self, cell: Cell) -> None:
        self.lines: dict[str, list[Event]] = defaultdict(list)
        self._addresses: dict[tuple[str, tuple[int, int, int]], MessageAddress] = {}
        self._links: dict[int, str] = {}
        self._held: list[Message] = []  # or an id might come twice
        self._rounds: dict[tuple[int, int], int] = {}
        self._began_s: dict[tuple[int, int], float] = {}

    @property
    def now_s(self) -> float:
        return float(self.plant.env.now)

    def on_start(self, plant: object) -> None:
        assert isinstance(plant, Plant)
        self.plant = plant

    def on_packet(self, airing: Airing) -> None:
        ack = airing.acknowledges
        direction = {"uplink": "downlink", "downlink": "uplink"}[airing.link] if ack else airing.link
        fragment = -airing.fragment - 1 if ack else airing.fragment
        arrives_s = None if isnan(airing.arrives_s) else airing.arrives_s
        times_s = airing.began_s, airing.left_s, arrives_s
        address = self._addresses[direction, airing.address]
        aired = PacketSent(address, fragment, airing.attempt, airing.bits, *times_s, "ACK" if ack else None)
        self.lines["relay"].append(aired)

    def on_pass(self, served: ServerPass) -> None:
        each = zip(served.sessions, served.work, served.reads, strict=True)
        shares = tuple((*key, self._rounds[key], *work, reads) for key, work, reads in each)
        self.lines["cloud"].append(PassMade(served.began_s, served.ended_s, shares, 0.0))

    # What no observer receives.

    def put(self, link: Link, message: Message) -> None:
        self._links[id(message)] = link.name
        self._held.append(message)
        device, request, number = message.index
        assert message.kind is not None
        address = MessageAddress(PacketKind(message.kind), device, request, number % JOINS)
        self._addresses[link.name, message.index] = address
        self._sender(address, MessagePut(address, b"".join(message.content).hex(), self.now_s))

    def enqueue(self, link: Link, packet: Fragment) -> None:
        if not packet.acknowledges:
            address = self._of(packet.message)
            self._sender(address, PacketQueued(address, packet.number, packet.attempt, packet.bits, self.now_s))

    def acknowledge(self, link: Link, packet: Fragment, *_: object) -> None:
        if not packet.acked:
            address = self._of(packet.message)
            self._sender(address, PacketAcknowledged(address, packet.number, self.now_s))

    def deliver(self, link: Link, message: Message, parts: int) -> None:
        address = self._of(message)
        far = "cloud" if address.direction == "uplink" else f"edge_{address.device}"
        self.lines[far].append(MessageReceived(address, self.now_s))

    def withdraw(self, link: Link, message: Message) -> None:
        if message.packets:
            address = self._of(message)
            self._sender(address, MessageCancelled(address, self.now_s))

    def came(self, device: Device, request: Request) -> None:
        self._edge(request, RequestArrived(request.device, request.number, self.now_s))

    def served(self, network: object, decoder: object, device: Device, request: Request) -> None:
        self._edge(request, RequestServed(request.device, request.number, self.now_s))

    def taken_by_edge(self, driver: DrivenRequest, event: object) -> None:
        if driver._edge is None:
            return
        if isinstance(event, MessageArrived):
            address = MessageAddress(PacketKind(event.kind), *driver._key, event.round)
            self._edge(driver._request, MessageTaken(address, self.now_s))
        elif isinstance(event, TimeIs):
            seen = event.put_s, event.payload_bits, event.link
            self._edge(driver._request, UplinkSeen(*driver._key, *seen, event.now_s))

    def reads(self, driver: DrivenRequest, command: DraftPass) -> None:
        self._began_s[driver._key] = self.now_s

    def ends_work(self, driver: DrivenRequest) -> None:
        assert driver._work is not None
        times_s = self._began_s.pop(driver._key), self.now_s
        self._edge(driver._request, TextRead(*driver._key, driver._work[0].number, *times_s))

    def taken_by_cloud(self, driver: DrivenRequest, message: Message) -> None:
        self.lines["cloud"].append(MessageTaken(self._of(message), self.now_s))

    def drafts(self, driver: DrivenRequest, command: DraftAll) -> None:
        self._began_s[driver._key] = self.now_s

    def drafted(self, driver: DrivenRequest) -> None:
        self._computed(driver, driver._drafted.round, cut=False)

    def flush(self, driver: DrivenRequest, command: FlushRounds) -> None:
        if command.cut is not None:
            self._computed(driver, command.cut, cut=True)

    def end(self, request: Request, outcome: str, now_s: float) -> None:
        self._edge(request, RequestEnded(request.device, request.number, tuple(request.tokens), now_s))

    def submit(self, driver: DrivenRequest, command: SubmitJob) -> None:
        self._rounds[driver._key] = command.round

    def _computed(self, driver: DrivenRequest, number: int, cut: bool) -> None:
        """What the processor did until now of the round that was drafted."""
        request, began_s, now_s = driver._request, self._began_s.pop(driver._key), self.now_s
        ends_s = [each for each in request.open[number].pass_ends_s if each <= now_s]
        passes_s = tuple(to_s - from_s for from_s, to_s in pairwise([began_s, *ends_s]))
        lines, computed = (
            self.lines[f"edge_{request.device}"],
            RoundComputed(*driver._key, number, began_s, now_s, passes_s, cut, (), 0),
        )
        taken = (place for place in reversed(range(len(lines))) if isinstance(lines[place], MessageTaken))
        lines.insert(next(taken) if cut else len(lines), computed)  # what is cut is noted before the reply is taken

    def _of(self, message: Message) -> MessageAddress:
        return self._addresses[self._links[id(message)], message.index]

    def _edge(self, request: Request, event: Event) -> None:
        self.lines[f"edge_{request.device}"].append(event)

    def _sender(self, address: MessageAddress, event: Event) -> None:
        self.lines[f"edge_{address.device}" if address.direction == "uplink" else "cloud"].append(event)


def simulated(cell: Cell, folder: Path) -> tuple[CellResult, Twin]:
    """What the simulator makes of a cell; and the journals of its twin, in the folder."""
    twin = Twin(cell)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, note in (
            (Link, "put", twin.put),
            (Link, "_enqueue", twin.enqueue),
            (Link, "_deliver", twin.deliver),
            (Link, "withdraw", twin.withdraw),
            (Link, "_acknowledge", twin.acknowledge),
            (Device, "submit", twin.came),
            (request_process, "opened", twin.served),
            (Request, "end", twin.end),
            (DrivenRequest, "_tell_edge", twin.taken_by_edge),
            (DrivenRequest, "_cloud_receives", twin.taken_by_cloud),
            (DrivenRequest, "_draft_now", twin.drafts),
            (DrivenRequest, "_round_drafted", twin.drafted),
            (DrivenRequest, "_end_work", twin.ends_work),
        ):
            patch.setattr(owner, name, _after(note, getattr(owner, name)))
        for command, note in ((SubmitJob, twin.submit), (FlushRounds, twin.flush), (DraftPass, twin.reads)):
            patch.setitem(HANDLERS, command, _after(note, HANDLERS[command]))
        result = simulate(cell, twin, memory=Memory())
        twin.plant.env.run(until=twin.now_s + 1.0)  # what was on the air, or in a pass, comes to its end
    write(folder, twin.lines)
    return result, twin


def _after(note: Callable[..., None], does: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any, **named: Any) -> Any:
        note(*given, **named)
        return does(*given, **named)

    return noted
