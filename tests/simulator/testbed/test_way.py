"""The air between the hosts of a real run, against the simulated link: the same packets leave, arrive and are lost at
the same times, to the bit, when they join at the same times."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import isnan
from typing import Any

import pytest
import simpy
from cells import cell

from channels.uniforms import Uniforms
from simulator.cell.cell import Cell
from simulator.results.observer import Airing, Observer
from simulator.testbed.air.datagrams import Datagram, place
from simulator.testbed.air.way import Air, Passage
from simulator.testbed.journal import Aired
from simulator.testbed.letters import Address, Header, Kind, Way
from simulator.testbed.plan import Window, by_kernel, link
from simulator.timing.lanes import Lanes
from simulator.timing.link import Link
from simulator.timing.messages import Message

EDGE, CLOUD = place("10.77.0.1", 5000), place("10.77.0.2", 4000)
BURSTS = {"kind": "gilbert_elliott", "to_bad": 0.2, "to_good": 0.4}
RATES: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant", "bps": 20_000},
    "at once": {"kind": "constant", "bps": "inf"},
    "token bucket": {"kind": "token_bucket", "bps": 20_000, "burst_bits": 5_000},
    "token bucket with a peak": {"kind": "token_bucket", "bps": 20_000, "burst_bits": 5_000, "peak_bps": 60_000},
    "duty cycle": {"kind": "duty_cycle", "bps": 40_000, "duty": 0.3},
    "mahimahi": {"kind": "mahimahi"},
    "rayleigh": {"kind": "rayleigh", "bandwidth_hz": 10_000},
    "chain": {"kind": "markov", "bps": [10_000, 60_000]},
    "chain by messages": {"kind": "markov_per_message", "bps": [10_000, 60_000]},
    "trace": {"kind": "trace", "points": [[0, 8_000], [1, 50_000], [2, 0]], "period_s": 3},
    "outages": {"kind": "random_outages", "rate": {"kind": "constant", "bps": 30_000}, "mean_up_s": 2, "mean_out_s": 1},
}
LOSSES: dict[str, dict[str, Any]] = {
    "independent": {"kind": "bernoulli", "probability": 0.3},
    "bursts of packets": BURSTS,
    "bursts in time": BURSTS | {"per": "second", "to_bad": 1, "to_good": 1},
    "bit errors": {"kind": "bit_errors", "bit_error_rate": 3e-4},
    "block errors": {"kind": "block_errors", "snr_db": 6, "coherence_s": 0.1, "bandwidth_hz": 20_000},
}
DELAYS: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant", "delay_s": 0.05},
    "in order": {"kind": "jitter", "delay_s": 0.02, "jitter_s": 0.05},
    "overtaking": {"kind": "jitter", "delay_s": 0.02, "jitter_s": 0.05, "reorder": True},
}


def of(ack_bits: int = 0, **changes: Any) -> Cell:
    arq = {"kind": "selective_repeat", "timeout_s": 0.3, "ack_bits": ack_bits}
    settings = {"mtu_bits": 1_200, "rate": RATES["constant"], "loss": LOSSES["independent"], "arq": arq, **changes}
    return cell(uplink=settings, downlink=settings)


class Watch(Observer):
    """All that was on the air."""

    def __init__(self) -> None:
        self.aired: dict[str, list[Airing]] = {"uplink": [], "downlink": []}

    def on_packet(self, airing: Airing) -> None:
        self.aired[airing.link].append(airing)


def simulated(given: Cell, until_s: float = 20.0) -> dict[str, list[Airing]]:
    """Messages of all sizes, now together, now apart, up and down, repeats and acknowledgements and all."""
    env, watch = simpy.Environment(), Watch()
    ways = {
        way: Link(env, link(given, way), Uniforms.of(given.seed, way), way, lambda _: 0.05, watch)
        for way in ("uplink", "downlink")
    }
    ways["uplink"].reverse = lambda _: ways["downlink"]
    ways["downlink"].reverse = lambda _: ways["uplink"]
    luck = Uniforms.of(0, "messages").uniform
    for number in range(60):
        for place_, way in enumerate(ways):
            content = bytes(int(300 * luck(number, place_, 0)))
            message = Message((number % 3, 0, number + 1), (content,), lambda _: None)
            at_s = 0.2 * int(40 * luck(number, place_, 1)) + luck(number, place_, 2) * (number % 2)
            env.timeout(at_s).callbacks.append(partial(lambda put, what, _: put(what), ways[way].put, message))
    env.run(until=until_s)
    return watch.aired


def entering(air: Air, airing: Airing, header_bits: int) -> Passage:
    """What the relay would make of the packet."""
    acknowledges = airing.fragment < 0
    up = (airing.link == "uplink") != acknowledges
    address = Address(Kind.PAYLOAD if up else Kind.REPLY, *airing.address)
    fragment = -airing.fragment - 1 if acknowledges else airing.fragment
    header = Header(address, fragment, airing.attempt, note=Kind.ACK if acknowledges else None)
    content = bytes(0 if acknowledges else (airing.bits - header_bits) // 8)
    datagram = Datagram(EDGE, CLOUD, header.pack() + content)
    return air.passage(header, datagram, datagram.pack())


def passed(air: Air, airings: Sequence[Airing], header_bits: int) -> list[Aired]:
    """The same packets, joining when those did."""
    found = []
    for airing in airings:
        while air.due_s <= airing.joined_s:
            found.append(air.leave()[1])
        at_once = air.join(entering(air, airing, header_bits), airing.joined_s)
        found += [at_once] if at_once else []
    while len(found) < len(airings):
        found.append(air.leave()[1])
    return found


def check(given: Cell) -> list[Airing]:
    """The real air passes what the simulated one did, at the same times to the bit."""
    all_: list[Airing] = []
    for way, airings in simulated(given).items():
        told: Way = "uplink" if way == "uplink" else "downlink"
        aired = passed(Air(given, told), airings, link(given, told).header_bits)
        assert [(each.address.message, *each[2:7]) for each in aired] == [
            (
                each.address,
                each.attempt,
                each.bits,
                each.began_s,
                each.left_s,
                None if isnan(each.arrives_s) else each.arrives_s,
            )
            for each in airings
        ]
        assert [each.fragment for each in aired] == [max(each.fragment, -each.fragment - 1) for each in airings]
        assert [each.note for each in aired] == ["ACK" if each.fragment < 0 else None for each in airings]
        all_ += airings
    assert len(all_) > 100
    return all_


@pytest.mark.parametrize("rate", RATES)
def test_packets_leave_when_the_simulated_transmitter_lets_them(rate: str) -> None:
    given = of(rate=RATES[rate], mtu_bits=None if rate.startswith("token") else 1_200)
    assert not by_kernel(given.uplink)
    assert any(each.attempt for each in check(given))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_packets_that_the_simulator_loses_are_lost(loss: str) -> None:
    lost = [isnan(each.arrives_s) for each in check(of(loss=LOSSES[loss], rate=RATES["rayleigh"]))]
    assert 0 < sum(lost) < len(lost)


@pytest.mark.parametrize("delay", DELAYS)
def test_packets_travel_as_long_as_in_the_simulator(delay: str) -> None:
    check(of(delay=DELAYS[delay]))


def test_acknowledgements_that_cost_bits_take_their_turn_and_their_chances() -> None:
    airings = check(of(ack_bits=400))
    acks = [each for each in airings if each.fragment < 0]
    assert any(each.attempt for each in acks), "none was acknowledged twice"
    assert any(isnan(each.arrives_s) for each in acks)


@pytest.mark.parametrize("ack_loss", LOSSES)
def test_free_acknowledgements_are_lost_for_the_packets_of_which_the_simulator_loses_them(ack_loss: str) -> None:
    given = of(arq={"kind": "selective_repeat", "timeout_s": 0.3, "ack_loss": LOSSES[ack_loss]})
    airings = simulated(given)["uplink"]
    air = Air(given, "uplink")
    passed(air, airings, 320)
    lanes = Lanes(simpy.Environment(), given.uplink, Uniforms.of(given.seed, "uplink"), lambda _: 0.05, "uplink", 1e9)
    lane, heard, expected = lanes.open_port(0).lane, [], []
    for each in (each for each in airings if not isnan(each.arrives_s)):
        rate_bps = each.bits / (each.left_s - each.began_s)
        index = (*each.address, each.fragment, each.attempt)
        expected.append(lane.ack_loss.lost(each.left_s, 320, rate_bps, index))
        heard.append(air.unheard(Header(Address(Kind.PAYLOAD, *each.address), each.fragment, each.attempt)))
    assert heard == expected
    assert 0 < sum(heard) < len(heard)


def some_passage(air: Air, number: int = 1, kind: Kind = Kind.PAYLOAD) -> Passage:
    header = Header(Address(kind, 0, 0, number), 0, 0)
    datagram = Datagram(EDGE, CLOUD, header.pack() + bytes(10))
    return air.passage(header, datagram, datagram.pack())


def test_where_the_kernel_shapes_a_packet_that_joins_has_left() -> None:
    given = of(rate=RATES["token bucket"], loss={"kind": "none"})
    assert by_kernel(given.uplink)
    air = Air(given, "uplink")
    aired = air.join(some_passage(air), 1.5)
    assert aired is not None
    assert (aired.began_s, aired.left_s, aired.arrives_s) == (1.5, 1.5, 1.5 + given.uplink.delay.mean_s)


def test_while_the_link_is_down_all_that_leaves_is_lost_and_no_luck_of_the_others_changes() -> None:
    given = of(rate=RATES["at once"], loss=BURSTS)
    ends = []
    for down in ((), (Window(2.0, 4.0),)):
        air, of_this = Air(given, "uplink", down), []
        for number in range(60):
            air.join(some_passage(air, number), number / 10)
            of_this.append(air.leave()[1].arrives_s)
        ends.append(of_this)
    untouched, cut = ends
    assert cut[20:40] == [None] * 20
    assert (cut[:20], cut[40:]) == (untouched[:20], untouched[40:])
    assert None in untouched[40:]


def test_the_warm_up_loses_nothing() -> None:
    air = Air(of(rate=RATES["at once"]), "uplink", lossy=False)
    for number in range(50):
        air.join(some_passage(air, number), float(number))
        assert air.leave()[1].arrives_s is not None
    assert not any(air.unheard(some_passage(air, number).header) for number in range(50))


def test_letters_that_the_simulator_does_not_know_have_luck_of_their_own() -> None:
    air = Air(of(), "uplink")
    assert some_passage(air).luck == (0, 0, 1, 0, 0)
    assert len({some_passage(air, kind=kind).luck for kind in (Kind.PAYLOAD, Kind.RESTORE, Kind.HELLO)}) == 3
