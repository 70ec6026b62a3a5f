"""On-off processes: exponential times there and away, and what a schedule may hold."""

import math
from itertools import islice

import numpy as np
import pytest

from channels.link.rates import Rate
from channels.on_off import Window, exponential_windows, require_in_order
from channels.uniforms import Uniforms
from simulator.cell.downtime import Downtime

INF = float("inf")


def test_times_there_and_away_are_exponential_and_independent(uniforms: Uniforms) -> None:
    count = 20_000
    windows = np.array(list(islice(exponential_windows(30.0, 10.0, uniforms), count)))
    there = windows[:, 0] - np.concatenate([[0.0], windows[:-1, 1]])
    away = windows[:, 1] - windows[:, 0]
    for lengths, mean in ((there, 30.0), (away, 10.0)):
        assert abs(lengths.mean() / mean - 1) < 5 / math.sqrt(count)
        assert abs((lengths > mean).mean() - math.exp(-1)) < 5 * math.sqrt(math.exp(-1) * (1 - math.exp(-1)) / count)
    assert abs(((there / 30 - 1) * (away / 10 - 1)).mean()) < 5 / math.sqrt(count)


def test_the_length_of_a_window_is_decided_by_its_number_alone(uniforms: Uniforms) -> None:
    """Common random numbers: with other means the same windows come, longer or shorter."""
    short, long = (list(islice(exponential_windows(*means, uniforms), 50)) for means in ((1.0, 1.0), (1.0, 3.0)))
    assert [3 * (end - start) for start, end in short] == pytest.approx([end - start for start, end in long])


def test_a_link_and_a_device_are_away_by_the_same_distribution(uniforms: Uniforms) -> None:
    outages = Rate.of({"kind": "random_outages", "mean_up_s": 5, "mean_out_s": 2}).outages(uniforms.under(3))
    absences = Downtime.of({"kind": "random", "mean_there_s": 5, "mean_away_s": 2}).times(3, uniforms)
    assert list(islice(outages, 20)) == list(islice(absences, 20))


@pytest.mark.parametrize("windows", [[], [(0, 1)], [(0, 1), (1.5, INF)], [(0.5, 0.6), (0.7, 0.8), (3, 4)]])
def test_windows_in_order_and_apart_are_a_schedule(windows: list[Window], uniforms: Uniforms) -> None:
    away = Downtime.of({"kind": "scheduled", "away": [(0, *window) for window in windows]})
    assert list(away.times(0, uniforms)) == windows


@pytest.mark.parametrize(
    "windows",
    [
        [(-1, 1)],
        [(1, 1)],
        [(2, 1)],
        [(0, 1), (1, 2)],
        [(0, 5), (3, 6)],
        [(3, 4), (1, 2)],
        [(math.nan, 1)],
        [(0, math.nan)],
    ],
)
def test_a_window_that_is_empty_early_or_touches_the_last_is_named(windows: list[Window]) -> None:
    start_s, end_s = windows[-1]
    with pytest.raises(ValueError, match=rf"outages_s must .* see \({start_s}, {end_s}\)"):
        require_in_order("outages_s", windows)


def test_windows_of_different_things_may_overlap() -> None:
    Downtime.of({"kind": "scheduled", "away": [[0, 1, 4], [1, 2, 3], [0, 5, 6]]})
    with pytest.raises(ValueError, match=r"away of 1 must .* see \(3\.5, 5\.0\)"):
        Downtime.kinds["scheduled"](away=[[0, 1, 4], [1, 2, 4], [0, 5, 6], [1, 3.5, 5]])
