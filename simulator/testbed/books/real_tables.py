"""The tables and metrics of a real run, from its journals: those of a simulated cell, column by column.

The journals are read as one line of time. At each moment the simulator's own Request, OpenRound, Ledger and Message
objects take in what happened, and the request is decoded again, step by step: what it said and sent must be what is
decoded here, byte by byte and token by token. What the stations saw is added up at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatchmethod
from pathlib import Path

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.cell.power_figures import connections_of, power_figures
from simulator.cell.workload import Ask
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.protocols.machine import EdgeState
from simulator.results.ledger import Ledger
from simulator.results.recorder import Recorder
from simulator.results.requests import Request
from simulator.results.run_totals import PlantTotals
from simulator.run import CellResult, recorder_of, result_of
from simulator.testbed.books.drafted_books import DraftedBook
from simulator.testbed.books.link_books import Carried, way_totals
from simulator.testbed.books.moments import Airs, Computing, Joins, Lands, Leaves, Passing, Told, told
from simulator.testbed.books.replay_clock import RealRunError, ReplayClock
from simulator.testbed.books.request_books import RequestBook
from simulator.testbed.books.server_books import edge_stations, round_passes, server_station, service_s
from simulator.testbed.books.streamed_books import StreamedBook
from simulator.testbed.journal import (
    Acked,
    Arrived,
    Began,
    Came,
    Closed,
    Computed,
    Ended,
    Flushed,
    Judged,
    Passed,
    Put,
    Restarted,
    Served,
    Share,
    Submitted,
    Withdrawn,
)
from simulator.testbed.letters import SIMULATED, Address, Kind, Way
from simulator.timing.invariants import check_request

_Key = tuple[int, int]
"""(device, request)."""


def tables(cell: Cell, folder: Path, memory: Memory, rounds_to: Path | None = None) -> CellResult:
    """What the run whose journals are in this folder gave. `rounds_to`: as in `simulate`.

    Raises RealRunError, one line, where something else was decoded or sent than is decoded here, or a request has no
    end.
    """
    known = told(cell, folder)
    recorder = recorder_of(cell, rounds_to)
    try:
        replay = Replay(cell, memory, recorder, known)
        replay.run()
    finally:
        memory.flush()
    return result_of(cell, recorder, _totals(cell, known, replay))


def _totals(cell: Cell, known: Told, replay: Replay) -> PlantTotals:
    clock = replay.clock
    up, up_dropped = way_totals(cell, "uplink", known, clock)
    down, down_dropped = way_totals(cell, "downlink", known, clock)
    connections = connections_of(cell)
    for flight in sorted(known.flights, key=lambda each: each.left_s):
        if flight.left_s <= clock.now:
            connections.aired(flight.address.message[0], flight.began_s, flight.left_s)
    return PlantTotals(
        over_s=clock.now,
        uplink=up,
        downlink=down,
        edges=edge_stations(cell, known.events, clock),
        cloud=server_station(cell, known.events, clock),
        cloud_service_s=service_s(known.events, clock.now),
        round_passes=round_passes(known.events, clock.now),
        dropped_packets=up_dropped + down_dropped,
        cloud_evictions=0,
        connected_j=connections.joules,
        open=cell.workload.open,
        figures=power_figures(cell),
    )


class Replay:
    """Sets the clock to each moment and tells the books; it is over when the last request has ended."""

    def __init__(self, cell: Cell, memory: Memory, recorder: Recorder, known: Told) -> None:
        self.clock = ReplayClock()
        self._cell = cell
        self._decoder = Decoder(cell, memory)
        self._recorder = recorder
        self._known = known
        uniforms, devices = Uniforms.of(cell.seed, "users"), range(cell.workload.devices)
        self._asks: dict[int, Iterator[Ask]] = {each: cell.workload.asks(each, uniforms) for each in devices}
        self._links: dict[Way, Carried] = {
            "uplink": Carried(cell, "uplink", self.clock),
            "downlink": Carried(cell, "downlink", self.clock),
        }
        self._came: dict[_Key, Request] = {}
        """Those that wait to be served."""
        self._served: dict[_Key, RequestBook] = {}
        self._kept: dict[int, EdgeState | None] = {}
        """What each device has kept of its last request."""
        self._ended = 0

    def run(self) -> None:
        """Raises RealRunError where the journals end before the requests have."""
        total = self._cell.workload.total
        for moment in self._known.moments:
            self.clock.now = max(self.clock.now, moment.at_s)
            self._take(moment.what)
            if self._ended == total:
                return
        for device, request in (*self._came, *self._served):
            raise RealRunError(f"device {device}, request {request}: ended = never: must be noted in a journal")
        raise RealRunError(f"requests = {self._ended}: must be {total}, all of them noted in the journals")

    def _book(self, device: int, request: int) -> RequestBook | None:
        """That of a request that is served now."""
        return self._served.get((device, request))

    @singledispatchmethod
    def _take(self, what: object) -> None:
        """Something happens now; what is not told apart below, is nobody's news."""

    # Requests and their rounds.

    @_take.register
    def _(self, what: Came) -> None:
        device, number = what.device, what.request
        ask = next(self._asks.get(device, iter(())), None)
        if ask is None:
            raise RealRunError(f"device {device}, request {number}: came = {what.at_s:.6g} s: nobody asks for it")
        prompt, ledger = self._decoder.prompt(device, number, ask), Ledger(self.clock)
        end_tokens = self._decoder.end_tokens
        request = Request(device, number, prompt, ask.output_tokens, self.clock.now, ledger, end_tokens)
        ledger.enter(1, "edge_queue_s")
        self._came[device, number] = request

    @_take.register
    def _(self, what: Served) -> None:
        device, number = what.device, what.request
        request = self._came.pop((device, number), None)
        if request is None:
            raise RealRunError(f"device {device}, request {number}: served = {what.at_s:.6g} s: it has not come")
        kept = self._kept.get(device)
        state = None if kept is None else kept.scheme
        decoding = self._decoder.decoding(device, number, request.prompt, state, request.output_tokens)
        make = StreamedBook if decoding.setting.scheme.protocol == "stream" else DraftedBook
        self._served[device, number] = make(self.clock, request, decoding)

    @_take.register
    def _(self, what: Ended) -> None:
        book = self._served.pop((what.device, what.request), None)
        if book is None:
            raise RealRunError(f"device {what.device}, request {what.request}: ended = {what.at_s:.6g} s: not served")
        book.end(what.tokens)
        check_request(book.request)
        self._kept[what.device] = book.kept
        self._recorder.add(book.request)
        self._ended += 1

    @_take.register
    def _(self, what: Began) -> None:
        if (book := self._book(what.device, what.request)) is not None:
            book.begin(what.round)

    @_take.register
    def _(self, what: Computing) -> None:
        if (book := self._book(*what.computed[:2])) is not None:
            book.compute(what.computed)

    @_take.register
    def _(self, what: Computed) -> None:
        if (book := self._book(what.device, what.request)) is not None:
            book.computed(what)

    @_take.register
    def _(self, what: Closed) -> None:
        if (book := self._book(what.device, what.request)) is not None:
            book.close(what)

    @_take.register
    def _(self, what: Flushed) -> None:
        if (book := self._book(what.device, what.request)) is not None:
            book.flush(what, self._known.aired_bits[Address(Kind.PAYLOAD, *what[:3])])

    # Letters and their packets.

    @_take.register
    def _(self, what: Put) -> None:
        address, links = what.address, self._links[what.address.way]
        book = self._book(address.device, address.request)
        if book is None or address.kind not in SIMULATED:
            links.put(address, bytes.fromhex(what.content))
        else:
            book.put(address, bytes.fromhex(what.content), links)

    @_take.register
    def _(self, what: Joins) -> None:
        self._links[what.flight.way].join(what.flight)

    @_take.register
    def _(self, what: Airs) -> None:
        self._links[what.flight.way].air(what.flight)

    @_take.register
    def _(self, what: Leaves) -> None:
        self._links[what.flight.way].leave(what.flight)

    @_take.register
    def _(self, what: Lands) -> None:
        self._links[what.flight.way].land(what.flight)

    @_take.register
    def _(self, what: Acked) -> None:
        self._links[what.address.way].acknowledge(what.address, what.fragment)

    @_take.register
    def _(self, what: Withdrawn) -> None:
        self._links[what.address.way].withdraw(what.address)

    @_take.register
    def _(self, what: Arrived) -> None:
        kind, device, request, number = what.address
        book = self._book(device, request)
        if not self._links[what.address.way].arrive(what.address) or book is None:
            return
        if kind is Kind.PROMPT:
            book.prompt_arrived()
        elif kind is Kind.PAYLOAD:
            book.payload_arrived(number)
        elif kind is Kind.REPLY:
            book.reply_arrived(number)

    # The cloud.

    @_take.register
    def _(self, what: Submitted) -> None:
        if (book := self._book(what.device, what.request)) is not None:
            book.submit(what.round)

    @_take.register
    def _(self, what: Passing) -> None:
        for book, share in self._sharing(what.passed):
            book.passes(share[2], share[5])

    @_take.register
    def _(self, what: Passed) -> None:
        for book, share in self._sharing(what):
            book.passed(share[2])

    def _sharing(self, passed: Passed) -> Iterator[tuple[RequestBook, Share]]:
        for share in passed.shares:
            if (book := self._book(share[0], share[1])) is not None:
                yield book, share

    @_take.register
    def _(self, what: Judged) -> None:
        if (book := self._book(what.device, what.request)) is not None:
            book.judge(what.round)

    @_take.register
    def _(self, what: Restarted) -> None:
        if what.down or what.epoch:
            for book in self._served.values():
                book.cloud_killed()
