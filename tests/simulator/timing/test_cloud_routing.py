"""Which server a job goes to, and what is computed again there. The plays are in `test_cloud_timelines`."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from servers import Bench, Noted, Visit

pytestmark = pytest.mark.usefixtures("called_once")

A = (0, 0)
Work = tuple[tuple[int, int], ...]


@pytest.fixture(autouse=True)
def works() -> list[Work]:
    """The work of each pass from here on: (new, cached) tokens of each job in it."""
    Noted.works.clear()
    return Noted.works


def bench(routing: str, **fields: object) -> Bench:
    return Bench(**{"servers": 2, "routing": routing, "batching": "none", "latency": "noted_in_tests", **fields})


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
