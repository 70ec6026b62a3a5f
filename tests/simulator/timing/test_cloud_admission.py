"""Who is let into a server's memory: whole requests in order of arrival, held to their end; what is read again where
sessions are thrown out instead."""

from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf
from pathlib import Path

import numpy as np
import pytest
from cells import cell, link
from hypothesis import given, settings
from hypothesis import strategies as st
from plants import AirWatch, ran
from servers import Bench, Visit
from tables_pair import Tables

from simulator.cell.cell import memory_holds_all
from simulator.decoding.memory import Memory

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

    reads_first = True
    """Whether the first pass is a prefill."""

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
                (number, 0), texts[turn], prefill=self.reads_first and not turn, read=texts[turn - 1] if turn else 0,
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
    made = Sessions(requests, batching="none", kv_tokens=room_tokens, admission="whole_request")
    made.run()
    twin = held_to_their_end(requests, room_tokens)
    for mine, its in zip(made.done_s(), twin, strict=True):
        assert mine == pytest.approx(its, rel=1e-12)
    assert twin != held_to_their_end(requests, 10**9), "the memory never filled"


@dataclass
class Preempting:
    """One server that runs one pass at a time, as vLLM's scheduler would: lists, and the next event."""

    requests: list[Asked]
    room_blocks: int
    block: int
    evictions: int = 0

    def __post_init__(self) -> None:
        self.inside = dict[int, int]()

    def free(self) -> int:
        return self.room_blocks - sum(-(-tokens // self.block) for tokens in self.inside.values())

    def throw_out(self, number: int) -> None:
        del self.inside[number]
        self.evictions += 1

    def chosen(self, waiting: dict[int, int]) -> int | None:
        """Who runs next of those that wait, each up to a text: the first, where there is room for all."""
        lacking = (
            -(-text // self.block) - -(-self.inside.get(number, 0) // self.block) for number, text in waiting.items()
        )
        if sum(lacking) <= self.free():
            return next(iter(waiting), None)
        before = self.evictions
        for number in sorted(set(waiting) & set(self.inside)):
            lacks = -(-waiting[number] // self.block) - -(-self.inside[number] // self.block)
            while lacks > self.free() and number in self.inside:
                self.throw_out(max(self.inside))
            if number in self.inside:
                return number
        if self.evictions > before:
            return self.chosen(waiting)
        out = sorted(set(waiting) - set(self.inside))
        return out[0] if out and -(-waiting[out[0]] // self.block) <= self.free() else None

    def done_s(self) -> list[list[float]]:
        coming = [(request.arrival_s, number, 0) for number, request in enumerate(self.requests)]
        waiting, done = dict[int, int](), [list[float]() for _ in self.requests]
        running, now_s, ends_s = None, 0.0, inf
        while coming or running is not None or waiting:
            if running is not None and ends_s < min(coming, default=(inf,))[0]:
                now_s, number, running = ends_s, running, None
                done[number].append(now_s)
                if len(done[number]) < len(self.requests[number].tokens):
                    coming.append(
                        (now_s + self.requests[number].pauses_s[len(done[number])], number, len(done[number]))
                    )
                else:
                    del self.inside[number]
            else:
                now_s, number, turn = min(coming)
                coming.remove((now_s, number, turn))
                waiting[number] = sum(self.requests[number].tokens[: turn + 1])
            if running is None and (running := self.chosen(waiting)) is not None:
                text = waiting.pop(running)
                ends_s = now_s + text - min(self.inside.get(running, 0), text - 1)
                self.inside[running] = text
        return done


@pytest.mark.parametrize(("room_tokens", "block"), [(64, 1), (64, 16), (71, 8)])
def test_passes_end_when_the_twin_says_that_preempts_the_latest(room_tokens: int, block: int) -> None:
    requests = asked(3, 150, 25.0)
    made = Sessions(requests, batching="none", kv_tokens=room_tokens, kv_block_tokens=block)
    made.run()
    twin = Preempting(requests, room_tokens // block, block)
    for mine, its in zip(made.done_s(), twin.done_s(), strict=True):
        assert mine == pytest.approx(its, rel=1e-12)
    assert made.cloud.evictions == twin.evictions > 10


def test_blocks_of_16_let_in_as_many_as_have_whole_ones() -> None:
    """floor(floor(M / b) / ceil(T / b)) requests of T tokens are in: each of 17 wastes 15 tokens."""
    for block, room, tokens in ((1, 160, 17), (16, 160, 17), (16, 175, 16), (8, 175, 17)):
        bench = Bench(
            batching={"kind": "waiting", "cap": 64}, kv_tokens=room, kv_block_tokens=block, admission="whole_request",
            latency={"kind": "constant", "per_pass_s": 1.0},
        )  # fmt: skip
        for number in range(40):
            bench.submit((number, 0), tokens)
        bench.settle()
        assert 40 - bench.cloud.pool.reservations.waiting == room // block // -(-tokens // block)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    batching=st.sampled_from(["none", "waiting", {"kind": "window", "cap": 3, "window_s": 7}, "continuous"]),
    servers=st.integers(1, 3),
    budget=st.sampled_from([None, 12]),
    block=st.sampled_from([1, 16]),
    room_tokens=st.sampled_from([None, 96, 96]),
    admission=st.sampled_from(["whole_request", "preempt"]),
    ties=st.booleans(),
    reads_first=st.booleans(),
)
def test_whatever_happens_every_request_ends_and_none_that_is_in_is_thrown_out_but_by_those_before_it(
    seed: int, batching: object, servers: int, budget: int | None, block: int,
    room_tokens: int | None, admission: str, ties: bool, reads_first: bool,
) -> None:  # fmt: skip
    """Some requests are given up; with `ties` all in whole seconds, so that events coincide all the time."""
    requests = asked(seed, 12, 5.0)
    if ties:
        requests = [
            replace(each, arrival_s=float(int(each.arrival_s)), pauses_s=[float(int(s)) for s in each.pauses_s])
            for each in requests
        ]
    made = Sessions(
        requests, seed=seed, servers=servers, batching=batching, kv_tokens=room_tokens,
        token_budget=budget, kv_block_tokens=block, admission=admission,
    )  # fmt: skip
    made.reads_first = reads_first
    rng, given_up = np.random.default_rng(seed), set[int]()
    for number, request in enumerate(requests):
        if rng.random() < 0.3:
            given_up.add(number)
            after_s = float(rng.integers(40) if ties else rng.exponential(40.0))
            made.call(request.arrival_s + after_s, lambda number=number: made.end(number))
    held = admission == "whole_request" or room_tokens is None
    while len(made.ended) < len(requests):
        made.env.step()
        made.settle()
        assert made.env.now < 1e5, "a request never ends"
        for pool in [made.cloud.pool]:
            most_tokens = inf if room_tokens is None else room_tokens * len(pool.servers)
            assert pool.kv.held_tokens <= most_tokens
            if admission == "whole_request" and room_tokens is not None:
                assert pool.kv.held_tokens <= pool.reservations.taken_tokens <= most_tokens
            idle = pool.free() and pool.queue and pool.queue.ready_s() < made.env.now
            if idle and not held:  # nobody that waits is in, and the first of them has no room
                first = min((*pool.queue.jobs, *pool.queue.prefills), key=pool.queue._turn)
                idle = pool.kv.is_in(first.session) or pool.kv.fits([(first.session, first.text_tokens)])
            assert not idle, "I5"
    assert made.cloud.station.area == pytest.approx(made.cloud.station.sojourn_s, rel=1e-9), "I4"
    for number, request in enumerate(requests):
        done = [len(visit.done_s) for visit in made.ran[number]]
        assert done == [1] * len(request.tokens) or (number in given_up and done[:-1] == [1] * (len(done) - 1))
        assert max(done, default=0) <= 1
    if admission != "whole_request":
        return
    if reads_first:
        later = [visit for visits in made.ran.values() for visit in visits[1:]]
        assert all(state != "prefill" for visit in later for _, state in visit.states)
    if room_tokens is not None:
        firsts = [visit.began_s[0] for visits in made.ran.values() for visit in visits[:1] if visit.began_s]
        assert firsts == sorted(firsts), "somebody has overtaken"


@pytest.mark.parametrize(
    "cloud",
    [
        {"batching": {"kind": "waiting", "cap": 3}},
        {"batching": {"kind": "continuous", "cap": 4}, "token_budget": 12, "kv_block_tokens": 16},
        {"batching": "none", "servers": 2},
    ],
    ids=str,
)
def test_where_there_is_room_for_all_no_admission_changes_a_table(cloud: dict[str, object]) -> None:
    asked = {"kind": "closed", "devices": 12, "requests": 2, "prompt_tokens": 16, "output_tokens": 24, "distinct": 4}
    memory, room = Memory(), 2 * 12 * (16 + 24 + 9 + 15)
    latency = {"kind": "affine", "base_s": 0.02, "per_token_s": 1e-3}
    tables = []
    for kind in ("whole_request", "preempt"):
        fields = {"kv_tokens": room, "latency": latency, "admission": kind, **cloud}
        made = cell("k_sqs", workload=asked, cloud=fields, uplink=link(1e5, sharing="own"))
        assert memory_holds_all(made) and not memory_holds_all(made.with_({"cloud.kv_tokens": 300}))
        found = ran(made, memory).result
        assert found.summary["cloud_queue_s"] > 0.01, "nobody waits for a pass"
        tables.append([table.drop(columns="cell").to_csv() for table in (found.requests, found.rounds)])
    assert tables[0] == tables[1]


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
        "kv_tokens": 8 + 24 + drafts + 1, "admission": "whole_request", "batching": "none",
        "latency": {"kind": "constant", "per_pass_s": 0.02},
    })  # fmt: skip
    run = ran(made)
    assert len(run.requests) == 6 and {each.outcome for each in run.requests} > {"answered"}
    run.plant.env.run(run.plant.env.now + 1.0)  # the last one's word is under way
    pool = run.plant.cloud.pool
    assert not pool.reservations.waiting and all(pool.runs(session) for session in pool.reservations._reserved)


FAR_S = 0.3
"""One way."""
PATIENT = {"kind": "selective_repeat", "timeout_s": 1.0}


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
        cloud={
            "kv_tokens": 8 + 12 + 9, "admission": "whole_request", "batching": batching, "latency": latency,
            "drafter_latency": latency,
        },
    )  # fmt: skip
    watch = AirWatch()
    run = ran(made, watch=watch)
    by_session = {key: [each for each in watch.passes if key in each.sessions] for key in (A, B)}
    (first, last), (begun, _) = ((of[0], of[-1]) for of in by_session.values())
    assert begun.began_s == last.ended_s < run.requests[0].finish_s - FAR_S / 2
    assert first.began_s == 0.0


def test_who_is_let_in_shares_the_very_next_pass(tmp_path: Path) -> None:
    """Room for two of three, nothing takes time but passes: the third joins the second as soon as the first is done."""
    (tmp_path / "asks.csv").write_text("arrival_s,prompt_tokens,output_tokens\n0,8,4\n0,8,12\n0,8,4\n")
    asked = {"kind": "arrivals", "path": str(tmp_path / "asks.csv"), "devices": 3, "prompt_at_cloud": True}
    watch = AirWatch()
    free = link(inf, delay_s=0.0)
    ran(cell("cloud_only", workload=asked, uplink=free, downlink=free, cloud={
        "kv_tokens": 13 + 21, "admission": "whole_request", "batching": "waiting",
        "latency": {"kind": "constant", "per_pass_s": 1.0},
    }), watch=watch)  # fmt: skip
    assert [sorted(each.sessions) for each in watch.passes[:5]] == [[A, B]] * 4 + [[B, C]]


def test_a_device_that_draws_its_corrections_ends_a_request_whose_end_the_cloud_cannot_know() -> None:
    """An end of text may be the edge's own correction: the cloud keeps the room until the device's word has come."""
    asked = {"kind": "closed", "devices": 2, "requests": 3, "prompt_tokens": 8, "output_tokens": 40,
             "stop_at_eos": True}  # fmt: skip
    pair = {"pair": Tables().kind}
    cloud = {"kv_tokens": 8 + 40 + 9, "admission": "whole_request", "batching": "none"}
    made = cell("dssd", models=pair, workload=asked, cloud=cloud)
    run = ran(made)
    assert any(len(each.tokens) < 40 for each in run.requests)
    assert {each.outcome for each in run.requests} == {"answered"}
    run.plant.env.run(run.plant.env.now + 5)
    assert not run.plant.cloud.pool.reservations._reserved


@pytest.mark.parametrize("scheme", ["cloud_only", "k_sqs", {"kind": "k_sqs", "depth": 2}])
def test_the_cloud_works_on_for_a_request_given_up_until_the_word_of_it_has_come(scheme: object) -> None:
    """The device gives up at 1 s; its word is one bare header, 0.3 s on the way; no pass begins after that."""
    asked = {"kind": "closed", "devices": 1, "requests": 1, "prompt_tokens": 8, "output_tokens": 200, "deadline_s": 1.0}
    watch = AirWatch()
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
    assert not run.plant.cloud.pool.kv._held and not run.plant.cloud.station.present
