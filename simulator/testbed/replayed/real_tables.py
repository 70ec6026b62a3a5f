"""The tables and metrics of a real run, from its journals: those of a simulated cell, column by column.

The journals are read as one timeline. At each time the simulator's own Request, OpenRound, Ledger and Message objects
take in what happened, and the protocol's machines take what the real ones took: what those sent must be what these
command, byte by byte and token by token. What the stations saw is added up at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from simulator.results.station import Station
from simulator.run import CellResult, recorder_of, result_of
from simulator.testbed import journal
from simulator.testbed.packet_header import SIMULATED, Direction
from simulator.testbed.plan import DIRECTIONS
from simulator.testbed.replayed.replayed_link import ReplayedLink, link_totals
from simulator.testbed.replayed.replayed_request import JobKey, RealRunError, ReplayClock, ReplayedRequest
from simulator.testbed.replayed.run_record import AttemptStep, Beginning, RunRecord, run_record
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
    up, up_dropped = link_totals(cell, "uplink", record, clock)
    down, down_dropped = link_totals(cell, "downlink", record, clock)
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
        round_passes=sum(number > 0 for each in passes for _, _, number, *_ in each.shares),
        dropped_packets=up_dropped + down_dropped,
        cloud_evictions=0,
        connected_j=connections.joules,
        open=cell.workload.open,
        figures=power_figures(cell),
    )


class JournalReplay:
    """Sets the clock to each event and replays it; it is over when the last request has ended."""

    def __init__(self, cell: Cell, memory: Memory, recorder: Recorder, record: RunRecord) -> None:
        self.clock = ReplayClock()
        self.server = Station(self.clock, "cloud", cell.cloud.servers)
        """Each job from its submission to the end of its pass. One that gets none leaves when the cloud is killed, or
        its request ends."""
        self._cell = cell
        self._decoder = Decoder(cell, memory)
        self._recorder = recorder
        self._record = record
        uniforms, devices = Uniforms.of(cell.seed, "users"), range(cell.workload.devices)
        self._asks: dict[int, Iterator[Ask]] = {each: cell.workload.asks(each, uniforms) for each in devices}
        self._links: dict[Direction, ReplayedLink] = {each: ReplayedLink(cell, each, self.clock) for each in DIRECTIONS}
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

    def _take(self, what: journal.Event | AttemptStep | Beginning) -> None:
        match what:
            case AttemptStep():
                self._links[what.attempt.direction].follow(what)
            case journal.PacketAcknowledged(address, fragment):
                self._links[address.direction].acknowledge(address, fragment)
            case journal.MessageCancelled(address):
                self._links[address.direction].cancel(address)
            case journal.MessagePut() | journal.MessageReceived() | journal.MessageTaken():
                self._take_message(what)
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
                    self._begin_job((device, number, round_), passed)
            case journal.PassMade():
                for device, number, round_, *_ in what.shares:
                    if request := self._served.get((device, number)):
                        request.passed(round_)
            case journal.CloudRestarted(epoch, down):
                if down or epoch:
                    self._end_jobs({})
                    for request in self._served.values():
                        request.cloud_killed()

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
        replayed = ReplayedRequest(self.clock, request, decoding, policy, self._record.sent_bits, self._submitted_s)
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

    def _take_message(self, event: journal.MessagePut | journal.MessageReceived | journal.MessageTaken) -> None:
        address = event.address
        request, link = self._served.get((address.device, address.request)), self._links[address.direction]
        if isinstance(event, journal.MessagePut):
            content = bytes.fromhex(event.content)
            if request is None:
                link.put(address, content)
            else:
                request.put(address, content, link)
        elif isinstance(event, journal.MessageTaken):
            if request is not None:
                request.taken(address)
        elif link.arrive(address) and request is not None and address.kind in SIMULATED:
            request.received(address)

    def _begin_job(self, job: JobKey, passed: journal.PassMade) -> None:
        now_s = self.clock.now
        self.server.book((self._submitted_s.pop(job, now_s), now_s, max(now_s, passed.ended_s)))

    def _end_jobs(self, ended_s: Mapping[_Key, float]) -> None:
        """Jobs that get no pass leave the cloud's queue at these times, or now."""
        for (device, number, _), submitted_s in self._submitted_s.items():
            left_s = max(submitted_s, ended_s.get((device, number), self.clock.now))
            self.server.book((submitted_s, left_s, left_s))
        self._submitted_s.clear()
