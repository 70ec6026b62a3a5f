"""Servers that crash and return: passes and caches are lost, jobs are not."""

from __future__ import annotations

from math import expm1

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Bench, Visit

pytestmark = pytest.mark.usefixtures("called_once")

A, B, C = (0, 0), (1, 0), (2, 0)


def scheduled(*away: tuple[int, float, float]) -> dict[str, object]:
    return {"kind": "scheduled", "away": away}


class Once(Bench):
    """Requests of one job each."""

    def on_done(self, visit: Visit) -> None:
        super().on_done(visit)
        self.cloud.forget(visit.job.session)


class Loop(Once):
    """One job after the other, without a pause."""

    left = 4_000

    def on_done(self, visit: Visit) -> None:
        super().on_done(visit)
        if len(self.visits) < self.left:
            self.submit((0, len(self.visits)), visit.job.text_tokens)


def test_random_crashes_cost_what_preempt_repeat_says() -> None:
    """A pass of S with crashes at rate f and repairs of mean R, begun afresh each time: (e^(f S) - 1) (1/f + R)."""
    service, there, away = 100, 80.0, 40.0
    made = Loop(
        seed=2, batching="none", failures={"kind": "random", "mean_there_s": there, "mean_away_s": away}
    )  # fmt: skip
    made.at(0, (0, 0), service)
    while made.cloud.station.left < Loop.left:
        made.env.step()
    took_s = np.array([visit.done_s[0] - visit.arrived_s for visit in made.visits])
    expected_s = expm1(service / there) * (there + away)
    assert abs(took_s.mean() - expected_s) < 5 * took_s.std(ddof=1) / len(took_s) ** 0.5
    assert made.cloud.crashes > 1_000


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    routing=st.sampled_from(["shared", "round_robin", "shortest_queue", "affinity"]),
    batching=st.sampled_from(["none", "waiting", {"kind": "window", "cap": 3, "window_s": 7}, "continuous"]),
    servers=st.integers(1, 3),
    kv=st.sampled_from([None, 60, 100]),
    admission=st.sampled_from(["whole_request", "evict", "preempt"]),
    budget=st.sampled_from([None, 12]),
)
def test_whatever_happens_each_job_is_done_once_or_withdrawn(
    seed: int, routing: str, batching: object, servers: int, kv: int | None, admission: str, budget: int | None
) -> None:
    """Random crashes, batching, memory and withdrawals in whole seconds, so that events coincide all the time."""
    rng = np.random.default_rng(seed)
    made = Once(
        seed, servers=servers, routing=routing, batching=batching, kv_tokens=kv, token_budget=budget,
        admission=admission, failures={"kind": "random", "mean_there_s": 40, "mean_away_s": 10},
    )  # fmt: skip
    withdrawn = set()

    def withdraw(number: int) -> None:
        visit = made.visits[number]
        if not visit.done_s:
            withdrawn.add(number)
            made.cloud.withdraw(visit.job)
            made.cloud.forget(visit.job.session)

    for number in range(30):
        at_s, prefill = float(rng.integers(5 * number, 5 * number + 5)), bool(rng.random() < 0.3)
        made.at(at_s, (number, 0), int(rng.integers(20, 50) if prefill else rng.integers(1, 9)), prefill=prefill)
        if rng.random() < 0.2:
            made.call(at_s + float(rng.integers(30)), lambda number=number: withdraw(number))
    while made.env.now < 200 or made.cloud.station.present:
        made.env.step()
        assert made.env.now < 1e5
        for pool in made.cloud._pools:
            held_tokens = pool.reservations.taken_tokens if admission == "whole_request" else pool.kv.held_tokens
            assert kv is None or held_tokens <= kv * len(pool.servers)
            idle = pool.free() and pool.waiting and pool.ready_s() < made.env.now
            assert not idle or (kv is not None and admission != "whole_request" and pool.may_wait), "I5"
    for number, visit in enumerate(made.visits):
        assert len(visit.done_s) == (0 if number in withdrawn else 1)
    assert made.cloud.station.area == pytest.approx(made.cloud.station.sojourn_s, rel=1e-9)
