"""Rounds that are prepared, in time: what a hit gains, what branches cost, and that no token is another one."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import cell, link
from plants import ran
from simulated import written_cell

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.protocols.decoded_answer import is_decodable

MEMORY = Memory()
COUPLED: dict[str, Any] = {"kind": "coupled", "max_drafts": 3}
K_SQS: dict[str, Any] = {"kind": "k_sqs", "k": 8, "max_drafts": 3}
SCHEMES: dict[str, dict[str, Any]] = {
    "k_sqs": K_SQS,
    "block": K_SQS | {"acceptance": "block"},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True},
    "dense": {"kind": "dense", "max_drafts": 3},
    "half_top_k": {"kind": "truncated_fp16", "policy": "fixed_length", "max_drafts": 3},
    "ids_only_greedy": {"kind": "ids_only_greedy", "max_drafts": 3},
    "coupled": COUPLED,
    "the cloud starts": COUPLED | {"cloud_first": True},
}
DECIDED = ["device", "request", "round", "drafted", "accepted", "committed", "payload_bits", "reply_bits", "nll"]
LOSSY = {"kind": "bernoulli", "probability": 0.3}
ASKED = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14}


def ideal(scheme: object, **fields: Any) -> Cell:
    """One request over a link of 20 ms each way and nothing else; passes of 5 ms in the edge, 20 in the cloud."""
    both = {way: link("inf", header_bits=0, arq="selective_repeat") for way in ("uplink", "downlink")}  # type: ignore[arg-type]
    asked = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 48}
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "encode_s_per_draft": 0.001}
    return cell(scheme, **{"workload": asked, "edge": edge, **both, **fields})


@pytest.mark.parametrize("at", ["edge", "cloud"])
@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "the cloud starts"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_decided_is_what_an_edge_that_waits_decides(name: str, temperature: float, at: str) -> None:
    """Text, bits and verification results, of a second device and of what it carries on too, whatever is lost."""
    pair = {"kind": "synthetic", "size": 64, "entropy_bits": 3.0, "distance": 0.4}
    fields = {"models": {"pair": pair, "temperature": temperature}, "workload": ASKED}
    waits, prepared = (
        ran(cell(SCHEMES[name] | serving, uplink=link(2e4, loss=LOSSY), **fields), MEMORY)
        for serving in ({}, {"prepared": 4, "prepared_at": at})
    )
    assert waits.texts == prepared.texts
    rows = [each.result.rounds.sort_values(DECIDED[:3])[DECIDED] for each in (waits, prepared)]
    assert rows[0].to_csv(index=False) == rows[1].to_csv(index=False)
    assert prepared.result.rounds["branch_drafts"].sum() > 0 == waits.result.rounds["branch_drafts"].sum()


@pytest.mark.parametrize("at", ["edge", "cloud"])
def test_a_text_that_the_cloud_starts_is_the_same_too(at: str) -> None:
    scheme = SCHEMES["the cloud starts"]
    waits, prepared = (ran(ideal(scheme | serving)) for serving in ({}, {"prepared": 4, "prepared_at": at}))
    assert waits.texts == prepared.texts and prepared.result.rounds["hit"].any()


@pytest.mark.parametrize("seed", range(3))
def test_a_hit_costs_a_round_the_passes_that_are_not_made_yet(seed: int) -> None:
    """60 ms away: the branches of corrections have their 15 ms of drafts, as the one behind all drafts, a pass later.
    So a hit sends once it has encoded; a miss takes what a round takes that waits."""
    rounds = simulate(ideal(COUPLED | {"prepared": 4}, seed=seed), memory=MEMORY).rounds
    hits, gaps_s = rounds["hit"].to_numpy()[:-1], (rounds["sent_s"].shift(-1) - rounds["answered_s"])[:-1]
    encoded_s = 0.001 * rounds["drafted"].shift(-1)[:-1]
    drafted_s = np.where(hits, 0.0, 0.005 * rounds["drafted"].shift(-1)[:-1])
    assert gaps_s.to_numpy() == pytest.approx(drafted_s + encoded_s)
    assert 0 < hits.sum() < len(hits) and not rounds["hit"].iloc[-1]


def test_a_branch_is_verified_once_it_is_there_and_the_round_before_it_is() -> None:
    """20 ms up, 20 verified, 20 down. Branches of corrections take three passes of 5 ms, and three times three drafts
    of 1 ms encoded; the one behind all drafts takes another pass, and 3 ms. All are begun once the round before them is
    out and the reply before that is here. One that the reply overtakes is sent as where the edge holds it."""
    rounds = simulate(ideal(COUPLED | {"prepared": 4, "prepared_at": "cloud"}), memory=MEMORY).rounds[:-3]
    begun_s, seen = rounds["sent_s"][0], set()
    for (_, row), (_, after) in pairwise(rounds.iterrows()):
        sent_s = begun_s + (0.024 if row["accepted"] < 3 else 0.032)
        ahead = bool(row["hit"] and sent_s < row["answered_s"])
        if ahead:
            assert after["sent_s"] == pytest.approx(sent_s)
            assert after["verified_s"] == pytest.approx(max(row["verified_s"], sent_s + 0.02) + 0.02)
        elif not row["hit"]:
            assert after["sent_s"] == pytest.approx(row["answered_s"] + 0.018)
        begun_s = row["answered_s"] if ahead else after["sent_s"]
        seen.add((ahead, bool(row["hit"] and row["accepted"] < row["drafted"])))
    assert seen >= {(True, True), (True, False), (False, False)}


def test_all_bits_on_the_uplink_are_a_rounds_or_wasted() -> None:
    """Prompt, payloads, headers, branches of other outcomes, and those that were cancelled before they left."""
    both = {way: link(4e3, header_bits=16, arq="selective_repeat") for way in ("uplink", "downlink")}
    result = simulate(ideal(COUPLED | {"prepared": 6, "prepared_at": "cloud"}, **both), memory=MEMORY)
    rounds, prompt_bits = result.rounds, 8 * 7 + 16
    assert rounds["wasted_bits"].sum() > 0
    spent = rounds["uplink_bits"].sum() + rounds["wasted_bits"].sum() + prompt_bits
    assert spent == pytest.approx(48 * result.summary["uplink_bits_per_token"])
    assert result.summary["wasted_bits_per_token"] == rounds["wasted_bits"].sum() / 48


@pytest.mark.parametrize(("away_s", "made"), [(0.0125, 2), (0.0175, 3), (0.004, 0)])
def test_a_pass_under_way_is_finished_for_a_hit_and_cut_for_a_miss(away_s: float, made: int) -> None:
    """Passes of 5 ms behind replies that are out for a while, to a cloud that takes no time."""
    cloud = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": 0}}
    both = {way: link("inf", away_s / 2, header_bits=0, arq="selective_repeat") for way in ("uplink", "downlink")}  # type: ignore[arg-type]
    scheme = {"kind": "coupled", "max_drafts": 4, "prepared": 5}
    rounds = simulate(ideal(scheme, cloud=cloud, **both), memory=MEMORY).rounds[1:-3]  # the prompt is read before
    gaps_s = (rounds["sent_s"].shift(-1) - rounds["answered_s"])[:-1]
    for gap_s, (_, row) in zip(gaps_s, rounds.iterrows(), strict=False):
        left = 4 - made + (row["accepted"] == 4)
        still_s = (made + 1) * 0.005 - away_s + 0.005 * (left - 1)
        assert gap_s == pytest.approx(0.004 + (still_s if row["hit"] else 0.02))
        assert row["branch_passes"] == made
    assert rounds["hit"].any()


def test_branches_cost_passes_drafts_and_joules() -> None:
    edge = {"latency": {"kind": "affine", "base_s": 0.004, "per_token_s": 0.001}, "encode_s_per_draft": 0.0}
    fields = {"edge": edge | {"power": {"busy_w": 5, "idle_w": 1}}}
    waits, prepared = (simulate(ideal(COUPLED | {"prepared": n}, **fields), memory=MEMORY) for n in (0, 4))
    rounds, found = prepared.rounds, prepared.summary
    full = rounds[(rounds["drafted"] == 3) & (rounds.index < len(rounds) - 4)]
    assert set(full["branch_passes"]) == {4}, "three a branch, and one later behind all drafts"
    assert set(full["branch_drafts"]) == {12}
    assert (full["wasted_drafts"] == 12 - 3 * full["hit"]).all()
    assert found["hit_rate"] == pytest.approx(rounds["hit"].mean())
    assert found["wasted_drafts_per_token"] == pytest.approx(rounds["wasted_drafts"].sum() / 48)
    assert "hit_rate" not in waits.summary, "nothing was prepared"
    assert found["edge_j_per_token"] > 1.2 * waits.summary["edge_j_per_token"]
    assert found["latency_s"] < waits.summary["latency_s"]


def hits_behind_rejections(rounds: pd.DataFrame) -> "pd.Series[bool]":
    return rounds.loc[rounds["accepted"] < rounds["drafted"], "hit"]


def test_the_share_of_corrections_that_are_the_next_choice_is_measured() -> None:
    """Of 150 rejections at a known acceptance, within 4 standard errors, whatever it is."""
    pair = {"kind": "acceptance", "size": 256, "share": 0.6, "drafts": 4, "prompt_tokens": 8}
    asked = {"kind": "closed", "requests": 4, "prompt_tokens": 8, "output_tokens": 128}
    for share in (0.0, 0.3, 1.0):
        models = {"pair": pair | {"next_choice": share}, "temperature": 0}
        scheme = {"kind": "coupled", "max_drafts": 4, "prepared": 5}
        result = simulate(ideal(scheme, models=models, workload=asked), memory=MEMORY)
        hits = hits_behind_rejections(result.rounds)
        off = 4 * np.sqrt(share * (1 - share) / len(hits)) + 4 / len(hits)  # the last of an answer is followed by none
        assert hits.mean() == pytest.approx(share, abs=off)


@pytest.mark.slow
def test_on_the_bundled_pair_a_quarter_of_the_corrections_is_the_next_choice() -> None:
    """0.265 of 1,380 rejections; of 200 within 4 standard errors."""
    asked = {"kind": "closed", "requests": 9, "prompt_tokens": 32, "output_tokens": 64}
    real = ideal({"kind": "coupled", "max_drafts": 4, "prepared": 5}, models={"pair": "sotu", "temperature": 0},
                 workload=asked)  # fmt: skip
    assert 0.14 < hits_behind_rejections(simulate(real).rounds).mean() < 0.39


@pytest.mark.parametrize("at", ["edge", "cloud"])
@pytest.mark.parametrize("number", range(6))
def test_i12_whatever_goes_wrong_an_answer_is_the_one_of_an_edge_that_waits(number: int, at: str) -> None:
    """Deadlines, devices that leave, caches that are thrown out and read again, losses, and messages that overtake."""
    rng = np.random.default_rng((45, number))
    jitter = {"kind": "jitter", "delay_s": 0.01, "jitter_s": 0.03, "reorder": True}
    faulty = [link(float(rng.choice([5e3, 3e4])), loss=LOSSY, arq="selective_repeat") | {"delay": jitter} for _ in "ud"]
    workload = ASKED | {
        "deadline_s": [None, 0.6, 2.0][rng.integers(3)],
        "absences": ["none", {"kind": "random", "mean_there_s": 1.0, "mean_away_s": 0.2}][rng.integers(2)],
    }
    cloud = {"batching": "continuous", "kv_tokens": [None, 40][number % 2], "latency": {"kind": "affine"}}
    fields = {"workload": workload, "cloud": cloud, "uplink": faulty[0], "downlink": faulty[1]}
    found = ran(cell(K_SQS | {"prepared": 4, "prepared_at": at}, **fields), MEMORY)
    quiet = ran(cell(K_SQS, workload=ASKED), MEMORY).texts
    for each in found.requests:
        text = quiet[each.device, each.number]
        assert tuple(each.tokens) == text[: len(each.tokens)] and (each.outcome != "answered" or len(each.tokens) == 14)
    assert found.result.rounds["branch_passes"].any()


@pytest.mark.parametrize("at", ["edge", "cloud"])
def test_i6_what_is_remembered_is_prepared_as_what_is_decoded_now(at: str) -> None:
    made, memory = (
        cell(K_SQS | {"prepared": 4, "prepared_at": at}, uplink=link(2e4, loss=LOSSY), workload=ASKED),
        Memory(),
    )
    results = [simulate(made, memory=each) for each in (Memory(), memory, memory)]
    assert all(results[0].rounds.equals(each.rounds) for each in results)


def test_requests_that_prepare_are_driven_as_time_decides_when_a_round_is_drafted() -> None:
    assert is_decodable(ideal(K_SQS).scheme) and not is_decodable(ideal(K_SQS | {"prepared": 4}).scheme)


def test_a_round_without_drafts_may_be_followed_by_one_that_was_prepared() -> None:
    """Prompt lookup drafts nothing until its text repeats; the next round is prepared for its first choices."""
    serving = {"kind": "prompt_lookup", "prepared": 4, "prepared_at": "cloud"}
    cycle = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.004}}
    rounds = simulate(written_cell(serving, cycle, cycle, 20, edge=edge), memory=Memory()).rounds
    ahead = rounds["sent_s"].shift(-1) < rounds["answered_s"]
    assert (rounds["drafted"] == 0)[ahead].any() and rounds["hit"][ahead].all()
