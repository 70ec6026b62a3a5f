"""The tables and metrics of a real run: those of a simulated cell, column by column.

Each process notes what it does when it does it: an edge its rounds, their passes and what they wait for, the cloud its
passes and what these rounds wait for there, the relay each packet. When the run is over, what was noted of a request
becomes its row and those of its rounds (`real_request`); what the stations saw is added up.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.cell.power_figures import connections_of, power_figures
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.results.ledger import Ledger
from simulator.results.recorder import Recorder
from simulator.results.requests import Request
from simulator.results.run_totals import LinkTotals, PlantTotals
from simulator.results.station import Station
from simulator.run import CellResult, recorder_of, result_of
from simulator.schemes.sparsifier import State
from simulator.testbed import journal
from simulator.testbed.packet_header import Direction
from simulator.testbed.packet_record import PacketRecord, union_s
from simulator.testbed.plan import WARM_UP, link
from simulator.testbed.real_request import Note, NoteClock, RealRequest, RealRunError
from simulator.timing.invariants import check_request

_Key = tuple[int, int]
"""(device, request)."""


def tables(cell: Cell, folder: Path, memory: Memory, rounds_to: Path | None = None) -> CellResult:
    """The tables of the run whose journals are in this folder. `rounds_to`: as in `simulate`.

    Raises RealRunError, one line, where something else was decoded or sent than is decoded here, or a request has no
    end.
    """
    events = [
        event
        for path in sorted(folder.glob("*.jsonl"))
        for event in journal.read(path)
        if not ((address := getattr(event, "address", None)) and address.request == WARM_UP)
    ]
    packets, recorder = PacketRecord(events), recorder_of(cell, rounds_to)
    for address, received_s in packets.received_s.items():
        put = packets.puts.get(address)
        if put is None or received_s < put.at_s:
            _, device, number, round_ = address
            what = f"{address.kind.name.lower()} received = {received_s:.6g} s: must be put before"
            raise RealRunError(f"device {device}, request {number}, round {round_}: {what}")
    try:
        over_s = _record(cell, memory, recorder, events, packets)
        return result_of(cell, recorder, _totals(cell, events, packets, over_s))
    finally:
        recorder.release()
        memory.flush()


def _record(
    cell: Cell, memory: Memory, recorder: Recorder, events: list[journal.Event], packets: PacketRecord
) -> float:
    """Records all requests, in the order in which they ended. Returns when the last one did."""
    noted = defaultdict[_Key, list[Note]](list)
    arrived_s = dict[_Key, float]()
    for event in events:
        if isinstance(event, journal.MessagePut | journal.MessageReceived):
            noted[event.address[1:3]].append(event)
        elif isinstance(event, journal.RequestArrived):
            arrived_s[event[:2]] = event.at_s
        elif isinstance(event, journal.RequestEvent):
            noted[event[:2]].append(event)
    decoder, users = Decoder(cell, memory), Uniforms.of(cell.seed, "users")
    ended = list[Request]()
    for device in range(cell.workload.devices):  # each keeps a state of its scheme from request to request
        state: State | None = None
        for number, ask in enumerate(cell.workload.asks(device, users)):
            key = device, number
            if key not in arrived_s:
                raise RealRunError(f"device {device}, request {number}: came = never: must be noted in a journal")
            prompt, clock = decoder.prompt(device, number, ask), NoteClock(arrived_s[key])
            end_tokens = decoder.end_tokens[device]
            request = Request(device, number, prompt, ask.output_tokens, clock.now, Ledger(clock), end_tokens)
            decoding = decoder.decoding(device, number, prompt, state, ask.output_tokens)
            real = RealRequest(request, clock, decoding, packets)
            real.take_all(noted[key])
            check_request(request)
            ended.append(request)
            state = real.decoded.state
    for request in sorted(ended, key=lambda each: each.finish_s):
        recorder.add(request)
    return max(request.finish_s for request in ended)


def _totals(cell: Cell, events: list[journal.Event], packets: PacketRecord, over_s: float) -> PlantTotals:
    clock, connections = NoteClock(over_s), connections_of(cell)
    for attempt in packets.attempts:
        if attempt.left_s <= over_s:
            connections.aired(attempt.sent.address.device, attempt.began_s, attempt.left_s)
    edges = [Station(clock, f"edge {number}") for number in range(cell.workload.devices)]
    for computed in events:
        if isinstance(computed, journal.RoundComputed | journal.TextRead) and computed.began_s <= over_s:
            edges[computed.device].book((computed.began_s, computed.began_s, computed.ended_s))
    cloud = Station(clock, "cloud", cell.cloud.servers)
    passes = [each for each in events if isinstance(each, journal.PassMade) and each.began_s <= over_s]
    for made in passes:
        for *_, submitted_s in made.shares:
            cloud.book((min(submitted_s, made.began_s), made.began_s, made.ended_s))
    return PlantTotals(
        over_s=over_s,
        uplink=_link_totals(cell, "uplink", packets, clock),
        downlink=_link_totals(cell, "downlink", packets, clock),
        edges=edges,
        cloud=cloud,
        cloud_service_s=sum(min(over_s, each.ended_s) - each.began_s for each in passes),
        dropped_packets=0,
        cloud_evictions=0,
        connected_j=connections.joules,
        open=cell.workload.open,
        figures=power_figures(cell),
    )


def _link_totals(cell: Cell, direction: Direction, packets: PacketRecord, clock: NoteClock) -> LinkTotals:
    """Returns the totals of a link's queue and transmitter up to now. As in the simulator a packet has the transmitter
    from its turn on, though its first bit may have to wait."""
    over_s, station, free_s = clock.now, Station(clock, direction), 0.0
    own = [each for each in packets.attempts if each.direction == direction and each.joined_s <= over_s]
    visits = []
    for attempt in own:
        visits.append((attempt.joined_s, max(attempt.joined_s, free_s), attempt.left_s))
        free_s = attempt.left_s
    for visit in sorted(visits):
        station.book(visit)
    sent = [each for each in own if each.began_s <= over_s]
    return LinkTotals(
        [station],
        [sum(each.sent.bits for each in sent)],
        [cell.workload.devices],
        [union_s(sent, over_s)],
        [link(cell, direction).on_air(sends=direction == "uplink")],
    )
