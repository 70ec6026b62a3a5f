"""The tables and metrics of a real run, from its journals: those of a simulated cell, column by column.

The journals are read as one timeline. At each time the simulator's own Request, OpenRound and Ledger objects take in
what happened, and the protocol's machines take what the real ones took: what those sent must be what these command,
byte by byte and token by token. What the stations saw is added up at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf
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
from simulator.results.rounds import InstantTransfer
from simulator.results.run_totals import LinkTotals, PlantTotals
from simulator.results.station import Station
from simulator.run import CellResult, recorder_of, result_of
from simulator.testbed import journal
from simulator.testbed.packet_header import Direction, MessageAddress
from simulator.testbed.plan import link
from simulator.testbed.replayed.replayed_request import JobKey, RealRunError, ReplayClock, ReplayedRequest
from simulator.testbed.replayed.run_record import Beginning, PacketAttempt, RunRecord, run_record
from simulator.timing.invariants import check_request

_Key = tuple[int, int]
"""(device, request)."""


def tables(cell: Cell, folder: Path, memory: Memory, rounds_to: Path | None = None) -> CellResult:
    """The tables of the run whose journals are in this folder. `rounds_to`: as in `simulate`.

    Raises RealRunError, one line, where something else was decoded or sent than is decoded here, or a request has no
    end.
    """
    record = run_record(cell, folder)
    recorder = recorder_of(cell, rounds_to)
    try:
        replay = JournalReplay(cell, memory, recorder, record)
        replay.run()
        return result_of(cell, recorder, _totals(cell, record, replay))
    finally:
        recorder.release()
        memory.flush()


def _totals(cell: Cell, record: RunRecord, replay: JournalReplay) -> PlantTotals:
    clock, now_s = replay.clock, replay.clock.now
    up, up_dropped = _link_totals(cell, "uplink", record, clock)
    down, down_dropped = _link_totals(cell, "downlink", record, clock)
    connections = connections_of(cell)
    for attempt in sorted(record.attempts, key=lambda each: each.left_s):
        if attempt.left_s <= now_s:
            connections.aired(attempt.address.device, attempt.began_s, attempt.left_s)
    edges = [Station(clock, f"edge {number}") for number in range(cell.workload.devices)]
    for computed in record.events:
        if isinstance(computed, journal.RoundComputed | journal.TextRead) and computed.began_s <= now_s:
            edges[computed.device].book((computed.began_s, computed.began_s, computed.ended_s))
    passes = [each for each in record.events if isinstance(each, journal.PassMade) and each.began_s <= now_s]
    return PlantTotals(
        over_s=now_s,
        uplink=up,
        downlink=down,
        edges=edges,
        cloud=replay.server,
        cloud_service_s=sum(min(now_s, each.ended_s) - each.began_s for each in passes),
        dropped_packets=up_dropped + down_dropped,
        cloud_evictions=0,
        connected_j=connections.joules,
        open=cell.workload.open,
        figures=power_figures(cell),
    )


def _link_totals(cell: Cell, direction: Direction, record: RunRecord, clock: ReplayClock) -> tuple[LinkTotals, int]:
    """Returns the totals of a link's queue and transmitter up to now, and the number of its packets that were cancelled
    before their turn. As in the simulator a packet has the transmitter from its turn on, though its first bit may have
    to wait."""
    over_s, station, dropped = clock.now, Station(clock, direction), 0
    config = link(cell, direction)
    own = [each for each in record.attempts if each.direction == direction and each.joined_s <= over_s]
    in_turn = sorted((each for each in own if each.was_sent), key=lambda each: each.left_s)
    free_s = dict(zip(in_turn, [0.0, *(each.left_s for each in in_turn)], strict=False))
    for attempt in sorted(own, key=lambda each: each.joined_s):
        began_s, left_s = max(attempt.joined_s, free_s.get(attempt, 0.0)), attempt.left_s
        if not attempt.was_sent:
            gone_s = (each for each in record.cancelled_s.get(attempt.address, ()) if each >= attempt.joined_s)
            began_s = left_s = min(gone_s, default=inf)
            dropped += left_s <= over_s
        station.book((attempt.joined_s, began_s, left_s))
    sent = [each for each in own if each.began_s <= over_s]
    totals = LinkTotals(
        [station],
        [sum(each.bits for each in sent)],
        [cell.workload.devices],
        [_union_s(sent, over_s)],
        [config.on_air(sends=direction == "uplink")],
    )
    return totals, dropped


def _union_s(attempts: Iterable[PacketAttempt], over_s: float) -> float:
    """Returns the time during which at least one packet was on the link, in seconds."""
    taken_s, until_s = 0.0, 0.0
    for attempt in sorted(attempts, key=lambda each: each.began_s):
        left_s = min(attempt.left_s, over_s)
        taken_s += max(0.0, left_s - max(attempt.began_s, until_s))
        until_s = max(until_s, left_s)
    return taken_s


class JournalReplay:
    """Sets the clock to each event and replays it; it is over when the last request has ended."""

    def __init__(self, cell: Cell, memory: Memory, recorder: Recorder, record: RunRecord) -> None:
        self.clock = ReplayClock()
        self.server = Station(self.clock, "cloud", cell.cloud.servers)
        """Each job from its submission to the end of its pass. One that gets none leaves when its request ends."""
        self._cell = cell
        self._decoder = Decoder(cell, memory)
        self._recorder = recorder
        self._record = record
        uniforms, devices = Uniforms.of(cell.seed, "users"), range(cell.workload.devices)
        self._asks: dict[int, Iterator[Ask]] = {each: cell.workload.asks(each, uniforms) for each in devices}
        self._under_way: dict[MessageAddress, InstantTransfer] = {}
        """Messages that have not arrived yet, and that their senders have not cancelled."""
        self._waiting: dict[_Key, Request] = {}
        """Requests that wait to be served."""
        self._served: dict[_Key, ReplayedRequest] = {}
        self._kept: dict[int, EdgeState | None] = {}
        """What each device has kept of its last request."""
        self._submitted_s: dict[JobKey, float] = {}
        """Jobs that are in no pass yet."""
        self._ended_s: dict[_Key, float] = {}

    def run(self) -> None:
        """Raises RealRunError where the journals end before the requests have."""
        total = self._cell.workload.total
        for event in self._record.timeline:
            self.clock.now = max(self.clock.now, event.at_s)
            self._take(event.what)
            if len(self._ended_s) == total:
                self._end_jobs(self._ended_s)
                return
        for device, request in (*self._waiting, *self._served):
            raise RealRunError(f"device {device}, request {request}: ended = never: must be noted in a journal")
        raise RealRunError(f"requests = {len(self._ended_s)}: must be {total}, all of them noted in the journals")

    def _take(self, what: journal.Event | Beginning) -> None:
        match what:
            case journal.MessageCancelled(address):
                self._under_way.pop(address, None)
            case journal.MessagePut():
                self._put(what)
            case journal.MessageReceived(address):
                self._receive(address)
            case journal.MessageTaken(address):
                if request := self._served.get(address[1:3]):
                    request.taken(address)
            case journal.RequestArrived():
                self._arrive(what)
            case journal.RequestServed():
                self._serve(what)
            case journal.RequestEnded():
                self._end(what)
            case Beginning(journal.RoundComputed() as computed):
                if request := self._served.get(computed[:2]):
                    request.computing(computed)
            case journal.RoundComputed():
                if request := self._served.get(what[:2]):
                    request.computed(what)
            case Beginning(journal.TextRead() as read):
                if request := self._served.get(read[:2]):
                    request.reading()
            case journal.TextRead():
                if request := self._served.get(what[:2]):
                    request.has_read(what)
            case journal.UplinkSeen():
                if request := self._served.get(what[:2]):
                    request.looks(what)
            case Beginning(journal.PassMade() as passed):
                for device, number, round_, _, _, reads in passed.shares:
                    if request := self._served.get((device, number)):
                        request.passes(round_, reads)
                    submitted_s = self._submitted_s.pop((device, number, round_), self.clock.now)
                    self.server.book((submitted_s, self.clock.now, max(self.clock.now, passed.ended_s)))
            case journal.PassMade():
                for device, number, round_, *_ in what.shares:
                    if request := self._served.get((device, number)):
                        request.passed(round_)

    # Requests.

    def _arrive(self, event: journal.RequestArrived) -> None:
        device, number, at_s = event
        ask = next(self._asks.get(device, iter(())), None)
        if ask is None:
            raise RealRunError(f"device {device}, request {number}: came = {at_s:.6g} s: nobody asks for it")
        prompt, ledger = self._decoder.prompt(device, number, ask), Ledger(self.clock)
        end_tokens = self._decoder.end_tokens[0]
        request = Request(device, number, prompt, ask.output_tokens, self.clock.now, ledger, end_tokens)
        ledger.enter(1, "edge_queue_s")
        self._waiting[device, number] = request

    def _serve(self, event: journal.RequestServed) -> None:
        device, number, at_s = event
        request = self._waiting.pop((device, number), None)
        if request is None:
            raise RealRunError(f"device {device}, request {number}: served = {at_s:.6g} s: it has not come")
        state, policy, _ = self._kept.get(device) or (None, None, 0)
        decoding = self._decoder.decoding(device, number, request.prompt, state, request.output_tokens)
        replayed = ReplayedRequest(self.clock, request, decoding, policy, self._record, self._submitted_s)
        self._served[device, number] = replayed
        replayed.start()

    def _end(self, event: journal.RequestEnded) -> None:
        device, number, tokens, at_s = event
        replayed = self._served.pop((device, number), None)
        if replayed is None:
            raise RealRunError(f"device {device}, request {number}: ended = {at_s:.6g} s: not served")
        self._kept[device], request = replayed.kept, replayed.end(tokens)
        check_request(request)
        self._recorder.add(request)
        self._ended_s[device, number] = self.clock.now

    # Messages and passes.

    def _put(self, event: journal.MessagePut) -> None:
        address, content = event.address, bytes.fromhex(event.content)
        transfer = self._under_way[address] = InstantTransfer(self.clock.now, bits=8 * len(content))
        if request := self._served.get(address[1:3]):
            request.put(address, content, transfer, self._record.course(address, event.at_s))

    def _receive(self, address: MessageAddress) -> None:
        transfer = self._under_way.pop(address, None)
        if transfer is None:
            return
        transfer.delivered_s = self.clock.now
        transfer.delivered_bits, transfer.delivered_attempts = self._record.sent(address, self.clock.now)
        if request := self._served.get(address[1:3]):
            request.received(address)

    def _end_jobs(self, ended_s: Mapping[_Key, float]) -> None:
        """Jobs that get no pass leave the cloud's queue at these times, or now."""
        for (device, number, _), submitted_s in self._submitted_s.items():
            left_s = max(submitted_s, ended_s.get((device, number), self.clock.now))
            self.server.book((submitted_s, left_s, left_s))
        self._submitted_s.clear()
