"""Delays that lead to a given time."""

from math import inf, nextafter

from hypothesis import given
from hypothesis import strategies as st

from simulator.timing.event_loop import delay_until

times = st.floats(0.0, 1e6)


@given(times, times)
def test_a_delay_leads_to_its_time_or_to_the_float_beside_it(now_s: float, time_s: float) -> None:
    delay_s = delay_until(now_s, time_s)
    if time_s <= now_s:
        assert delay_s == 0.0
    else:
        assert nextafter(time_s, 0.0) <= now_s + delay_s <= nextafter(time_s, inf)


@given(times, times)
def test_no_rounding_where_the_way_is_shorter_than_the_time_gone(start_s: float, more_s: float) -> None:
    """There the difference of two floats is exact (Sterbenz)."""
    time_s = start_s + min(start_s, more_s)
    assert start_s + delay_until(start_s, time_s) == time_s
