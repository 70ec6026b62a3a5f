"""What answers are made of, from tables whose outcome is known."""

from __future__ import annotations

import math
import re

import pandas as pd
import pytest

from simulator.results.answers import (
    below_where,
    ends,
    in_a_range,
    instead,
    lowest_where,
    percent_along,
    ranges,
    times,
)
from simulator.results.intervals import Difference, Interval

AXIS, METRIC = "uplink.rate.bps", "latency_per_token_s"
RATES = (1e3, 1e4, 1e5)


def sweep(latency: dict[str, tuple[float, ...]], noise: float = 0.01) -> pd.DataFrame:
    """Three seeds, each a little slower than the one before; the scheme is the curve's first word."""
    return pd.DataFrame(
        [
            {
                "curve": curve,
                "scheme.kind": curve.split()[0],
                AXIS: rate,
                "seed": seed,
                METRIC: value * (1 + noise * seed),
            }
            for curve, values in latency.items()
            for rate, value in zip(RATES, values, strict=True)
            for seed in range(3)
        ]
    )


def test_the_lowest_are_told_with_what_they_reach_and_lossy_ones_left_out() -> None:
    cells = sweep({"a": (0.5, 0.2, 0.1), "b": (0.4, 0.3, 0.2), "edge": (0.01, 0.01, 0.01)}, noise=0.0)
    cells["lossy"] = cells["curve"] == "edge"
    assert lowest_where(cells, AXIS, METRIC) == "b at 1 kbit/s (400 ms), a from 10 kbit/s on (200 ms to 100 ms)"


def test_those_that_no_seed_tells_apart_are_lowest_together() -> None:
    cells = sweep({"a": (0.5,) * 3, "b": (0.5,) * 3})
    assert lowest_where(cells, AXIS, METRIC) == "a or b everywhere (505 ms)"


def test_an_end_of_the_axis_is_a_multiple_of_the_other_seed_by_seed() -> None:
    ((curve, ratio),) = ends(sweep({"a": (0.5, 0.2, 0.1)}), AXIS, 1e5, 1e3, METRIC)
    assert curve == "a" and 1 + ratio.size == pytest.approx(5) and ratio.same
    assert ends(sweep({"a": (0.5,) * 3}), None, 1e3, 1e5, METRIC) == []


def test_times_are_told_as_precisely_as_they_are_known() -> None:
    def said(ratio: float, half: float) -> str:
        return times(Difference(METRIC, Interval(math.log(ratio), half, 3)))

    assert said(4.123, 0.06) == "4.12 times (3.88 to 4.38)" and said(4.1234, math.nan) == "4.12 times"
    assert said(4.4, 2.0) == "4.4 times (0.6 to 32.5)" and said(1.0, math.nan) == "unchanged"
    no_ratio = Difference(METRIC, Interval(0.25, 0.5, 3), relative=False)
    assert (
        times(no_ratio) == "not distinguishable (250 ms, -250 ms to 750 ms; a difference above 500 ms would have shown)"
    )


def test_one_value_of_a_field_is_compared_with_another_all_else_the_same() -> None:
    cells = sweep({"k code=old": (1.0, 0.5, 0.2), "k code=new": (0.5, 0.4, 0.2), "c code=new": (0.1,) * 3})
    cells["scheme.code"] = cells["curve"].str.split("=").str[1]
    ((shared, rows, mine, theirs),) = instead(cells, "scheme.code", "new", "old")
    assert (shared, mine, theirs) == ("k", "k code=new", "k code=old") and rows["curve"].nunique() == 2
    told = percent_along(rows, AXIS, METRIC, mine, theirs, ends_only=True)
    assert told == "50% lower (the same in every seed) at 1 kbit/s, equal (in every seed) at 100 kbit/s"


def test_where_both_ends_say_the_same_it_is_said_once() -> None:
    cells = sweep({"a": (0.5, 0.5, 0.5), "b": (1.0, 1.0, 1.0)})
    assert percent_along(cells, AXIS, METRIC, "a", "b", ends_only=True) == "50% lower (the same in every seed)"


def test_a_range_is_of_means_along_the_axis() -> None:
    cells = sweep({"a": (0.5, 0.2, 0.1)}, noise=0.0).assign(payload_bits_per_token=64.0)
    assert ranges(cells, AXIS, (METRIC, "payload_bits_per_token")) == [("a", ["100 ms to 500 ms", "64 bit"])]
    assert in_a_range(0.1, 0.1, METRIC) == "100 ms"


def test_a_kind_is_below_another_only_where_the_seeds_can_tell() -> None:
    cells = sweep({"a": (0.5, 0.2, 0.1), "b k=2": (0.6, 0.2, 0.1), "b k=3": (0.7, 0.3, 0.05)})
    assert below_where(cells, AXIS, "a", "b", METRIC) == "at 1 kbit/s"
    assert below_where(cells, AXIS, "b", "a", METRIC) == "at 100 kbit/s"
    assert below_where(sweep({"a": (1.0,) * 3, "b": (1.0,) * 3}), AXIS, "a", "b", METRIC).startswith("nowhere")


def test_a_tie_of_few_seeds_says_which_difference_would_have_shown() -> None:
    cells = sweep({"a": (0.5,) * 3, "b": (0.51,) * 3})
    cells.loc[cells["curve"] == "b", METRIC] += 0.02 * (cells["seed"] - 1)
    limit = r"a difference above [\d.]+% would have shown"
    assert re.fullmatch(rf"a or b everywhere \(505 ms; {limit}\)", lowest_where(cells, AXIS, METRIC))
    assert re.fullmatch(rf"nowhere that the seeds can tell \({limit}\)", below_where(cells, AXIS, "a", "b", METRIC))
