"""Endpoints over loopback sockets: what the simulated link does about the same losses, they do at the same instants;
and what else they survive."""

import random
import socket
from collections import Counter
from typing import Any

import pytest
import simpy
from links import Given
from plants import AirWatch
from udp_link import CLOUD, ROOM_BYTES, TIMEOUT_S, LinkWorld, cancel, cell, edge, message, played, put, slip

from channels.link.link_config import answer_s
from channels.link.losses import PacketIndex
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.testbed.journal import MessagePut, MessageReceived, PacketAcknowledged, PacketQueued
from simulator.testbed.packet_header import PacketHeader, PacketKind, RealMessage
from simulator.testbed.plan import EDGE_PORT, FREE, SHAPED
from simulator.testbed.transport import sockets
from simulator.testbed.transport.endpoint import EndpointAddresses, HostSockets
from simulator.timing.link import Link
from simulator.timing.messages import Message

Losses = set[PacketIndex]
LOST: Losses = {
    *((0, 0, 1, 0, attempt) for attempt in range(5)),
    (0, 0, 1, 3, 0),
    *((0, 0, 1, 7, attempt) for attempt in range(3)),
    (0, 0, 2, 1, 0),
    (0, 0, 2, 1, 1),
    (0, 1, 0, 0, 0),
}
DEAF: Losses = {(0, 0, 1, 2, 0), (0, 0, 1, 2, 1), (0, 0, 2, 0, 0), (0, 1, 0, 2, 0)}
ACKS_LOST: Losses = {(0, 0, 1, -3, 0), (0, 0, 1, -3, 1), (0, 0, 2, -1, 0), (0, 1, 0, -3, 0)}
PUTS = [(0.0, message(900, 1)), (0.0031, message(200, 2)), (0.1503, message(300, 0, PacketKind.PROMPT, request=1))]
JACOBSON = {"kind": "jacobson", "min_s": 0.02}
PAYLOAD = message(0).address


class ScriptedLosses:
    def __init__(self, lost: Losses) -> None:
        self._lost = lost

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        return index in self._lost


def simulated(
    of: Cell, puts: list[tuple[float, RealMessage]], lost: Losses, deaf: Losses
) -> tuple[list[tuple[PacketIndex, float]], dict[tuple[int, int, int], float]]:
    """When each attempt on the uplink joins its queue, and when each message is delivered, in the simulator."""
    env, air = simpy.Environment(), AirWatch()
    links = {}
    for name, config, back in (("uplink", of.uplink, of.downlink), ("downlink", of.downlink, of.uplink)):
        arq = config.arq.model_copy(update={"ack_loss": Given(by=ScriptedLosses(deaf))})
        scripted = config.model_copy(update={"loss": Given(by=ScriptedLosses(lost)), "arq": arq})
        back_s = answer_s(config, back)
        links[name] = Link(env, scripted, Uniforms.of(of.seed, name), name, lambda _, s=back_s: s, air)  # type: ignore[misc]
    links["uplink"].reverse = lambda _: links["downlink"]
    delivered = {}

    def deliver(arrived: Message) -> None:
        delivered[arrived.index] = env.now

    for at_s, (address, content) in puts:
        sent = Message(address.message_index, (content,), deliver)
        env.timeout(at_s).callbacks.append(lambda _, each=sent: links["uplink"].put(each))
    env.run()
    ups = [((*each.address, each.fragment, each.attempt), each.joined_s) for each in air.airings if each.fragment >= 0]
    return sorted(ups), delivered


@pytest.mark.parametrize(
    ("arq", "lost", "deaf"),
    [
        pytest.param({}, LOST, DEAF, id="free acknowledgements"),
        pytest.param({"ack_bits": 800, "window": 5}, LOST | ACKS_LOST, set(), id="acknowledgements that queue"),
        pytest.param({"window": 3, "timer_jitter": 0.5}, LOST, DEAF, id="a narrow window, timers drawn out"),
        pytest.param({"kind": "stop_and_wait", "timer_jitter": 0.1}, LOST, DEAF, id="stop and wait"),
        pytest.param({"backoff": 2, "timeout_max_s": 0.1}, LOST, DEAF, id="back-off"),
        pytest.param({"timer": JACOBSON, "backoff": 2, "window": 4}, LOST, DEAF, id="learned timers"),
        pytest.param(
            {"max_attempts": 2, "timeout_max_s": 0.12, "window": 4, "timer_jitter": 0.3}, LOST, DEAF, id="pauses"
        ),
    ],
)
def test_attempts_go_when_those_of_the_simulated_link_do(arq: dict[str, Any], lost: Losses, deaf: Losses) -> None:
    """The same packets, as often, at the same instants to a microsecond; messages arrive once, complete, and when they
    arrive there."""
    of = cell(arq=arq)
    world = played(of, *((at_s, put(each)) for at_s, each in PUTS), lost=lost, deaf=deaf)
    attempts = [((*a.address.message_index, a.fragment, a.attempt), a.at_s) for a in world.noted(PacketQueued)]
    expected, delivered = simulated(of, PUTS, lost, deaf)
    assert Counter(index[:4] for index, _ in attempts) == Counter(index[:4] for index, _ in expected)
    assert sorted(attempts) == [(index, pytest.approx(at_s, abs=1e-6)) for index, at_s in expected]
    assert sorted(world.messages("cloud")) == sorted(each for _, each in PUTS)
    for at_s, each in world.received["cloud"]:
        assert at_s == pytest.approx(delivered[each.address.message_index], abs=1e-6)


def test_a_packet_that_waits_for_the_link_never_times_out() -> None:
    """20 packets of 1,000 bits at 4 kbit/s: the last waits for 5 s, 125 timeouts."""
    world = played(cell(bps=4000), (0, put(message(20 * ROOM_BYTES))))
    assert world.link.left_s[0, 0, 1, 19, 0] == pytest.approx(5.0)
    assert {each.attempt for each in world.noted(PacketQueued)} == {0}
    assert len(world.noted(PacketAcknowledged)) == 20


def test_a_packet_that_waits_for_the_link_times_out_where_nobody_tells_when_it_has_left() -> None:
    """Of two packets of 1,000 bits at 20 kbit/s the first is in after 50 ms, the second after 100; timeouts: 40 ms."""
    world = played(cell(bps=20_000), (0, put(message(2 * ROOM_BYTES))), notices=False)
    attempts = Counter(each.fragment for each in world.noted(PacketQueued))
    assert attempts[1] > attempts[0] > 1
    assert [len(each.content) for _, each in world.received["cloud"]] == [2 * ROOM_BYTES]


def test_a_device_that_states_no_window_has_that_of_its_link() -> None:
    """1 Mbit/s for the way there, the way back and the timer, in bare headers: 52,000 bits, 163 packets."""
    world = played(cell(), (0, put(message(200 * ROOM_BYTES))))
    assert sum(each.at_s == 0.0 for each in world.noted(PacketQueued)) == 163
    assert len(world.noted(PacketQueued)) == 200


def test_a_reply_stops_what_it_acknowledges_and_lets_others_go() -> None:
    """Window 2: of the first message's five packets two are under way, lost for good, when the reply arrives, and none
    of the second, which it acknowledges too."""
    first, second, third = (message(count * ROOM_BYTES, round_) for count, round_ in ((5, 1), (3, 2), (1, 3)))
    gone: Losses = {(0, 0, 1, fragment, attempt) for fragment in (0, 1) for attempt in range(9)}
    script = *((0, put(each)) for each in (first, second, third)), (0.1, cancel(first, second))
    world = played(cell(arq={"window": 2}), *script, lost=gone)
    queued = world.noted(PacketQueued)
    of_first = [each for each in queued if each.address == first.address]
    assert {each.fragment for each in of_first} == {0, 1} and max(each.at_s for each in of_first) < 0.1
    assert second.address not in {each.address for each in queued}
    assert [each.at_s for each in queued if each.address == third.address] == [pytest.approx(0.1)]
    assert world.messages("cloud") == [third]


def test_a_notice_of_an_earlier_attempt_is_not_about_this_one() -> None:
    """At 10 kbit/s the attempts of two packets take 0.1 s each: the second attempt of the first waits from 0.14 s on;
    its own notice comes at 0.3 s, and its timer runs out 0.04 s later."""
    lost, notice = {(0, 0, 1, 0, 0), (0, 0, 1, 0, 1)}, slip(PAYLOAD, last=False, note=PacketKind.LEFT)
    world = played(cell(bps=10_000), (0, put(message(2 * ROOM_BYTES))), (0.16, notice), lost=lost)
    assert [each[1:3] for each in world.noted(PacketQueued)] == [(0, 0), (1, 0), (0, 1), (0, 2)]


def test_a_packet_that_pauses_does_not_go_when_its_message_is_cancelled() -> None:
    lost: Losses = {(0, 0, 1, 0, attempt) for attempt in range(99)}
    script = (0, put(message(10))), *((at_s, cancel(message(0))) for at_s in (0.1, 0.11))
    world = played(cell(arq={"max_attempts": 1, "timeout_max_s": 0.1}), *script, lost=lost)
    assert len(world.noted(PacketQueued)) == 1


def test_an_acknowledgement_that_overtakes_the_notice_is_no_round_trip_since_the_beginning_of_time() -> None:
    """The timer learns nothing wrong from it: a packet lost later is repeated after the least timeout."""
    script = (4.0, put(message(10))), (4.0001, slip(PAYLOAD, note=PacketKind.ACK)), (5.0, put(message(10, 2)))
    world = played(cell(arq={"timer": JACOBSON}), *script, lost={(0, 0, 2, 0, 0)})
    first, second = (each.at_s for each in world.noted(PacketQueued)[1:])
    assert second - first == pytest.approx(0.02, abs=0.001)


def test_the_run_begins_with_senders_that_know_nothing_of_the_warm_up() -> None:
    """Back-off grows in the warm-up, and not into the run."""
    gone: Losses = {*((0, 0, 1, 0, attempt) for attempt in range(4)), (0, 0, 2, 0, 0)}
    starts = (2.0, lambda world: world.notes["edge 0"].start(0.0))
    script = (0, put(message(10, 1))), starts, (3.0, put(message(10, 2)))
    world = played(cell(arq={"backoff": 2}), *script, lost=gone, running=False)
    kinds = [type(each) for each in world.notes["edge 0"].events]
    assert kinds == [MessagePut, PacketQueued, PacketQueued, PacketAcknowledged]
    first, second = (each.at_s for each in world.noted(PacketQueued))
    assert second - first == pytest.approx(TIMEOUT_S, abs=0.001)


@pytest.mark.parametrize(
    ("mtu_bits", "bytes_", "problem"),
    [
        (320 + 8, 256, "mtu_bits = 328: a message of 256 bytes needs 256 packets of it, at most 255 are allowed"),
        (None, 64_961, "mtu_bits = None: a message of 64961 bytes needs a limit: one packet holds at most 64960"),
    ],
)
def test_a_message_that_no_packets_carry_is_refused(mtu_bits: int | None, bytes_: int, problem: str) -> None:
    def refuses(world: LinkWorld) -> None:
        with pytest.raises(ConfigError) as refusal:
            world.edge.put(message(bytes_))
        assert str(refusal.value) == problem

    of = cell()
    of = of.model_copy(update={"uplink": of.uplink.model_copy(update={"mtu_bits": mtu_bits})})
    world = played(of, (0, refuses), (0, put(message(bytes_ - 1))), until_s=0.01)
    assert len(world.noted(MessagePut)) == 1


def test_a_journal_has_all_that_became_of_a_message() -> None:
    sent = message(200)
    script = (0, put(sent)), (0.03, slip(sent.address, note=PacketKind.ACK))
    world = played(cell(), *script, lost={(0, 0, 1, 1, 0)}, deaf={(0, 0, 1, 2, 0)})
    assert world.noted(MessagePut) == [MessagePut(sent.address, sent.content.hex(), 0.0)]
    sizes = [(each.fragment, each.attempt, each.bits) for each in world.noted(PacketQueued)]
    assert sizes == [(0, 0, 1000), (1, 0, 1000), (2, 0, 560), (1, 1, 1000), (2, 1, 560)]
    assert [each.fragment for each in world.noted(PacketAcknowledged)] == [0, 1, 2]
    assert len(world.notes["edge 0"].events) == 9
    ((received_s, received),) = world.received["cloud"]
    assert received == sent
    assert world.notes["cloud"].events == [MessageReceived(sent.address, received_s)]


def test_each_device_has_a_window_of_its_own_at_the_cloud() -> None:
    """Stop and wait: what one device does not receive holds back nothing of the other's."""
    replies = [message(10, round_, PacketKind.REPLY, device) for device in (0, 1) for round_ in (1, 2)]
    gone: Losses = {(0, 0, 1, 0, attempt) for attempt in range(99)}
    script = [(0, put(each)) for each in replies]
    world = played(cell(2, {"kind": "stop_and_wait"}), *script, lost=gone, until_s=2.0)
    assert world.messages("edge 0") == []
    assert world.messages("edge 1") == replies[2:]


def test_bytes_that_are_no_packet_of_this_host_are_counted_and_dropped() -> None:
    """Noise, headers cut short, kinds that do not exist, devices that are not there, what goes the other way; and a
    payload and a reply that are sound, from a socket that is nobody's far end."""
    noise = random.Random(1)
    junk = [noise.randbytes(length) for length in (0, 1, 11, 12, 40, 1400) for _ in range(20)]
    junk = [each for each in junk if len(each) < 12 or each[0] > 10]
    bad = [
        PacketHeader(PAYLOAD._replace(device=9), 0, 0),
        PacketHeader(PAYLOAD._replace(kind=PacketKind.REPLY), 0, 0),
        PacketHeader(PAYLOAD._replace(kind=PacketKind.LEFT), 0, 0),
        PacketHeader(PAYLOAD._replace(kind=PacketKind.ACK), 0, 0, note=PacketKind.ACK),
    ]
    junk += [each.pack() for each in bad]
    junk.append(bytes([PacketKind.PROMPT]) + PacketHeader(PAYLOAD, 0, 0).pack()[1:])
    harmless = [PacketHeader(PAYLOAD, 77, 0, note=note).pack() for note in (PacketKind.ACK, PacketKind.LEFT)]

    def slips(world: LinkWorld) -> None:
        for each in junk + harmless:
            world.link.slip(each)
        for each in harmless[:2]:
            world.link.slip(each, "edge")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            for address, to in ((PAYLOAD, CLOUD.shaped), (message(1, 1, PacketKind.REPLY).address, edge(0).shaped)):
                elsewhere.sendto(PacketHeader(address, 0, 0).pack() + b"\x01", to)

    world = played(cell(), (0, slips), (0, put(message(300))))
    assert world.cloud.strange == len(junk) + 1 > 80 and world.edge.strange == 1 and not world.messages("edge 0")
    assert world.messages("cloud") == [message(300)]


def test_a_real_process_has_the_addresses_of_its_interfaces_and_accepts_its_far_ends_and_the_relay_alone() -> None:
    edge_, cloud = EndpointAddresses.real("edge", 1, 2), EndpointAddresses.real("cloud", 0, 2)
    assert edge_.own == HostSockets(("10.77.0.1", 5001), ("10.78.0.1", 5001)) == cloud.far[1]
    assert cloud.own == HostSockets(("10.77.0.2", 4000), ("10.78.0.2", 4000)) == edge_.far[1]
    assert set(edge_.far) == {1} and set(cloud.far) == {0, 1}
    for host in (SHAPED.edge, FREE.edge, SHAPED.relay):
        assert cloud.accepts(1, (host, EDGE_PORT + 1))
    for device, sender in ((0, (SHAPED.edge, EDGE_PORT + 1)), (2, (SHAPED.edge, EDGE_PORT + 2)), (1, (SHAPED.edge, 9))):
        assert not cloud.accepts(device, sender)


def test_a_packet_that_the_kernel_refuses_is_sent_again_after_its_timer() -> None:
    """To the broadcast address, which a plain socket may not write to."""

    def sends(world: LinkWorld) -> None:
        nowhere = HostSockets(("255.255.255.255", 9), ("255.255.255.255", 9))
        world.edge._addresses = EndpointAddresses(world.edge._addresses.own, {0: nowhere})
        world.edge.put(message(10))

    times_s = [each.at_s for each in played(cell(), (0, sends), until_s=0.1).noted(PacketQueued)]
    assert times_s == [pytest.approx(TIMEOUT_S * attempt) for attempt in range(3)]


class FullSocket(sockets.socket.socket):
    """A socket whose buffer is full at first."""

    refusals = 3

    def sendto(self, *arguments: Any) -> int:
        if FullSocket.refusals:
            FullSocket.refusals -= 1
            raise BlockingIOError
        return super().sendto(*arguments)


def test_what_the_kernel_has_no_room_for_goes_later_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets.socket, "socket", FullSocket)
    world = played(cell(), (0, put(message(300))))
    assert FullSocket.refusals == 0
    assert world.messages("cloud") == [message(300)]
    assert sorted(world.link.left_s, key=world.link.left_s.__getitem__) == [(0, 0, 1, number, 0) for number in range(4)]
