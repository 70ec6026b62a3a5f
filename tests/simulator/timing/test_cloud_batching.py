"""Batching against slow twins: a plain loop over the sorted arrivals says when each job is done, to the tick.

Arrivals have residues of their own modulo STEP and all durations are multiples of it, so no two events ever coincide
and the order within an instant, which is nobody's promise, does not matter. All are whole numbers of TICK, a power of
two, so that sums are exact.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Bench

TICK = 2.0**-14
TICKS = 4096
STEP = TICKS * TICK
BASE, PER_SEQUENCE, PER_TOKEN, PER_CACHED = 20 * STEP, 2 * STEP, 4 * STEP, STEP
LATENCY = {
    "kind": "affine", "base_s": BASE, "per_sequence_s": PER_SEQUENCE, "per_token_s": PER_TOKEN,
    "per_cached_token_s": PER_CACHED,
}  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """One job of a session of its own."""

    arrival_s: float
    tokens: int
    prefill: bool = False


def asks(seed: int, jobs: int, mean_gap: int) -> list[Ask]:
    """Random jobs, a fifth of them long prefills, with arrivals in order and of different residues."""
    rng = np.random.default_rng(seed)
    blocks = np.sort(rng.integers(0, jobs * mean_gap, jobs))
    times = sorted((TICK * (blocks * TICKS + rng.permutation(TICKS - 1)[:jobs] + 1)).tolist())
    prefill = rng.random(jobs) < 0.2
    sizes = np.where(prefill, rng.integers(10, 60, jobs), rng.integers(1, 9, jobs))
    return [Ask(float(t), int(n), bool(p)) for t, n, p in zip(times, sizes, prefill, strict=True)]


def served(jobs: list[Ask], **fields: object) -> list[float]:
    """When each job is done, by the cloud."""
    bench = Bench(latency=LATENCY, **fields)
    for number, ask in enumerate(jobs):
        bench.at(ask.arrival_s, (0, number), ask.tokens, prefill=ask.prefill)
    bench.run()
    order = {visit.job.session[1]: visit.done_s for visit in bench.visits}
    assert all(len(done) == 1 for done in order.values())
    return [order[number][0] for number in range(len(jobs))]


def duration(work: list[tuple[int, int]]) -> float:
    return BASE + sum(PER_SEQUENCE + PER_TOKEN * new + PER_CACHED * cached for new, cached in work)


def whole_jobs(jobs: list[Ask], cap: int, window_s: float, budget: float) -> list[float]:
    """One server that takes a run of whole jobs: as many as the cap, the budget and the window let it."""
    done, free_s, head = [0.0] * len(jobs), 0.0, 0
    while head < len(jobs):
        filled_s = jobs[head + cap - 1].arrival_s if head + cap <= len(jobs) else inf
        begin_s = max(free_s, jobs[head].arrival_s, min(filled_s, jobs[head].arrival_s + window_s))
        end, total = head + 1, jobs[head].tokens
        while end < len(jobs) and end - head < cap and jobs[end].arrival_s <= begin_s:
            total += jobs[end].tokens
            if total > budget:
                break
            end += 1
        free_s = begin_s + duration([(job.tokens, 0) for job in jobs[head:end]])
        done[head:end] = [free_s] * (end - head)
        head = end
    return done


def cut_jobs(jobs: list[Ask], cap: int, budget: int) -> list[float]:
    """One server, pass after pass: short jobs first, then prefills, each by as much as the budget has left."""
    done, now_s, coming = [0.0] * len(jobs), 0.0, 0
    short: list[int] = []
    prefills: list[int] = []
    ran = [0] * len(jobs)
    while coming < len(jobs) or short or prefills:
        if not short and not prefills:
            now_s = max(now_s, jobs[coming].arrival_s)
        while coming < len(jobs) and jobs[coming].arrival_s <= now_s:
            (prefills if jobs[coming].prefill else short).append(coming)
            coming += 1
        left, taken = budget, {}
        for number in [*short, *prefills]:
            lacks = jobs[number].tokens - ran[number]
            if left == 0 or len(taken) == cap or (lacks > left and taken and not jobs[number].prefill):
                break
            taken[number] = min(lacks, left) if jobs[number].prefill else lacks
            left = max(0, left - taken[number])
        now_s += duration([(new, ran[number]) for number, new in taken.items()])
        for number, new in taken.items():
            ran[number] += new
            if ran[number] == jobs[number].tokens:
                done[number] = now_s
                (prefills if jobs[number].prefill else short).remove(number)
    return done


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    cap=st.integers(1, 5),
    window=st.integers(0, 60),
    budget=st.none() | st.integers(1, 60),
    mean_gap=st.integers(1, 100),
)
def test_jobs_are_done_when_the_twins_say(seed: int, cap: int, window: int, budget: int | None, mean_gap: int) -> None:
    jobs, most = asks(seed, 40, mean_gap), budget or inf
    for batching, batch, wait in (
        ("none", 1, 0),
        ({"kind": "waiting", "cap": cap}, cap, 0),
        ({"kind": "window", "cap": cap, "window_s": window * STEP}, cap, window),
    ):
        assert served(jobs, batching=batching, token_budget=budget) == whole_jobs(jobs, batch, wait * STEP, most)
    cut = cut_jobs(jobs, cap, budget or 10**9)
    assert served(jobs, batching={"kind": "continuous", "cap": cap}, token_budget=budget) == cut
