"""Half duplex: while one way is on the air the other is not, and the packet that joined first goes first."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from cells import cell, link
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plants import AirWatch, ran
from pydantic import ValidationError
from two_ways import TwoWays

from channels.link.link_config import LinkConfig
from simulator.results.observer import Airing

WINDOW = {"kind": "selective_repeat", "window": 8, "timeout_s": 9, "timer_jitter": 0}


def test_a_device_sends_or_receives_and_the_first_to_join_goes_first() -> None:
    """Up from 0 to 2 s; a packet down joins at 0.5 s, two more up at 1 s: one way after the other."""
    ways = TwoWays(half_duplex="device", arq=WINDOW)
    ways.put(ways.up, 0, 0, 2000)
    ways.put(ways.down, 0.5, 0, 1000)
    ways.put(ways.up, 1, 0, 1000, number=1)
    ways.put(ways.down, 1.5, 0, 1000, number=1)
    assert ways.run() == [
        ("uplink", 0, 0, 0, 2),
        ("downlink", 0, 0, 2, 3),
        ("uplink", 0, 1, 3, 4),
        ("downlink", 0, 1, 4, 5),
    ]


def test_full_duplex_sends_both_ways_at_once() -> None:
    ways = TwoWays(arq=WINDOW)
    ways.put(ways.up, 0, 0, 2000)
    ways.put(ways.down, 0.5, 0, 1000)
    assert ways.run() == [("uplink", 0, 0, 0, 2), ("downlink", 0, 0, 0.5, 1.5)]


def test_what_one_device_sends_another_may_receive_meanwhile() -> None:
    """Down for device 0 waits for what it sends; what joined later, for device 1, goes before it."""
    ways = TwoWays(half_duplex="device", arq=WINDOW)
    ways.put(ways.up, 0, 0, 2000)
    ways.put(ways.down, 0.5, 0, 1000)
    ways.put(ways.down, 0.75, 1, 1000)
    assert ways.run() == [("uplink", 0, 0, 0, 2), ("downlink", 1, 0, 0.75, 1.75), ("downlink", 0, 0, 2, 3)]


def test_on_one_medium_all_stations_wait_for_each_other() -> None:
    ways = TwoWays(half_duplex="medium", arq=WINDOW)
    ways.put(ways.up, 0, 0, 2000)
    ways.put(ways.down, 0.5, 0, 1000)
    ways.put(ways.down, 0.75, 1, 1000)
    ways.put(ways.up, 0.6, 2, 1000)
    assert ways.run() == [
        ("uplink", 0, 0, 0, 2),
        ("downlink", 0, 0, 2, 3),
        ("uplink", 2, 0, 3, 4),
        ("downlink", 1, 0, 4, 5),
    ]


def test_devices_with_lanes_of_their_own_share_the_medium() -> None:
    ways = TwoWays(half_duplex="medium", sharing="own")
    for device in range(3):
        ways.put(ways.up, 0.1 * device, device, 1000)
    assert [began_s for *_, began_s, _ in ways.run()] == [0, 1, 2]


def test_a_withdrawn_packet_frees_those_that_wait_behind_it() -> None:
    ways = TwoWays(half_duplex="medium", arq=WINDOW)
    ways.put(ways.up, 0, 0, 2000)
    unwanted = ways.put(ways.down, 0.5, 0, 1000)
    ways.put(ways.up, 1, 1, 1000)
    ways.at(1.5, lambda: ways.down.withdraw(unwanted))
    assert ways.run() == [("uplink", 0, 0, 0, 2), ("uplink", 1, 0, 2, 3)]


def test_waiting_for_the_medium_is_no_airtime() -> None:
    ways = TwoWays(half_duplex="device")
    ways.put(ways.up, 0, 0, 3000)
    ways.put(ways.down, 1, 0, 1000)
    ways.run()
    assert ways.down.station.busy_fraction(4.0) == pytest.approx(0.25)
    assert ways.down.station.area == pytest.approx(3.0)


def test_classes_that_share_one_way_share_its_medium() -> None:
    """Two classes with downlinks of their own on the cell's uplink, a third apart: two media."""
    wifi: dict[str, Any] = {"half_duplex": "medium", "overhead_s": 0.002}
    own = {"downlink": link(1e5, **wifi)}
    classes = [{"name": "one", **own}, {"name": "two", **own}, {"name": "three", "uplink": link(2e4, **wifi), **own}]
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 8, "devices": 3}
    watch = AirWatch()
    ran(cell(fleet=classes, uplink=link(2e4, **wifi), workload=asked, downlink=link(1e5, **wifi)), watch=watch)
    for one, other in combinations(watch.airings, 2):
        together = (one.address[0] == 2) == (other.address[0] == 2)
        assert not together or apart(one, other)
    assert any(not apart(one, other) for one, other in combinations(watch.airings, 2))


PUTS = st.lists(
    st.tuples(st.sampled_from(["up", "down"]), st.integers(0, 12), st.integers(0, 3), st.integers(0, 200)),
    min_size=1,
    max_size=12,
)
LINKS = st.fixed_dictionaries(
    {
        "sharing": st.sampled_from(["fifo", "round_robin", "own"]),
        "rate": st.sampled_from(
            [
                {"kind": "constant", "bps": 1000},
                {"kind": "scheduled_outages", "rate": {"kind": "constant", "bps": 500}, "outages_s": ((2, 4), (6, 7))},
            ]
        ),
        "loss": st.sampled_from([{"kind": "none"}, {"kind": "bernoulli", "probability": 0.4}]),
        "arq": st.sampled_from([WINDOW, {"kind": "stop_and_wait", "timeout_s": 1}]),
        "overhead_s": st.sampled_from([0.0, 0.25]),
        "mtu_bits": st.sampled_from([None, 700]),
    }
)


@settings(max_examples=3 * settings.default.max_examples, suppress_health_check=[HealthCheck.too_slow])
@given(up=LINKS, down=LINKS, scope=st.sampled_from(["device", "medium"]), puts=PUTS)
def test_no_two_packets_of_a_medium_overlap_and_all_are_delivered(
    up: dict[str, Any], down: dict[str, Any], scope: str, puts: list[tuple[str, int, int, int]]
) -> None:
    ways = TwoWays(up, down, half_duplex=scope)
    for number, (way, at_s, device, size) in enumerate(puts):
        ways.put(getattr(ways, way), at_s, device, 8 * size, number)
    ways.run()
    assert len(ways.delivered) == len(puts)
    for one, other in combinations(ways.air.airings, 2):
        if scope == "medium" or one.address[0] == other.address[0]:
            assert apart(one, other)


def apart(one: Airing, other: Airing) -> bool:
    """Whether neither is on the air within the time of the other."""
    return one.left_s <= other.began_s + 1e-9 or other.left_s <= one.began_s + 1e-9


@settings(max_examples=60, deadline=None)
@given(
    bits=st.lists(
        st.tuples(st.sampled_from(["up", "down"]), st.integers(1, 50), st.floats(0, 3)), min_size=2, max_size=9
    )
)
def test_a_medium_is_one_queue_that_is_served_in_the_order_of_joining(bits: list[tuple[str, int, float]]) -> None:
    """Lindley's recursion over both ways together, an independent twin."""
    ways = TwoWays(half_duplex="medium", arq={**WINDOW, "window": 50})
    arrivals = sorted((at_s, number, way, 8 * size) for number, (way, size, at_s) in enumerate(bits))
    for at_s, number, way, size in arrivals:
        ways.put(getattr(ways, way), at_s, number, size, number)
    free_s = 0.0
    expected: list[object] = []
    for at_s, number, _, size in arrivals:
        free_s = max(free_s, at_s) + size / 1000
        expected.append((number, pytest.approx(free_s)))
    served: list[object] = [(number, left_s) for _, _, number, _, left_s in ways.run()]
    assert served == expected


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"half_duplex": "device", "sharing": "processor"}, "half_duplex needs packets that are sent one at a time"),
        ({"half_duplex": "medium", "rate": "duty_cycle"}, "half_duplex needs a rate that depends on time alone"),
        ({"half_duplex": "device", "listens": "after_sending"}, "half_duplex is implied"),
        ({"overhead_s": 0.1, "sharing": "processor"}, "overhead_s needs packets that are sent one at a time"),
        ({"overhead_s": 0.1, "rate": "token_bucket"}, "overhead_s needs a rate that depends on time alone"),
        ({"half_duplex": "tuesday"}, "half_duplex"),
    ],
)
def test_what_makes_no_sense_together_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        LinkConfig.model_validate(fields)
