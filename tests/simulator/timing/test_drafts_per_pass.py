"""Drafters that make several drafts a pass: what that changes of time, in each way of drafting, and that it changes
nothing else."""

from itertools import pairwise
from math import ceil, isnan
from typing import Any

import pytest
from cells import cell, link
from heard import Looking
from hypothesis import given
from hypothesis import strategies as st
from plants import AirWatch, Ran, ran
from simulated import bend, written_cell

from channels.uniforms import Uniforms
from models.latency.latency import Latency, block_passes
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.requests import Request
from simulator.timing.device import EdgePasses

PASS_S, ENCODE_S, VERIFY_S = 0.005, 1e-4, 0.02
MEMORY = Memory()
TOP_4 = {"kind": "composed", "sparsifier": {"kind": "top_k", "k": 4}, "max_drafts": 6}
WAYS: dict[str, Any] = {
    "whole": {"kind": "k_sqs", "k": 4, "max_drafts": 6},
    "coupled": {"kind": "coupled", "max_drafts": 5},
    "over the budget": {"kind": "k_sqs", "k": 4, "max_drafts": 6, "budget_bits": 60},
    "looking": TOP_4 | {"policy": {"kind": "entropy_exit", "threshold_bits": 3.0}},
    "parts": {"kind": "k_sqs", "k": 4, "max_drafts": 6, "partial": True},
    "ahead": {"kind": "k_sqs", "k": 4, "max_drafts": 3, "depth": 2},
    "tree": {"kind": "tree", "max_drafts": 12},
}
"""Ways of drafting of which no time decides the tokens."""


def blocks(scheme: object, drafts: int, **fields: Any) -> Cell:
    edge = {"latency": {"kind": "constant", "per_pass_s": PASS_S}, "drafts_per_pass": drafts}
    return cell(scheme, **{"edge": edge} | fields)


def timed(scheme: object, drafts: int, **fields: Any) -> Ran:
    return ran(blocks(scheme, drafts, **fields), MEMORY)


@given(
    later=st.lists(st.integers(1, 5), max_size=9), new=st.integers(1, 9), cached=st.integers(0, 50),
    drafts=st.integers(1, 6),
)  # fmt: skip
def test_blocks_run_over_what_they_stand_for_and_masks(later: list[int], new: int, cached: int, drafts: int) -> None:
    """A slow twin: drafts are made one after another, and those whose number is a multiple of the block take a pass
    over all that no pass has run over yet."""
    alone, expected, unread, read = [], [], new, cached
    for tokens in (new, *later):
        alone.append((tokens, cached))
        cached += tokens
    for number, (tokens, _) in enumerate(alone):
        unread += tokens if number else 0
        if number % drafts == 0:
            expected.append((unread + drafts - 1, read))
            read, unread = read + unread, 0
    assert block_passes(alone, drafts) == expected and len(expected) == ceil(len(alone) / drafts)


@pytest.mark.parametrize("way", WAYS)
def test_a_round_takes_its_drafts_over_the_block_passes_rounded_up_and_the_text_stays(way: str) -> None:
    one = timed(WAYS[way], 1)
    rounds = one.result.rounds
    for drafts in (2, 3, 16):
        many = timed(WAYS[way], drafts)
        assert many.texts == one.texts
        same = ["drafted", "accepted", "committed", "payload_bits"]
        if way == "ahead":  # which rounds are void is a matter of time
            assert many.result.summary["latency_s"] < one.result.summary["latency_s"]
            ended = many.result.rounds[many.result.rounds["flushed"] == 0]
            assert (ended["edge_passes"] == (ended["drafted"] / drafts).map(ceil)).all()
            continue
        found = many.result.rounds
        if way != "parts":  # of which the reply may come before the end, where there are losses: not here
            assert found[same].equals(rounds[same])
        assert (found["edge_passes"] == (rounds["edge_passes"] / drafts).map(ceil)).all()
        if way != "parts":  # there a pass may run while a part is on the air
            (less, saved), later = (rounds, found), rounds["round"] > 1  # the first waits for the prompt
            less_s = (less["answered_s"] - less["started_s"]) - (saved["answered_s"] - saved["started_s"])
            saved_s = PASS_S * (less["edge_passes"] - saved["edge_passes"])
            assert less_s[later].to_numpy() == pytest.approx(saved_s[later].to_numpy(), abs=1e-9)


@pytest.mark.parametrize("drafts", [1, 2, 4, 5, 8])
def test_a_round_equals_its_closed_form(drafts: int) -> None:
    """Six drafts, whole: (L / n, rounded up) t_d, L times the encoding, the payload, the pass and the reply."""
    result = timed(WAYS["whole"], drafts).result
    later = result.rounds[(result.rounds["round"] > 1) & (result.rounds["drafted"] == 6)]
    duration = later["answered_s"] - later["started_s"]
    up, down = (later["payload_bits"] + 320) / 1e5 + 0.02, (later["reply_bits"] + 320) / 1e7 + 0.02
    expected = ceil(6 / drafts) * PASS_S + 6 * ENCODE_S + up + VERIFY_S + down
    assert len(later) > 3 and duration.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-9)


def test_parts_of_a_block_follow_one_another_without_a_pass_between() -> None:
    """At an infinite rate a part leaves when it is encoded: the drafts of a block are ENCODE_S apart."""
    watch = AirWatch()
    free = link(float("inf"), arq="selective_repeat")
    ran(blocks(WAYS["parts"], 3, uplink=free), MEMORY, watch)
    first = [each.joined_s for each in watch.airings if each.link == "uplink" and each.address[1:] == (0, 2)]
    gaps = [later - earlier for earlier, later in pairwise(first)]
    assert gaps[:5] == pytest.approx([ENCODE_S, ENCODE_S, PASS_S + ENCODE_S, ENCODE_S, ENCODE_S])


def test_a_pass_reads_what_none_has_read_and_a_mask_for_each_draft_but_its_first() -> None:
    """Where a pass takes a second a token, rounds have six drafts, and some of the last round's were accepted. One
    draft a pass: those and a token more but what five passes have read, then five. Three: but what the second of two
    has read, which is three drafts, then three, and two masks each."""
    for scheme in (WAYS["whole"], TOP_4 | {"policy": {"kind": "entropy_exit", "threshold_bits": 64}}):
        for drafts in (1, 3):
            latency = {"kind": "affine", "base_s": 0.0, "per_token_s": 1.0}
            edge = {"latency": latency, "drafts_per_pass": drafts, "encode_s_per_draft": 0.0}
            arq = {"kind": "stop_and_wait", "timeout_s": 60.0}
            run = ran(blocks(scheme, drafts, edge=edge, uplink=link(1e5, arq=arq)), MEMORY)
            compared = 0
            for request in run.requests:
                for before, each in pairwise(request.rounds):
                    whole = before.drafted == each.drafted == 6
                    if whole:
                        new = before.accepted + 1 - min(before.accepted, 5 if drafts == 1 else 3)
                        expected_s = new + 5 if drafts == 1 else new + 2 + 3 + 2
                        assert each.sent_s - each.started_s == pytest.approx(expected_s)
                    compared += whole
            assert compared > 2


@pytest.mark.parametrize("drafts", [1, 2, 3, 8])
def test_a_hosted_drafter_takes_as_few_passes(drafts: int) -> None:
    clouds = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": VERIFY_S}, "drafts_per_pass": drafts,
              "drafter_latency": {"kind": "constant", "per_pass_s": 0.003}}  # fmt: skip
    made = cell({"kind": "colocated", "max_drafts": 6}, cloud=clouds)
    rounds = ran(made, MEMORY).result.rounds
    whole = rounds[(rounds["round"] > 1) & (rounds["drafted"] == 6)]
    starts = whole["verified_s"] - ceil(6 / drafts) * 0.003 - VERIFY_S
    before = rounds["verified_s"].shift(1)[whole.index]
    assert len(whole) > 2 and starts.to_numpy() == pytest.approx(before.to_numpy(), rel=1e-9)


def test_a_model_that_decodes_alone_makes_a_token_a_pass() -> None:
    edge = {"latency": {"kind": "affine", "base_s": 0.001, "per_token_s": 0.001}}
    made = [blocks("edge_only", drafts, edge=edge | {"drafts_per_pass": drafts}) for drafts in (1, 8)]
    one, many = (simulate(each, memory=MEMORY) for each in made)
    for these, those in ((one.rounds, many.rounds), (one.requests, many.requests)):
        assert these.drop(columns="cell").equals(those.drop(columns="cell"))


@pytest.mark.parametrize("policy", ["goodput", "running_acceptance"])
def test_policies_that_estimate_a_pass_know_how_many_drafts_it_makes(policy: str) -> None:
    """Where passes are dear a block makes rounds longer, and the estimate stays that of a pass."""
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 160}
    lengths = {}
    for drafts in (1, 4):
        edge = {"latency": {"kind": "constant", "per_pass_s": 0.04}, "drafts_per_pass": drafts}
        cloud = {"latency": {"kind": "constant", "per_pass_s": 0.15}}
        scheme = TOP_4 | {"policy": policy, "max_drafts": 8}
        made = ran(cell(scheme, workload=asked, edge=edge, cloud=cloud, uplink=link(1e6)), MEMORY)
        rounds = made.result.rounds
        tail = rounds[(rounds["round"] > 20) & (rounds["drafted"] > 0)]
        lengths[drafts] = tail["drafted"].mean()
        assert (rounds["edge_passes"] >= (rounds["drafted"] / drafts).map(ceil)).all()
    assert lengths[4] > lengths[1] + 0.5


def test_a_round_that_is_cut_has_the_drafts_of_the_passes_that_had_ended() -> None:
    """Drafted ahead, and void before it was whole: of each such pass all of its block."""
    asked = {"kind": "closed", "requests": 4, "prompt_tokens": 8, "output_tokens": 24}
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.02}, "drafts_per_pass": 4}
    run = ran(cell(WAYS["ahead"] | {"max_drafts": 6}, edge=edge, workload=asked), MEMORY)
    cut = [each for request in run.requests for each in request.rounds if each.flushed and isnan(each.sent_s)]
    assert {each.flushed_drafts - min(4 * each.edge_passes, 6) for each in cut} == {0}
    assert {(each.edge_passes, each.flushed_drafts) for each in cut} == {(1, 4)}


@pytest.mark.parametrize("drafts", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_i12_of_parts_that_are_drafted_in_blocks(drafts: int) -> None:
    """Losses look at when a part leaves, which is set by how many drafts came before it, never by which."""
    halves, even = (0.5, 0.5, 0.0), (1 / 3, 1 / 3, 1 / 3)
    scheme = {"kind": "c_sqs", "partial": True, "resolution": 240, "max_drafts": 3}
    uplink = link(1e6, loss=Looking(period_s=0.0067, share=0.5), header_bits=8, mtu_bits=24, arq="selective_repeat")
    edge = {
        "latency": {"kind": "constant", "per_pass_s": 0.005},
        "encode_s_per_draft": 0.002,
        "drafts_per_pass": drafts,
    }
    made = written_cell(scheme, (halves, even, halves), (halves, halves, halves), 4, uplink=uplink, edge=edge)
    assert bend(made) < 1e-12


def test_it_decides_time_alone_so_remembered_rounds_are_the_same() -> None:
    one, many = blocks("k_sqs", 1), blocks("k_sqs", 15, cloud={"drafts_per_pass": 3})
    assert one.decoding_id == many.decoding_id and one.id != many.id


def test_a_pass_takes_longer_over_a_longer_cache_whatever_was_asked_before() -> None:
    """The seconds of passes are worked out once for all devices of a kind."""
    latency = Latency.of({"kind": "affine", "base_s": 0.01, "per_token_s": 0.001, "per_cached_token_s": 1e-4})
    request = Request.__new__(Request)  # of no account where nothing is drawn
    numbers = Uniforms.of(0, "edge passes")
    for cached in (0, 7, 100):
        found = EdgePasses(latency, numbers, numbers).of_round_s(request, 1, 2, cached, (1, 1))
        caches = (cached, cached + 2, cached + 3)
        assert found == pytest.approx(
            [0.01 + 0.001 * new + 1e-4 * each for new, each in zip((2, 1, 1), caches, strict=True)]
        )
