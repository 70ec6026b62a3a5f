"""A base station beside closed forms: positions, who is served by fading, requests, queues of slots, HARQ.

Statistical checks allow 5 standard deviations: a false alarm in 1.7 million.
"""

from itertools import pairwise
from math import ceil, exp, inf, log, log10, sqrt
from typing import Any

import numpy as np
import pytest
from served_links import Sent, gone, opened

from channels.link.base_station import CQI_SNR_DB, EFFICIENCIES, BaseStation, path_loss_db, sight_probability
from channels.link.presets import PRESETS
from channels.link.rates import Rate
from channels.link.scheduled import Scheduled
from channels.uniforms import Uniforms

SLOT_S = 0.001
NEAR: dict[str, Any] = {
    "surroundings": "umi", "distance_m": 15, "shadow": False, "antennas": 1, "target_dbm": None, "overhead": 0,
    "extra_loss_db": 40,
}  # fmt: skip
"""All devices in line of sight (certain up to 18 m), and so with equal means."""
STEADY: dict[str, Any] = {**NEAR, "coherence_s": 1e6}
KNOWN: dict[str, Any] = {"kind": "scheduled", "request_period_s": 0, "grant_s": 0, "error_rate": 0}
"""The base station knows what waits, and all is decoded."""


@pytest.mark.parametrize(
    "place, distance_m, frequency_ghz, in_sight, loss_db",
    [
        ("uma", 100, 3.5, True, 28 + 22 * log10(sqrt(100**2 + 23.5**2)) + 20 * log10(3.5)),
        ("uma", 100, 3.5, False, 103.0375),  # worked by hand beside another implementation of the table
        ("uma", 100, 3.5, True, 83.1381),  # as above
        ("uma", 1000, 2.0, True, 28 + 40 * log10(1000.2761) + 6.0206 - 9 * log10(320.2215**2 + 23.5**2)),
        ("umi", 100, 28.0, True, 32.4 + 21 * log10(100.3607) + 28.9432),
        ("umi", 100, 28.0, False, 35.3 * log10(100.3607) + 22.4 + 21.3 * log10(28)),
    ],
)  # fmt: skip
def test_path_loss_is_that_of_tr_38_901(
    place: str, distance_m: float, frequency_ghz: float, in_sight: bool, loss_db: float
) -> None:
    """The break point of UMa at 2 GHz is at 4 x 24 m x 0.5 m x 2e9 / c = 320.2 m."""
    assert path_loss_db(place, distance_m, frequency_ghz * 1e9, in_sight) == pytest.approx(loss_db, abs=1e-3)


@pytest.mark.parametrize("place, break_m", [("uma", 320.2215), ("umi", 120.0831)])
def test_path_loss_has_no_step_at_the_break_point_and_line_of_sight_none_at_18_m(place: str, break_m: float) -> None:
    before_db, after_db = (path_loss_db(place, break_m * far, 2e9, True) for far in (0.99999, 1.00001))
    assert before_db == pytest.approx(after_db, abs=1e-3)
    assert sight_probability(place, 18.001) == pytest.approx(1, abs=1e-4)
    assert sight_probability("umi", 100) == pytest.approx(0.18 + 0.82 * exp(-100 / 36))


def mean_efficiency(mean_snr: float, best_of: int) -> float:
    """Bits a symbol at the largest of so many independent exponential ratios of this mean: P(max <= x) is
    (1 - exp(-x / mean))^n, the table's steps are exact, and below its first the efficiency is a line."""

    def below(x: float) -> float:
        return (1 - exp(-x / mean_snr)) ** best_of if x < inf else 1.0

    edges = [*(10 ** (db / 10) for db in CQI_SNR_DB), inf]
    steps = sum(bits * (below(b) - below(a)) for bits, (a, b) in zip(EFFICIENCIES, pairwise(edges), strict=True))
    x = np.linspace(0, edges[0], 4001)
    line = np.sum((x[1:] + x[:-1]) / 2 * np.diff([below(each) for each in x])) * EFFICIENCIES[0] / edges[0]
    return float(steps + line)


@pytest.mark.parametrize("extra_loss_db, devices", [(40, 4), (75, 6)])
def test_proportional_fairness_gains_what_the_best_of_all_fades_does(extra_loss_db: float, devices: int) -> None:
    """In turn each gets the mean of one fade; by proportional fairness with equal means the best of all is served.
    Where bits are in proportion to the ratio, at -20 dB, the gain is the sum of 1 / k over the devices."""
    slots, served = 1500, []
    for order, best_of in (("round_robin", 1), ("proportional_fair", devices)):
        curve = BaseStation.model_validate({**NEAR, "coherence_s": SLOT_S, "extra_loss_db": extra_loss_db}).curve(
            Uniforms.of(4, "fades")
        )
        server = opened({**KNOWN, "order": order, "memory_slots": 1000}, curve)
        gone(server, [Sent(0, 10**9, device) for device in range(devices)], until_s=slots * SLOT_S)
        unsent = [each.here[0].unsent_bits for each in server._devices.values()]
        served.append((devices * 10**9 - sum(unsent)) / (slots * 50 * 168))
        expected = mean_efficiency(curve.snr(0), best_of)
        assert served[-1] == pytest.approx(expected, rel=5 * 0.9 / sqrt(slots))  # a fade varies by less than its mean
        assert max(unsent) - min(unsent) < 0.35 * (10**9 - min(unsent)), "equal means, equal shares"
    if extra_loss_db == 75:
        gain = sum(1 / k for k in range(1, devices + 1))
        assert served[1] / served[0] == pytest.approx(gain, rel=5 * 1.1 / sqrt(slots))


@pytest.mark.parametrize("memory_slots", [20, 100])
def test_a_newcomer_is_served_until_its_mean_is_that_of_the_one_before_it(memory_slots: int) -> None:
    """Of the one that was served for long (1 - 1/M)^k of its mean is left after k slots of the newcomer, which has had
    1 - (1 - 1/M)^k of its own: equal after ln 2 / -ln(1 - 1/M) slots, whatever their channels."""
    curve = BaseStation.model_validate(STEADY).curve(Uniforms.of(1, "fades"))
    slot_bits = int(50 * curve.block_bits(1, 0))
    packets = [Sent(0, 10**9)] + [Sent(2.0, slot_bits, 1) for _ in range(2 * memory_slots)]
    left = gone(
        opened({**KNOWN, "order": "proportional_fair", "memory_slots": memory_slots}, curve), packets, until_s=3
    )
    times_s = [left[packet].left_s for packet in packets[1:] if packet in left]
    in_a_row = next(place for place, (one, next_) in enumerate(pairwise(times_s), 1) if next_ - one > 1.5 * SLOT_S)
    assert in_a_row == ceil(log(2) / -log(1 - 1 / memory_slots))


def test_a_lone_device_waits_half_a_period_for_its_request_and_then_for_its_grant() -> None:
    """LTE's numbers: 5 ms to the next request in the mean, 1 of request, 7 until the granted slot, 1 of sending."""
    curve = BaseStation.model_validate(STEADY).curve(Uniforms.of(1, "fades"))
    server = opened(Scheduled(error_rate=0.0), curve)
    uniform = Uniforms.of(1, "when").uniform
    packets = [Sent(0.1 * number + 0.05 * uniform(number), 500) for number in range(1500)]
    left = gone(server, packets)
    waits_s = [left[packet].left_s - packet.at_s for packet in packets]
    assert np.mean(waits_s) == pytest.approx(0.014, abs=5 * 0.01 / sqrt(12 * len(packets)))
    assert min(waits_s) >= 0.009 and max(waits_s) <= 0.019


def test_a_slot_a_packet_is_a_queue_of_deterministic_services_that_begin_at_slots() -> None:
    """M/D/1 in slots of time: half a slot to the next slot, one of service, and load / (2 (1 - load)) of queue."""
    load, number = 0.6, 6000
    curve = BaseStation.model_validate(STEADY).curve(Uniforms.of(1, "fades"))
    bits = int(50 * curve.block_bits(0, 0))
    uniform = Uniforms.of(2, "when").uniform
    times_s = np.cumsum([-log(1 - uniform(each)) * SLOT_S / load for each in range(number)])
    packets = [Sent(float(time_s), bits) for time_s in times_s]
    left = gone(opened(KNOWN, curve), packets)
    waits = np.array([left[packet].left_s - packet.at_s for packet in packets]) / SLOT_S
    means = waits.reshape(30, -1).mean(axis=1)  # batches of 200, many times longer than a busy period
    expected = 0.5 + 1 + load / (2 * (1 - load))
    assert waits.mean() == pytest.approx(expected, abs=5 * means.std(ddof=1) / sqrt(30))


def test_harq_loses_what_fails_each_time_and_delays_the_rest_by_its_round_trips() -> None:
    """At a third, two repeats: 1 / 27 lost, and 1/3 + 1/9 repeats of 8 ms each in the mean, of one device alone."""
    rate, number = 1 / 3, 3000
    curve = BaseStation.model_validate(STEADY).curve(Uniforms.of(1, "fades"))
    server = opened({**KNOWN, "error_rate": rate, "attempts": 3, "harq_s": 0.007}, curve)
    packets = [Sent(0.05 * each, 500) for each in range(number)]
    left = gone(server, packets)
    repeats = np.array([(left[packet].left_s - packet.at_s - SLOT_S) / 0.008 for packet in packets])
    assert np.allclose(repeats, repeats.round(), atol=1e-6)
    assert repeats.mean() == pytest.approx(rate + rate**2, abs=5 * 0.7 / sqrt(number))
    lost = sum(each.failed for each in left.values())
    assert lost / number == pytest.approx(rate**3, abs=5 * sqrt(rate**3 / number))


def test_power_control_gives_a_far_device_fewer_blocks_and_a_near_one_all() -> None:
    """P = min(23, -80 + 0.8 x loss) dBm a block; at 130 dB 24 are asked for: one block at 23, 13.4 dB over noise."""
    rate = BaseStation(distance_m=289, shadow=False, antennas=1)
    curve = rate.curve(Uniforms.of(0, "where"))
    far = next(device for device in range(99) if curve.most_blocks(device) < 50)
    loss_db = path_loss_db("uma", 289, 2e9, False)
    block_dbm = min(23.0, -80 + 0.8 * loss_db)
    noise_dbm = -174 + 10 * log10(180e3) + 5 + 3
    assert 10 * log10(curve.snr(far)) == pytest.approx(block_dbm - loss_db - noise_dbm)
    assert curve.most_blocks(far) == int(10 ** ((23 - block_dbm) / 10))
    near = next(device for device in range(99) if curve.snr(device) > curve.snr(far))
    assert curve.most_blocks(near) == 50


def test_devices_are_spread_evenly_over_the_ground_and_their_shadows_are_log_normal() -> None:
    """Median signal-to-noise ratio of a cell without power control, by its quantiles drawn here from the same laws."""
    rate = BaseStation(target_dbm=None)
    curve = rate.curve(Uniforms.of(5, "where"))
    ours_db = np.array([10 * log10(curve.snr(device)) for device in range(2000)])
    rng = np.random.default_rng(3)
    distance_m = np.sqrt(rng.uniform(35**2, 289**2, 2000))
    in_sight = rng.uniform(size=2000) < [sight_probability("uma", each) for each in distance_m]
    loss_db = [path_loss_db("uma", *each) for each in zip(distance_m, [2e9] * 2000, in_sight, strict=True)]
    shadowed_db = loss_db + rng.standard_normal(2000) * np.where(in_sight, 4, 6)
    theirs_db = 23 - 10 * log10(50) - shadowed_db + 174 - 10 * log10(180e3) - 8
    both = np.sort(np.concatenate([ours_db, theirs_db]))
    gap = [np.searchsorted(np.sort(each), both, side="right") / 2000 for each in (ours_db, theirs_db)]
    assert np.max(np.abs(gap[0] - gap[1])) < sqrt(-log(1e-6 / 2) / 2 * 2 / 2000)  # Kolmogorov and Smirnov's


def test_a_rate_with_slots_states_the_most_that_it_carries() -> None:
    """5.5547 bits on 168 symbols less 8%, 50 blocks a millisecond: 42.9 Mbit/s, a fifth of it in one slot of five."""
    assert BaseStation().fastest_bps == pytest.approx(5.5547 * 168 * 0.92 * 50 / 1e-3)
    fifth = Rate.of({"kind": "base_station", "pattern": "00001"})
    assert fifth.fastest_bps == pytest.approx(BaseStation().fastest_bps / 5)


@pytest.mark.parametrize("name, way_s", [("lte_cell", 0.018), ("nr_cell", 0.0095)])
def test_a_message_up_an_idle_cell_takes_as_long_as_its_slots_say(name: str, way_s: float) -> None:
    """LTE: 5 ms to the next request, 1 of request, 7 to the granted slot, 1 of sending, 4 to decode and of core
    network: 18 ms, and with 5 down those of about 20 there and back that are said of a cell without the wait. NR
    has an uplink slot every 2.5 ms, or 0.625: half a period of requests (10 ms, 5 ms), the uplink slot after that of
    the request, in time for 1.5 ms, or 0.5, to its grant, the slot itself, and 1.5 ms, or 1.25, behind it."""
    preset = PRESETS[name].uplink
    radio = preset.rate.model_copy(update={"distance_m": preset.rate.radius_m, "shadow": False, "antennas": 64})
    sharing = preset.sharing.model_copy(update={"error_rate": 0.0})
    server = opened(sharing, radio.curve(Uniforms.of(1, "fades")))
    uniform = Uniforms.of(1, "when").uniform
    packets = [Sent(0.1 * number + 0.04 * uniform(number), 500) for number in range(600)]
    left = gone(server, packets)
    ways_s = [left[packet].left_s - packet.at_s + preset.delay.mean_s for packet in packets]
    assert np.mean(ways_s) == pytest.approx(way_s, abs=5 * sharing.request_period_s / sqrt(12 * len(packets)))


def test_the_poorest_at_the_edge_of_an_lte_cell_have_about_what_itu_asks_of_the_poorest() -> None:
    """ITU-R M.2134: 0.03 bit/s/Hz up, 300 kbit/s of 10 MHz (the preset lte_cell_edge), of the poorest 5% of ten in a
    cell. Here, alone, of the poorest 5% at the edge behind a wall: not the same thing, but to be of the same size."""
    curve = PRESETS["lte_cell_far"].uplink.curve(Uniforms.of(2, "fades"))
    alone_bps = [
        1000 * curve.most_blocks(device) * np.mean([curve.block_bits(device, 100 * slot) for slot in range(20)])
        for device in range(200)
    ]
    assert 150e3 < np.percentile(alone_bps, 5) < 600e3


def test_a_device_is_in_the_same_place_for_both_of_its_ways() -> None:
    places = Uniforms.of(4, "places")
    ways = [BaseStation(target_dbm=None).curve(Uniforms.of(4, way)) for way in ("uplink", "downlink")]
    apart = [[way.snr(device) for device in range(9)] for way in ways]
    for way in ways:
        way._devices.clear()
        way.place(places)
    assert apart[0] != apart[1]
    assert [ways[0].snr(device) for device in range(9)] == [ways[1].snr(device) for device in range(9)]
    assert ways[0].block_bits(0, 0) != ways[1].block_bits(0, 0) or ways[0].block_bits(1, 0) != ways[1].block_bits(1, 0)
