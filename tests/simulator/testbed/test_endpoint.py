"""A host's end of both ways, over loopback sockets: what it tells, what it survives, and how it begins anew."""

from __future__ import annotations

import asyncio
import random
import socket
import time

from udp_air import CLOUD, Notes, World, cell, edge, letter, played

from channels.link.losses import PacketIndex
from simulator.testbed.journal import MessageCancelled, MessagePut, MessageReceived, PacketAcknowledged, PacketQueued
from simulator.testbed.packet_header import PacketHeader, PacketKind, RealMessage
from simulator.testbed.plan import AIR, EDGE_PORT, FREE
from simulator.testbed.transport.endpoint import Endpoint, EndpointAddresses, HostSockets


def test_a_journal_has_all_that_became_of_a_letter() -> None:
    sent = letter(200)

    def script(world: World) -> None:
        world.edge.put(sent)
        world.at(0.03, world.air.slip, PacketHeader(sent.address, 0, 0, note=PacketKind.ACK).pack(), "edge")

    world = played(cell(), script, {(0, 0, 1, 1, 0)}, {(0, 0, 1, 2, 0)})
    at_edge, at_cloud = world.notes["edge 0"], world.notes["cloud"]
    assert at_edge.of(MessagePut) == [MessagePut(sent.address, sent.content.hex(), 0.0)]
    sizes = [(each.fragment, each.attempt, each.bits) for each in at_edge.of(PacketQueued)]
    assert sizes == [(0, 0, 1000), (1, 0, 1000), (2, 0, 560), (1, 1, 1000), (2, 1, 560)]
    assert [each.fragment for each in at_edge.of(PacketAcknowledged)] == [0, 1, 2]
    assert at_edge.of(MessageCancelled) == []
    ((heard_s, heard),) = world.heard["cloud"]
    assert heard == sent
    assert at_cloud.events == [MessageReceived(sent.address, heard_s)]
    assert len(at_edge.events) == 9


def test_each_device_has_a_window_of_its_own_at_the_cloud() -> None:
    """Stop and wait: what one device does not hear holds back nothing of the other's."""
    replies = [letter(10, round_, PacketKind.REPLY, device) for device in (0, 1) for round_ in (1, 2)]

    def script(world: World) -> None:
        for each in replies:
            world.cloud.put(each)

    gone: set[PacketIndex] = {(0, 0, 1, 0, attempt) for attempt in range(99)}
    world = played(cell(2, {"kind": "stop_and_wait"}), script, gone, until_s=2.0)
    assert world.letters("edge 0") == []
    assert world.letters("edge 1") == replies[2:]


def test_bytes_that_are_no_packet_are_counted_and_dropped() -> None:
    """Noise, headers cut short, kinds that do not exist, devices that are not there, what goes the other way."""
    noise = random.Random(1)
    junk = [noise.randbytes(length) for length in (0, 1, 11, 12, 40, 1400) for _ in range(20)]
    junk = [each for each in junk if len(each) < 12 or each[0] & 0x7F > 10 or each[9] > 10]
    address = letter(0).address
    bad = [
        PacketHeader(address._replace(device=9), 0, 0),
        PacketHeader(address._replace(kind=PacketKind.REPLY), 0, 0),
        PacketHeader(address._replace(kind=PacketKind.LEFT), 0, 0),
        PacketHeader(address._replace(kind=PacketKind.ACK), 0, 0, note=PacketKind.ACK),
    ]
    junk += [each.pack() for each in bad]
    junk.append(bytes([PacketKind.PROMPT | 0x80]) + PacketHeader(address, 0, 0).pack()[1:])
    harmless = [PacketHeader(address, 77, 0, note=note).pack() for note in (PacketKind.ACK, PacketKind.LEFT)]
    harmless.append(PacketHeader(address._replace(request=5), 0, 0, epoch=3).pack())

    def script(world: World) -> None:
        for each in junk + harmless:
            world.air.slip(each)
        for each in harmless[:2]:
            world.air.slip(each, "edge")
        world.edge.put(letter(300))

    world = played(cell(), script)
    assert world.cloud.strange == len(junk) > 80
    assert world.letters("cloud") == [letter(300)]


def test_a_sound_packet_from_elsewhere_is_counted_and_dropped() -> None:
    """A payload, and the word that the cloud has begun anew, from a socket that is nobody's far end."""
    stray = [(letter(0).address, CLOUD.air), (letter(1, 0, PacketKind.HELLO).address, edge(0).air)]

    def script(world: World) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            for address, to in stray:
                elsewhere.sendto(
                    PacketHeader(address, 0, 0, epoch=address.kind is PacketKind.HELLO).pack() + b"\x01", to
                )
        world.edge.put(letter(300))

    world = played(cell(), script)
    assert (world.cloud.strange, world.edge.strange, world.letters("edge 0")) == (1, 1, [])
    assert world.letters("cloud") == [letter(300)]


def test_a_real_process_hears_its_far_ends_and_the_air_alone() -> None:
    cloud = EndpointAddresses.real("cloud", 0, 2)
    assert cloud.accepts(1, (AIR.edge, EDGE_PORT + 1)) and cloud.accepts(1, (FREE.edge, EDGE_PORT + 1))
    assert cloud.accepts(1, (AIR.air, EDGE_PORT + 1))
    for device, sender in ((0, (AIR.edge, EDGE_PORT + 1)), (2, (AIR.edge, EDGE_PORT + 2)), (1, (AIR.edge, 9))):
        assert not cloud.accepts(device, sender)


def test_a_new_epoch_is_heard_of_and_all_begins_anew() -> None:
    """The cloud is killed with a letter half there; its successor says hello; the edge puts the same letter again."""
    sent, hello = letter(300), letter(1, 0, PacketKind.HELLO)

    async def restart(world: World) -> None:
        await world.cloud.close()
        await asyncio.sleep(0.2)
        world.cloud = world.cloud_of(1)
        await world.cloud.open()
        await asyncio.sleep(0.2)
        world.cloud.put(hello)

    def script(world: World) -> None:
        world.edge.put(letter(100, 7))
        world.at(0.05, world.edge.put, sent)
        tasks.append(asyncio.get_running_loop().create_task(restart(world)))
        world.at(0.465, begin, world)
        world.at(2.0, world.air.slip, PacketHeader(hello.address, 0, 0).pack() + b"?", "edge")

    def begin(world: World) -> None:
        assert world.letters("edge 0") == [hello]
        world.edge.restart(1)
        world.edge.put(sent)
        for fragment in range(4):
            world.air.slip(PacketHeader(sent.address, fragment, 0, note=PacketKind.ACK).pack(), "edge")

    tasks: list[asyncio.Task[None]] = []
    world = played(cell(), script, {(0, 0, 0, 0, 0)}, {(0, 0, 0, 0, 1)})
    assert tasks[0].exception() is None
    assert world.letters("edge 0") == [hello], "once, though its acknowledgement was lost"
    assert world.letters("cloud") == [sent], "from an edge of its own epoch only"
    notes = world.notes["edge 0"]
    assert [each.address for each in notes.of(MessageCancelled)] == [letter(0, 7).address, sent.address]
    assert min(each.at_s for each in notes.of(PacketAcknowledged)) > 0.465 + 0.012
    assert [each.attempt for each in notes.of(PacketQueued) if each.at_s > 0.465 - 1e-6] == [0, 0, 0, 0]


def test_the_addresses_of_a_real_run_are_those_of_its_interfaces() -> None:
    edge, cloud = EndpointAddresses.real("edge", 1, 2), EndpointAddresses.real("cloud", 0, 2)
    assert edge.own == HostSockets(("10.77.0.1", 5001), ("10.78.0.1", 5001)) == cloud.far[1]
    assert cloud.own == HostSockets(("10.77.0.2", 4000), ("10.78.0.2", 4000)) == edge.far[1]
    assert set(edge.far) == {1}
    assert set(cloud.far) == {0, 1}


def test_it_runs_by_the_machines_clock_too() -> None:
    """Two ends that write to each other without an air: no notice, no repeats, and all is there within a second."""
    heard: list[RealMessage] = []

    async def play() -> None:
        near = Endpoint(cell(), "edge", 0, Notes(), heard.append, addresses=EndpointAddresses(edge(0), {0: CLOUD}))
        cloud = Endpoint(cell(), "cloud", 0, Notes(), heard.append, addresses=EndpointAddresses(CLOUD, {0: edge(0)}))
        await near.open()
        await cloud.open()
        near.put(letter(20_000))
        cloud.put(letter(5_000, 1, PacketKind.REPLY))
        until_s = time.monotonic() + 5
        while len(heard) < 2 and time.monotonic() < until_s:
            await asyncio.sleep(0.005)
        await near.close()
        await cloud.close()

    asyncio.run(play())
    assert sorted(heard) == [letter(20_000), letter(5_000, 1, PacketKind.REPLY)]
