"""The near end of a real link, over loopback sockets: what the simulated link does about the same losses, it does at
the same instants."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import simpy
from links import Given
from plants import AirWatch
from udp_air import ROOM_BYTES, TIMEOUT_S, World, cell, letter, played

from channels.link.link_config import answer_s
from channels.link.losses import PacketIndex
from channels.uniforms import Uniforms
from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.testbed.journal import Acked, Attempted, Put, Withdrawn
from simulator.testbed.letters import Header, Kind, Letter
from simulator.timing.link import Link
from simulator.timing.messages import Message

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
    env, air = simpy.Environment(), AirWatch()
    links = {}
    for name, config, back in (("uplink", of.uplink, of.downlink), ("downlink", of.downlink, of.uplink)):
        arq = config.arq.model_copy(update={"ack_loss": Given(by=Script(deaf))})
        scripted = config.model_copy(update={"loss": Given(by=Script(lost)), "arq": arq})
        back_s = answer_s(config, back)
        links[name] = Link(env, scripted, Uniforms.of(of.seed, name), name, lambda _, s=back_s: s, air)  # type: ignore[misc]
    links["uplink"].reverse = lambda _: links["downlink"]
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
        pytest.param({"ack_bits": 800, "window": 5}, LOST | ACKS_LOST, set(), id="acknowledgements that queue"),
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


def test_a_packet_that_waits_for_the_link_never_times_out() -> None:
    """20 packets of 1,000 bits at 4 kbit/s: the last waits for 5 s, 125 timeouts."""
    world = played(cell(bps=4000), lambda world: world.edge.put(letter(20 * ROOM_BYTES)))
    assert world.air.left_s[0, 0, 1, 19, 0] == pytest.approx(5.0)
    assert {each.attempt for each in world.notes["edge 0"].of(Attempted)} == {0}
    assert len(world.notes["edge 0"].of(Acked)) == 20


def test_a_device_that_states_no_window_has_that_of_its_link() -> None:
    """1 Mbit/s for the way there, the way back and the timer, in bare headers: 52,000 bits, 163 packets."""
    world = played(cell(), lambda world: world.edge.put(letter(200 * ROOM_BYTES)))
    assert sum(each.at_s == 0.0 for each in world.notes["edge 0"].of(Attempted)) == 163
    assert len(world.notes["edge 0"].of(Attempted)) == 200


def test_a_reply_stops_what_it_acknowledges_and_lets_others_go() -> None:
    """Window 2: of the first letter's five packets two are under way, lost for good, when the reply comes, and none of
    the second, which it acknowledges too."""
    first, second, third = (letter(count * ROOM_BYTES, round_) for count, round_ in ((5, 1), (3, 2), (1, 3)))

    def script(world: World) -> None:
        for each in (first, second, third):
            world.edge.put(each)
        world.at(0.1, world.edge.acknowledge, first.address, second.address)

    gone: set[PacketIndex] = {(0, 0, 1, fragment, attempt) for fragment in (0, 1) for attempt in range(9)}
    world = played(cell(arq={"window": 2}), script, gone)
    notes = world.notes["edge 0"]
    assert notes.of(Withdrawn) == [Withdrawn(each.address, pytest.approx(0.1)) for each in (second, first)]
    assert {each.fragment for each in notes.of(Attempted) if each.address == first.address} == {0, 1}
    assert max(each.at_s for each in notes.of(Attempted) if each.address == first.address) < 0.1
    assert second.address not in {each.address for each in notes.of(Attempted)}
    assert [each.at_s for each in notes.of(Attempted) if each.address == third.address] == [pytest.approx(0.1)]
    assert world.letters("cloud") == [third]
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


def test_a_notice_of_an_earlier_attempt_says_nothing_of_this_one() -> None:
    """At 10 kbit/s the attempts of two packets take 0.1 s each: the second attempt of the first waits from 0.14 s on,
    and is still in the queue when its letter is withdrawn."""

    def script(world: World) -> None:
        world.edge.put(letter(2 * ROOM_BYTES))
        world.at(0.16, world.air.slip, Header(letter(0).address, 0, 0, last=False, note=Kind.LEFT).pack(), "edge")
        world.at(0.18, world.edge.withdraw, letter(0).address)

    world = played(cell(bps=10_000), script, {(0, 0, 1, 0, 0)})
    assert world.edge.vain == 2


def test_a_packet_that_pauses_does_not_go_when_its_letter_is_withdrawn() -> None:
    def script(world: World) -> None:
        world.edge.put(letter(10))
        world.at(0.1, world.edge.withdraw, letter(0).address)

    lost: set[PacketIndex] = {(0, 0, 1, 0, attempt) for attempt in range(99)}
    world = played(cell(arq={"max_attempts": 1, "timeout_max_s": 0.1}), script, lost)
    assert len(world.notes["edge 0"].of(Attempted)) == 1


def test_an_acknowledgement_that_overtakes_the_notice_is_no_round_trip_since_the_beginning_of_time() -> None:
    """The timer learns nothing wrong from it: a packet lost later is repeated after the least timeout."""
    arq = {"timer": {"kind": "jacobson", "min_s": 0.02}}

    def script(world: World) -> None:
        world.at(4.0, world.edge.put, letter(10))
        world.at(4.0001, world.air.slip, Header(letter(0).address, 0, 0, note=Kind.ACK).pack(), "edge")
        world.at(5.0, world.edge.put, letter(10, 2))

    world = played(cell(arq=arq), script, {(0, 0, 2, 0, 0)})
    first, second = (each.at_s for each in world.notes["edge 0"].of(Attempted)[1:])
    assert second - first == pytest.approx(0.02, abs=0.001)


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
        (None, 64_961, "mtu_bits = None: a letter of 64961 bytes needs a limit: one packet holds at most 64960"),
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
