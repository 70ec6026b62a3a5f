"""Both ends of a cell in real time, without a network: they answer what the simulator answers, whatever happens."""

import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tables_pair  # noqa: F401  registers the pair
from cells import cell
from plants import ran
from process_world import ProcessWorld, Texts

from models.interface import Distributions
from simulator import Cell
from simulator.testbed.endpoints.edge_device import EdgeDevice, EdgeDriver, _Drafting
from simulator.testbed.endpoints.endpoint_driver import WorkerText
from simulator.testbed.journal import MessageTaken, PassMade, RequestArrived, RequestEnded, RoundComputed
from simulator.testbed.packet_header import PacketKind

ASKED = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14, "think_s": 0.001}
SCHEMES: dict[str, dict[str, Any]] = {
    "cloud_only": {"kind": "cloud_only"},
    "colocated": {"kind": "colocated", "max_drafts": 3},
    "dense": {"kind": "dense", "max_drafts": 3},
    "k_sqs": {"kind": "k_sqs", "k": 4, "max_drafts": 3},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True},
    "coupled": {"kind": "coupled", "max_drafts": 3},
    "tree": {"kind": "tree"},
    "coupled_tree": {"kind": "coupled_tree", "nodes": 6},
    "dssd": {"kind": "dssd", "max_drafts": 3},
    "cloud first": {"kind": "coupled", "max_drafts": 3, "cloud_first": True},
    "cloud first, then ahead": {"kind": "coupled", "max_drafts": 3, "cloud_first": True, "depth": 2},
    "one ahead": {"kind": "k_sqs", "k": 4, "max_drafts": 3, "depth": 1},
    "two ahead": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True, "depth": 2},
}
ENDING = {"models": {"pair": {"kind": "tables_in_tests"}}}
SOTU = {"models": {"pair": "sotu"}}


def asked(scheme: str, **fields: Any) -> Cell:
    return cell(SCHEMES[scheme], **{"workload": ASKED, "cloud": {"batching": "waiting"}} | fields)


@cache
def simulated(scheme: str) -> Texts:
    return answers(asked(scheme))


def answers(of: Cell) -> Texts:
    return {(each.device, each.number): tuple(each.tokens) for each in ran(of).requests}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("delay_s", [pytest.param(0.0, marks=pytest.mark.slow), 0.003], ids=["at once", "overtaken"])
def test_two_ends_answer_what_the_simulator_answers(scheme: str, delay_s: float, tmp_path: Path) -> None:
    world = ProcessWorld(asked(scheme), tmp_path, delay_s)
    assert world.run() == simulated(scheme)
    put = {each[:3] for each in world.journaled(RoundComputed) if not each.cut}
    assert cancelled(world, PacketKind.PAYLOAD) == put, "each is acknowledged by a reply, or void"


def cancelled(world: ProcessWorld, kind: PacketKind) -> set[tuple[int, ...]]:
    """Device, request and round of messages in the run that were cancelled."""
    return {each.round_key for each in world.cancelled if each.kind is kind and each.request in (0, 1)}


@pytest.mark.parametrize("scheme", ["cloud_only", "k_sqs", "one ahead"])
def test_answers_end_at_the_end_token_and_requests_wait_for_one_another(scheme: str, tmp_path: Path) -> None:
    workload = {"kind": "poisson", "devices": 2, "requests": 4, "rate_per_s": 200.0, "stop_at_eos": True}
    ending = asked(scheme, workload=workload | {"prompt_tokens": 8, "output_tokens": 14}, **ENDING)
    world = ProcessWorld(ending, tmp_path, 0.002)
    texts = world.run()
    assert texts == answers(ending)
    assert any(len(text) < 14 for text in texts.values())
    assert [each.request for each in world.journaled(RequestArrived) if each.device == 0] == [0, 1, 2, 3]
    assert [each.request for each in world.journaled(RequestEnded) if each.device == 0] == [0, 1, 2, 3]


def test_every_round_is_computed_and_taken_once_and_devices_that_wait_for_one_another_share_passes(
    tmp_path: Path,
) -> None:
    window = {"batching": {"kind": "window", "window_s": 0.1, "cap": 3}}
    world = ProcessWorld(asked("k_sqs", cloud=window), tmp_path)
    assert world.run() == simulated("k_sqs")
    rounds = world.journaled(RoundComputed)
    computed = sorted(each[:3] for each in rounds)
    for kind in (PacketKind.PAYLOAD, PacketKind.REPLY):
        taken = [each.address for each in world.journaled(MessageTaken)]
        assert sorted(each.round_key for each in taken if each.kind is kind) == computed
    assert len(set(computed)) == len(computed)
    assert len(cancelled(world, PacketKind.PROMPT)) == 6, "a reply acknowledges the prompt"
    assert len(cancelled(world, PacketKind.REPLY)) == len(computed) - 6, "a payload acknowledges the replies before it"
    for each in rounds:
        assert len(each.passes_s) in (1, 2, 3) and not each.cut
        assert 0.0 < sum(each.passes_s) <= each.ended_s - each.began_s
        assert len(each.new_tokens) == len(each.passes_s) and set(each.new_tokens[1:]) <= {1} and each.distributions
    passes = world.journaled(PassMade)
    assert max(len(each.shares) for each in passes) == 3
    for made in passes:
        assert len({share[0] for share in made.shares}) == len(made.shares)
        assert all(reads == (round_ == 0) for _, _, round_, _, _, reads, _ in made.shares)
        assert 0.0 < made.networks_s < made.ended_s - made.began_s


def test_devices_that_may_take_on_no_more_requests_serve_their_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = EdgeDevice.work
    monkeypatch.setattr(EdgeDevice, "work", lambda device: work(device, 0.0))
    assert set(ProcessWorld(asked("k_sqs"), tmp_path).run()) == {(device, 0) for device in range(3)}


def test_a_reply_cuts_the_round_that_is_drafted_on_what_it_rejects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round ahead is drafted slowly, and not before another reply is here."""

    def slow(text: WorkerText, tokens: tuple[int, ...], last: int) -> Distributions:
        time.sleep(0.002)
        return fast(text, tokens, last)

    def waits(driver: EdgeDriver, drafting: _Drafting) -> float:
        drafting.began_s = driver.journal.now_s
        closed, until_s = len(driver.tokens), time.monotonic() + 10
        is_out = any(each.kind is PacketKind.PAYLOAD for each in driver.unacknowledged)
        while is_out and len(driver.tokens) == closed and time.monotonic() < until_s:
            time.sleep(0.0005)
        return make(driver, drafting)

    fast, make = WorkerText.distributions, EdgeDriver._make
    monkeypatch.setattr(WorkerText, "distributions", slow)
    monkeypatch.setattr(EdgeDriver, "_make", waits)
    world = ProcessWorld(asked("two ahead"), tmp_path, 0.002)
    assert world.run() == simulated("two ahead")
    computed = {each[:3]: each.cut for each in world.journaled(RoundComputed)}
    addresses = [each.address for each in world.journaled(MessageTaken)]
    taken = {each.round_key for each in addresses if each.kind is PacketKind.PAYLOAD}
    put = {each for each, cut in computed.items() if not cut}
    assert len(put) < len(computed) and taken <= put


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_language_models_answer_what_the_simulator_answers(scheme: str, tmp_path: Path) -> None:
    few = asked(scheme, workload=ASKED | {"requests": 1}, **SOTU)
    assert ProcessWorld(few, tmp_path).run() == answers(few)
