"""Devices that move on a queue that others share: they leave it at a hand-over, and others have their turns.

Beside a queue written a second time, with one device alone as on a link of its own, and in whole cells."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf, isnan, ulp
from typing import Any

import numpy as np
import pytest
import simpy
from cells import cell, link
from plants import AirWatch, Ran, ran

from channels.link.link_config import LinkConfig
from channels.link.mobility import HandOvers, Moving, ScheduledMoves
from channels.link.sharing import Transmitter
from channels.uniforms import Uniforms
from simulator import Cell, ConfigError, simulate
from simulator.decoding.memory import Memory
from simulator.timing.event_loop import later
from simulator.timing.invariants import check_link, check_station
from simulator.timing.link import Link
from simulator.timing.messages import Message, unheard

MEMORY = Memory()
SHARED = ("fifo", "round_robin", "processor")
Put = tuple[float, int, int]
"""(when, device, bits) of a packet."""
Airing = tuple[int, int, float, float, bool]
"""(device, number, began_s, left_s, lost) of a packet."""


# A link alone.


def carried(
    puts: list[Put], moves: dict[int, Moving], down: bool = False, leaves: bool = True, **fields: Any
) -> list[Airing]:
    """What a link of 1 bit/s carries. After each instant nobody waits beside an idle link (I5), and all is accounted
    for (I1, I4)."""
    env, watch = simpy.Environment(), AirWatch()
    arq = {"kind": "selective_repeat", "timeout_s": 1e6, "window": 64}
    config = LinkConfig(**link(1.0, 0.0, **{"header_bits": 0, "arq": arq} | fields))
    hand_overs = {
        device: HandOvers(each, Uniforms.of(0, "tests").under(device), down, leaves) for device, each in moves.items()
    }
    carrier = Link(env, config, Uniforms.of(0, "tests"), "link", lambda _: 0.0, watch, hand_overs=hand_overs)
    messages = [Message((device, 0, number), (bytes(bits // 8),), unheard)
                for number, (_, device, bits) in enumerate(puts)]  # fmt: skip
    for message, (put_s, _, _) in zip(messages, puts, strict=True):
        later(env, put_s, lambda _, message=message: carrier.put(message))  # type: ignore[misc]
    while env.peek() < 5e5:
        env.step()
        if env.peek() > env.now:
            check_link(carrier)
            check_station(carrier.station)
            servers = [each.server for each in carrier.senders._transmitters.values()]
            assert not any(each.present and each.due_s == inf for each in servers), "I5"
            in_service = [each.present if config.sharing.kind == "processor" else not each.free for each in servers]
            assert carrier.station._in_service == sum(in_service)
    assert not carrier.in_flight and not any(each.bound_bits for each in messages)
    assert carrier.bits_sent == sum(each.bits for each in watch.airings)
    return sorted((each.address[0], each.address[2], each.began_s, each.left_s, isnan(each.arrives_s))
                  for each in watch.airings)  # fmt: skip


@dataclass(eq=False)
class Packet:
    device: int
    number: int
    left_bits: float
    put_s: float
    began_s: float | None = None


class Twin:
    """The queue again: from one change to the next, all by floats, no curve and no event loop."""

    def __init__(self, puts: list[Put], moves: dict[int, list[float]], pause_s: float, sharing: str) -> None:
        self.sharing = sharing
        self.coming = deque(Packet(device, number, bits, at_s) for number, (at_s, device, bits) in enumerate(puts))
        self.changes = sorted(
            (at_s + after_s, device, bool(after_s)) for device in moves for at_s in moves[device]
            for after_s in (0.0, pause_s)
        )  # fmt: skip
        self.waiting: list[Packet] = []
        self.sent: list[Packet] = []
        self.away: dict[int, list[Packet]] = {}
        self.turns: list[int] = []
        self.left: list[tuple[Packet, float]] = []

    def run(self) -> list[tuple[Packet, float]]:
        now_s = 0.0
        while self.coming or self.waiting or self.sent or any(self.away.values()):
            share = len(self.sent)
            due_s = min((now_s + each.left_bits * share for each in self.sent), default=inf)
            put_s = self.coming[0].put_s if self.coming else inf
            move_s = self.changes[0][0] if self.changes else inf
            next_s = min(due_s, put_s, move_s)
            for each in self.sent:
                each.left_bits -= (next_s - now_s) / share
            now_s = next_s
            if now_s == due_s:
                gone = min(self.sent, key=lambda each: each.left_bits)
                self.sent.remove(gone)
                self.left.append((gone, now_s))
            elif now_s == put_s:
                self.join(self.coming.popleft())
            else:
                self.move(*self.changes.pop(0)[1:])
            self.start(now_s)
        return self.left

    def join(self, packet: Packet) -> None:
        if packet.device in self.away:
            self.away[packet.device].append(packet)
            return
        self.waiting.append(packet)
        if packet.device not in self.turns:
            self.turns.append(packet.device)

    def move(self, device: int, back: bool) -> None:
        if back:
            for packet in self.away.pop(device):
                self.join(packet)
            return
        self.away[device] = [each for each in (*self.sent, *self.waiting) if each.device == device]
        self.sent = [each for each in self.sent if each.device != device]
        self.waiting = [each for each in self.waiting if each.device != device]
        self.turns = [each for each in self.turns if each != device]

    def start(self, now_s: float) -> None:
        while self.waiting and (self.sharing == "processor" or not self.sent):
            first = self.waiting[0]
            if self.sharing == "round_robin":
                first = next(each for each in self.waiting if each.device == self.turns[0])
                self.turns.remove(first.device)
            self.waiting.remove(first)
            if self.sharing == "round_robin" and any(each.device == first.device for each in self.waiting):
                self.turns.append(first.device)
            first.began_s = now_s if first.began_s is None else first.began_s
            self.sent.append(first)


def drawn(rng: np.random.Generator, movers: int) -> tuple[list[Put], dict[int, list[float]]]:
    puts = list(zip(np.cumsum(rng.exponential(9, 30)).tolist(), rng.integers(0, 4, 30).tolist(),
                    (8 * rng.integers(1, 4, 30)).tolist(), strict=True))  # fmt: skip
    return puts, {device: (np.cumsum(rng.exponential(60, 6) + 12)).tolist() for device in range(movers)}


@pytest.mark.parametrize("sharing", SHARED)
@pytest.mark.parametrize("packets", ["forwarded", "lost"])
@pytest.mark.parametrize("down", [False, True])
def test_a_queue_that_devices_leave_is_that_of_a_twin(sharing: str, packets: str, down: bool) -> None:
    rng, lost, stopped = np.random.default_rng((30, down, packets == "lost")), 0, 0
    for number in range(12):
        puts, at_s = drawn(rng, 1 + number % 4)
        moves = {
            device: ScheduledMoves(at_s=tuple(each), interruption_s=7.0, forwarding_s=11.0, packets=packets)
            for device, each in at_s.items()
        }
        pause_s = 11.0 if down and packets == "forwarded" else 7.0
        expected = []
        for packet, left_s in Twin(puts, at_s, pause_s, sharing).run():
            since_s = packet.put_s if down else packet.began_s
            assert packet.began_s is not None and since_s is not None
            crossed = any(since_s < each < left_s for each in at_s.get(packet.device, ()))
            stopped += any(packet.began_s < each < left_s for each in at_s.get(packet.device, ()))
            expected.append((packet.device, packet.number, packet.began_s, left_s, crossed and packets == "lost"))
        found = carried(puts, moves, down, sharing=sharing)
        assert [(*each[:2], each[4]) for each in found] == [(*each[:2], each[4]) for each in sorted(expected)]
        assert np.allclose([each[2:4] for each in found], [each[2:4] for each in sorted(expected)], atol=1e-6)
        lost += sum(each[4] for each in found)
    assert stopped > 5 and (lost > 5) == (packets == "lost")


def test_others_leave_as_if_who_is_silent_were_not_there() -> None:
    """Device 0 puts 24 bits at 0 s and 8 at 1 s, and moves from 16 s to 36 s; device 1 puts 8 bits each 10 s from 5 s
    on, which finds the link free."""
    moves = {0: ScheduledMoves(at_s=(16.0,), interruption_s=20.0)}
    puts = [(0.0, 0, 24), (1.0, 0, 8), *((5.0 + 10 * number, 1, 8) for number in range(4))]
    found = carried(puts, moves, sharing="fifo")
    rival = [each[2:4] for each in found if each[0] == 1]
    assert rival == [(16.0, 24.0), (24.0, 32.0), (32.0, 40.0), (40.0, 48.0)]
    assert [each[2:4] for each in found if each[0] == 0] == [(0.0, 56.0), (56.0, 64.0)]


CURVES: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant", "bps": 1.0},
    "outages": {"kind": "random_outages", "rate": {"kind": "constant", "bps": 1.0}, "mean_up_s": 30, "mean_out_s": 9},
    "rayleigh": {"kind": "rayleigh", "bandwidth_hz": 1.0, "mean_snr_db": 0.0, "coherence_s": 3.0},
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("packets", ["forwarded", "lost"])
@pytest.mark.parametrize("down", [False, True])
def test_one_device_alone_has_what_it_has_on_a_link_of_its_own(curve: str, packets: str, down: bool) -> None:
    """The link is silent for it alone, or it leaves a queue in which nobody else is: to the last bit of each time, but
    where no delay leads from an event to an instant exactly (`delay_until`)."""
    rng = np.random.default_rng((31, down, packets == "lost"))
    for _ in range(12):
        puts, at_s = drawn(rng, 1)
        puts = [(put_s, 0, bits) for put_s, _, bits in puts]
        moves = {0: ScheduledMoves(at_s=tuple(at_s[0]), interruption_s=7.0, forwarding_s=11.0, packets=packets)}
        own = carried(puts, moves, down, leaves=False, rate=CURVES[curve])
        for sharing in ("fifo", "round_robin"):
            found = carried(puts, moves, down, sharing=sharing, rate=CURVES[curve])
            for one, alone in zip(found, own, strict=True):
                assert (*one[:2], one[4]) == (*alone[:2], alone[4])
                assert all(abs(here - there) <= ulp(here) for here, there in zip(one[2:4], alone[2:4], strict=True))


def test_who_goes_on_pays_the_airtime_beside_its_bits_again() -> None:
    """8 bits behind 2.5 s, of which 5 are out at 7.5 s: after the silence another 2.5 s, and the last 3."""
    moves = {0: ScheduledMoves(at_s=(7.5,), interruption_s=10.0)}
    assert carried([(0.0, 0, 8)], moves, overhead_s=2.5) == [(0, 0, 0.0, 17.5 + 2.5 + 3.0, False)]
    moves = {0: ScheduledMoves(at_s=(1.5,), interruption_s=10.0)}
    assert carried([(0.0, 0, 8)], moves, overhead_s=2.5) == [(0, 0, 0.0, 11.5 + 2.5 + 8.0, False)]


def test_parts_of_a_round_join_one_by_one_where_devices_leave() -> None:
    """What joins later may leave before: a part waits for the one before it to leave, as behind devices in turn."""
    here = {0: HandOvers(ScheduledMoves(), Uniforms.of(0, "tests"), leaves=True)}
    for hand_overs, joined in (({}, 3), (here, 1)):
        env = simpy.Environment()
        config = LinkConfig(**link(1.0, 0.0, header_bits=8, arq={"kind": "selective_repeat", "timeout_s": 1e3}))
        carrier = Link(env, config, Uniforms.of(0, "tests"), "link", lambda _: 0.0, hand_overs=hand_overs)
        carrier.put(Message((0, 0, 1), (b"a", b"b", b"c"), unheard))
        assert carrier.sent == joined
        env.run(50.0)
        assert carrier.sent == carrier.delivered == 3


def test_a_packet_that_stops_is_on_the_air_until_it_waits_for_its_next_turn() -> None:
    """16 bits from 0 s on, away from 4 s to 14 s, behind 8 bits that began at 10 s."""
    env, log = simpy.Environment(), list[tuple[float, str]]()
    moves = {0: HandOvers(ScheduledMoves(at_s=(4.0,), interruption_s=10.0), Uniforms.of(0, "tests"), leaves=True)}
    config = LinkConfig(**link(1.0, 0.0, header_bits=0, arq="selective_repeat"))
    carrier = Link(env, config, Uniforms.of(0, "tests"), "link", lambda _: 0.0, hand_overs=moves)
    carrier.put(Message((0, 0, 0), (b"ab",), unheard, lambda _, course: log.extend(course)))
    later(env, 10.0, lambda _: carrier.put(Message((1, 0, 0), (b"c",), unheard)))
    env.run(50.0)
    assert log[:3] == [(0.0, "transmit"), (14.0, "queue"), (18.0, "transmit")] and log[3][0] == 30.0


def test_what_waits_for_a_device_takes_no_room_from_others() -> None:
    """A buffer of one: while device 0 is away one packet of its own waits beyond its first, and the third is dropped;
    device 1 finds the buffer as if it were alone."""
    moves = {0: ScheduledMoves(at_s=(4.0,), interruption_s=50.0)}
    arq = {"kind": "selective_repeat", "timeout_s": 1e3, "window": 64, "timer_jitter": 0}
    puts = [(0.0, 0, 8), (5.0, 0, 8), (6.0, 0, 8), (10.0, 1, 8), (11.0, 1, 8)]
    found = carried(puts, moves, sharing="fifo", buffer_packets=1, arq=arq)
    times_s = {each[1]: each[3] for each in found}
    assert times_s == {3: 18.0, 4: 26.0, 0: 58.0, 1: 66.0, 2: 6.0 + 1e3 + 8.0}


def test_what_is_cancelled_while_its_device_is_away_is_not_sent_unless_it_had_begun() -> None:
    env, watch = simpy.Environment(), AirWatch()
    config = LinkConfig(**link(1.0, 0.0, header_bits=0, arq={"kind": "selective_repeat", "timeout_s": 1e6}))
    moves = {0: HandOvers(ScheduledMoves(at_s=(4.0,), interruption_s=10.0), Uniforms.of(0, "tests"), leaves=True)}
    carrier = Link(env, config, Uniforms.of(0, "tests"), "link", lambda _: 0.0, watch, hand_overs=moves)
    messages = [Message((0, 0, number), (b"x",), unheard) for number in range(4)]
    for number, message in enumerate(messages):
        later(env, (0.0, 1.0, 5.0, 6.0)[number], lambda _, message=message: carrier.put(message))  # type: ignore[misc]
    later(env, 7.0, lambda _: [carrier.withdraw(each) for each in messages[:3]])
    later(env, 13.0, lambda _: carrier.put(Message((1, 0, 0), (b"x",), unheard)))
    later(env, 15.0, lambda _: carrier.withdraw(messages[3]))
    env.run(100.0)
    assert [(each.address[0], each.address[2], each.left_s) for each in watch.airings] == [(1, 0, 21.0), (0, 0, 25.0)]
    assert (carrier.sent, carrier.delivered, carrier.dropped) == (5, 2, 3)
    assert carrier.bits_sent == 16 and carrier.air_s == pytest.approx(16.0) and messages[0].bound_bits == 0
    check_link(carrier)


def test_a_transmitter_of_ones_own_need_let_nobody_leave() -> None:
    with pytest.raises(NotImplementedError):
        Transmitter.take_out(object(), 0, 0.0)  # type: ignore[arg-type]


# Whole cells.

CLOCK = {"kind": "affine", "base_s": 0.02, "per_token_s": 0.001}
SCHEMES = ("k_sqs", "c_sqs", "tree", "cloud_only", {"kind": "coupled", "depth": 1},
           {"kind": "coupled", "cloud_first": True})  # fmt: skip
ASKED: dict[str, Any] = {
    "kind": "closed", "devices": 3, "distinct": 2, "requests": 1, "prompt_tokens": 8, "output_tokens": 24,
}  # fmt: skip


def shared(sharing: str, mobility: object = "still", scheme: object = "k_sqs", **fields: Any) -> Cell:
    ways = {"uplink": link(4e4, sharing=sharing), "downlink": link(4e5, sharing=sharing)}
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "mobility": mobility}
    cloud = {"batching": "none", "latency": CLOCK}
    return cell(scheme, **{"edge": edge, "cloud": cloud, "workload": ASKED} | ways | fields)


def texts(run: Ran) -> dict[tuple[int, int], tuple[int, ...]]:
    return {(each.device, each.number): tuple(each.tokens) for each in run.requests}


@pytest.mark.parametrize("sharing", SHARED)
@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_text_is_the_same_whatever_moves(sharing: str, scheme: object) -> None:
    still = ran(shared(sharing, scheme=scheme), MEMORY)
    moves: dict[str, Any] = {"kind": "random", "mean_stay_s": 0.2}
    runs = [
        ran(shared(sharing, moves, scheme), MEMORY),
        ran(shared(sharing, moves | {"packets": "lost"}, scheme), MEMORY),
        ran(shared(sharing, moves | {"interruption_s": 0.0}, scheme), MEMORY),
    ]
    for run in runs:
        assert texts(run) == texts(still) and {each.outcome for each in run.requests} == {"answered"}
        assert run.result.summary["hand_overs"] > 0
    assert runs[1].plant.uplinks[0].lost + runs[1].plant.downlinks[0].lost > 0
    assert runs[0].plant.uplinks[0].lost == 0


@pytest.mark.parametrize("sharing", SHARED)
@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only"])
def test_a_run_that_is_watched_is_that_which_is_not(sharing: str, scheme: str) -> None:
    made = shared(sharing, {"kind": "random", "mean_stay_s": 0.2, "packets": "lost"}, scheme)
    quick, watched = simulate(made, memory=MEMORY), ran(made, MEMORY, AirWatch()).result
    assert quick.requests.equals(watched.requests) and quick.rounds.equals(watched.rounds)


@pytest.mark.parametrize("packets", ["forwarded", "lost"])
@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", {"kind": "coupled", "depth": 1}])
def test_a_cell_of_one_device_is_the_same_on_a_shared_queue_and_on_its_own(scheme: object, packets: str) -> None:
    moves = {"kind": "periodic", "every_s": 0.4, "packets": packets}
    arq = {"kind": "selective_repeat", "timer_jitter": 0}
    runs = []
    for sharing in ("own", "round_robin"):
        ways = {"uplink": link(4e4, sharing=sharing, arq=arq), "downlink": link(4e5, sharing=sharing, arq=arq)}
        made = shared(sharing, moves, scheme, workload=ASKED | {"devices": 1}, **ways)
        runs.append(ran(made, MEMORY).result)
    for own, alone in ((runs[0].requests, runs[1].requests), (runs[0].rounds, runs[1].rounds)):
        assert own.drop(columns="cell").equals(alone.drop(columns="cell"))


def test_a_class_moves_and_those_who_stay_wait_for_nobody() -> None:
    """Meters share their uplink with phones that are away most of the time, and are served meanwhile."""
    both = {name: link(bps, sharing="fifo") for name, bps in (("uplink", 4e4), ("downlink", 4e5))}
    meters = {"workload": {"kind": "closed", "requests": 3, "prompt_tokens": 8, "output_tokens": 16}, "count": 1}
    phones = {"count": 2, "edge": {"mobility": {"kind": "periodic", "every_s": 1.0, "interruption_s": 0.9}}}
    made = {moves: shared("fifo", fleet={"phones": phones if moves else {"count": 2}, "meters": meters},
                          workload=ASKED | {"devices": 3}, **both) for moves in (False, True)}  # fmt: skip
    runs = {moves: ran(each, MEMORY).result.by_class for moves, each in made.items()}
    assert runs[True]["meters"]["latency_s"] < runs[False]["meters"]["latency_s"]
    assert runs[True]["phones"]["latency_s"] > 3 * runs[False]["phones"]["latency_s"]


def test_uploads_in_the_background_go_on_while_the_one_device_is_silent() -> None:
    bulk = {"bulk": {"packet_bits": 800}, "buffer_packets": 20}
    moves = {"kind": "scheduled", "at_s": [0.05], "interruption_s": 20.0}
    run = ran(shared("fifo", moves, workload=ASKED | {"devices": 1}, uplink=link(4e4, **bulk)), MEMORY)
    station = run.plant.uplinks[0].station
    assert run.plant.env.now > 20 and station.busy_s > 0.95 * run.plant.env.now and station.served > 900


def test_parts_of_a_round_share_no_queue_with_devices_that_move_where_requests_are_side_by_side() -> None:
    scheme = {"kind": "k_sqs", "partial": True}
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "concurrency": 2}
    shared("fifo", scheme=scheme, edge=edge)
    with pytest.raises(ConfigError, match=r"edge\.concurrency = 2: must be 1 where parts of a round .* that move"):
        shared("fifo", scheme=scheme, edge=edge | {"mobility": "random"})


# Acknowledgements.


@pytest.mark.parametrize("ack_bits", [0, 112])
def test_acknowledgements_take_the_detour_of_a_request_that_is_kept(ack_bits: int) -> None:
    """Stop and wait: of n packets of a payload all but the last wait for an acknowledgement, which comes from the other
    cloud as the reply does: (2 n - 1) delays of the backhaul up, and one down."""
    at_s, backhaul_s = 0.4, 0.01
    moves = {"kind": "scheduled", "at_s": [at_s], "interruption_s": 0.0, "forwarding_s": 0.0}
    arq = {"kind": "stop_and_wait", "ack_bits": ack_bits, "timer_jitter": 0}
    ways = {"uplink": link(1e5, mtu_bits=400, arq=arq), "downlink": link(1e7, arq="selective_repeat")}
    clouds = {"batching": "none", "latency": CLOCK, "clouds": 2, "relocation": "kept"}
    work = ASKED | {"devices": 1, "prompt_at_cloud": True, "output_tokens": 40}
    watches = [AirWatch(), AirWatch()]
    still, kept = (
        ran(shared("fifo", each, cloud=clouds, workload=work, **ways), MEMORY, watch)
        for each, watch in zip(("still", moves), watches, strict=True)
    )
    packets: dict[int, list[float]] = {}
    for each in watches[0].airings:
        if each.link == "uplink" and each.address[2] > 0 and each.fragment >= 0:
            packets.setdefault(each.address[2], []).append(each.left_s)
    rounds = still.result.rounds.set_index("round")
    delays = 0
    for number, left_s in packets.items():
        after = sum(each > at_s for each in left_s)
        assert after in (0, len(left_s)), "the hand-over is between two rounds"
        delays += (2 * after - 1) * (after > 0) + (rounds["answered_s"][number] > at_s + 0.0201)
    assert max(map(len, packets.values())) > 2 and delays > 10
    more_s = kept.result.requests["latency_s"].sum() - still.result.requests["latency_s"].sum()
    assert more_s == pytest.approx(delays * backhaul_s, abs=1e-9)
    assert not any(each.attempt for each in watches[1].airings) and texts(kept) == texts(still)
