"""The cloud on a bench, instant by instant: small plays, each of jobs, and of what happens to them, with the times at
which their passes begin. A pass lasts as many seconds as it has new tokens, unless a play says otherwise."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from servers import Bench, Noted

from simulator.cell.cloud_config import Batching

pytestmark = pytest.mark.usefixtures("called_once")

A, B, C, D = (0, 0), (1, 0), (2, 0), (3, 0)
Happens = Callable[[Bench], None]
Began = list[list[float]]
SMALL = {"kv_tokens": 60, "latency": {"kind": "constant", "per_pass_s": 10}}
"""Two servers with one memory of 2 x 60, passes of 10 s."""
NOTED = {"latency": "noted_in_tests"}


def job(time_s: float, session: tuple[int, int], tokens: int, **fields: Any) -> Happens:
    return lambda bench: bench.at(time_s, session, tokens, **fields)


def forget(time_s: float, session: tuple[int, int]) -> Happens:
    return lambda bench: bench.call(time_s, lambda: bench.cloud.forget(session))


def withdraw(time_s: float, place: int) -> Happens:
    return lambda bench: bench.call(time_s, lambda: bench.cloud.withdraw(bench.visits[place].job))


def crop(time_s: float, session: tuple[int, int], tokens: int) -> Happens:
    return lambda bench: bench.call(time_s, lambda: bench.cloud.crop(session, tokens))


@dataclass
class Play:
    cloud: dict[str, Any]
    happens: list[Happens]
    began: Began | None = None
    """When the passes of each job begin, s."""
    done: Began | None = None
    states: dict[int, list[tuple[float, str]]] = field(default_factory=dict)
    works: list[tuple[tuple[int, int], ...]] | None = None
    """The (new, cached) tokens of each job in each pass."""
    evictions: int | None = None
    service_s: float | None = None


class Patient(Batching):
    """A user's own: waits 3 s for more jobs, as its `ready_s` alone says."""

    kind: Literal["patient_in_tests"] = "patient_in_tests"

    def ready_s(self, waiting: int, oldest_s: float) -> float:
        return oldest_s + 3


WINDOW = {"kind": "window", "cap": 4, "window_s": 30}
ALONE = {"batching": "none"}
WHOLE = {"batching": "none", "admission": "whole_request"}
FILLED = [job(0, A, 60), job(1, B, 70), job(2, C, 30)]
"""A's pass of 10 s holds 60; B's 70 wait for memory; C's 30 wait behind B."""
BUSY_HOME = [job(0, A, 10), job(500, B, 1000), job(1000, A, 12)]
"""B keeps server 0 busy from 500 to 1500; server 1 is free, and reaches the cache of A."""
GROWING = [job(1000 * number, A, tokens) for number, tokens in enumerate((10, 12, 14, 16))]
"""One session's text, each job long after the one before."""
LINE = [job(0, A, 20, request=70), job(1, B, 5, request=60), job(2, C, 5, request=30)]
"""On two servers of 50 tokens each."""
TWO = {"servers": 2, "kv_tokens": 50, **WHOLE}

PLAYS = {
    "batching: a lone job waits for its window and no longer": Play(
        {"batching": WINDOW | {"cap": 2}}, [job(5, A, 7)], [[35.0]], [[42.0]]
    ),
    "batching: the next in line does not wait for the pass of the first, which the budget keeps apart (I5)": Play(
        {"servers": 2, "batching": WINDOW, "token_budget": 10}, [job(0, A, 100), job(1, B, 8)], [[30.0], [31.0]]
    ),
    "batching: after the oldest cancels the window is that of the next": Play(
        {"batching": WINDOW}, [job(0, A, 5), job(10, B, 5), withdraw(20, 0)], done=[[], [45.0]]
    ),
    "batching: one of one's own is waited for": Play(
        {"batching": "patient_in_tests"}, [job(1, A, 2), job(3, B, 2)], [[4.0], [4.0]]
    ),
    "admission: nobody overtakes: B's 80 do not fit beside A's 60, and C's 10, which would, wait behind them": Play(
        {"kv_tokens": 100, **WHOLE},
        [job(0, A, 5, request=60), job(1, B, 5, request=80), job(2, C, 5, request=10), forget(50, A)],
        [[0.0], [50.0], [55.0]],
        states={1: [(1.0, "queue"), (50.0, "serve")]},
    ),
    "admission: who is in waits for nobody: A keeps its reservation while its device drafts": Play(
        {"kv_tokens": 100, **WHOLE},
        [job(0, A, 5, request=60), job(1, B, 5, request=60), job(30, A, 9, read=5, request=60), forget(70, A)],
        [[0.0], [70.0], [30.0]],
        states={2: [(30.0, "serve")]},
    ),
    "admission: who gives up in a pass frees its reservation at the pass's end": Play(
        TWO, [*LINE, withdraw(7, 0), forget(7, A)], [[0.0], [20.0], [20.0]]
    ),
    "admission: who gives up in the line frees its place there": Play(
        TWO, [*LINE, withdraw(7, 1), forget(7, B)], [[0.0], [], [7.0]]
    ),
    "memory: A grows and throws out B, who is read again, 16 tokens a pass, which C's decoding shares": Play(
        {"batching": "continuous", "token_budget": 16, "kv_tokens": 100} | NOTED,
        [job(0, A, 60, prefill=True, request=90), job(200, B, 30, prefill=True, request=80),
         job(400, A, 80, read=60, request=90), forget(600, A), job(700, B, 34, read=30, request=80), job(701, C, 2)],
        works=[*[((16, 16 * n),) for n in range(3)], ((12, 48),), ((16, 0),), ((14, 16),), ((20, 60),),
               ((16, 0),), ((2, 0), (14, 16)), ((4, 30),)],
        evictions=1,
    ),
    "memory: it admits no job beside those that fill it, and D's 10 wait behind C's 50": Play(
        {"servers": 2, **ALONE, **SMALL},
        [job(0, A, 50), job(0, B, 50), job(1, C, 50), job(4, D, 10), forget(12, A)],
        [[0.0], [0.0], [12.0], [12.0]],
        evictions=0,
    ),
    "memory: in one pass it bounds the batch": Play(
        SMALL | {"kv_tokens": 100, "batching": "waiting"},
        [*[job(0, each, 45) for each in (A, B, C, D)], forget(5, A), forget(15, B)],
        [[0.0], [0.0], [10.0], [20.0]],
    ),
    "memory: when the head of the queue cancels the next begins at once": Play(
        {"servers": 2, **ALONE, **SMALL}, [*FILLED, withdraw(7, 1)], [[0.0], [], [7.0]]
    ),
    "memory: a cancelled job holds its share to the end of its pass": Play(
        {"servers": 2, **ALONE, **SMALL}, [*FILLED, withdraw(7, 0), forget(7, A)], [[0.0], [10.0], [10.0]]
    ),
    "pool: it has the cache at hand": Play(
        {"servers": 2, **ALONE, **NOTED}, BUSY_HOME,
        [[0.0], [500.0], [1000.0]], works=[((10, 0),), ((1000, 0),), ((2, 10),)],
    ),
    "pool: where the cache is at hand only new tokens are computed": Play(
        {"servers": 2, **ALONE, **NOTED}, GROWING,
        works=[((10, 0),), ((2, 10),), ((2, 12),), ((2, 14),)],
    ),
    "pool: a rejected tail is computed again": Play(
        {"servers": 2, **ALONE, **NOTED}, [job(0, A, 20), crop(100, A, 13), job(200, A, 21)],
        works=[((20, 0),), ((8, 13),)],
    ),
    "pool: in the queue a cancelled job leaves, and in a pass it runs on unreported": Play(
        ALONE | NOTED, [job(0, A, 10), job(1, B, 10), job(2, C, 10), withdraw(4, 0), withdraw(5, 1)],
        [[0.0], [], [10.0]], [[], [], [20.0]], service_s=20.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAYS)
def test_passes_begin_and_end_as_the_play_says(name: str) -> None:
    Noted.works.clear()
    play, bench = PLAYS[name], Bench(**PLAYS[name].cloud)
    for happens in play.happens:
        happens(bench)
    bench.run()
    assert play.began is None or [visit.began_s for visit in bench.visits] == play.began
    assert play.done is None or [visit.done_s for visit in bench.visits] == play.done
    assert {place: bench.visits[place].states for place in play.states} == play.states
    assert play.works is None or Noted.works == play.works
    station = bench.cloud.station
    assert station.present == 0 and station.area == pytest.approx(station.sojourn_s, rel=1e-12)
    assert play.evictions is None or bench.cloud.evictions == play.evictions
    assert play.service_s is None or bench.cloud.service_s == play.service_s
