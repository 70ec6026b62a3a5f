"""Rounds drafted ahead, in time: what overlaps, what a rejection voids, and what no network may change."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import cell, link
from decodings import resolved
from plants import AirWatch, ran

from simulator import Cell, simulate
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.lookahead import Lookahead
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode, Tokens
from simulator.results.requests import Request

Text = tuple[tuple[int, ...], tuple[tuple[float, ...], ...]]
ASKED = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14}
SCHEMES: dict[str, dict[str, Any]] = {
    "k_sqs": {"kind": "k_sqs", "k": 4, "max_drafts": 3},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True},
    "half_top_k": {"kind": "truncated_fp16", "policy": "fixed_length", "max_drafts": 3},
    "coupled": {"kind": "coupled", "max_drafts": 3},
    "tree": {"kind": "tree", "k": 4, "widths": (2, 1), "max_drafts": 3},
    "multi_candidate": {"kind": "multi_candidate", "k": 4, "max_drafts": 2},
    "coupled_tree": {"kind": "coupled_tree", "nodes": 6},
}
MEMORY = Memory()
LOST = {"kind": "bernoulli", "probability": 0.97}


def text(request: Request) -> Text:
    """The tokens of an answer, and all that was verified on the way to it."""
    verified = [each for each in request.rounds if not each.flushed]
    return tuple(request.tokens), tuple(
        (each.round, each.drafted, each.accepted, each.committed, each.payload_bits, each.nll) for each in verified
    )


@cache
def quiet(scheme: str, depth: int) -> dict[tuple[int, int], Text]:
    """What each request says when nothing goes wrong."""
    requests = ran(cell(SCHEMES[scheme] | {"depth": depth}, workload=ASKED), MEMORY).requests
    assert all(each.outcome == "answered" for each in requests)
    return {(each.device, each.number): text(each) for each in requests}


def faulty_link(rng: np.random.Generator) -> dict[str, Any]:
    pick = rng.choice
    delay = {"kind": "jitter", "delay_s": 0.01, "jitter_s": 0.03, "reorder": True}
    return {
        "rate": {"kind": "constant", "bps": float(pick([5e3, 3e4, 1e6, np.inf]))},
        "loss": {"kind": "bernoulli", "probability": float(pick([0.0, 0.0, 0.3, 0.5]))},
        "delay": delay if rng.random() < 0.3 else {"kind": "constant", "delay_s": float(pick([0.0, 0.02]))},
        "arq": {
            "kind": str(pick(["stop_and_wait", "selective_repeat"])),
            "timeout_s": 0.1,
            "max_attempts": [None, 1, 3][rng.integers(3)],
            "ack_loss": {"kind": "bernoulli", "probability": float(pick([0.0, 0.3]))},
            "ack_bits": int(pick([0, 0, 112])),
        },
        "mtu_bits": [None, 400][rng.integers(2)],
        "sharing": str(pick(["fifo", "round_robin", "own"])),
        "access_s": float(pick([0.0, 0.01])),
    }


def faulty(number: int) -> tuple[str, int, Cell]:
    """Random cell `number`: its scheme, its depth, and all that may go wrong."""
    rng = np.random.default_rng((13, number))
    scheme, depth, servers = list(SCHEMES)[number % len(SCHEMES)], int(rng.integers(1, 4)), int(rng.integers(1, 3))
    down = {"kind": "random", "mean_there_s": 1.0, "mean_away_s": 0.2}
    workload = ASKED | {
        "deadline_s": [None, None, 0.6, 2.0][rng.integers(4)],
        "absences": ["none", "none", down][rng.integers(3)],
        "horizon_s": [1.0, 3e3, 3e3][rng.integers(3)],
        "think_s": 0.05,
    }
    cloud = {
        "servers": servers,
        "batching": ["none", "waiting", "continuous"][rng.integers(3)],
        "kv_tokens": [None, 40][rng.integers(2)],
        "admission": str(rng.choice(["preempt", "whole_request"])),
        "latency": {"kind": "affine", "base_s": 0.01, "per_token_s": 0.001},
    }
    uplink, downlink = faulty_link(rng), faulty_link(rng)
    half_duplex = [None, "device"][rng.integers(2)]
    uplink["half_duplex"] = downlink["half_duplex"] = half_duplex
    if half_duplex is None and rng.random() < 0.25:
        lossy = {"kind": "bernoulli", "probability": float(rng.choice([0.0, 0.3]))}
        uplink = link(2e4, loss=lossy, sharing="own") | {"arq": uplink["arq"] | {"timeout_s": 1.0, "ack_bits": 0}}
        downlink = link(2e4, loss=lossy, listens={"kind": "after_sending", "delays_s": (0.06, 0.12)})
    fields = {"workload": workload, "cloud": cloud, "uplink": uplink, "downlink": downlink}
    edge = {"latency": {"kind": "constant", "per_pass_s": float(rng.choice([0.0, 0.004, 0.02]))}}
    return scheme, depth, cell(SCHEMES[scheme] | {"depth": depth}, edge=edge, **fields)


def check_faulty(number: int) -> pd.DataFrame:
    """Whatever happens: the run's own checks hold, tokens are those of the quiet run, remembered is as live."""
    scheme, depth, made = faulty(number)
    live, remembered = ran(made, Memory()), ran(made, MEMORY)
    for run in (live, remembered):
        for request in run.requests:
            tokens, verified = quiet(scheme, depth)[request.device, request.number]
            carried = SCHEMES[scheme].get("carry") and request.number
            if request.outcome == "answered" and not carried:  # what a cut request leaves behind is not the quiet run's
                assert text(request) == (tokens, verified)
    assert live.result.rounds.equals(remembered.result.rounds)
    assert live.result.requests.equals(remembered.result.requests)
    return live.result.rounds


def test_tokens_are_those_of_the_quiet_run_whatever_goes_wrong() -> None:
    rounds = pd.concat([check_faulty(number) for number in range(5)])
    assert rounds["flushed"].any() and rounds["stale"].any(), "else nothing of note has happened"


@pytest.mark.slow
@pytest.mark.parametrize("number", range(5, 208))
def test_tokens_are_those_of_the_quiet_run_in_many_more_cells(number: int) -> None:
    check_faulty(number)


def test_a_successor_is_promised_if_the_answer_goes_on_by_two_tokens() -> None:
    """One token more is the bonus token's; none, and there is nothing to draft."""
    ends = Lookahead(depth=2, text_tokens=10, end_tokens=(9, 7))
    promised = {left: ends.promises((0,) * 4, (1,) * (6 - left)) for left in range(6)}
    assert promised == {0: False, 1: False, 2: True, 3: True, 4: True, 5: True}
    assert not ends.promises((0,) * 4, (1, 7)), "behind the end of the answer nothing is drafted"
    assert not Lookahead(depth=0, text_tokens=10).promises((0,) * 4, (1,))


def test_a_round_is_stale_only_if_its_device_has_come_to_know_that_it_is_void() -> None:
    """A deadline falls between a verification result in the cloud, which drops a payload, and its arrival."""
    asked = ASKED | {"requests": 3, "output_tokens": 20}
    scheme, far = {"kind": "k_sqs", "k": 4, "max_drafts": 2, "depth": 3}, link(1e7, 0.15, arq="selective_repeat")
    short, long = (
        simulate(cell(scheme, workload=asked | {"deadline_s": deadline_s}, downlink=far), memory=MEMORY).rounds
        for deadline_s in (0.4, 1.0)
    )
    assert not short["flushed"].any() and not short["stale"].any()
    assert long["stale"].any() and long["flushed"][long["stale"]].all()


def test_a_flushed_round_frees_the_processor_and_the_uplink() -> None:
    """What is cut is not worked on: busy time is that of whole rounds and of the parts before the cuts."""
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.02}}
    asked = ASKED | {"devices": 1, "requests": 1, "output_tokens": 40}
    made = cell(SCHEMES["k_sqs"] | {"depth": 3}, workload=asked, edge=edge)
    summary = (run := ran(made, Memory())).result.summary
    (request,) = run.requests
    assert summary["flushed_drafts_per_token"] > 0
    assert any(each.flushed and each.sent_s != each.sent_s for each in request.rounds), "none was cut while drafted"
    passes_s = 0.02 * sum(each.edge_passes for each in request.rounds)
    cut = sum(each.flushed and each.sent_s != each.sent_s for each in request.rounds)
    busy_s = summary["edge_busy"] * request.finish_s
    assert passes_s - 1e-9 <= busy_s <= passes_s + 0.02 * cut
    assert request.hidden_draft_s < busy_s


@pytest.mark.parametrize("acknowledged", [0, 1], ids=["planned", "general"])
@pytest.mark.parametrize("rate", [{"kind": "constant", "bps": 3e4}, {"kind": "lora", "bandwidth_hz": 5e5, "duty": 0.5}])
def test_each_bit_on_the_uplink_is_of_a_round_that_was_judged_or_flushed(rate: object, acknowledged: int) -> None:
    """Flushed rounds count the bits that went out by then, in packets whose turn had come: one that waits for a silence
    to end goes out all the same."""
    asked = ASKED | {"prompt_at_cloud": True, "devices": 1}
    arq = {"kind": "selective_repeat", "timeout_s": 3.0, "ack_bits": acknowledged}
    up = link(3e4, arq=arq, mtu_bits=400) | {"rate": rate}
    made = cell(SCHEMES["k_sqs"] | {"depth": 3}, workload=asked, uplink=up)
    result = simulate(made, memory=MEMORY)
    rounds, verified = result.rounds, result.rounds[~result.rounds["flushed"]]
    assert 0 < rounds["flushed_bits"].sum() < 8 * verified["uplink_bits"].sum() and not verified["flushed_bits"].any()
    on_air_bits = result.summary["uplink_bits_per_token"] * result.requests["output_tokens"].sum()
    assert rounds["uplink_bits"].sum() + rounds["flushed_bits"].sum() == pytest.approx(on_air_bits, rel=1e-12)


def test_a_payload_acknowledges_the_replies_to_all_but_the_d_rounds_before_it() -> None:
    """Nearly all acknowledgements are lost: replies are sent again until a payload reports that they have been
    received."""
    deaf = link(1e6, 0.005) | {"arq": {"kind": "selective_repeat", "timeout_s": 0.06, "ack_loss": LOST}}
    asked = ASKED | {"devices": 1, "requests": 1, "output_tokens": 40}
    made = cell(SCHEMES["k_sqs"] | {"depth": 2}, workload=asked, downlink=deaf)
    run = ran(made, MEMORY, watch := AirWatch())
    (request,) = run.requests
    received = [(each.round, each.received_s) for each in request.rounds if each.received_s > 0]

    def known_s(number: int) -> float:
        return min((at_s for later, at_s in received if later > number + 2), default=np.inf)

    replies = [each for each in watch.airings if each.link == "downlink"]
    assert all(each.began_s <= known_s(each.address[2]) for each in replies)
    assert len(replies) > len({each.address[2] for each in replies}), "none was sent again"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i10_the_drafters_cache_holds_nothing_but_the_text_and_what_is_drafted_on_it(scheme: str) -> None:
    """On the model's own cache, after each reply; and where rounds are void the books agree with it. Of a tree whose
    other branch is accepted, that is read again."""
    behind = set[int]()

    def check(request: RequestDecoding, after: EdgeNode, tokens: Tokens) -> None:
        cached, text = request.drafter.cached, after.committed
        assert cached[: len(text)] == text[: len(cached)], "I10: what a cache holds"
        if len(cached) < len(text):
            assert len(cached) == after.cached, "I10: the books of the drafter's cache"
            behind.add(len(text) - len(cached))

    with resolved(check):
        ran(cell(SCHEMES[scheme] | {"depth": 1}, workload=ASKED | {"output_tokens": 40}), Memory())
    assert {1, 2} <= behind and ("tree" in scheme or max(behind) == 2)
