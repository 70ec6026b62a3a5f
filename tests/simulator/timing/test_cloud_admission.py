"""Who is let into a server's memory: whole requests in order of arrival, held to their end; what is read again where
sessions are thrown out instead."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import inf
from pathlib import Path

import numpy as np
import pytest
from cells import cell, link
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import Watch, ran
from servers import Bench, Noted, Visit
from tables_pair import Tables

from simulator.decoding.memory import Memory
from simulator.results.observer import ServerPass

pytestmark = pytest.mark.usefixtures("called_once")

A, B, C, D = (0, 0), (1, 0), (2, 0), (3, 0)


@dataclass(frozen=True)
class Asked:
    """A request: it arrives, then asks for pass after pass, with a pause (its device drafts) before the next."""

    arrival_s: float
    tokens: list[int]
    """New ones of each pass; the first is the prefill."""
    pauses_s: list[float]
    spare_tokens: int
    """Room that it has asked for and never uses."""

    @property
    def room_tokens(self) -> int:
        return sum(self.tokens) + self.spare_tokens


def asked(seed: int, requests: int, mean_gap_s: float) -> list[Asked]:
    rng = np.random.default_rng(seed)
    arrivals_s = np.cumsum(rng.exponential(mean_gap_s, requests)).tolist()
    return [
        Asked(
            arrival_s,
            rng.integers(1, 12, passes).tolist(),
            rng.exponential(20.0, passes).tolist(),
            int(rng.integers(0, 30)),
        )
        for arrival_s, passes in zip(arrivals_s, rng.integers(1, 6, requests).tolist(), strict=True)
    ]


class Sessions(Bench):
    """Plays requests, each pass after the one before; a request that is over is forgotten."""

    def __init__(self, requests: list[Asked], **fields: object) -> None:
        super().__init__(**fields)
        self.requests = requests
        self.ended: set[int] = set()
        self.ran: dict[int, list[Visit]] = {number: [] for number in range(len(requests))}
        for number, request in enumerate(requests):
            self.call(request.arrival_s, lambda number=number: self.ask(number))

    def ask(self, number: int) -> None:
        if number in self.ended:
            return
        request, turn = self.requests[number], len(self.ran[number])
        texts = list(accumulate(request.tokens))
        self.ran[number].append(
            self.submit(
                (number, 0), texts[turn], prefill=not turn, read=texts[turn - 1] if turn else 0,
                request=request.room_tokens,
            )
        )  # fmt: skip

    def on_done(self, visit: Visit) -> None:
        super().on_done(visit)
        number = visit.job.session[0]
        request, turn = self.requests[number], len(self.ran[number])
        if turn == len(request.tokens):
            self.end(number)
        else:
            self.call(self.env.now + request.pauses_s[turn], lambda: self.ask(number))

    def end(self, number: int) -> None:
        """Answered, or given up."""
        if number not in self.ended:
            self.ended.add(number)
            for visit in self.ran[number][-1:]:
                if not visit.done_s:
                    self.cloud.withdraw(visit.job)
            self.cloud.forget((number, 0))

    def done_s(self) -> list[list[float]]:
        return [[visit.done_s[0] for visit in self.ran[number]] for number in range(len(self.requests))]


def held_to_their_end(requests: list[Asked], room_tokens: int) -> list[list[float]]:
    """When each pass of each request is done on one server that runs one at a time: lists, and the next event."""
    coming = [(request.arrival_s, number, 0) for number, request in enumerate(requests)]
    door, inside, queue, done = list[int](), list[int](), list[tuple[int, int]](), [[] for _ in requests]
    running, ends_s = None, inf

    def fits(number: int) -> bool:
        return sum(requests[each].room_tokens for each in [*inside, number]) <= room_tokens

    while coming or running:
        if running and ends_s < min(coming, default=(inf,))[0]:
            now_s, (number, turn), running = ends_s, running, None
            done[number].append(now_s)
            if turn + 1 < len(requests[number].tokens):
                coming.append((now_s + requests[number].pauses_s[turn + 1], number, turn + 1))
            else:
                inside.remove(number)
                while door and fits(door[0]):
                    inside.append(door[0])
                    queue.append((door.pop(0), 0))
        else:
            now_s, number, turn = min(coming)
            coming.remove((now_s, number, turn))
            if number not in inside and (door or not fits(number)):
                door.append(number)
            else:
                inside += [] if number in inside else [number]
                queue.append((number, turn))
        if not running and queue:
            running = queue.pop(0)
            ends_s = now_s + requests[running[0]].tokens[running[1]]
    return done


@pytest.mark.parametrize(("room_tokens", "mean_gap_s"), [(100, 20.0), (100, 60.0), (300, 25.0)])
def test_passes_end_when_the_twin_says_that_holds_requests_to_their_end(room_tokens: int, mean_gap_s: float) -> None:
    requests = asked(3, 200, mean_gap_s)
    made = Sessions(requests, batching="none", kv_tokens=room_tokens)
    made.run()
    twin = held_to_their_end(requests, room_tokens)
    for mine, its in zip(made.done_s(), twin, strict=True):
        assert mine == pytest.approx(its, rel=1e-12)
    assert twin != held_to_their_end(requests, 10**9), "the memory never filled"


def test_without_a_limit_and_with_room_for_all_passes_are_the_same() -> None:
    requests = asked(4, 60, 10.0)
    runs = []
    for kv_tokens in (None, sum(each.room_tokens for each in requests)):
        made = Sessions(requests, servers=2, routing="round_robin", kv_tokens=kv_tokens)
        made.run()
        runs.append(made.done_s())
    assert runs[0] == runs[1]


def test_nobody_overtakes_at_the_door() -> None:
    """Room for 100: B's 80 do not fit beside A's 60, and C's 10, which would, wait behind them."""
    made = Bench(batching="none", kv_tokens=100)
    for time_s, session, request in ((0, A, 60), (1, B, 80), (2, C, 10)):
        made.at(time_s, session, 5, request=request)
    made.call(50, lambda: made.cloud.forget(A))
    made.run()
    assert [visit.began_s for visit in made.visits] == [[0.0], [50.0], [55.0]]
    assert made.visits[1].states == [(1.0, "queue"), (50.0, "serve")]


def test_who_is_in_waits_for_no_door() -> None:
    """A has its room while its device drafts; B is at the door all that time, and A's next job goes before it."""
    made = Bench(batching="none", kv_tokens=100)
    made.at(0, A, 5, request=60)
    made.at(1, B, 5, request=60)
    made.at(30, A, 9, read=5, request=60)
    made.call(70, lambda: made.cloud.forget(A))
    made.run()
    assert [visit.began_s for visit in made.visits] == [[0.0], [70.0], [30.0]]
    assert made.visits[2].states == [(30.0, "serve")], "its cache was still there"


def give_up(made: Bench, place: int) -> None:
    made.cloud.withdraw(made.visits[place].job)
    made.cloud.forget(made.visits[place].job.session)


@pytest.mark.parametrize(("gone", "began_s"), [(A, 20.0), (B, 7.0)])
def test_who_gives_up_frees_its_room_or_its_place_in_the_line(gone: tuple[int, int], began_s: float) -> None:
    """A's pass of 20 s is under way when A gives up at 7: its room is free when the pass has ended. Had B, before C at
    the door, given up, C would be in at once, since beside A there is room for it."""
    made = Bench(servers=2, batching="none", kv_tokens=50)
    made.at(0, A, 20, request=70)
    made.at(1, B, 5, request=60)
    made.at(2, C, 5, request=30)
    made.call(7, lambda: give_up(made, (A, B).index(gone)))
    made.run()
    assert made.visits[2].began_s == [began_s]


def test_a_crash_loses_the_rooms_of_its_server_and_its_sessions_wait_at_the_next_door() -> None:
    """Affinity: A and B live on server 0, C on 1, each memory holds 100. At 50 server 0 is gone: B, whose device is
    drafting then, comes back at 60 and must wait for C to end."""
    made = Bench(servers=2, routing="affinity", batching="none", kv_tokens=100,
                 failures={"kind": "scheduled", "away": [(0, 50, 5000)]})  # fmt: skip
    made.at(0, B, 10, request=90, prefill=True)
    made.at(1, C, 10, request=90, prefill=True)
    made.at(60, B, 14, read=10, request=90)
    made.call(200, lambda: made.cloud.forget(C))
    made.run()
    assert made.visits[2].states == [(60.0, "queue"), (200.0, "prefill")] and made.visits[2].done_s == [214.0]


def test_two_sessions_never_wait_for_each_others_room() -> None:
    """Round robin sends A from server 0 to 1 and B from 1 to 0, and neither memory holds both: A, who waits at the door
    of 1, keeps no room on 0, or both would wait for ever. So B is let in, and A when B has ended."""
    made = Bench(servers=2, routing="round_robin", batching="none", kv_tokens=100)
    made.at(0, A, 10, request=60, prefill=True)
    made.at(1, B, 10, request=60, prefill=True)
    made.at(50, C, 1, request=10)
    made.at(100, A, 12, read=10, request=60)
    made.at(101, B, 12, read=10, request=60)
    made.call(300, lambda: made.cloud.forget(B))
    made.run()
    assert made.visits[3].states == [(100.0, "queue"), (300.0, "prefill")]
    assert made.visits[4].states == [(101.0, "prefill")]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    routing=st.sampled_from(["shared", "round_robin", "shortest_queue", "affinity"]),
    batching=st.sampled_from(["none", "waiting", {"kind": "window", "cap": 3, "window_s": 7}, "continuous"]),
    servers=st.integers(1, 3),
    crashes=st.booleans(),
    budget=st.sampled_from([None, 12]),
)
def test_whatever_happens_every_request_ends_and_none_that_is_in_is_thrown_out(
    seed: int, routing: str, batching: object, servers: int, crashes: bool, budget: int | None
) -> None:
    requests, room_tokens = asked(seed, 12, 5.0), 90
    made = Sessions(
        requests, seed=seed, servers=servers, routing=routing, batching=batching, kv_tokens=room_tokens,
        token_budget=budget,
        failures={"kind": "random", "mean_there_s": 60, "mean_away_s": 10} if crashes else "none",
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    for number, request in enumerate(requests):
        if rng.random() < 0.3:
            made.call(request.arrival_s + float(rng.exponential(40.0)), lambda number=number: made.end(number))
    while len(made.ended) < len(requests):
        made.env.step()
        assert made.env.now < 1e5, "a request never ends"
        for pool in made.cloud._pools:
            assert pool.kv.held_tokens <= pool.reservations.taken_tokens <= room_tokens * len(pool.servers)
            assert not (pool.free() and pool.waiting and pool.ready_s() < made.env.now), "I5"
    if not crashes and (routing in ("shared", "affinity") or servers == 1):
        later = [visit for visits in made.ran.values() for visit in visits[1:]]
        assert all(state != "prefill" for visit in later for _, state in visit.states)
    if routing == "shared":
        firsts = [visit.began_s[0] for visits in made.ran.values() for visit in visits[:1] if visit.began_s]
        assert firsts == sorted(firsts), "somebody has overtaken"


def test_what_was_thrown_out_is_read_again_as_a_prefill_and_cut_like_one() -> None:
    """Room for 100, 16 tokens a pass. B's prefill throws A out. A's next job of 4 new tokens reads its 60 again, 16 a
    pass, and C's decoding is not held up: it shares those passes."""
    Noted.works.clear()
    made = Bench(
        batching="continuous", token_budget=16, kv_tokens=100, admission="evict", latency="noted_in_tests"
    )  # fmt: skip
    made.at(0, A, 60, prefill=True)
    made.at(200, B, 80, prefill=True)
    made.call(400, lambda: made.cloud.forget(B))
    made.at(500, A, 64, read=60)
    made.at(501, C, 2)
    made.run()
    assert Noted.works[-5:] == [((16, 0),), ((2, 0), (14, 16)), ((16, 30),), ((14, 46),), ((4, 60),)]
    visit = made.visits[2]
    assert [state for _, state in visit.states] == [*["prefill", "queue"] * 4, "serve"]
    assert made.visits[3].done_s[0] < visit.done_s[0] and made.cloud.evictions == 1


def test_a_waiting_job_whose_cache_is_thrown_out_goes_behind_those_that_lost_nothing() -> None:
    """A and C have 30 tokens cached each, and room is for 70. B's prefill takes it: A, thrown out in the queue, is a
    prefill now."""
    made = Bench(batching={"kind": "continuous", "cap": 1}, kv_tokens=70, admission="evict")
    made.at(0, A, 30, prefill=True)
    made.at(40, C, 30, prefill=True)
    made.at(100, D, 35)
    made.at(101, A, 32, read=30)
    made.at(102, C, 32, read=30)
    made.run()
    began = {visit.job.session: visit.began_s for visit in made.visits[2:]}
    assert began[D] == [100.0] and began[C] == [135.0] and began[A] == [137.0]
    assert made.visits[3].states[-1] == (137.0, "prefill")


def run_cell(scheme: object, memory: Memory, **cloud: object) -> dict[str, float]:
    asked = {"kind": "closed", "devices": 16, "requests": 1, "prompt_tokens": 8, "output_tokens": 24,
             "prompt_at_cloud": True, "distinct": 4}  # fmt: skip
    latency = {"kind": "affine", "base_s": 0.02, "per_token_s": 2e-4}
    made = cell(scheme, bps=inf, workload=asked, cloud={"batching": "waiting", "latency": latency, **cloud})
    return dict(ran(made, memory).result.summary)


def test_sixteen_devices_in_room_for_eight_run_at_half_the_rate_and_thrash_where_they_are_thrown_out() -> None:
    """Streamed decoding, passes bound by memory: eight at a time make half the tokens a second, twice over."""
    memory, half = Memory(), 8 * (8 + 24 + 1)
    free = run_cell("cloud_only", memory)
    held = run_cell("cloud_only", memory, kv_tokens=half)
    thrown = run_cell("cloud_only", memory, kv_tokens=half, admission="evict")
    assert held["cloud_evictions"] == 0 < thrown["cloud_evictions"]
    assert 0.5 <= held["tokens_per_s"] / free["tokens_per_s"] < 0.6
    assert thrown["tokens_per_s"] < held["tokens_per_s"]
    assert thrown["prefill_s"] > 10 * held["prefill_s"] and held["cloud_queue_s"] > 10 * free["cloud_queue_s"]


@pytest.mark.parametrize("absent", [True, False])
@pytest.mark.parametrize(
    ("scheme", "drafts", "deadline_s"), [("k_sqs", 8, 0.8), ("cloud_only", 0, 0.8), ("colocated", 4, 0.3)]
)
def test_requests_that_are_given_up_let_the_next_in(scheme: str, drafts: int, deadline_s: float, absent: bool) -> None:
    """Three devices, room for one request. A deadline, or a device that leaves, frees it for the others; a pass that
    nobody hears any more keeps its room to its end."""
    fault = {"absences": {"kind": "scheduled", "away": [(0, 0.3, 0.9)]}} if absent else {"deadline_s": deadline_s}
    fields = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 24, **fault}
    made = cell(scheme, workload=fields, cloud={
        "kv_tokens": 8 + 24 + drafts + 1, "batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02},
    })  # fmt: skip
    run = ran(made)
    assert len(run.requests) == 6 and {each.outcome for each in run.requests} > {"answered"}
    run.plant.env.run(run.plant.env.now + 1.0)  # the last one's word is under way
    [pool] = run.plant.cloud._pools
    assert not pool.reservations.waiting and all(pool.runs(session) for session in pool.reservations._reserved)


FAR_S = 0.3
"""One way."""
PATIENT = {"kind": "selective_repeat", "timeout_s": 1.0}


class Held(Watch):
    """The passes of the cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[ServerPass] = []

    def on_pass(self, served: ServerPass) -> None:
        self.passes.append(served)


@pytest.mark.parametrize("scheme", ["cloud_only", "colocated", {"kind": "k_sqs", "max_drafts": 4}, "coupled"])
@pytest.mark.parametrize("batching", ["none", "waiting"])
def test_the_next_request_is_let_in_when_the_cloud_has_made_the_answer_and_not_when_it_is_here(
    scheme: object, batching: str
) -> None:
    """Two devices, room for one request: the second one's first pass begins at the very end of the first one's last."""
    asked = {"kind": "closed", "devices": 2, "requests": 1, "prompt_tokens": 8, "output_tokens": 12,
             "prompt_at_cloud": True}  # fmt: skip
    latency = {"kind": "constant", "per_pass_s": 0.02}
    made = cell(
        scheme, workload=asked, uplink=link(inf, arq=PATIENT), downlink=link(inf, FAR_S, arq=PATIENT),
        cloud={"kv_tokens": 8 + 12 + 9, "batching": batching, "latency": latency, "drafter_latency": latency},
    )  # fmt: skip
    watch = Held()
    run = ran(made, watch=watch)
    by_session = {key: [each for each in watch.passes if key in each.sessions] for key in (A, B)}
    (first, last), (begun, _) = ((of[0], of[-1]) for of in by_session.values())
    assert begun.began_s == last.ended_s < run.requests[0].finish_s - FAR_S / 2
    assert first.began_s == 0.0


def test_who_is_let_in_shares_the_very_next_pass(tmp_path: Path) -> None:
    """Room for two of three, nothing takes time but passes: the third joins the second as soon as the first is done."""
    (tmp_path / "asks.csv").write_text("arrival_s,prompt_tokens,output_tokens\n0,8,4\n0,8,12\n0,8,4\n")
    asked = {"kind": "arrivals", "path": str(tmp_path / "asks.csv"), "devices": 3, "prompt_at_cloud": True}
    watch = Held()
    free = link(inf, delay_s=0.0)
    ran(cell("cloud_only", workload=asked, uplink=free, downlink=free, cloud={
        "kv_tokens": 13 + 21, "batching": "waiting", "latency": {"kind": "constant", "per_pass_s": 1.0},
    }), watch=watch)  # fmt: skip
    assert [sorted(each.sessions) for each in watch.passes[:5]] == [[A], [A, B], [A, B], [A, B], [B, C]]


def test_a_device_that_draws_its_corrections_ends_a_request_whose_end_the_cloud_cannot_know() -> None:
    """An end of text may be the edge's own correction: the cloud keeps the room until the device's word has come."""
    asked = {"kind": "closed", "devices": 2, "requests": 3, "prompt_tokens": 8, "output_tokens": 40,
             "stop_at_eos": True}  # fmt: skip
    pair = {"pair": Tables().kind}
    made = cell("dssd", models=pair, workload=asked, cloud={"kv_tokens": 8 + 40 + 9, "batching": "none"})
    run = ran(made)
    assert any(len(each.tokens) < 40 for each in run.requests)
    assert {each.outcome for each in run.requests} == {"answered"}
    run.plant.env.run(run.plant.env.now + 5)
    assert not run.plant.cloud._pools[0].reservations._reserved


@pytest.mark.parametrize("scheme", ["cloud_only", "k_sqs", {"kind": "k_sqs", "depth": 2}])
def test_the_cloud_works_on_for_a_request_given_up_until_the_word_of_it_has_come(scheme: object) -> None:
    """The device gives up at 1 s; its word is one bare header, 0.3 s on the way; no pass begins after that."""
    asked = {"kind": "closed", "devices": 1, "requests": 1, "prompt_tokens": 8, "output_tokens": 200, "deadline_s": 1.0}
    watch = Held()
    made = cell(
        scheme, workload=asked | {"prompt_at_cloud": True},
        uplink=link(1e5, FAR_S, arq=PATIENT), downlink=link(1e7, arq=PATIENT),
        cloud={"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0.02}},
    )  # fmt: skip
    run = ran(made, watch=watch)
    assert [each.outcome for each in run.requests] == ["timed_out"] and run.requests[0].finish_s == 1.0
    before = run.plant.uplinks[0].bits_sent
    run.plant.env.run(5.0)
    heard_s = 1.0 + 320 / 1e5 + FAR_S
    assert run.plant.uplinks[0].bits_sent - before in (0, 320)
    assert max(each.began_s for each in watch.passes) < heard_s
    if scheme == "cloud_only":
        assert max(each.ended_s for each in watch.passes) > heard_s
    assert not run.plant.cloud._pools[0].kv._held and not run.plant.cloud.station.present
