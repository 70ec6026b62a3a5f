"""Who goes first of those that wait, against a slow twin and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cells import cell
from plants import ran
from servers import Bench

from simulator.decoding.memory import Memory

pytestmark = pytest.mark.usefixtures("called_once")

Asked = list[tuple[float, int, int]]
"""(arrival_s, tokens, priority) of each job; no two arrive in one tick, and a pass is whole ticks."""


def asked(seed: int, jobs: int, load: float) -> Asked:
    rng = np.random.default_rng(seed)
    arrivals_s = np.cumsum(rng.exponential(4.0 / load, jobs)).tolist()
    return [(at_s, int(rng.integers(1, 8)), int(rng.integers(2))) for at_s in arrivals_s]


def served(jobs: Asked, **fields: object) -> list[float]:
    bench = Bench(batching="none", **fields)
    for number, (at_s, tokens, priority) in enumerate(jobs):
        bench.at(at_s, (number, 0), tokens, priority=priority)
    bench.run()
    return [visit.done_s[0] for visit in bench.visits]


def by_priority(jobs: Asked) -> list[float]:
    """One server that takes, each time that it is free, the first job of the lowest class there."""
    now_s, left, done = 0.0, set(range(len(jobs))), [0.0] * len(jobs)
    while left:
        now_s = max(now_s, min(jobs[number][0] for number in left))
        number = min((each for each in left if jobs[each][0] <= now_s), key=lambda each: (jobs[each][2], jobs[each][0]))
        left.remove(number)
        done[number] = now_s = now_s + jobs[number][1]
    return done


def test_jobs_are_done_when_the_twin_says_that_takes_the_lowest_class_first() -> None:
    jobs = asked(1, 400, 0.9)
    assert served(jobs, order="priority") == pytest.approx(by_priority(jobs), rel=1e-12)
    assert served(jobs) != served(jobs, order="priority")


def test_mean_waits_of_two_classes_are_cobham_s() -> None:
    """Non-preemptive priorities before one server (Cobham 1954): class k waits W0 / ((1 - s_k-1) (1 - s_k)), s_k the
    load of classes up to k, W0 = rate E[S^2] / 2; services uniform on 1..7. 30 means, 5 standard errors."""
    load, sizes = 0.8, np.arange(1, 8)
    jobs = asked(3, 6000, load)
    done = served(jobs, order="priority")
    waits = np.array([end_s - at_s - tokens for end_s, (at_s, tokens, _) in zip(done, jobs, strict=True)])
    classes = np.array([priority for _, _, priority in jobs])
    residual = load / 4.0 * (sizes**2).mean() / 2
    for place, expected in enumerate((residual / (1 - load / 2), residual / (1 - load / 2) / (1 - load))):
        means = np.array([part.mean() for part in np.array_split(waits[classes == place], 30)])
        assert abs(means.mean() - expected) < 5 * means.std(ddof=1) / 30**0.5


ASKED = {"kind": "closed", "devices": 6, "requests": 2, "prompt_tokens": 8, "output_tokens": 12}
SLOW = {"batching": {"kind": "waiting", "cap": 2}, "latency": {"kind": "affine", "base_s": 0.05, "per_token_s": 1e-3}}


def run_in(order: str, memory: Memory) -> Any:
    fleet = {name: {"count": 3, "priority": place} for place, name in enumerate(("first", "last"))}
    return ran(cell("k_sqs", workload=ASKED, fleet=fleet, cloud={**SLOW, "order": order}), memory)


def test_the_order_decides_no_token_and_who_waits() -> None:
    memory = Memory()
    runs = {order: run_in(order, memory) for order in ("arrival", "priority")}
    assert runs["arrival"].texts == runs["priority"].texts
    took = {
        order: [np.mean([each.finish_s - each.arrival_s for each in run.requests if each.device // 3 == place])
                for place in (0, 1)]
        for order, run in runs.items()
    }  # fmt: skip
    assert took["priority"][0] < 0.9 * took["arrival"][0] and took["priority"][1] > took["arrival"][1]
