"""BBR in time, beside what is published of it: the pipe full and next to no queue, whatever is lost at random."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from typing import Any

import pytest
from links import Bench, WatchedWindow, beside_bulk

from channels.link.bbr import CYCLE, DeliveryRate, Phase

PIPE = 41
"""Packets in a round trip of the bulk flow, its own sending included: 0.205 s at 200 per second."""


def watched(**fields: Any) -> tuple[list[WatchedWindow], dict[str, Any]]:
    windows: list[WatchedWindow] = []
    return windows, {"kind": "bbr_in_tests", "windows": windows} | fields


def test_one_flow_fills_the_pipe_and_next_to_no_queue() -> None:
    """Between probes of the round trip all of the rate is used. Three packets wait, one is sent, and a cycle of eight
    round trips fills and drains a quarter of the pipe in two: on the mean 1/32. CUBIC fills any buffer."""
    windows, bbr = watched(round_trip_window_s="inf")
    env, link = beside_bulk(bbr, buffer_packets=1000)
    env.run(until=6.0)
    area, delivered = link.station.area, link.delivered
    env.run(until=14.0)
    (window,) = windows
    assert link.delivered - delivered == pytest.approx(1600, abs=2) and link.dropped == 0
    assert (link.station.area - area) / 8 == pytest.approx(4 + PIPE / 32, rel=0.03)
    assert window.rate == pytest.approx(200, rel=1e-6) and window.round_trip_s == pytest.approx(0.205)


def test_a_cycle_adds_a_quarter_of_the_pipe_and_takes_it_away() -> None:
    windows, bbr = watched(round_trip_window_s="inf")
    env, link = beside_bulk(bbr, buffer_packets=1000)
    env.run(until=6.0)
    (window,) = windows
    most, least = dict[int, int](), dict[int, int]()
    while env.now < 10.0:
        env.step()
        present = link.senders.present
        most[window._cycle] = max(most.get(window._cycle, 0), present)
        least[window._cycle] = min(least.get(window._cycle, 99), present)
    assert set(most) == set(range(len(CYCLE)))
    assert most[0] == most[1] == pytest.approx(4 + PIPE / 4, abs=1)
    assert all(3 <= least[place] <= most[place] <= 5 for place in range(2, 8))


def test_startup_doubles_the_rate_each_round_trip() -> None:
    windows, bbr = watched()
    env, _ = beside_bulk(bbr, buffer_packets=1000, rate={"kind": "constant", "bps": "inf"})
    rates = list[float]()
    while len(rates) < 8:
        env.step()
        if windows and windows[0]._round > len(rates):
            rates.append(windows[0].rate)
    assert [after / before for before, after in pairwise(rates[3:])] == pytest.approx([2] * 4, rel=0.09)
    assert windows[0].phase is Phase.STARTUP and rates[-1] > 50 * 50


@pytest.mark.parametrize(("probe_s", "rounds"), [(0.2, 1), (0.5, 3)])
def test_a_probe_of_the_round_trip_sends_four_packets_in_each_of_as_many_as_it_needs(
    probe_s: float, rounds: int
) -> None:
    """At a pipe of D packets, R per second, and q of them in the queue, it takes D + q - 4 packets' time until 4 are
    under way, and n round trips and a packet from there, one more or less; all the while 4 n are sent."""
    windows, bbr = watched(round_trip_window_s=3.0, probe_s=probe_s)
    env, link = beside_bulk(bbr, buffer_packets=1000)
    begun: list[tuple[float, int, int]] = []
    while len(begun) < 2 or windows[0].phase is Phase.PROBE_ROUND_TRIP:
        env.step()
        if windows and (windows[0].phase is Phase.PROBE_ROUND_TRIP) is (len(begun) == 0):
            begun.append((env.now, link.sent, link.senders.present))
    (from_s, before, queue), (until_s, sent, _) = begun
    assert until_s - from_s == pytest.approx(((rounds + 1) * PIPE + queue - 3.5) / 200, abs=0.6 / 200)
    assert sent - before == 4 * rounds + 1, "and the first that follows"
    assert windows[0].round_trip_s == pytest.approx(0.205, abs=1e-6)


def test_random_losses_leave_bbr_its_rate_and_cubic_what_the_response_function_says() -> None:
    """1% lost: CUBIC's mean window is that of Reno's formula, sqrt(alpha (1 + beta) / (2 (1 - beta) p)) = 12.2 packets
    of 41 (RFC 9438, 4.3), since its cubic is below that; within a fifth, for some 40 losses, unevenly spaced."""
    loss = {"kind": "bernoulli", "probability": 0.01}
    goodput = []
    for congestion, until_s in ((watched(round_trip_window_s="inf")[1], 12.0), ("cubic", 64.0)):
        env, link = beside_bulk(congestion, buffer_packets=1000, loss=loss)
        env.run(until=4.0)
        delivered = link.delivered
        env.run(until=until_s)
        goodput.append((link.delivered - delivered) / (until_s - 4.0))
    alpha = 3 * 0.3 / 1.7
    assert goodput[0] > 0.97 * 0.99 * 200
    assert goodput[1] == pytest.approx(sqrt(alpha * 1.7 / (2 * 0.3 * 0.01)) / 0.205, rel=0.2)


@pytest.mark.parametrize("marks", [True, False])
def test_a_round_per_round_trip_does_not_lower_the_estimate(marks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upload that fills the pipe, a packet each 0.3 s; without the marks ten of them are all that counts."""
    if not marks:
        monkeypatch.setattr(DeliveryRate, "on_limited", lambda self, under_way: None)
    windows, bbr = watched()
    bench = Bench(rate={"kind": "constant", "bps": 1e5}, mtu_bits=1000, arq={"kind": "quic", "congestion": bbr})
    bench.put(0.0, device=0, bits=400_000)
    for number in range(1, 40):
        bench.put(6.0 + 0.3 * number, device=0, bits=1000, number=number)
    bench.run()
    (window,) = windows
    assert window.rate == pytest.approx(100 if marks else 1 / 0.21, rel=0.01)
    assert window.pace_s < 0.02 if marks else window.pace_s > 0.1


def test_flows_draw_their_own_numbers() -> None:
    windows, bbr = watched()
    env, _ = beside_bulk(buffer_packets=9, bulk={"arq": {"kind": "quic", "congestion": bbr}, "flows": 2})
    env.run(until=0.1)
    assert windows[0]._uniforms != windows[1]._uniforms
