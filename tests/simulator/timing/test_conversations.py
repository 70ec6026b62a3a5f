"""Conversations of several turns: the text of each is that of one request with the whole prompt, and what both ends
hold of the turns before decides time and bits alone."""

from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from accounted_cells import BASE, clock
from accounted_cells import link as narrow
from cells import HEADER_BITS, cell, link
from plants import AirWatch, Ran, ran

from channels.uniforms import Uniforms
from simulator import Cell
from simulator.cell.amounts import Fixed, LogNormal
from simulator.cell.cloud_config import whole_blocks
from simulator.decoding import decoder
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.protocols.accounts import Terms
from simulator.protocols.decoded_answer import decode_at_once
from simulator.protocols.machine import CloseRound, Command
from simulator.results.metrics import METRICS
from simulator.timing.cloud.kv import KvMemory

TALK: Final[dict[str, Any]] = {
    "kind": "conversations", "conversations": 1, "turns": 3, "prompt_tokens": 7, "text_tokens": 4, "output_tokens": 9,
    "think_s": 0.5,
}  # fmt: skip
FORGETFUL: Final = {"cloud_keeps_s": 0.0, "edge_keeps_s": 0.0}
LOSSY: Final = {"kind": "bernoulli", "probability": 0.25}
MEMORY: Final = Memory()
"""The texts of cells that differ in when they are decoded alone."""


def talk(scheme: object = "k_sqs", work: dict[str, Any] | None = None, **fields: Any) -> Cell:
    return cell(scheme, workload=TALK | (work or {}), **fields)


def note(tokens: list[int], command: Command, _: object) -> None:
    if isinstance(command, CloseRound):
        tokens += command.tokens


def texts(run: Ran) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(each.prompt.tokens, tuple(each.tokens)) for each in sorted(run.requests, key=lambda each: each.number)]


def held(run: Ran) -> list[list[int]]:
    table = run.result.requests.sort_values(["device", "request"])
    return table[["turn", "held_in_cloud_tokens", "held_at_edge_tokens"]].to_numpy().tolist()


@pytest.mark.parametrize(
    "scheme",
    [
        "k_sqs", "c_sqs", "coupled", "tree", "cloud_only", "colocated", "edge_only",
        {"kind": "k_sqs", "cloud_first": True}, {"kind": "coupled", "depth": 1},
        {"kind": "coupled", "depth": 2, "cloud_first": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_turn_is_the_request_with_its_whole_prompt_whatever_is_held(scheme: object) -> None:
    made = talk(scheme, uplink=link(2e4, loss=LOSSY), downlink=link(1e5, loss=LOSSY))
    found = texts(ran(made))
    assert found == texts(ran(made.with_({f"workload.{name}": value for name, value in FORGETFUL.items()})))
    assert all(after[0][: len(sum(before, ()))] == sum(before, ()) for before, after in pairwise(found))
    if isinstance(scheme, str):
        texts_of, state = Decoder(made, Memory()), None
        for number, ((prompt, answer), request) in enumerate(zip(found, ran(made).requests, strict=True)):
            terms, tokens = Terms(texts_of.decoding(0, number, request.prompt, state, 9), 9), list[int]()
            kept = decode_at_once(terms, partial(note, tokens))
            state = None if kept is None else kept.scheme
            assert (request.prompt.tokens, tuple(tokens[:9])) == (prompt, answer)


def test_the_uplink_carries_the_new_text_and_the_cloud_reads_it_alone() -> None:
    """An id of 64 takes 6 bits: a turn's message is four bytes of count, 4 x 6 bits and their end."""
    watch = AirWatch()
    run = ran(talk("k_sqs"), watch=watch)
    prompts = [each.bits - HEADER_BITS for each in watch.airings if each.link == "uplink" and each.round == 0]
    whole = AirWatch()
    again = ran(talk("k_sqs", FORGETFUL), watch=whole)
    all_ = [each.bits - HEADER_BITS for each in whole.airings if each.link == "uplink" and each.round == 0]
    lengths = [len(each.prompt.tokens) for each in run.requests]
    assert lengths == [7, 20, 33]
    assert all_ == [8 * -(-(6 * tokens + 1) // 8) for tokens in lengths]
    assert prompts == [all_[0], 64, 64]
    reads = [work for each in watch.passes for work, reads in zip(each.work, each.reads, strict=True) if reads]
    assert reads[0] == (6, 0) and [sum(work) for work in reads] == [6, 19, 32]
    assert all(16 - 2 <= cached <= 16 and new <= 5 for new, cached in reads[1:2])
    assert [each[1] for each in held(run)] == [0, 16, 29] and [each[1:] for each in held(again)] == [[0, 0]] * 3
    assert all(0 <= length - 4 - edge <= 2 for length, (_, _, edge) in zip(lengths[1:], held(run)[1:], strict=True))


@pytest.mark.parametrize("forgets", [False, True])
def test_the_first_token_of_a_turn_comes_when_a_closed_form_says(forgets: bool) -> None:
    """cloud_only over affine clocks, alone: up, one pass over what is new, down."""
    work = TALK | (FORGETFUL if forgets else {})
    made = Cell.from_fields(BASE | {"workload": work, "scheme": "cloud_only"})
    for request in ran(made).requests:
        length, cached = len(request.prompt.tokens), request.held[0] - (request.held[0] > 0)
        new = length - request.held[0]
        up_bits = 104 + 32 * bool(request.held[0]) + 8 * -(-(3 * new + 1) // 8)
        down_bits = 104 + 8
        pass_s = 0.0217 + 0.00113 * (length - cached) + 0.000071 * cached
        assert request.ttft_s == pytest.approx(up_bits / 9e3 + 0.0131 + pass_s + down_bits / 5e4 + 0.0173, rel=1e-9)
    assert forgets or request.held[0] == 29


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ({"cloud_keeps_s": 0.4}, [[0, 13], [0, 26]]),
        ({"cloud_keeps_s": 0.6}, [[16, 13], [29, 26]]),
        ({"cloud_keeps_s": "inf"}, [[16, 13], [29, 26]]),
        ({"edge_keeps_s": 0.4}, [[16, 0], [29, 0]]),
        ({"edge_keeps_tokens": 5}, [[16, 5], [29, 5]]),
        (FORGETFUL, [[0, 0], [0, 0]]),
    ],
)
def test_what_is_held_is_held_for_a_time_and_within_a_budget(work: dict[str, Any], expected: list[list[int]]) -> None:
    found = [each[1:] for each in held(ran(talk("k_sqs", work)))[1:]]
    assert [each[0] for each in found] == [each[0] for each in expected]
    assert all(abs(edge - allowed) <= 2 and (edge == allowed or allowed > 5) for (_, edge), (_, allowed) in zip(
        found, expected, strict=True
    ))  # fmt: skip


def test_a_device_that_has_read_reads_the_new_text_alone() -> None:
    """The drafter's first pass over an affine clock, where nothing is lost and the cloud answers at once."""
    at_once = {"latency": clock(0.0, 0.0, 0.0)}
    edge = {"latency": clock(0.0051, 0.1, 0.013)}
    wide = narrow(float("inf"), 0.0, 1.0)
    made = Cell.from_fields(BASE | {"workload": TALK, "edge": edge, "cloud": at_once, "uplink": wide, "downlink": wide})
    for request in ran(made).requests:
        length, cached = len(request.prompt.tokens), request.held[1]
        assert request.spent.prefill_s == pytest.approx(0.0051 + 0.1 * (length - cached) + 0.013 * cached)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "memory",
    [
        {"admission": "whole_request"}, {"admission": "preempt"},
        {"kv_block_tokens": 16, "admission": "whole_request"}, {"kv_block_tokens": 16},
        {"batching": "continuous"}, {"batching": "continuous", "admission": "whole_request"},
    ],
    ids=str,
)  # fmt: skip
def test_whoever_needs_the_memory_takes_it_from_those_who_think(memory: dict[str, Any]) -> None:
    work = TALK | {"devices": 4, "turns": 4, "think_s": 1.0}
    tight = {"servers": 2, "kv_tokens": 80, "latency": clock(0.2, 0.01, 0)}
    made = cell("k_sqs", workload=work, cloud=tight | memory)
    run = ran(made, MEMORY)
    roomy = ran(made.with_({"cloud.kv_tokens": None}), MEMORY)
    assert (run.result.requests["outcome"] == "answered").all()
    assert {each.number: each.tokens for each in run.requests if not each.device} == {
        each.number: each.tokens for each in roomy.requests if not each.device
    }
    cloud = run.plant.cloud
    assert cloud.evictions > 0 == roomy.plant.cloud.evictions
    assert made.cloud.admission.preempts or not sum(pool.kv.evicted for pool in [cloud.pool])
    for pool in [cloud.pool]:
        size = made.cloud.kv_block_tokens
        blocks = {session: whole_blocks(tokens, size) for session, tokens in pool.kv._held.items()}
        assert pool.kv.held_tokens == sum(blocks.values()) <= 80 * len(pool.servers)
        assert pool.kv.kept_tokens == sum(blocks[session] for session in pool.kv._kept) == pool.kv.held_tokens
        assert not pool.reservations.taken_tokens


def test_caches_between_turns_go_first_and_the_oldest_of_them() -> None:
    """Five sessions of 10 tokens in a memory for 50: three that are kept, in the order 2, 0, 1, and two that are in."""
    memory = KvMemory(50)
    for number in range(5):
        memory.arrive((number, 0), 20)
        assert memory.admit((number, 0), 10, ())
    for number in (2, 0, 1):
        memory.keep((number, 0))
    memory.rename((0, 0), (0, 1), 8)  # its next turn is here, and not in: the youngest now
    assert (memory.held_tokens, memory.kept_tokens) == (48, 28)
    memory.arrive((5, 0), 20)
    assert memory.fits([((5, 0), 30)]) and not memory.fits([((5, 0), 31)])
    assert memory.admit((5, 0), 12, ())
    assert [memory.cached((number, 0)) for number in range(6)] == [0, 10, 0, 10, 10, 12]
    assert memory.admit((3, 0), 16, ()) and [memory.cached((number, 0)) for number in (1, 3)] == [0, 16]
    assert (memory.kept_tokens, memory.dropped, memory.evicted) == (8, 2, 0)
    memory.arrive((0, 1), 20)
    assert memory.admit((0, 1), 12, ()) and (memory.held_tokens, memory.kept_tokens) == (50, 0)
    assert memory.is_in((0, 1)) and memory.evicted == 0


def test_a_turn_that_is_given_up_leaves_nothing_and_the_talk_goes_on() -> None:
    run = ran(talk("k_sqs", {"deadline_s": 0.35, "turns": 4, "think_s": 0.0}, uplink=link(2e3)))
    assert "timed_out" in set(run.result.requests["outcome"])
    found = texts(run)
    assert all(after[0][:-4] == sum(before, ()) for before, after in pairwise(found))
    late = [each.outcome == "timed_out" for each in sorted(run.requests, key=lambda each: each.number)]
    assert all(not now[1] for before, now in zip(late, held(run)[1:], strict=False) if before)


def test_statistical_pairs_talk_and_prompts_of_thousands_go_on() -> None:
    pair = {"kind": "acceptance", "size": 512, "share": 0.6, "drafts": 4, "prompts": 8, "prompt_tokens": 900}
    work = {"turns": 3, "prompt_tokens": 900, "text_tokens": 300, "output_tokens": 12}
    made = talk("coupled", work, models={"pair": pair, "temperature": 0.0})
    run = ran(made)
    assert [len(each.prompt.tokens) for each in run.requests] == [900, 1212, 1524]
    assert texts(run) == texts(ran(made.with_({f"workload.{name}": value for name, value in FORGETFUL.items()})))
    assert [each[1] for each in held(run)] == [0, 912, 1224]


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only"])
def test_prompts_too_long_to_remember_change_no_byte(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, memory = talk(scheme), Memory()
    expected = ran(made).result
    monkeypatch.setattr(decoder, "REMEMBERED_TOKENS", 6)
    for _ in range(2):
        found = ran(made, memory).result
        pd.testing.assert_frame_equal(found.requests, expected.requests, check_exact=True)
        pd.testing.assert_frame_equal(found.rounds, expected.rounds, check_exact=True)
    assert memory.size == 0


def test_metrics_may_count_one_turn_alone() -> None:
    work = TALK | {"conversations": 2, "devices": 2}
    made = cell("k_sqs", workload=work)
    whole, third = (ran(each, MEMORY) for each in (made, made.with_({"workload.counted_turn": 3})))
    rows = whole.result.requests
    rows = rows[rows["turn"] == 3]
    assert third.result.summary["latency_s"] == pytest.approx(rows["latency_s"].mean())
    assert third.result.summary["ttft_s"] == pytest.approx(rows["ttft_s"].mean())
    rounds = whole.result.rounds.merge(rows[["device", "request"]])
    assert third.result.summary["accepted_per_round"] == pytest.approx(rounds["accepted"].mean())
    assert {*third.result.summary} == {*whole.result.summary} and "latency_s" in METRICS


def test_classes_of_devices_may_talk_beside_others() -> None:
    made = cell(fleet={"people": {"count": 2, "workload": TALK}, "meters": {"scheme": "cloud_only"}})
    table = ran(made).result.requests
    assert table.groupby("class")["turn"].max().to_dict() == {"people": 3, "meters": 1}
    assert made.requests == len(table) == 8


def test_amounts_are_drawn_as_they_say() -> None:
    uniforms = [Uniforms.of(1, "amounts").uniform(n) for n in range(4000)]
    logs = np.log([LogNormal(median=40.0, sigma=0.8).at(each) for each in uniforms])
    assert abs(logs.mean() - np.log(40)) < 5 * 0.8 / 4000**0.5 and abs(logs.std() - 0.8) < 5 * 0.8 / 8000**0.5
    assert max(LogNormal(median=3.0, most=5.0).at(each) for each in uniforms) == 5.0
    assert LogNormal(median=4).at(0.0) == 0.0 and Fixed(value=0.2).whole(0.5) == 1


def test_turns_and_lengths_that_are_drawn_are_the_users_of_every_scheme() -> None:
    work = {
        "conversations": 3, "devices": 4, "turns": {"kind": "log_normal", "median": 2.0, "most": 4},
        "text_tokens": {"kind": "log_normal", "median": 4, "sigma": 1.0, "most": 8},
        "think_s": {"kind": "log_normal", "median": 0.2}, "pause_s": 1.0,
    }  # fmt: skip
    runs = [ran(talk(scheme, work)) for scheme in ("k_sqs", "cloud_only")]
    one, other = (
        [(each.device, each.number, each.turn, len(each.prompt.tokens)) for each in sorted(
            run.requests, key=lambda each: (each.device, each.number)
        )]
        for run in runs
    )  # fmt: skip
    assert one == other and len(one) == talk("k_sqs", work).workload.total
    assert len({after[3] - before[3] - 9 for before, after in pairwise(one) if after[2] > 1}) > 2
