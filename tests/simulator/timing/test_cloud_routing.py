"""Which server a job goes to, what is computed again there, and what a server's memory lets in."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from servers import Bench, Noted, Visit

pytestmark = pytest.mark.usefixtures("called_once")

A, B, C, D = (0, 0), (1, 0), (2, 0), (3, 0)
Work = tuple[tuple[int, int], ...]


@pytest.fixture(autouse=True)
def works() -> list[Work]:
    """The work of each pass from here on: (new, cached) tokens of each job in it."""
    Noted.works.clear()
    return Noted.works


def bench(routing: str, **fields: object) -> Bench:
    return Bench(**{"servers": 2, "routing": routing, "batching": "none", "latency": "noted_in_tests", **fields})


def texts(lengths: list[int], routing: str, **fields: object) -> Bench:
    """One session whose text grows, job after job, each long after the one before."""
    made = bench(routing, **fields)
    for number, tokens in enumerate(lengths):
        made.at(1000.0 * number, A, tokens)
    made.run()
    return made


def test_round_robin_computes_again_what_the_other_server_holds(works: list[Work]) -> None:
    texts([10, 12, 14, 16], "round_robin")
    assert works == [((10, 0),), ((12, 0),), ((4, 10),), ((4, 12),)]


@pytest.mark.parametrize("routing", ["shared", "affinity", "shortest_queue"])
def test_where_the_cache_is_at_hand_only_new_tokens_are_computed(routing: str, works: list[Work]) -> None:
    texts([10, 12, 14, 16], routing)
    assert works == [((10, 0),), ((2, 10),), ((2, 12),), ((2, 14),)]


@pytest.mark.parametrize(
    ("routing", "work", "began_s"),
    [
        ("shared", (2, 10), 1000.0),
        ("shortest_queue", (12, 0), 1000.0),
        ("affinity", (2, 10), 1500.0),
    ],
)
def test_a_busy_home_is_waited_for_or_left(
    routing: str, work: tuple[int, int], began_s: float, works: list[Work]
) -> None:
    """A's cache is on server 0, which B keeps busy from 500 to 1500; server 1 is free, but has nothing of A."""
    made = bench(routing)
    made.at(0, A, 10)
    made.at(500, B, 1000)
    made.at(1000, A, 12)
    made.run()
    assert works == [((10, 0),), ((1000, 0),), (work,)]
    assert made.visits[-1].began_s == [began_s]


def test_a_server_that_has_just_finished_is_not_counted_as_loaded(works: list[Work]) -> None:
    """A asks for its next pass at the instant the last one ends: with all queues empty it stays where its cache is."""

    class Chain(Bench):
        def on_done(self, visit: Visit) -> None:
            super().on_done(visit)
            if visit.job.text_tokens < 14:
                self.submit(A, visit.job.text_tokens + 2)

    made = Chain(servers=2, routing="shortest_queue", batching="none", latency="noted_in_tests")
    made.at(0, A, 10)
    made.run()
    assert works == [((10, 0),), ((2, 10),), ((2, 12),)]


def test_a_rejected_tail_is_computed_again_everywhere(works: list[Work]) -> None:
    made = bench("shared")
    made.at(0, A, 20)
    made.call(100, lambda: made.cloud.crop(A, 13))
    made.at(200, A, 21)
    made.run()
    assert works == [((20, 0),), ((8, 13),)]


@pytest.mark.parametrize("routing", ["shared", "round_robin", "affinity"])
def test_recomputation_is_exactly_what_the_caches_lack(routing: str, works: list[Work]) -> None:
    """Random sessions, one job at a time on three servers of 100 tokens, against caches kept by hand: least recently
    used sessions go first, and no server ever holds more than its memory."""
    rng = np.random.default_rng(4)
    made = bench(routing, servers=3, kv_tokens=100, admission="evict")
    held: list[OrderedDict[int, int]] = [OrderedDict() for _ in range(1 if routing == "shared" else 3)]
    room, homes, lengths, expected, evicted = (300 if routing == "shared" else 100), {}, {}, [], 0
    for turn in range(400):
        who = int(rng.integers(12))
        length = lengths[who] = 5 if lengths.get(who, 0) > 80 else lengths.get(who, 4) + int(rng.integers(1, 15))
        place = {"shared": 0, "round_robin": turn % 3, "affinity": homes.setdefault(who, 0)}[routing]
        for each in held:  # the text of a session that starts over is cropped everywhere
            each[who] = min(each.get(who, 0), length - 1)
        cached = held[place].pop(who)
        expected.append(((length - cached, cached),))
        while sum(held[place].values()) + length > room:
            victim = next(iter(held[place]))
            evicted += held[place].pop(victim) > 0
        held[place][who] = length
        made.call(1000.0 * turn, lambda who=who, length=length: made.cloud.crop((who, 0), length - 1))
        made.at(1000.0 * turn, (who, 0), length)
    while made.env.peek() < float("inf"):
        made.env.step()
        assert all(pool.kv.held_tokens <= room for pool in made.cloud._pools)
    assert works == expected
    assert made.cloud.evictions == evicted > 20


def test_memory_admits_no_job_beside_those_that_fill_it() -> None:
    """Two servers with one memory of 2 x 60: three jobs of 50 do not fit at once, so the third waits for an end."""
    made = bench("shared", kv_tokens=60, admission="evict", latency={"kind": "constant", "per_pass_s": 10})
    for session in (A, B):
        made.at(0, session, 50)
    made.at(1, C, 50)
    made.at(4, D, 10)
    made.run()
    assert [visit.began_s for visit in made.visits] == [[0.0], [0.0], [10.0], [10.0]]
    assert made.cloud.evictions == 1


def test_in_one_pass_memory_bounds_the_batch() -> None:
    made = bench(
        "shared",
        servers=1,
        kv_tokens=100,
        admission="evict",
        batching="waiting",
        latency={"kind": "constant", "per_pass_s": 10},
    )
    for session in (A, B, C, D):
        made.at(0, session, 45)
    made.run()
    assert [visit.began_s for visit in made.visits] == [[0.0], [10.0], [10.0], [20.0]]


def test_in_the_queue_a_withdrawn_job_leaves_and_in_a_pass_it_runs_on_unheard() -> None:
    made = bench("shared", servers=1)
    made.at(0, A, 10)
    made.at(1, B, 10)
    made.at(2, C, 10)
    made.call(4, lambda: made.cloud.withdraw(made.visits[0].job))
    made.call(5, lambda: made.cloud.withdraw(made.visits[1].job))
    made.run()
    assert [visit.began_s for visit in made.visits] == [[0.0], [], [10.0]]
    assert [visit.done_s for visit in made.visits] == [[], [], [20.0]]
    assert made.cloud.service_s == 20.0 and made.cloud.station.left == 3 and made.cloud.station.served == 2


def blocked() -> Bench:
    """Two servers, one memory of 2 x 60: A's pass of 10 s holds 60; B's 70 wait for room; C's 30 wait behind B."""
    made = bench("shared", kv_tokens=60, admission="evict", latency={"kind": "constant", "per_pass_s": 10})
    for time_s, session, tokens in ((0, A, 60), (1, B, 70), (2, C, 30)):
        made.at(time_s, session, tokens)
    return made


def test_when_the_head_of_the_queue_withdraws_the_next_begins_at_once() -> None:
    made = blocked()
    made.call(7, lambda: made.cloud.withdraw(made.visits[1].job))
    made.run()
    assert [visit.began_s for visit in made.visits] == [[0.0], [], [7.0]]


def test_a_withdrawn_job_holds_its_memory_to_the_end_of_its_pass() -> None:
    made = blocked()

    def end() -> None:
        made.cloud.withdraw(made.visits[0].job)
        made.cloud.forget(A)

    made.call(7, end)
    made.run()
    assert [visit.began_s for visit in made.visits] == [[0.0], [10.0], [10.0]]
    assert [pool.kv.held(A) for pool in made.cloud._pools] == [0]
