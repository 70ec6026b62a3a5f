"""What a run says, for programs: the same sentences, and the numbers that they were made of."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kinds import ConfigError
from scenarios import Below, Lowest, PaysFrom
from scenarios.command.registry import scenario
from scenarios.command.result_folder import ResultFolder
from scenarios.command.run.answers import answers_again
from scenarios.findings.findings_file import FINDINGS, answered, read, write

AXIS = "uplink.rate.bps"
RATES = (1e3, 1e4)
SEEDS = 4


@pytest.fixture
def cells():
    """Two schemes at two rates and four seeds: k_sqs is far lower at the first rate, higher at the second."""
    noise = np.random.default_rng(0).normal(0, 0.01, (2, len(RATES), SEEDS))
    means = {"dense": (2.0, 1.0), "k_sqs": (1.0, 1.5)}
    rows = [
        {"curve": kind, "scheme.kind": kind, "scheme.max_drafts": 4, AXIS: rate, "seed": seed, "edge.size": 3,
         "latency_per_token_s": mean + noise[place, at, seed]}
        for place, (kind, along) in enumerate(means.items())
        for at, (rate, mean) in enumerate(zip(RATES, along, strict=True))
        for seed in range(SEEDS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def of(cells: pd.DataFrame, kind: str, rate: float) -> np.ndarray:
    here = cells[(cells["scheme.kind"] == kind) & (cells[AXIS] == rate)]
    return here.sort_values("seed")["latency_per_token_s"].to_numpy()


def test_the_numbers_of_a_sentence_are_the_paired_differences_it_was_made_of(cells):
    (found,) = answered([Lowest()], cells, AXIS)
    assert found.line.startswith("latency per token over uplink rate: ") and found.asked == "Lowest"
    for numbers, rate, lower, higher in zip(
        found.comparisons, RATES, ("k_sqs", "dense"), ("dense", "k_sqs"), strict=True
    ):
        mine, theirs = of(cells, lower, rate), of(cells, higher, rate)
        logs = np.log(mine / theirs)
        ends = stats.t.interval(0.95, SEEDS - 1, logs.mean(), stats.sem(logs))
        assert (numbers["first"], numbers["second"], numbers["where"]) == (lower, higher, {AXIS: rate})
        text = [numbers[name] for name in ("difference", "low", "high", "first_mean", "second_mean")]
        assert text == pytest.approx([*np.expm1([logs.mean(), *ends]), mine.mean(), theirs.mean()])
        assert (numbers["n"], numbers["separable"], numbers["unit"], numbers["relative"]) == (SEEDS, True, "s", True)
    assert len(found.comparisons) == len(RATES)


def test_each_question_has_its_own_numbers_one_without_an_answer_none_and_one_seed_no_interval(cells):
    asked = [Below(("k_sqs",), ("dense",), at=(1e3,)), Below(("c_sqs",), ("dense",), at=(1e3,)), Lowest()]
    assert [(each.asked, len(each.comparisons)) for each in answered(asked, cells, AXIS)] == [
        ("Below", 1), ("Lowest", 2),
    ]  # fmt: skip
    (found,) = answered([Lowest()], cells[cells["seed"] == 0], AXIS)
    assert {(each["low"], each["separable"], each["n"]) for each in found.comparisons} == {(None, None, 1)}


def test_a_crossing_has_its_place_and_its_interval(cells):
    (found,) = answered([PaysFrom("k_sqs", "dense")], cells, AXIS)
    (numbers,) = found.comparisons
    shares = [
        math.log(a / b) / math.log(a / b * d / c)
        for a, b, c, d in zip(*(of(cells, kind, rate) for rate in RATES for kind in ("k_sqs", "dense")), strict=True)
    ]
    assert numbers["crossing"] == pytest.approx(10 ** (3 + np.mean(shares)))
    assert numbers["crossing_low"] < numbers["crossing"] < numbers["crossing_high"]
    assert (numbers["first_is_lower"], numbers["n"]) == ("up to", SEEDS)


def test_a_run_leaves_its_sentences_and_their_numbers(finished):
    found = read(finished.out)
    lines = [each["line"] for each in found["findings"]]
    assert all(lines) and found["answer_comparisons"]
    assert found["remarks"] and {each["heading"] for each in found["details"]} > {"Results", "Settings chosen"}
    assert " ".join(found["answer"].split()) in " ".join(finished.stdout.split())
    assert found["question"] == "Which scheme has the lowest latency per token, from 1 kbit/s to 10 Mbit/s of uplink?"
    assert (found["scenario"], found["axis"], found["seeds"]) == ("latency_vs_bandwidth", AXIS, 2)
    assert "NaN" not in (finished.out / FINDINGS).read_text()
    again = answers_again(scenario("latency_vs_bandwidth"), ResultFolder.read(finished.out))
    assert [each.line for each in again if not each.is_answer] == lines
    assert [each.line for each in again if each.is_answer] == [found["answer"]]


def test_an_endless_rate_and_a_file_that_is_none(tmp_path, cells):
    assert read(tmp_path) == {}
    endless = cells.replace({AXIS: {1e4: math.inf}})
    write(tmp_path, {"scenario": "mine"}, list(answered([Lowest()], endless, AXIS)))
    findings = json.loads((tmp_path / FINDINGS).read_text())["findings"]
    assert [each["where"] for each in findings[0]["comparisons"]] == [{AXIS: 1e3}, {AXIS: "inf"}]
    (tmp_path / FINDINGS).write_text("{")
    with pytest.raises(ConfigError, match="not written by this program"):
        read(tmp_path)
