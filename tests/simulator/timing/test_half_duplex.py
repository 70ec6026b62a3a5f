"""Half duplex: while one way is on the air the other is not, and the packet that joined first goes first."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from cells import cell, link
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plants import AirWatch, ran
from two_ways import TwoWays

from simulator.results.observer import Airing

WINDOW = {"kind": "selective_repeat", "window": 8, "timeout_s": 9, "timer_jitter": 0}


Frame = tuple[str, int, int, float, float]
TIMELINES: dict[str, tuple[dict[str, Any], list[tuple[str, float, int, int]], list[Frame]]] = {
    "a device sends or receives, and the first to join goes first": (
        {"half_duplex": "device"},
        [("up", 0, 0, 2000), ("down", 0.5, 0, 1000), ("up", 1, 0, 1000), ("down", 1.5, 0, 1000)],
        [("uplink", 0, 0, 0, 2), ("downlink", 0, 1, 2, 3), ("uplink", 0, 2, 3, 4), ("downlink", 0, 3, 4, 5)],
    ),
    "full duplex sends both ways at once": (
        {}, [("up", 0, 0, 2000), ("down", 0.5, 0, 1000)], [("uplink", 0, 0, 0, 2), ("downlink", 0, 1, 0.5, 1.5)],
    ),
    "what one device sends another may receive meanwhile, before what has joined earlier for the first": (
        {"half_duplex": "device"}, [("up", 0, 0, 2000), ("down", 0.5, 0, 1000), ("down", 0.75, 1, 1000)],
        [("uplink", 0, 0, 0, 2), ("downlink", 1, 2, 0.75, 1.75), ("downlink", 0, 1, 2, 3)],
    ),
    "on one medium all stations wait for each other": (
        {"half_duplex": "medium"},
        [("up", 0, 0, 2000), ("down", 0.5, 0, 1000), ("up", 0.6, 2, 1000), ("down", 0.75, 1, 1000)],
        [("uplink", 0, 0, 0, 2), ("downlink", 0, 1, 2, 3), ("uplink", 2, 2, 3, 4), ("downlink", 1, 3, 4, 5)],
    ),
    "devices with lanes of their own share the medium": (
        {"half_duplex": "medium", "sharing": "own"}, [("up", 0.1 * device, device, 1000) for device in range(3)],
        [("uplink", device, device, device, device + 1) for device in range(3)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMELINES)
def test_packets_go_as_the_timeline_says(name: str) -> None:
    """Messages are numbered in order; of each attempt its link, device, message, first and last bit."""
    fields, puts, frames = TIMELINES[name]
    ways = TwoWays(arq=WINDOW, **fields)
    for number, (way, at_s, device, bits) in enumerate(puts):
        ways.put(getattr(ways, way), at_s, device, bits, number)
    assert ways.run() == frames


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
