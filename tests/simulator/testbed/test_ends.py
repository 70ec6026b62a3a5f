"""Both ends of a cell in real time, without a network: they say what the simulator says, whatever happens to them."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tables_pair  # noqa: F401  registers the pair
from cells import cell
from mail import Texts, World
from plants import ran

from models.interface import Laws
from simulator import Cell
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import EdgeNode, Tokens
from simulator.testbed.ends.device_end import DeviceEnd
from simulator.testbed.ends.drafted_rounds import DraftedRounds, _Drafting
from simulator.testbed.ends.judged_rounds import JudgedRounds
from simulator.testbed.ends.restore import RestoredRequest, pack_hello
from simulator.testbed.ends.serving import Serving
from simulator.testbed.journal import (
    PassMade,
    RequestArrived,
    RequestEnded,
    RequestServed,
    RoundClosed,
    RoundDrafted,
    RoundFlushed,
    RoundVerified,
)
from simulator.testbed.packet_header import MessageAddress, MessageKind, RealMessage
from simulator.testbed.timed_text import WorkerText

ASKED = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14, "think_s": 0.001}
SCHEMES: dict[str, dict[str, Any]] = {
    "cloud_only": {"kind": "cloud_only"},
    "colocated": {"kind": "colocated", "max_drafts": 3},
    "dense": {"kind": "dense", "max_drafts": 3},
    "k_sqs": {"kind": "k_sqs", "k": 4, "max_drafts": 3},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True},
    "coupled": {"kind": "coupled", "max_drafts": 3},
    "tree": {"kind": "tree"},
    "dssd": {"kind": "dssd", "max_drafts": 3},
    "one ahead": {"kind": "k_sqs", "k": 4, "max_drafts": 3, "depth": 1},
    "two ahead": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True, "depth": 2},
}
ENDING = {"models": {"pair": {"kind": "tables_in_tests"}}}
SOTU = {"models": {"pair": "sotu"}}


def asked(scheme: str, **fields: Any) -> Cell:
    return cell(SCHEMES[scheme], **{"workload": ASKED, "cloud": {"batching": "waiting"}} | fields)


@cache
def simulated(scheme: str) -> Texts:
    return said(asked(scheme))


def said(of: Cell) -> Texts:
    return {(each.device, each.number): tuple(each.tokens) for each in ran(of).requests}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("delay_s", [0.0, 0.003])
def test_two_ends_say_what_the_simulator_says_however_letters_overtake_one_another(
    scheme: str, delay_s: float, tmp_path: Path
) -> None:
    assert World(asked(scheme), tmp_path, delay_s).run() == simulated(scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kills", [(1,), (4, 5, 13)])
def test_a_cloud_that_is_killed_and_begins_anew_changes_no_token(
    scheme: str, kills: tuple[int, ...], tmp_path: Path
) -> None:
    assert World(asked(scheme), tmp_path, 0.002, kills).run() == simulated(scheme)


@pytest.mark.parametrize("scheme", ["cloud_only", "k_sqs"])
def test_a_cloud_that_begins_anew_between_an_answers_last_token_and_its_end_is_told_nothing_of_it(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored, heard, send = list[int](), DeviceEnd.hear, Serving.send_restored
    world = World(asked(scheme), tmp_path)

    def hears(end: DeviceEnd, letter: RealMessage) -> None:
        heard(end, letter)
        answered = end._open is not None and not end._open[0].remaining_tokens
        if answered and end._journal.running and world._epoch == 0:
            world._begin_cloud()
            heard(end, RealMessage(MessageAddress(MessageKind.HELLO, end._device, 0, 0), pack_hello(1)))

    def sends(serving: Serving, told: RestoredRequest) -> MessageAddress:
        restored.append(serving.remaining_tokens)
        return send(serving, told)

    monkeypatch.setattr(DeviceEnd, "hear", hears)
    monkeypatch.setattr(Serving, "send_restored", sends)
    assert world.run() == simulated(scheme)
    assert world._epoch == 1
    assert all(restored)


@pytest.mark.parametrize("scheme", ["dssd", "k_sqs", "two ahead"])
def test_a_cloud_is_told_what_the_killed_one_knew(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knew: dict[tuple[object, int], tuple[Tokens, bool]] = {}
    told: list[tuple[tuple[object, int], tuple[Tokens, bool]]] = []
    open_, judged = JudgedRounds._open, JudgedRounds._judged

    def opens(rounds: JudgedRounds, decoding: RequestDecoding, restored: RestoredRequest) -> None:
        if restored.round > 1:
            told.append(((rounds._key, restored.round), (restored.tokens, restored.owed)))
        open_(rounds, decoding, restored)

    def has_judged(rounds: JudgedRounds, number: int) -> None:
        node = rounds._node
        assert node is not None
        knew[rounds._key, node.round] = node.committed, node.owed
        judged(rounds, number)

    monkeypatch.setattr(JudgedRounds, "_open", opens)
    monkeypatch.setattr(JudgedRounds, "_judged", has_judged)
    # With two rounds ahead, round 4 is drafted once the verdict on round 1 is here.
    cut = [(device, request, round_) for device in range(3) for request in range(2) for round_ in (4, 5)]
    assert World(asked(scheme), tmp_path, 0.002, cut=cut).run() == simulated(scheme)
    assert {key for (key, _), _ in told} >= {(device, request) for device, request, _ in cut}
    assert all(knew[key] == what for key, what in told)
    assert any(owed for _, (_, owed) in told) == (scheme == "dssd")


@pytest.mark.parametrize("scheme", ["cloud_only", "k_sqs", "one ahead"])
def test_answers_end_at_the_end_token_and_requests_wait_for_one_another(scheme: str, tmp_path: Path) -> None:
    workload = {"kind": "poisson", "devices": 2, "requests": 4, "rate_per_s": 200.0, "stop_at_eos": True}
    ending = asked(scheme, workload=workload | {"prompt_tokens": 8, "output_tokens": 14}, **ENDING)
    world = World(ending, tmp_path, 0.002)
    texts = world.run()
    assert texts == said(ending)
    assert any(len(text) < 14 for text in texts.values())
    life = [
        each
        for each in world.events()
        if isinstance(each, RequestArrived | RequestServed | RequestEnded) and each.device == 0
    ]
    assert [each.request for each in life if isinstance(each, RequestArrived)] == [0, 1, 2, 3]
    served = [each for each in life if not isinstance(each, RequestArrived)]
    assert [type(each) for each in served] == [RequestServed, RequestEnded] * 4


def test_every_round_is_computed_judged_and_closed_once(tmp_path: Path) -> None:
    world = World(asked("k_sqs"), tmp_path)
    world.run()
    kinds = (RoundDrafted, RoundVerified, RoundClosed)
    told = [[each[:3] for each in world.events() if isinstance(each, kind)] for kind in kinds]
    assert sorted(told[0]) == sorted(told[1]) == sorted(told[2])
    assert len(set(told[0])) == len(told[0])
    for each in world.events():
        if isinstance(each, RoundDrafted):
            assert len(each.passes_s) in (1, 2, 3)
            assert 0.0 < sum(each.passes_s) <= each.ended_s - each.began_s


def test_devices_that_wait_for_one_another_share_passes(tmp_path: Path) -> None:
    window = {"batching": {"kind": "window", "window_s": 0.1, "cap": 3}}
    world = World(asked("k_sqs", cloud=window), tmp_path)
    assert world.run() == simulated("k_sqs")
    passes = [each for each in world.events() if isinstance(each, PassMade)]
    assert max(len(each.shares) for each in passes) == 3
    for each in passes:
        assert len({share[0] for share in each.shares}) == len(each.shares)
        assert all(reads == (round_ == 0) for _, _, round_, _, _, reads in each.shares)


def test_a_verdict_cuts_the_round_that_is_drafted_on_what_it_rejects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round ahead is drafted slowly, and not before another verdict is here."""

    def slow(text: WorkerText, tokens: tuple[int, ...], last: int) -> Laws:
        time.sleep(0.002)
        return fast(text, tokens, last)

    def waits(rounds: DraftedRounds, node: EdgeNode, plan: int, drafting: _Drafting) -> EdgeNode:
        settled, until_s = rounds._settled, time.monotonic() + 10
        while rounds._sent and rounds._settled is settled and time.monotonic() < until_s:
            time.sleep(0.0005)
        return goes_on(rounds, node, plan, drafting)

    fast, goes_on = WorkerText.laws, DraftedRounds._drafted_until_cut
    monkeypatch.setattr(WorkerText, "laws", slow)
    monkeypatch.setattr(DraftedRounds, "_drafted_until_cut", waits)
    world = World(asked("two ahead"), tmp_path, 0.002)
    assert world.run() == simulated("two ahead")
    events = world.events()
    payloads = {each[:3] for each in events if isinstance(each, RoundVerified)}
    flushed = [each for each in events if isinstance(each, RoundFlushed)]
    assert any(each.made == 0 for each in flushed)
    assert not payloads & {each[:3] for each in flushed}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_language_models_say_what_the_simulator_says(scheme: str, tmp_path: Path) -> None:
    few = asked(scheme, workload=ASKED | {"requests": 1}, **SOTU)
    assert World(few, tmp_path, kills=(5,)).run() == said(few)
