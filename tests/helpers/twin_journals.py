"""The journals that a real run would have left that does, to the instant, what a simulated one did: what an observer
does not receive is noted where the simulator does it."""

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from math import inf, isnan
from pathlib import Path
from typing import Any

import pytest
from journal_files import Lines, write

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.protocols.machine import DraftAll, DraftPass, DropRounds, FlushRounds, OpenInCloud, SubmitJob
from simulator.results.ledger import THEMSELVES, Course, Ledger
from simulator.results.observer import JOINS, Airing, Observer, ServerPass
from simulator.results.requests import Request
from simulator.testbed.journal import (
    Event,
    MessagePut,
    MessageReceived,
    PacketAcknowledged,
    PacketQueued,
    PacketSent,
    PassMade,
    RequestArrived,
    RequestEnded,
    RoundBegun,
    RoundClosed,
    RoundComputed,
    RoundFlushed,
    RoundsVoid,
    StateEntered,
    TextRead,
    WorkHidden,
)
from simulator.testbed.packet_header import MessageAddress, PacketKind
from simulator.timing.device import Device
from simulator.timing.link import Link
from simulator.timing.messages import Fragment, Message, PlacedAttempt
from simulator.timing.plant import Plant
from simulator.timing.request_process import DOWNLINK_STATES, HANDLERS, UPLINK_STATES, DrivenRequest, ServedRequest

_OF_LINKS = {*UPLINK_STATES.values(), *DOWNLINK_STATES.values()}
"""States that follow from what is noted of packets."""


class Twin(Observer):
    """Keeps what each process would have noted, in its order."""

    plant: Plant

    def __init__(self, cell: Cell) -> None:
        self.lines: dict[str, list[Event]] = defaultdict(list)
        self._addresses: dict[tuple[str, tuple[int, int, int]], MessageAddress] = {}
        self._links: dict[int, str] = {}
        self._held: list[Message] = []  # or an id might come twice
        self._rounds: dict[tuple[int, int], int] = {}
        self._submitted_s: dict[tuple[int, int], float] = {}
        self._began: dict[tuple[int, int], tuple[float, int]] = {}
        self._keys: dict[int, tuple[int, int]] = {}
        self._unanswered: set[tuple[MessageAddress, int, int]] = set()

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
        times_s = airing.joined_s, airing.began_s, airing.left_s, arrives_s
        address = self._addresses[direction, airing.address]
        aired = PacketSent(address, fragment, airing.attempt, airing.bits, *times_s, "ACK" if ack else None)
        self.lines["relay"].append(aired)

    def on_pass(self, served: ServerPass) -> None:
        each = zip(served.sessions, served.work, served.reads, strict=True)
        shares = tuple((*key, self._rounds[key], *work, reads, self._submitted_s[key]) for key, work, reads in each)
        self.lines["cloud"].append(PassMade(served.began_s, served.ended_s, shares, 0.0))

    # What no observer receives: of packets and messages.

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

    def arrive(self, link: Link, attempt: PlacedAttempt, back_s: float, *_: object) -> None:
        if back_s == inf and not attempt.packet.acknowledges:
            self._unanswered.add((self._of(attempt.packet.message), attempt.packet.number, attempt.number))

    def acknowledge(self, link: Link, packet: Fragment, *_: object) -> None:
        if not packet.acked:
            address = self._of(packet.message)
            self._sender(address, PacketAcknowledged(address, packet.number, self.now_s))

    def deliver(self, link: Link, message: Message, parts: int) -> None:
        address = self._of(message)
        far = "cloud" if address.direction == "uplink" else f"edge_{address.device}"
        self.lines[far].append(MessageReceived(address, self.now_s))

    # Of requests.

    def came(self, device: Device, request: Request) -> None:
        self._keys[id(request.ledger)] = request.device, request.number
        self._edge(request, RequestArrived(request.device, request.number, self.now_s))

    def end(self, request: Request, outcome: str, now_s: float) -> None:
        self._edge(request, RequestEnded(request.device, request.number, tuple(request.tokens), now_s))

    def begin(self, request: Request, number: int, now_s: float) -> None:
        self._edge(request, RoundBegun(request.device, request.number, number, False, 0, now_s))

    def open_in_cloud(self, driver: DrivenRequest, command: OpenInCloud) -> None:
        self._edge(driver._request, RoundBegun(*driver._key, command.round, True, command.drafts, self.now_s))

    def close(self, request: Request, number: int, tokens: tuple[int, ...], now_s: float) -> None:
        self._edge(request, RoundClosed(request.device, request.number, number, tokens, now_s))

    def flush(self, request: Request, number: int, drafts: int, on_air_bits: int, now_s: float) -> None:
        self._edge(request, RoundFlushed(request.device, request.number, number, drafts, now_s))

    def drop(self, driver: DrivenRequest, command: DropRounds) -> None:
        void = command.void.start, command.void.stop - 1
        self._edge(driver._request, RoundsVoid(*driver._key, *void, tuple(command.rounds), self.now_s))

    def show(self, driver: ServedRequest) -> None:
        since_s, request = driver._hidden_since_s, driver._request
        if since_s is not None:
            key = request.device, request.number
            self._edge(request, WorkHidden(*key, driver._reads, since_s, self.now_s))

    def enter_all(self, ledger: Ledger, number: int, course: Course, columns: object = THEMSELVES, **_: object) -> None:
        for at_s, state in course if columns is THEMSELVES else ():
            self.enter(ledger, number, state, at_s)

    def enter(self, ledger: Ledger, number: int, state: str, from_s: float | None = None, reply: bool = False) -> None:
        if state not in _OF_LINKS and id(ledger) in self._keys:
            key, at_s = self._keys[id(ledger)], self.now_s if from_s is None else from_s
            self.lines[f"edge_{key[0]}"].append(StateEntered(*key, number, state, reply, at_s))

    # Of the edge's work, and of the cloud's.

    def reads(self, driver: DrivenRequest, command: DraftPass) -> None:
        self._began[driver._key] = self.now_s, command.node.length

    def ends_work(self, driver: DrivenRequest) -> None:
        assert driver._work is not None
        began_s, tokens = self._began.pop(driver._key)
        number = driver._work[0].number
        self._edge(driver._request, TextRead(*driver._key, number, tokens, began_s, self.now_s))

    def drafts(self, driver: DrivenRequest, command: DraftAll) -> None:
        self._began[driver._key] = self.now_s, command.drafts

    def drafted(self, driver: DrivenRequest) -> None:
        self._computed(driver, driver._drafted.round, cut=False)

    def cut(self, driver: DrivenRequest, command: FlushRounds) -> None:
        if command.cut is not None:
            self._computed(driver, command.cut, cut=True)

    def submit(self, driver: DrivenRequest, command: SubmitJob) -> None:
        self._rounds[driver._key] = command.round
        if not command.joins:
            self._submitted_s[driver._key] = self.now_s

    def written(self) -> Lines:
        """The journals."""
        self.lines["relay"] = [
            each._replace(answered=each[:3] not in self._unanswered) if isinstance(each, PacketSent) else each
            for each in self.lines["relay"]
        ]
        return self.lines

    def _computed(self, driver: DrivenRequest, number: int, cut: bool) -> None:
        """What the processor did until now of the round that was drafted."""
        request, (began_s, asked), now_s = driver._request, self._began.pop(driver._key), self.now_s
        ends_s = [each for each in request.open[number].pass_ends_s if each <= now_s]
        passes_s = tuple(to_s - from_s for from_s, to_s in pairwise([began_s, *ends_s]))
        self._edge(request, RoundComputed(*driver._key, number, asked, began_s, now_s, passes_s, cut, (), 0))

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
            (Link, "_arrive", twin.arrive),
            (Link, "_deliver", twin.deliver),
            (Link, "_acknowledge", twin.acknowledge),
            (Device, "submit", twin.came),
            (Request, "begin_round", twin.begin),
            (Request, "close_round", twin.close),
            (Request, "flush_round", twin.flush),
            (Request, "end", twin.end),
            (Ledger, "enter", twin.enter),
            (Ledger, "enter_all", twin.enter_all),
            (ServedRequest, "_show", twin.show),
            (DrivenRequest, "_draft_now", twin.drafts),
            (DrivenRequest, "_round_drafted", twin.drafted),
            (DrivenRequest, "_end_work", twin.ends_work),
        ):
            patch.setattr(owner, name, _after(note, getattr(owner, name)))
        commands = {
            SubmitJob: twin.submit, FlushRounds: twin.cut, DraftPass: twin.reads, OpenInCloud: twin.open_in_cloud,
            DropRounds: twin.drop,
        }  # fmt: skip
        for command, note in commands.items():
            patch.setitem(HANDLERS, command, _after(note, HANDLERS[command]))
        result = simulate(cell, twin, memory=Memory())
        twin.plant.env.run(until=twin.now_s + 1.0)  # what was on the air, or in a pass, comes to its end
    write(folder, twin.written())
    return result, twin


def _after(note: Callable[..., None], does: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any, **named: Any) -> Any:
        note(*given, **named)
        return does(*given, **named)

    return noted
