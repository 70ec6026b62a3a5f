"""The link between the hosts of a real run, against the simulated link: the same packets leave, arrive and are lost at
the same times, to the bit, when they join at the same times."""

from collections.abc import Sequence
from functools import partial
from math import isnan
from typing import Any

import pytest
import simpy
from cells import cell
from plants import AirWatch

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.results.observer import Airing
from simulator.testbed.journal import PacketSent
from simulator.testbed.network.emulated_link import EmulatedLink, RelayedPacket, by_kernel
from simulator.testbed.packet_header import Datagram, Direction, MessageAddress, PacketHeader, PacketKind, SocketAddress
from simulator.testbed.plan import DIRECTIONS, link
from simulator.timing.link import Link
from simulator.timing.messages import Message

EDGE, CLOUD = SocketAddress.of("10.77.0.1", 5000), SocketAddress.of("10.77.0.2", 4000)
BURSTS = {"kind": "gilbert_elliott", "to_bad": 0.2, "to_good": 0.4}
RATES: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant", "bps": 20_000},
    "at once": {"kind": "constant", "bps": "inf"},
    "token bucket": {"kind": "token_bucket", "bps": 20_000, "burst_bits": 5_000},
    "token bucket with a peak": {"kind": "token_bucket", "bps": 20_000, "burst_bits": 5_000, "peak_bps": 60_000},
    "duty cycle": {"kind": "lora", "bandwidth_hz": 500_000, "duty": 0.3},
    "mahimahi": {"kind": "mahimahi"},
    "rayleigh": {"kind": "rayleigh", "bandwidth_hz": 10_000},
    "trace": {"kind": "trace", "points": [[0, 8_000], [1, 50_000], [2, 0]], "period_s": 3},
    "outages": {"kind": "random_outages", "rate": {"kind": "constant", "bps": 30_000}, "mean_up_s": 2, "mean_out_s": 1},
}
LOSSES: dict[str, dict[str, Any]] = {
    "independent": {"kind": "bernoulli", "probability": 0.3},
    "bursts of packets": BURSTS,
    "bursts in time": BURSTS | {"per": "second", "to_bad": 1, "to_good": 1},
    "bit errors": {"kind": "bit_errors", "bit_error_rate": 3e-4},
}
DELAYS: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant", "delay_s": 0.05},
    "in order": {"kind": "jitter", "delay_s": 0.02, "jitter_s": 0.05},
    "overtaking": {"kind": "jitter", "delay_s": 0.02, "jitter_s": 0.05, "reorder": True},
}


def of(ack_bits: int = 0, **changes: Any) -> Cell:
    arq = {"kind": "selective_repeat", "timeout_s": 0.3, "ack_bits": ack_bits}
    settings = {"mtu_bits": 1_200, "rate": RATES["constant"], "loss": LOSSES["independent"], "arq": arq, **changes}
    workload = {"kind": "closed", "requests": 2, "devices": 3}
    return cell(uplink=settings, downlink=settings, workload=workload)


def simulated(given: Cell, until_s: float = 20.0) -> dict[str, list[Airing]]:
    """Messages of all sizes, now together, now apart, up and down, repeats and acknowledgements and all."""
    env, watch = simpy.Environment(), AirWatch()
    links = {}
    for direction in DIRECTIONS:
        links[direction] = Link(
            env, link(given, direction), Uniforms.of(given.seed, direction), direction, lambda _: 0.05, watch
        )
    links["uplink"].reverse = lambda _: links["downlink"]
    links["downlink"].reverse = lambda _: links["uplink"]
    uniform = Uniforms.of(0, "messages").uniform
    for number in range(60):
        for place_, direction in enumerate(links):
            content = bytes(int(300 * uniform(number, place_, 0)))
            message = Message((number % given.workload.devices, 0, number + 1), (content,), lambda _: None)
            at_s = 0.2 * int(40 * uniform(number, place_, 1)) + uniform(number, place_, 2) * (number % 2)
            env.timeout(at_s).callbacks.append(partial(lambda put, what, _: put(what), links[direction].put, message))
    env.run(until=until_s)
    return {name: [each for each in watch.airings if each.link == name] for name in links}


def entering(link_: EmulatedLink, airing: Airing, header_bits: int) -> RelayedPacket:
    """What the relay would make of the packet."""
    acknowledges = airing.fragment < 0
    up = (airing.link == "uplink") != acknowledges
    address = MessageAddress(PacketKind.PAYLOAD if up else PacketKind.REPLY, *airing.address)
    fragment = -airing.fragment - 1 if acknowledges else airing.fragment
    header = PacketHeader(address, fragment, airing.attempt, note=PacketKind.ACK if acknowledges else None)
    content = bytes(0 if acknowledges else (airing.bits - header_bits) // 8)
    datagram = Datagram(EDGE, CLOUD, header.pack() + content)
    return link_.relayed(header, datagram, datagram.pack())


def relayed(link_: EmulatedLink, airings: Sequence[Airing], header_bits: int) -> list[PacketSent]:
    """The same packets, joining when those did."""
    found = []
    for airing in airings:
        while link_.due_s <= airing.joined_s:
            found.append(link_.leave()[1])
        at_once = link_.join(entering(link_, airing, header_bits), airing.joined_s)
        found += [at_once] if at_once else []
    while len(found) < len(airings):
        found.append(link_.leave()[1])
    return found


def check(given: Cell) -> list[Airing]:
    """The real link passes what the simulated one did, at the same times to the bit."""
    all_: list[Airing] = []
    for direction, airings in simulated(given).items():
        direction_: Direction = "uplink" if direction == "uplink" else "downlink"
        aired = relayed(EmulatedLink(given, direction_), airings, link(given, direction_).header_bits)
        arrive_s = [None if isnan(each.arrives_s) else each.arrives_s for each in airings]
        expected = [(each.address, each.attempt, each.bits, each.began_s, each.left_s) for each in airings]
        assert [(each.address.message_index, *each[2:4], each.began_s, each.left_s) for each in aired] == expected
        assert [each.arrives_s for each in aired] == arrive_s
        assert [each.fragment for each in aired] == [max(each.fragment, -each.fragment - 1) for each in airings]
        assert [each.note for each in aired] == ["ACK" if each.fragment < 0 else None for each in airings]
        all_ += airings
    assert len(all_) > 100
    return all_


CHANGES: dict[str, dict[str, Any]] = {
    **{name: {"rate": RATES[name], "mtu_bits": None if name.startswith("token") else 1_200} for name in RATES},
    **{name: {"loss": LOSSES[name], "rate": RATES["rayleigh"]} for name in LOSSES},
    **{name: {"delay": DELAYS[name]} for name in DELAYS},
}


@pytest.mark.parametrize("name", CHANGES)
def test_packets_leave_arrive_and_are_lost_as_in_the_simulator(name: str) -> None:
    given = of(**CHANGES[name])
    assert not by_kernel(given.uplink)
    airings = check(given)
    assert any(each.attempt for each in airings)
    assert 0 < sum(isnan(each.arrives_s) for each in airings) < len(airings)


def test_acknowledgements_that_cost_bits_take_their_turn_and_their_chances() -> None:
    airings = check(of(ack_bits=400))
    acks = [each for each in airings if each.fragment < 0]
    assert any(each.attempt for each in acks), "none was acknowledged twice"
    assert any(isnan(each.arrives_s) for each in acks)


@pytest.mark.parametrize("ack_loss", LOSSES)
def test_free_acknowledgements_are_lost_for_the_packets_of_which_the_simulator_loses_them(ack_loss: str) -> None:
    given = of(arq={"kind": "selective_repeat", "timeout_s": 0.3, "ack_loss": LOSSES[ack_loss]})
    airings = simulated(given)["uplink"]
    link_ = EmulatedLink(given, "uplink")
    relayed(link_, airings, 320)
    uniforms = Uniforms.of(given.seed, "uplink")
    uplink = Link(simpy.Environment(), given.uplink, uniforms, "uplink", lambda _: 0.05, horizon_s=1e9)
    transmitter, lost, expected = uplink.sender(0).transmitter, [], []
    for each in (each for each in airings if not isnan(each.arrives_s)):
        rate_bps = each.bits / (each.left_s - each.began_s)
        index = (*each.address, each.fragment, each.attempt)
        expected.append(transmitter.ack_loss.lost(each.left_s, 320, rate_bps, index))
        address = MessageAddress(PacketKind.PAYLOAD, *each.address)
        lost.append(link_.loses_ack(PacketHeader(address, each.fragment, each.attempt)))
    assert lost == expected
    assert 0 < sum(lost) < len(lost)


def some_packet(link_: EmulatedLink, number: int = 1) -> RelayedPacket:
    header = PacketHeader(MessageAddress(PacketKind.PAYLOAD, 0, 0, number), 0, 0)
    datagram = Datagram(EDGE, CLOUD, header.pack() + bytes(10))
    return link_.relayed(header, datagram, datagram.pack())


def test_where_the_kernel_shapes_a_packet_that_joins_has_left() -> None:
    given = of(rate=RATES["token bucket"], loss={"kind": "none"})
    assert by_kernel(given.uplink)
    link_ = EmulatedLink(given, "uplink")
    aired = link_.join(some_packet(link_), 1.5)
    assert aired is not None
    assert (aired.began_s, aired.left_s, aired.arrives_s) == (1.5, 1.5, 1.5 + given.uplink.delay.mean_s)
