"""BBR without a clock: its filter and its rate sampler beside twins that look back, and where its cycles begin."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.link.bbr import CYCLE, Bbr, DeliveryRate, MaxFilter, Phase, SendState
from channels.link.congestion import Delivery
from channels.uniforms import Uniforms


@given(
    steps=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=40), rounds=st.integers(1, 5)
)
def test_the_filter_has_the_largest_value_of_the_last_rounds(steps: list[tuple[int, int]], rounds: int) -> None:
    rates, now, seen = MaxFilter(rounds), 0, list[tuple[int, int]]()
    for later, value in steps:
        now += later
        seen.append((now, value))
        rates.take(now, value)
        assert rates.largest == max(value for at, value in seen if at > now - rounds)


STEPS = st.tuples(
    st.sampled_from([0.0, 0.01, 0.03, 0.2]), st.sampled_from(["send", "send", "ack", "limited"]), st.integers(0, 9)
)


@given(steps=st.lists(STEPS, max_size=60))
def test_a_rate_sample_is_what_a_twin_counts_in_the_whole_history(steps: list[tuple[float, str, int]]) -> None:
    """Delivered from the sending of a packet to its acknowledgement, in the longer of the times since the latest
    acknowledgement before that sending, and since what that one acknowledged was sent. A packet counts as limited until
    more is delivered than was under way when the flow last had too little."""
    sampler, now_s, mark = DeliveryRate(), 0.0, 0
    flying: list[tuple[float, int, SendState]] = []
    history: list[tuple[str, float, float]] = []
    """Starts after a rest and acknowledgements: when, and when the packet was sent."""
    for later_s, step, place in steps:
        now_s += later_s
        acked = sum(kind == "ack" for kind, _, _ in history)
        if step == "send":
            if not flying:
                history.append(("start", now_s, now_s))
            sent = sampler.on_send(now_s, len(flying))
            assert sent.is_limited == (mark > 0 and acked <= mark)
            flying.append((now_s, len(history), sent))
        elif step == "limited":
            sampler.on_limited(len(flying))
            mark = max(1, acked + len(flying))
        elif flying:
            sent_s, known, sent = flying.pop(place % len(flying))
            _, before_s, first_s = history[known - 1]
            count = 1 + sum(kind == "ack" for kind, _, _ in history[known:])
            history.append(("ack", now_s, sent_s))
            assert sampler.on_delivery(sent, sent_s, now_s) == (count, max(sent_s - first_s, now_s - before_s))


def test_cycles_begin_anywhere_but_where_the_pipe_would_run_empty() -> None:
    """All gains but 0.75 alike: 100 of 700 each, within 5 standard deviations of 9.3."""
    begun = Counter[int]()
    for flow in range(100):
        window = Bbr().window(10.0, Uniforms.of(flow, "test"))
        for _ in range(7):
            window._probe_rate(0.0)
            begun[window._cycle] += 1
    assert set(begun) == set(range(len(CYCLE))) - {1}
    assert all(abs(count - 100) < 47 for count in begun.values())


@pytest.mark.parametrize(
    ("place", "passed_s", "under_way", "lost", "goes_on"),
    [
        (0, 0.05, 20, 0, False), (0, 0.11, 14, 0, False), (0, 0.11, 15, 0, True), (0, 0.11, 3, 1, True),
        (1, 0.05, 13, 0, False), (1, 0.05, 12, 0, True), (1, 0.11, 30, 0, True),
        (2, 0.05, 1, 0, False), (2, 0.11, 30, 0, True),
    ],
)  # fmt: skip
def test_a_gain_lasts_a_round_trip_and_until_it_has_done_what_it_is_for(
    place: int, passed_s: float, under_way: int, lost: int, goes_on: bool
) -> None:
    """A pipe of ten: 1.25 lasts until 15.5 were under way or one is lost, 0.75 until 13 are at most."""
    window = Bbr().window(10.0)
    window.phase, window._cycle, window.round_trip_s, window._lost = Phase.PROBE_RATE, place, 0.1, lost
    window._rates.take(0, 100.0)
    window._advance(Delivery(passed_s, 0.0, 0.1, 0, 1, under_way, False, None))
    assert window._cycle == place + goes_on


def test_a_connection_that_begins_late_has_no_old_round_trip_to_probe() -> None:
    window = Bbr().window(10.0)
    mark = window.on_send(50.0, 0)
    window.on_delivery(Delivery(50.1, 50.0, 0.1, 0, 10, 9, False, mark))
    assert window.phase is Phase.STARTUP and window.round_trip_s == 0.1
