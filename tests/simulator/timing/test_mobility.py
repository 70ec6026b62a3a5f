"""Devices that move: what a hand-over costs in closed form and beside a twin that goes tick by tick, and that the text
is the same whatever becomes of packets and caches."""

from __future__ import annotations

from itertools import islice
from math import isnan, sqrt
from typing import Any

import numpy as np
import pytest
import simpy
from cells import cell, link
from plants import AirWatch, Ran, ran
from servers import Bench

from channels.link.link_config import LinkConfig
from channels.link.mobility import HandOvers, Mobility, Moving, RandomMoves, ScheduledMoves
from channels.uniforms import Uniforms
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.timing.event_loop import later
from simulator.timing.link import Link
from simulator.timing.messages import Message, unheard

MEMORY = Memory()
INSTANT = {"interruption_s": 0.0, "forwarding_s": 0.0}
CLOCK = {"kind": "affine", "base_s": 0.02, "per_token_s": 0.001}
OWN = {"uplink": link(1e5, sharing="own"), "downlink": link(1e7, sharing="own")}
ASKED = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 24}
ALONE = ASKED | {"requests": 1, "prompt_at_cloud": True}


def moved(
    mobility: object = "still", cloud: dict[str, Any] | None = None, scheme: object = "k_sqs", **fields: Any
) -> Cell:
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "mobility": mobility}
    known = {"batching": "none", "latency": CLOCK} | (cloud or {})
    return cell(scheme, **{"edge": edge, "cloud": known, **fields})


def spent(run: Ran, column: str) -> float:
    return float(run.result.requests[column].sum())


# On the links.


@pytest.mark.parametrize("packets", ["forwarded", "lost"])
@pytest.mark.parametrize("down", [False, True])
def test_a_link_with_hand_overs_is_that_of_a_twin_that_goes_tick_by_tick(packets: str, down: bool) -> None:
    """A bit a tick; sizes, times and pauses are whole numbers."""
    rng = np.random.default_rng((30, down, packets == "lost"))
    seen = 0
    for _ in range(20):
        at_s = np.cumsum(rng.integers(12, 60, 8)).astype(float)
        moves = ScheduledMoves(at_s=tuple(at_s), interruption_s=7.0, forwarding_s=11.0, packets=packets)
        puts = np.cumsum(rng.integers(1, 25, 14))
        sizes = 8 * rng.integers(1, 4, 14)
        pause = 11 if down and packets == "forwarded" else 7
        expected = _ticked(puts.tolist(), sizes.tolist(), [int(each) for each in at_s], pause, packets == "lost", down)
        found = _carried(moves, down, puts.tolist(), sizes.tolist())
        assert found == expected
        seen += sum(lost for _, lost in expected)
    assert (seen > 5) == (packets == "lost")


def _ticked(
    puts: list[int], sizes: list[int], at: list[int], pause: int, loses: bool, down: bool
) -> list[tuple[float, bool]]:
    """When each packet has left, and whether it is lost."""
    found, now, silent = [], 0, {tick for start in at for tick in range(start, start + pause)}
    for put, size in zip(puts, sizes, strict=True):
        now = max(now, put)
        began, left = None, size
        while left:
            if now not in silent:
                began = now if began is None else began
                left -= 1
            now += 1
        since = put if down else began
        found.append((float(now), loses and any(since < start <= now for start in at)))
    return found


def _carried(moves: Moving, down: bool, puts: list[int], sizes: list[int]) -> list[tuple[float, bool]]:
    env, watch = simpy.Environment(), AirWatch()
    arq = {"kind": "selective_repeat", "timeout_s": 1e6, "window": 64}
    config = LinkConfig(**link(1.0, 0.0, header_bits=0, sharing="own", arq=arq))
    hand_overs = HandOvers(moves, Uniforms.of(0, "tests"), down)
    carrier = Link(env, config, Uniforms.of(0, "tests"), "link", lambda _: 0.0, watch, hand_overs={0: hand_overs})
    for number, (put, bits) in enumerate(zip(puts, sizes, strict=True)):
        message = Message((0, 0, number), (bytes(bits // 8),), unheard)
        later(env, float(put), lambda _, message=message: carrier.put(message))  # type: ignore[misc]
    env.run(5e5)
    return [(each.left_s, isnan(each.arrives_s)) for each in watch.airings]


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", {"kind": "coupled", "depth": 1}])
def test_a_hand_over_that_forwards_is_an_outage_of_both_ways_and_no_token_changes(scheme: object) -> None:
    at_s = (0.11, 0.3, 0.47, 0.9)
    moves = {"kind": "scheduled", "at_s": at_s, "interruption_s": 0.05, "forwarding_s": 0.08}
    handed = ran(moved(moves, scheme=scheme), MEMORY)
    ways = {
        name: way
        | {"rate": {"kind": "scheduled_outages", "rate": way["rate"], "outages_s": [(t, t + s) for t in at_s]}}
        for name, way, s in (("uplink", link(1e5), 0.05), ("downlink", link(1e7, arq="selective_repeat"), 0.08))
    }
    out, still = ran(moved(scheme=scheme, **ways), MEMORY), ran(moved(scheme=scheme), MEMORY)
    cells = [run.result.requests.drop(columns="cell", errors="ignore") for run in (handed, out)]
    assert cells[0].equals(cells[1]) and handed.texts == still.texts
    assert 0 < spent(handed, "latency_s") - spent(still, "latency_s") < 4 * 0.08 + 1e-9
    assert handed.result.summary["hand_overs"] == 4 and "hand_overs" not in still.result.summary


@pytest.mark.parametrize("interruption_s", ["lte", "daps", 1e-300])
def test_what_is_known_beforehand_is_what_happens(interruption_s: object) -> None:
    """A run in which nobody watches skips events; one that is watched does not."""
    moves = {"kind": "random", "mean_stay_s": 0.2, "interruption_s": interruption_s}
    made = moved(moves, **OWN, workload=ASKED | {"devices": 3, "requests": 1})
    quick, watched = simulate(made, memory=MEMORY), ran(made, MEMORY, AirWatch()).result
    assert quick.requests.equals(watched.requests) and quick.rounds.equals(watched.rounds)


def test_a_packet_that_is_lost_costs_the_interruption_and_a_repeat() -> None:
    """The first payload is on the air at the hand-over: it goes on, is lost, and goes again after its timer."""
    watch, arq = AirWatch(), {"kind": "stop_and_wait", "timeout_s": 0.25, "timer_jitter": 0}
    fields = {"uplink": link(1e5, arq=arq), "workload": ALONE}
    still = ran(moved(**fields), MEMORY, watch)
    first = next(each for each in watch.airings if each.link == "uplink")
    at_s, air_s = (first.began_s + first.left_s) / 2, first.left_s - first.began_s
    moves = {"kind": "scheduled", "at_s": [at_s], "interruption_s": 0.03}
    runs = {
        packets: ran(moved(moves | {"packets": packets}, **fields), MEMORY, AirWatch())
        for packets in ("forwarded", "lost")
    }
    more_s = {name: spent(run, "latency_s") - spent(still, "latency_s") for name, run in runs.items()}
    assert more_s["forwarded"] == pytest.approx(0.03, abs=1e-12)
    assert more_s["lost"] == pytest.approx(0.03 + 0.25 + air_s, abs=1e-12)
    assert runs["lost"].plant.uplinks[0].lost == 1
    assert runs["lost"].texts == runs["forwarded"].texts == still.texts


def test_random_hand_overs_cost_their_rate_times_their_length() -> None:
    """All that takes time is the uplink, so each costs its interruption, and their number in T seconds of work is a
    Poisson number of mean T / mean_stay_s: 5 sd."""
    nothing = {"kind": "constant", "per_pass_s": 0.0}
    work = ASKED | {"requests": 24, "distinct": 2, "prompt_at_cloud": True}
    ways = {"uplink": link(1e4, 0.0), "downlink": link(1e12, 0.0)}
    cells = [
        cell("k_sqs", workload=work, cloud={"batching": "none", "latency": nothing}, **ways,
             edge={"latency": nothing, "encode_s_per_draft": 0.0, "mobility": mobility})
        for mobility in ("still", {"kind": "random", "mean_stay_s": 0.1, "interruption_s": 0.03})
    ]  # fmt: skip
    still, moving = (ran(each, MEMORY) for each in cells)
    expected = spent(still, "latency_s") / 0.1
    made = (spent(moving, "latency_s") - spent(still, "latency_s")) / 0.03
    assert expected > 50 and abs(made - expected) < 5 * sqrt(expected)
    assert made == pytest.approx(moving.result.summary["hand_overs"], abs=1e-6)


# In the clouds.

TWO_S = {"clouds": 3, "kv_token_bytes": 2.0, "batching": "none"}
"""At 8 bit/s a token's keys and values take 2 s on the backhaul, and its id 4 s."""


def relocation(kind: str) -> dict[str, Any]:
    return TWO_S | {"relocation": {"kind": kind, "backhaul_bps": 8.0, "backhaul_s": 1.0}}


@pytest.mark.parametrize(
    ("kind", "crossings_s", "done_s", "detours_s"),
    [
        ("kept", (12,), 14, (0, 1)),
        ("moved", (12,), 12 + 20 + 1 + 1, (0, 0)),
        ("read_again", (12,), 12 + 40 + 1 + 11, (0, 0)),
        ("moved", (5,), 10 + 20 + 1 + 1, (1, 0)),  # it is served first; what it says then comes from there
        ("read_again", (5,), 10 + 40 + 1 + 11, (1, 0)),
        ("kept", (5, 6, 7), 14, (0, 0)),  # at home again
        ("moved", (5, 6, 7), 14, (0, 0)),
        ("moved", (5, 15), 10 + 20 + 1 + 1, (1, 1)),  # in its third cloud while it is sent to the second
        ("moved", (11, 11.5), 11 + 20 + 1 + 1, (0, 1)),
    ],
)
def test_a_cache_is_kept_or_sent_or_read_again(
    kind: str, crossings_s: tuple[float, ...], done_s: float, detours_s: tuple[float, float]
) -> None:
    """A prompt of ten tokens, a second each, then at 13 s one more."""
    bench = Bench(**relocation(kind))
    bench.at(0.0, (0, 0), 10, prefill=True)
    bench.at(13.0, (0, 0), 11, read=10, request=11)
    for time_s in crossings_s:
        bench.call(time_s, lambda: bench.cloud.cross(0))
    found: list[float] = []
    for time_s in (9.5, done_s - 0.5):
        bench.call(time_s, lambda: found.append(bench.cloud.detour_s((0, 0))))
    bench.run(done_s + 0.25)
    assert [visit.done_s for visit in bench.visits] == [[10.0], [done_s]] and tuple(found) == detours_s
    bench.cloud.forget((0, 0))
    bench.run()
    station = bench.cloud.station
    assert station.area == station.sojourn_s and not station.present and not bench.cloud._placement
    assert not any(pool.kv.cached((0, 0)) or pool.holds((0, 0)) for pool in bench.cloud._pools)


def test_a_cloud_sends_one_request_after_another_and_serves_its_own_devices() -> None:
    """Devices 0 and 3 begin in cloud 0, device 1 in cloud 1; both leave cloud 0 at 20 s."""
    bench = Bench(**relocation("moved"))
    for device in (0, 3, 1):
        bench.at(0.0, (device, 0), 5, prefill=True)
        bench.at(20.0, (device, 0), 6, read=5, request=6)
    for device in (0, 3):
        bench.call(19.0, lambda device=device: bench.cloud.cross(device))
    bench.run()
    done = {visit.job.session[0]: visit.done_s for visit in bench.visits[:3]}
    assert done == {0: [5.0], 3: [10.0], 1: [5.0]}
    done = {visit.job.session[0]: visit.done_s for visit in bench.visits[3:]}
    assert done == {0: [19 + 10 + 1 + 1.0], 3: [19 + 20 + 1 + 1.0], 1: [21.0]}
    assert bench.cloud.relocated_bytes == 20.0


def test_what_is_under_way_while_its_device_moves_on_follows_it() -> None:
    bench = Bench(**relocation("moved"))
    bench.at(0.0, (0, 0), 10, prefill=True)
    bench.at(52.0, (0, 0), 11, read=10, request=11)
    for time_s in (11.0, 12.0):
        bench.call(time_s, lambda: bench.cloud.cross(0))
    bench.run()
    assert bench.visits[1].done_s == [11 + 21 + 21 + 1.0] and bench.cloud.relocated_bytes == 40.0


def test_one_that_is_given_up_on_its_way_leaves_nothing() -> None:
    bench = Bench(**relocation("moved"))
    bench.at(0.0, (0, 0), 10, prefill=True)
    bench.call(11.0, lambda: bench.cloud.cross(0))
    bench.at(12.0, (0, 0), 11, read=10, request=11)
    bench.run(13.0)
    bench.cloud.withdraw(bench.visits[1].job)
    bench.cloud.forget((0, 0))
    bench.run()
    assert not bench.visits[1].done_s and not bench.cloud.station.present and not bench.cloud._transfers
    assert not any(pool.holds((0, 0)) for pool in bench.cloud._pools)


def test_kept_pays_the_backhaul_both_ways_each_round() -> None:
    at_s = 0.2
    moves = {"kind": "scheduled", "at_s": [at_s]} | INSTANT
    still, kept = (
        ran(moved(each, {"clouds": 2, "relocation": "kept"}, workload=ALONE), MEMORY) for each in ("still", moves)
    )
    rounds = still.result.rounds
    half_s = 0.01 * ((rounds["sent_s"] > at_s).sum() + (rounds["answered_s"] > at_s + 0.03).sum())
    assert spent(kept, "propagation_s") - spent(still, "propagation_s") == pytest.approx(half_s)
    assert spent(kept, "latency_s") - spent(still, "latency_s") == pytest.approx(half_s)


SCHEMES = ("k_sqs", "c_sqs", "tree", "cloud_only", "colocated", {"kind": "coupled", "depth": 1},
           {"kind": "coupled", "cloud_first": True})  # fmt: skip


TALK: dict[str, Any] = {
    "kind": "conversations", "conversations": 2, "turns": 3, "prompt_tokens": 7, "text_tokens": 4, "output_tokens": 9,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["kept", "moved", "read_again"])
def test_a_conversation_whose_user_moves_while_thinking_goes_on_where_its_text_is(kind: str) -> None:
    """One hand-over, between the first turn and the second. Against a device that stands still: the bytes sent, what
    the second turn reads, how much later its first token comes; of the first turn nothing changes."""
    relocation = {"kind": kind, "backhaul_bps": 1e6, "backhaul_s": 0.03}
    cloud = {"clouds": 2, "relocation": relocation, "kv_token_bytes": 1e3}
    work, watches = TALK | {"conversations": 1, "turns": 2, "think_s": 5.0}, [AirWatch(), AirWatch()]
    moves = {"kind": "scheduled", "at_s": [4.0], **INSTANT}
    runs = [
        ran(moved(each, cloud, "cloud_only", **OWN, workload=work), MEMORY, watch)
        for each, watch in zip(("still", moves), watches, strict=True)
    ]
    assert runs[0].texts == runs[1].texts
    (still, gone), cached = ([each.requests[1] for each in runs], 16 - 1)
    assert runs[0].requests[0].latency_s == runs[1].requests[0].latency_s < 4.0 < gone.arrival_s == still.arrival_s
    reads = [[work for each in watch.passes for work, read in zip(each.work, each.reads, strict=True) if read]
             for watch in watches]  # fmt: skip
    assert reads[0][1:] == [(20 - cached, cached)]
    assert reads[1][1:] == [(20, 0) if kind == "read_again" else (20 - cached, cached)]
    assert runs[1].plant.cloud.relocated_bytes == cached * {"kept": 0, "moved": 1e3, "read_again": 4}[kind]
    assert {each.server for each in watches[1].passes[-2:]} == {0 if kind == "kept" else 1}
    assert gone.held == still.held and gone.held[0] == 16
    later_s = 2 * 0.03 if kind == "kept" else 0.001 * cached if kind == "read_again" else 0.0
    assert gone.ttft_s == pytest.approx(still.ttft_s + later_s, abs=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_conversations_say_the_same_however_they_move_and_no_cache_is_lost_or_doubled(scheme: object) -> None:
    work = TALK | {"devices": 3, "think_s": 0.4, "cloud_keeps_s": 2.0}
    watches = [AirWatch() for _ in range(4)]
    still = ran(moved(scheme=scheme, **OWN, workload=work), MEMORY, watches[-1])
    for number, kind in enumerate(("kept", "moved", "read_again")):
        moves: dict[str, Any] = {"kind": "random", "mean_stay_s": 0.3, "packets": "lost"}
        if kind == "moved":
            moves = {"kind": "periodic", "every_s": 0.25, **INSTANT}
        relocation = {"kind": kind, "backhaul_bps": 1e6}
        cloud = {"clouds": 2 + number % 2, "servers": 1 + number % 2, "relocation": relocation, "kv_token_bytes": 1e3}
        cloud |= {"kv_tokens": 90 if kind == "read_again" else None}
        run = ran(moved(moves, cloud, scheme, **OWN, workload=work), MEMORY, watches[number])
        assert run.texts == still.texts and {each.outcome for each in run.requests} == {"answered"}
        plant = run.plant
        if isinstance(scheme, str):  # where no round is verified that comes too late
            computed, alone = (
                sum(new for made in watches[place].passes for new, _ in made.work) for place in (number, -1)
            )
            assert computed > alone if kind == "read_again" else computed == alone
        assert (plant.cloud.relocated_bytes > 0) == (kind != "kept")
        assert (run.result.summary["relocated_bytes_per_token"] > 0) == (kind != "kept")
        assert plant.cloud.station.servers == cloud["clouds"] * cloud["servers"]
        plant.env.run(until=plant.env.now + 60.0)
        for pool in plant.cloud._pools:
            assert pool.kv.held_tokens == 0 and not pool.kv._received and not pool.reservations.taken_tokens
        assert not (plant.cloud._placement or plant.cloud._transfers or plant.cloud._homes)
        assert not plant.cloud._placement._continued


def test_a_class_moves_and_another_does_not() -> None:
    class_ = {"count": 1, "uplink": link(1e5, sharing="own"), "downlink": link(1e7, sharing="own")}
    made = moved(cloud={"clouds": 2, "relocation": "read_again"}, workload=ASKED | {"devices": 2}, fleet={
        "phones": class_ | {"edge": {"mobility": {"kind": "periodic", "every_s": 0.2}}}, "meters": class_,
    })  # fmt: skip
    run = ran(made, MEMORY)
    assert run.result.by_class["phones"]["hand_overs"] > 3 and "hand_overs" not in run.result.by_class["meters"]
    moved_bytes = [each["relocated_bytes_per_token"] for each in run.result.by_class.values()]
    assert moved_bytes == [2 * run.result.summary["relocated_bytes_per_token"], 0.0] and moved_bytes[0] > 0
    assert run.result.by_class["phones"]["latency_s"] > run.result.by_class["meters"]["latency_s"]


def test_times_are_as_stated() -> None:
    numbers = Uniforms.of(1, "tests")
    random = RandomMoves(mean_stay_s=2.0, interruption_s=0.5)
    times_s = np.array([*islice(random.times_s(numbers), 2000)])
    stays_s = np.diff(times_s) - 0.5
    assert stays_s.min() > 0 and abs(stays_s.mean() - 2.0) < 5 * 2.0 / sqrt(1999)
    periodic = Mobility.of({"kind": "periodic", "every_s": 3.0, "cells_per_cloud": 4})
    assert isinstance(periodic, Moving)
    first_s, second_s = islice(periodic.times_s(numbers), 2)
    assert 0 <= first_s < 3 and second_s - first_s == pytest.approx(3)
    assert next(periodic.crossings_s(numbers)) == pytest.approx(first_s + 9)


# At a base station.


def test_a_base_station_gives_no_slot_to_who_is_handed_over_and_has_another_place_for_it() -> None:
    way = {"rate": {"kind": "base_station", "coherence_s": 1e3}, "arq": "selective_repeat"}
    ways = {
        "uplink": way | {"sharing": {"kind": "scheduled", "error_rate": 0.0}},
        "downlink": way | {"sharing": {"kind": "scheduled", "request_period_s": 0.0, "error_rate": 0.0}},
    }
    work = ASKED | {"devices": 3, "requests": 1}
    moves = {"kind": "scheduled", "at_s": [0.2, 0.5], "interruption_s": 0.1}
    watch = AirWatch()
    still, moving = ran(moved(**ways, workload=work), MEMORY), ran(moved(moves, **ways, workload=work), MEMORY, watch)
    assert moving.texts == still.texts
    assert spent(moving, "latency_s") > spent(still, "latency_s") + 0.1
    ends_s = [each.left_s for each in watch.airings] + [each.began_s for each in watch.airings]
    assert not any(t + 1e-6 < end_s < t + 0.1 - 1e-6 for t in (0.2, 0.5) for end_s in ends_s)
    curve = moving.plant.uplinks[0].senders[0].transmitter.curve
    before = still.plant.uplinks[0].senders[0].transmitter.curve
    assert curve.snr(0) != before.snr(0)  # type: ignore[attr-defined]
