"""Waits for a grant: each message of a connected device a little, the first after a silence longer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from links import Bench

from channels.link.link_config import LinkConfig
from simulator.timing.transmitters import Access

IDLING: dict[str, Any] = {"access_s": 0.25, "idle_access_s": 2.0, "idle_after_s": 10.0}


def starts(bench: Bench) -> list[float]:
    """When the first bit of each message of device 0 goes out."""
    bench.run()
    return [next(at_s for at_s, state in log if state == "transmit") for _, log in sorted(bench.log.items())]


def test_a_device_gets_its_connection_first_and_then_a_grant_for_each_message() -> None:
    """0 s: idle until 2 s. 5 s, 2 s after the last bit: connected. 16.25 s, 10 s after the last bit: idle again."""
    bench = Bench(**IDLING)
    for number, at_s in enumerate((0.0, 5.0, 16.25)):
        bench.put(at_s, device=0, bits=1000, number=number)
    assert starts(bench) == [2.0, 5.25, 18.25]
    assert bench.log[0, 0][:2] == [(0, "queue"), (2.0, "transmit")]


def test_just_before_the_connection_ends_it_is_still_there() -> None:
    bench = Bench(**IDLING)
    bench.put(0.0, device=0, bits=1000)
    bench.put(12.75, device=0, bits=1000, number=1)
    assert starts(bench) == [2.0, 13.0]


def test_messages_put_while_a_device_connects_wait_for_the_same_connection_in_order() -> None:
    bench = Bench(**IDLING, arq={"kind": "selective_repeat", "timeout_s": 9})
    for number, at_s in enumerate((0.0, 0.5, 1.9)):
        bench.put(at_s, device=0, bits=8, number=number)
    assert starts(bench) == [2.0, 2.008, 2.15]


def test_each_device_has_a_connection_of_its_own() -> None:
    bench = Bench(**IDLING)
    bench.put(0.0, device=0, bits=8)
    bench.put(3.0, device=1, bits=8)
    assert starts(bench) == [2.0, 5.0]


def test_a_device_that_is_on_the_air_for_long_does_not_idle_meanwhile() -> None:
    """11 s on the air, longer than it may be silent."""
    bench = Bench(**IDLING, arq={"kind": "selective_repeat", "timeout_s": 99})
    bench.put(0.0, device=0, bits=11_000)
    bench.put(13.5, device=0, bits=8, number=1)
    assert starts(bench) == [2.0, 13.75]


def test_without_a_time_to_idle_each_message_waits_as_long() -> None:
    bench = Bench(access_s=0.25, idle_access_s=2.0)
    for number, at_s in enumerate((0.0, 100.0)):
        bench.put(at_s, device=0, bits=8, number=number)
    assert starts(bench) == [0.25, 100.25]


def test_a_connected_device_with_no_wait_says_once_that_it_queues() -> None:
    bench = Bench(access_s=0, idle_access_s=2.0, idle_after_s=10.0)
    for number, at_s in enumerate((0.0, 2.5)):
        bench.put(at_s, device=0, bits=1000, number=number)
    bench.run()
    assert bench.log[0, 1][:2] == [(2.5, "queue"), (3.2, "transmit")]


def test_a_device_whose_packets_still_wait_is_not_idle() -> None:
    """Its first message is on the air from 2 s to 22 s; the second, put at 14 s, waits for a grant alone."""
    bench = Bench(**IDLING, arq={"kind": "selective_repeat", "timeout_s": 9})
    bench.put(0.0, device=0, bits=20_000)
    bench.put(14.0, device=0, bits=1000, number=1)
    assert starts(bench) == [2.0, 22.0]


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
