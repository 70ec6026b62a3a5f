"""Half duplex: while one way is on the air the other is not, and the packet that joined first goes first."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_ways import TwoWays

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
    ways = TwoWays(half_duplex="device", arq=WINDOW)
    ways.put(ways.up, 0, 0, 2000)
    unwanted = ways.put(ways.down, 0.5, 0, 1000)
    ways.put(ways.up, 1, 0, 1000, 1)
    ways.at(1.5, lambda: ways.down.withdraw(unwanted))
    assert ways.run() == [("uplink", 0, 0, 0, 2), ("uplink", 0, 1, 2, 3)]


def test_waiting_for_the_radio_is_no_airtime() -> None:
    ways = TwoWays(half_duplex="device")
    ways.put(ways.up, 0, 0, 3000)
    ways.put(ways.down, 1, 0, 1000)
    ways.run()
    assert ways.down.station.busy_fraction(4.0) == pytest.approx(0.25)
    assert ways.down.station.area == pytest.approx(3.0)


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
                {"kind": "trace", "points": ((0, 500), (2, 0), (4, 500), (6, 0), (7, 500))},
            ]
        ),
        "loss": st.sampled_from([{"kind": "none"}, {"kind": "bernoulli", "probability": 0.4}]),
        "arq": st.sampled_from([WINDOW, {"kind": "stop_and_wait", "timeout_s": 1}]),
        "overhead_s": st.sampled_from([0.0, 0.25]),
        "mtu_bits": st.sampled_from([None, 700]),
    }
)


@settings(max_examples=3 * settings.default.max_examples, suppress_health_check=[HealthCheck.too_slow])
@given(up=LINKS, down=LINKS, puts=PUTS)
def test_no_two_packets_of_a_device_overlap_and_all_are_delivered(
    up: dict[str, Any], down: dict[str, Any], puts: list[tuple[str, int, int, int]]
) -> None:
    ways = TwoWays(up, down, half_duplex="device")
    for number, (way, at_s, device, size) in enumerate(puts):
        ways.put(getattr(ways, way), at_s, device, 8 * size, number)
    ways.run()
    assert len(ways.delivered) == len(puts)
    for one, other in combinations(ways.air.airings, 2):
        if one.address[0] == other.address[0]:
            assert one.left_s <= other.began_s + 1e-9 or other.left_s <= one.began_s + 1e-9


@settings(max_examples=60, deadline=None)
@given(
    bits=st.lists(
        st.tuples(st.sampled_from(["up", "down"]), st.integers(1, 50), st.floats(0, 3)), min_size=2, max_size=9
    )
)
def test_a_radio_is_one_queue_that_is_served_in_the_order_of_joining(bits: list[tuple[str, int, float]]) -> None:
    """Lindley's recursion over both ways together, an independent twin."""
    ways = TwoWays(half_duplex="device", arq={**WINDOW, "window": 50})
    arrivals = sorted((at_s, number, way, 8 * size) for number, (way, size, at_s) in enumerate(bits))
    for at_s, number, way, size in arrivals:
        ways.put(getattr(ways, way), at_s, 0, size, number)
    free_s = 0.0
    expected: list[object] = []
    for at_s, number, _, size in arrivals:
        free_s = max(free_s, at_s) + size / 1000
        expected.append((number, pytest.approx(free_s)))
    served: list[object] = [(number, left_s) for _, _, number, _, left_s in ways.run()]
    assert served == expected
