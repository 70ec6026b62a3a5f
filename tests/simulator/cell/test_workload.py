"""When requests come and devices are away, as the description of a workload says it."""

from __future__ import annotations

from math import exp, log

import numpy as np

from channels.uniforms import Uniforms
from simulator.cell.workload import Workload


def test_poisson_gaps_are_exponential_and_each_devices_own() -> None:
    jobs, rate = 4_000, 0.5
    workload = Workload.of({"kind": "poisson", "requests": jobs, "devices": 2, "rate_per_s": rate})
    times = [[ask.at_s or 0.0 for ask in workload.asks(device, Uniforms.of(3, "users"))] for device in (0, 1)]
    gaps = np.diff(times, axis=1, prepend=0.0) * rate
    for row in gaps:
        assert abs(row.mean() - 1) < 5 / jobs**0.5
        for level in (0.1, 1.0, 3.0):
            share = exp(-level)
            assert abs((row > level).mean() - share) < 5 * (share * (1 - share) / jobs) ** 0.5
    assert abs(np.corrcoef(gaps)[0, 1]) < 5 / jobs**0.5
    assert abs(np.corrcoef(gaps[0, 1:], gaps[0, :-1])[0, 1]) < 5 / jobs**0.5


def test_random_absences_last_as_long_as_they_say() -> None:
    """Share of the time away and mean length, over 2,000 absences: each time is exponential."""
    absences = Workload.of(
        {"kind": "closed", "absences": {"kind": "random", "mean_there_s": 30, "mean_away_s": 10}}
    ).absences
    periods = absences.times(4, Uniforms.of(1, "users"))
    times = np.array([next(periods) for _ in range(2_000)])
    assert (np.diff(times.ravel()) > 0).all()
    away, there = times[:, 1] - times[:, 0], np.append(times[0, 0], times[1:, 0] - times[:-1, 1])
    for lengths, mean in ((away, 10), (there, 30)):
        assert abs(lengths.mean() / mean - 1) < 5 / 2_000**0.5
        assert abs((lengths > mean * log(2)).mean() - 0.5) < 5 * 0.5 / 2_000**0.5
