"""Waits for a grant: each message of a connected device a little, the first after a silence longer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from links import Bench

from channels.link.link_config import LinkConfig
from simulator.timing.transmitters import Access

IDLING: dict[str, Any] = {"access_s": 0.25, "idle_access_s": 2.0, "idle_after_s": 10.0}


def starts(bench: Bench) -> list[float]:
    """When the first bit of each message goes out."""
    bench.run()
    return [
        next(at_s for at_s, state in log if state == "transmit")
        for _, log in sorted(bench.log.items(), key=lambda each: each[0][1])
    ]


def test_a_device_gets_its_connection_first_and_then_a_grant_for_each_message() -> None:
    """0 s: idle until 2 s. 5 s, 2 s after the last bit: connected. 16.25 s, 10 s after the last bit: idle again."""
    bench = Bench(**IDLING)
    for number, at_s in enumerate((0.0, 5.0, 16.25)):
        bench.put(at_s, device=0, bits=1000, number=number)
    assert starts(bench) == [2.0, 5.25, 18.25]
    assert bench.log[0, 0][:2] == [(0, "queue"), (2.0, "transmit")]


Puts = list[tuple[float, int, int]]
WINDOW = {"kind": "selective_repeat", "timeout_s": 99}
GRANTS: dict[str, tuple[dict[str, Any], Puts, list[float]]] = {
    "just before the connection ends it is still there": (IDLING, [(0.0, 0, 1000), (12.75, 0, 1000)], [2.0, 13.0]),
    "messages put while a device connects wait for the same connection, in order": (
        IDLING | {"arq": WINDOW}, [(0.0, 0, 8), (0.5, 0, 8), (1.9, 0, 8)], [2.0, 2.008, 2.15],
    ),
    "each device has a connection of its own": (IDLING, [(0.0, 0, 8), (3.0, 1, 8)], [2.0, 5.0]),
    "11 s on the air, longer than it may be silent: it does not idle meanwhile": (
        IDLING | {"arq": WINDOW}, [(0.0, 0, 11_000), (13.5, 0, 8)], [2.0, 13.75],
    ),
    "a device whose packets still wait is not idle: the first is on the air from 2 s to 22 s": (
        IDLING | {"arq": WINDOW}, [(0.0, 0, 20_000), (14.0, 0, 1000)], [2.0, 22.0],
    ),
    "without a time to idle each message waits as long": (
        {"access_s": 0.25, "idle_access_s": 2.0}, [(0.0, 0, 8), (100.0, 0, 8)], [0.25, 100.25],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRANTS)
def test_when_the_first_bit_of_each_message_goes_out(name: str) -> None:
    fields, puts, expected = GRANTS[name]
    bench = Bench(**fields)
    for number, (at_s, device, bits) in enumerate(puts):
        bench.put(at_s, device, bits, number)
    assert starts(bench) == expected


def test_a_connected_device_with_no_wait_says_once_that_it_queues() -> None:
    bench = Bench(access_s=0, idle_access_s=2.0, idle_after_s=10.0)
    for number, at_s in enumerate((0.0, 2.5)):
        bench.put(at_s, device=0, bits=1000, number=number)
    bench.run()
    assert bench.log[0, 1][:2] == [(2.5, "queue"), (3.2, "transmit")]


GAPS = st.lists(st.floats(0, 30), min_size=1, max_size=12)


@given(gaps_s=GAPS, access_s=st.floats(0, 5), idle_access_s=st.floats(0, 5), idle_after_s=st.floats(0, 20))
def test_grants_keep_the_order_of_messages_and_no_wait_is_longer_than_the_longest(
    gaps_s: list[float], access_s: float, idle_access_s: float, idle_after_s: float
) -> None:
    fields: dict[str, Any] = {"access_s": access_s, "idle_access_s": idle_access_s, "idle_after_s": idle_after_s}
    access, now_s, granted_s = Access(LinkConfig(**fields)), 0.0, -float("inf")
    for gap_s in gaps_s:
        now_s += gap_s
        wait_s = access.wait_s(0, now_s, granted_s)
        assert 0 <= wait_s <= max(access_s, idle_access_s) + 1e-9
        assert now_s + wait_s >= granted_s - 1e-9
        granted_s = now_s + wait_s
