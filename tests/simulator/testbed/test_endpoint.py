"""A host's end of a real link, over loopback sockets: what the simulated link does about the same losses, it does at the
same instants, and beside that it survives whatever the network does to it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

import pytest
import simpy
from links import Given
from two_ways import OnAir
from udp_air import World, letter, played

from channels.link.link_config import answer_s
from channels.link.losses import PacketIndex
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.testbed import sockets
from simulator.testbed.endpoint import Addresses, Endpoint, Places
from simulator.testbed.journal import Acked, Arrived, Attempted, Put, Withdrawn
from simulator.testbed.letters import Header, Kind, Letter
from simulator.timing.link import Link
from simulator.timing.messages import Message

TIMEOUT_S = 0.04
ROOM_BYTES = 85
LOST: set[PacketIndex] = {
    *((0, 0, 1, 0, attempt) for attempt in range(5)),
    (0, 0, 1, 3, 0),
    *((0, 0, 1, 7, attempt) for attempt in range(3)),
    (0, 0, 2, 1, 0),
    (0, 0, 2, 1, 1),
    (0, 1, 0, 0, 0),
}
DEAF: set[PacketIndex] = {(0, 0, 1, 2, 0), (0, 0, 1, 2, 1), (0, 0, 2, 0, 0), (0, 1, 0, 2, 0)}
ACKS_LOST: set[PacketIndex] = {(0, 0, 1, -3, 0), (0, 0, 1, -3, 1), (0, 0, 2, -1, 0), (0, 1, 0, -3, 0)}
PUTS = [(0.0, letter(900, 1)), (0.0031, letter(200, 2)), (0.1503, letter(300, 0, Kind.PROMPT, request=1))]


def cell(devices: int = 1, arq: dict[str, Any] | None = None, bps: float = 1e6) -> Cell:
    """1 Mbit/s up and down, 5 ms and 7 ms away, 85 bytes a packet, unless said otherwise."""
    way = {
        "rate": {"kind": "constant", "bps": bps},
        "mtu_bits": 320 + 8 * ROOM_BYTES,
        "arq": {"kind": "selective_repeat", "timeout_s": TIMEOUT_S, "timer_jitter": 0, **(arq or {})},
    }
    delays = {name: {"kind": "constant", "delay_s": delay_s} for name, delay_s in (("up", 0.005), ("down", 0.007))}
    ways = {"uplink": way | {"delay": delays["up"]}, "downlink": way | {"delay": delays["down"]}}
    return Cell.model_validate({"workload": {"kind": "closed", "devices": devices}, **ways})


class Script:
    """Loses what it is given."""

    def __init__(self, lost: set[PacketIndex]) -> None:
        self._lost = lost

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        return index in self._lost


def simulated(
    of: Cell, puts: list[tuple[float, Letter]], lost: set[PacketIndex], deaf: set[PacketIndex]
) -> tuple[list[tuple[PacketIndex, float]], dict[tuple[int, int, int], float]]:
    """When each attempt on the uplink joins its queue, and when each message is delivered, in the simulator."""
    env, air = simpy.Environment(), OnAir()
    links = {}
    for name, config, back in (("uplink", of.uplink, of.downlink), ("downlink", of.downlink, of.uplink)):
        arq = config.arq.model_copy(update={"ack_loss": Given(by=Script(deaf))})
        scripted = config.model_copy(update={"loss": Given(by=Script(lost)), "arq": arq})
        back_s = answer_s(config, back)
        links[name] = Link(env, scripted, Uniforms.of(of.seed, name), name, lambda _, s=back_s: s, air)  # type: ignore[misc]
    links["uplink"].way_back.reverse = lambda _: links["downlink"]
    delivered = {}

    def deliver(message: Message) -> None:
        delivered[message.index] = env.now

    for at_s, (address, content) in puts:
        message = Message(address.message, (content,), deliver)
        env.timeout(at_s).callbacks.append(lambda _, each=message: links["uplink"].put(each))
    env.run()
    ups = [((*each.address, each.fragment, each.attempt), each.joined_s) for each in air.airings if each.fragment >= 0]
    return sorted(ups), delivered


def put_all(world: World) -> None:
    for at_s, each in PUTS:
        world.at(at_s, world.edge.put, each)


@pytest.mark.parametrize(
    ("arq", "lost", "deaf"),
    [
        pytest.param({}, LOST, DEAF, id="free acknowledgements"),
        pytest.param({"ack_bits": 400}, LOST | ACKS_LOST, set(), id="acknowledgements that queue"),
        pytest.param({"window": 3, "timer_jitter": 0.5}, LOST, DEAF, id="a narrow window, timers drawn out"),
        pytest.param({"kind": "stop_and_wait", "timer_jitter": 0.1}, LOST, DEAF, id="stop and wait"),
        pytest.param({"backoff": 2, "timeout_max_s": 0.1}, LOST, DEAF, id="back-off"),
        pytest.param(
            {"timer": {"kind": "jacobson", "min_s": 0.02}, "backoff": 2, "window": 4}, LOST, DEAF, id="learned timers"
        ),
        pytest.param(
            {"max_attempts": 2, "timeout_max_s": 0.12, "window": 4, "timer_jitter": 0.3}, LOST, DEAF, id="pauses"
        ),
    ],
)
def test_attempts_go_when_those_of_the_simulated_link_do(
    arq: dict[str, Any], lost: set[PacketIndex], deaf: set[PacketIndex]
) -> None:
    """The same packets, as often, at the same instants to a microsecond; letters arrive once, whole, and when they
    arrive there."""
    of = cell(arq=arq)
    world = played(of, put_all, lost, deaf)
    attempts = [((*a.address.message, a.fragment, a.attempt), a.at_s) for a in world.notes["edge 0"].of(Attempted)]
    expected, delivered = simulated(of, PUTS, lost, deaf)
    assert Counter(index[:4] for index, _ in attempts) == Counter(index[:4] for index, _ in expected)
    assert sorted(attempts) == [(index, pytest.approx(at_s, abs=1e-6)) for index, at_s in expected]
    assert sorted(world.letters("cloud")) == sorted(each for _, each in PUTS)
    for at_s, each in world.heard["cloud"]:
        assert at_s == pytest.approx(delivered[each.address.message], abs=1e-6)


def test_a_journal_has_all_that_became_of_a_letter() -> None:
    sent = letter(200)
    world = played(cell(), lambda world: world.edge.put(sent), {(0, 0, 1, 1, 0)}, {(0, 0, 1, 2, 0)})
    at_edge, at_cloud = world.notes["edge 0"], world.notes["cloud"]
    assert at_edge.of(Put) == [Put(sent.address, sent.content.hex(), 0.0)]
    sizes = [(each.fragment, each.attempt, each.bits) for each in at_edge.of(Attempted)]
    assert sizes == [(0, 0, 1000), (1, 0, 1000), (2, 0, 560), (1, 1, 1000), (2, 1, 560)]
    assert [each.fragment for each in at_edge.of(Acked)] == [0, 1, 2]
    assert at_edge.of(Withdrawn) == []
    ((heard_s, heard),) = world.heard["cloud"]
    assert heard == sent
    assert at_cloud.events == [Arrived(sent.address, heard_s)]
    assert len(at_edge.events) == 9


def test_a_packet_that_waits_for_the_link_never_times_out() -> None:
    """20 packets of 1,000 bits at 4 kbit/s: the last waits for 5 s, 125 timeouts."""
    world = played(cell(bps=4000), lambda world: world.edge.put(letter(20 * ROOM_BYTES)))
    assert world.air.left_s[0, 0, 1, 19, 0] == pytest.approx(5.0)
    assert {each.attempt for each in world.notes["edge 0"].of(Attempted)} == {0}
    assert len(world.notes["edge 0"].of(Acked)) == 20


def test_a_reply_stops_what_it_acknowledges_and_lets_others_go() -> None:
    """Window 2: of the first letter's five packets two are under way, lost for good, when the reply comes."""
    first, second = letter(5 * ROOM_BYTES, 1), letter(ROOM_BYTES, 2)

    def script(world: World) -> None:
        world.edge.put(first)
        world.edge.put(second)
        world.at(0.1, world.edge.acknowledge, first.address)

    gone: set[PacketIndex] = {(0, 0, 1, fragment, attempt) for fragment in (0, 1) for attempt in range(9)}
    world = played(cell(arq={"window": 2}), script, gone)
    notes = world.notes["edge 0"]
    assert notes.of(Withdrawn) == [Withdrawn(first.address, pytest.approx(0.1))]
    assert {each.fragment for each in notes.of(Attempted) if each.address == first.address} == {0, 1}
    assert max(each.at_s for each in notes.of(Attempted) if each.address == first.address) < 0.1
    assert [each.at_s for each in notes.of(Attempted) if each.address == second.address] == [pytest.approx(0.1)]
    assert world.letters("cloud") == [second]
    assert world.edge.vain == 0


def test_a_letter_withdrawn_in_the_queue_is_counted_as_vain() -> None:
    """4 packets at 10 kbit/s take 0.1 s each: at 0.25 s two have left, one is on the air, one waits behind it."""

    def script(world: World) -> None:
        world.edge.put(letter(4 * ROOM_BYTES))
        world.at(0.25, world.edge.withdraw, letter(0).address)
        world.at(0.26, world.edge.withdraw, letter(0).address)

    world = played(cell(bps=10_000), script)
    assert world.edge.vain == 2
    assert len(world.notes["edge 0"].of(Withdrawn)) == 1


def test_each_device_has_a_window_of_its_own_at_the_cloud() -> None:
    """Stop and wait: what one device does not hear holds back nothing of the other's."""
    replies = [letter(10, round_, Kind.REPLY, device) for device in (0, 1) for round_ in (1, 2)]

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
    junk = [each for each in junk if len(each) < 12 or each[0] & 0x7F > 7 or each[9] > 7]
    address = letter(0).address
    bad = [
        Header(address._replace(device=9), 0, 0),
        Header(address._replace(kind=Kind.REPLY), 0, 0),
        Header(address._replace(kind=Kind.LEFT), 0, 0),
        Header(address._replace(kind=Kind.ACK), 0, 0, note=Kind.ACK),
    ]
    junk += [each.pack() for each in bad]
    harmless = [Header(address, 77, 0, note=note).pack() for note in (Kind.ACK, Kind.LEFT)]
    harmless.append(Header(address._replace(request=5), 0, 0, epoch=3).pack())

    def script(world: World) -> None:
        for each in junk + harmless:
            world.air.slip(each)
        for each in harmless[:2]:
            world.air.slip(each, "edge")
        world.edge.put(letter(300))

    world = played(cell(), script)
    assert world.cloud.strange == len(junk) > 80
    assert world.letters("cloud") == [letter(300)]


def test_an_acknowledgement_that_overtakes_the_notice_is_no_round_trip_since_the_beginning_of_time() -> None:
    """The timer learns nothing wrong from it: a packet lost later is repeated after the least timeout."""
    arq = {"timer": {"kind": "jacobson", "min_s": 0.02}}

    def script(world: World) -> None:
        world.edge.put(letter(10))
        world.at(0.0001, world.air.slip, Header(letter(0).address, 0, 0, note=Kind.ACK).pack(), "edge")
        world.at(5.0, world.edge.put, letter(10, 2))

    world = played(cell(arq=arq), script, {(0, 0, 2, 0, 0)})
    first, second = (each.at_s for each in world.notes["edge 0"].of(Attempted)[1:])
    assert second - first == pytest.approx(0.02, abs=0.001)


def test_a_new_epoch_is_heard_of_and_all_begins_anew() -> None:
    """The cloud is killed with a letter half there; its successor says hello; the edge puts the same letter again."""
    sent, hello = letter(300), letter(1, 0, Kind.HELLO)

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
        world.at(0.5, begin, world)

    def begin(world: World) -> None:
        assert world.letters("edge 0") == [hello]
        world.edge.begin_anew(1)
        world.edge.put(sent)

    tasks: list[asyncio.Task[None]] = []
    world = played(cell(), script, {(0, 0, 0, 0, 0)}, {(0, 0, 0, 0, 1)})
    assert tasks[0].exception() is None
    assert world.letters("edge 0") == [hello], "once, though its acknowledgement was lost"
    assert world.letters("cloud") == [sent], "from an edge of its own epoch only"
    notes = world.notes["edge 0"]
    assert [each.address for each in notes.of(Withdrawn)] == [letter(0, 7).address, sent.address]
    assert {each.at_s > 0.5 for each in notes.of(Acked)} == {True}
    assert [each.attempt for each in notes.of(Attempted) if each.at_s >= 0.5] == [0, 0, 0, 0]


def test_a_packet_that_the_kernel_refuses_is_sent_again_after_its_timer() -> None:
    """To the broadcast address, which a plain socket may not write to."""

    def script(world: World) -> None:
        nowhere = Places(("255.255.255.255", 9), ("255.255.255.255", 9))
        world.edge._addresses = Addresses(world.edge._addresses.own, {0: nowhere})
        world.edge.put(letter(10))

    world = played(cell(), script, until_s=0.1)
    times_s = [each.at_s for each in world.notes["edge 0"].of(Attempted)]
    assert times_s == [pytest.approx(TIMEOUT_S * attempt) for attempt in range(3)]


def test_the_run_begins_with_senders_that_know_nothing_of_the_warm_up() -> None:
    """Back-off grows in the warm-up, and not into the run."""

    def script(world: World) -> None:
        world.edge.put(letter(10, 1))
        world.at(2.0, world.notes["edge 0"].start, 0.0)
        world.at(3.0, world.edge.put, letter(10, 2))

    gone: set[PacketIndex] = {*((0, 0, 1, 0, attempt) for attempt in range(4)), (0, 0, 2, 0, 0)}
    world = played(cell(arq={"backoff": 2}), script, gone, running=False)
    notes = world.notes["edge 0"]
    assert [type(each) for each in notes.events] == [Put, Attempted, Attempted, Acked]
    first, second = (each.at_s for each in notes.of(Attempted))
    assert second - first == pytest.approx(TIMEOUT_S, abs=0.001)


@pytest.mark.parametrize(
    ("mtu_bits", "bytes_", "message"),
    [
        (320 + 8, 256, "mtu_bits = 328: a letter of 256 bytes needs 256 packets of it, at most 255 are allowed"),
        (None, 65_496, "mtu_bits = None: a letter of 65496 bytes needs a limit: one packet holds at most 65495"),
    ],
)
def test_a_letter_that_no_packets_carry_is_refused(mtu_bits: int | None, bytes_: int, message: str) -> None:
    of = cell()
    of = of.model_copy(update={"uplink": of.uplink.model_copy(update={"mtu_bits": mtu_bits})})

    def script(world: World) -> None:
        with pytest.raises(ConfigError) as refusal:
            world.edge.put(letter(bytes_))
        assert str(refusal.value) == message
        world.edge.put(letter(bytes_ - 1))

    world = played(of, script, until_s=0.01)
    assert len(world.notes["edge 0"].of(Put)) == 1


class Full(sockets.socket.socket):
    """A socket whose buffer is full at first."""

    refusals = 3

    def sendto(self, *arguments: Any) -> int:
        if Full.refusals:
            Full.refusals -= 1
            raise BlockingIOError
        return super().sendto(*arguments)


def test_what_the_kernel_has_no_room_for_goes_later_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets.socket, "socket", Full)
    world = played(cell(), lambda world: world.edge.put(letter(300)))
    assert Full.refusals == 0
    assert world.letters("cloud") == [letter(300)]
    assert sorted(world.air.left_s, key=world.air.left_s.__getitem__) == [(0, 0, 1, number, 0) for number in range(4)]


def test_the_addresses_of_a_real_run_are_those_of_its_interfaces() -> None:
    edge, cloud = Addresses.real("edge", 1, 2), Addresses.real("cloud", 0, 2)
    assert edge.own == Places(("10.77.0.1", 5001), ("10.78.0.1", 5001)) == cloud.far[1]
    assert cloud.own == Places(("10.77.0.2", 4000), ("10.78.0.2", 4000)) == edge.far[1]
    assert set(edge.far) == {1}
    assert set(cloud.far) == {0, 1}


def test_it_runs_by_the_machines_clock_too() -> None:
    """Two ends that write to each other without an air: no notice, no repeats, and all is there within a second."""
    heard: list[Letter] = []

    async def play() -> None:
        a, b = Places(("127.0.0.1", 45_871), ("127.0.0.1", 45_872)), Places(("127.0.0.1", 45_873), ("127.0.0.1", 45_874))
        world = World(cell(), None, False)  # type: ignore[arg-type]
        edge = Endpoint(cell(), "edge", 0, world.notes["edge 0"], heard.append, addresses=Addresses(a, {0: b}))
        cloud = Endpoint(cell(), "cloud", 0, world.notes["cloud"], heard.append, addresses=Addresses(b, {0: a}))
        await edge.open()
        await cloud.open()
        edge.put(letter(20_000))
        cloud.put(letter(5_000, 1, Kind.REPLY))
        until_s = time.monotonic() + 5
        while len(heard) < 2 and time.monotonic() < until_s:
            await asyncio.sleep(0.005)
        await edge.close()
        await cloud.close()

    asyncio.run(play())
    assert sorted(heard) == [letter(20_000), letter(5_000, 1, Kind.REPLY)]
