"""Classes of devices on the command line: rows, groups and answers of each, and what may be aimed at of one."""

import json
from pathlib import Path

import pandas as pd
import pytest

from scenarios.command.run.printed_tables import too_few
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.findings.wording import limits_in_words
from scenarios.fleet import SCENARIO
from simulator import Cell

PAIR = "--set=models.pair={kind: synthetic, size: 64, contexts: 8}"
TINY = (
    PAIR, "--set=models.temperature=1", "--quick", "--seeds=2", "--set=workload.prompt_tokens=4",
    "--set=fleet.meters.workload.prompt_tokens=4", "--set=fleet.meters.workload.output_tokens=2",
    "--set=fleet.phones.count=2", "--set=fleet.phones.workload.requests=3",
    "--set=fleet.phones.workload.output_tokens=4", "--workers=1",
    "--grid=fleet.meters.count=1,3", "--grid=scheme=[cloud_only, {kind: k_sqs, k: 4, max_drafts: 3}]",
)  # fmt: skip


def test_a_run_has_a_row_and_a_group_for_each_class_and_an_answer_in_one_breath(done, undrawn, tmp_path: Path) -> None:
    out = done("run", "fleet", *TINY, "--out=a")
    assert [line for line in out.splitlines() if line.startswith("class ")] == [
        "class all devices", "class phones", "class meters"
    ]  # fmt: skip
    assert "ttft p95 of fewer than 20 requests a run is about their longest; here 6 of phones, 3 of meters" in out
    assert "A row has the name of the cell's scheme; these classes have their own: meters (cloud only)" in out
    found = json.loads((tmp_path / "a" / "findings.json").read_text())
    (answer,) = [each for each in found["findings"] if each.get("answer")] or [found["answer"]]
    text = answer if isinstance(answer, str) else answer["text"]
    assert "beside 3 meters" in text.lower() and len(text.split()) <= 40 and "class=" not in text
    summary = pd.read_csv(tmp_path / "a" / "summary.csv")
    assert summary.groupby("class").size().to_dict() == {"all devices": 4, "meters": 4, "phones": 4}
    assert summary["ttft_p95_s"].notna().all() and "ttft_p95_s_ci95" in summary
    same = done("compare", "a", "a")
    assert "12 in both, 0 in A only" in same and "all are the same" in same


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recommend", PAIR, "--metric=phones.ttft_p95_s"), "metric = phones.ttft_p95_s: no such class"),
        (("recommend", PAIR, "--metric=ttft_p42_s"), "metric = 'ttft_p42_s': must be one of"),
        (
            ("recommend", PAIR, "--metric=ttft_p99_s", "--set=workload.requests=9"),
            "metric = ttft_p99_s: a run has 9 requests, and of fewer than 100 this is about the largest",
        ),
        (
            ("recommend", PAIR, "--metric=ttft_p95_s", "--set=workload={kind: conversations, counted_turn: 2}"),
            "metric = ttft_p95_s: a run has 2 requests, and of fewer than 20 this is about the largest; raise "
            "workload.conversations",
        ),
        (("capacity", "--set=objective.phones.ttft_s=1"), "objective.phones: no such class of devices"),
        (("capacity", "--set=objective.ttft_p42_s=1"), "objective.ttft_p42_s: no such metric"),
    ],
)
def test_what_cannot_be_aimed_at_is_refused(refused, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments)


def test_percentiles_that_are_needed_are_asked_for_and_those_asked_for_are_printed() -> None:
    assert all(cell.percentiles == ("ttft_p95_s",) for cell in plan_of(SCENARIO, Changes(seeds=1)).cells)
    plan = plan_of(SCENARIO, Changes({"percentiles": "latency_p99_s"}, seeds=1))
    assert plan.cells[0].percentiles == ("latency_p99_s", "ttft_p95_s")
    assert plan.scenario.headlines == ("ttft_p95_s", "latency_per_token_s", "latency_p99_s")


def test_a_percentile_of_enough_requests_is_not_doubted() -> None:
    cells = Cell.from_fields({"models.pair": "synthetic"}).grid({"workload.requests": [19, 20]})
    assert too_few(cells[1:], ["ttft_p95_s", "ttft_s"]) == []
    assert too_few(cells, ["ttft_p95_s"]) == [
        "ttft p95 of fewer than 20 requests a run is about their longest; here 19"
    ]
    work = {"kind": "conversations", "conversations": 9, "turns": 3, "counted_turn": 3}
    talking = Cell.from_fields({"models.pair": "synthetic", "workload": work})
    assert too_few([talking], ["latency_p90_s"]) == [
        "latency p90 of fewer than 10 requests a run is about their longest; here 9"
    ]


def test_of_a_class_and_of_all_devices_together_the_requests_are_counted_apart() -> None:
    fleet = {"a": {"count": 3}, "b": {"workload": {"requests": 2}}}
    cells = [
        Cell.from_fields({"models.pair": "synthetic", "workload": {"kind": "closed", "requests": 4}, "fleet": fleet})
    ]
    line = "ttft p90 of fewer than 10 requests a run is about their longest; here 2 of b"
    assert too_few(cells, ["ttft_p90_s"]) == too_few(cells, ["b.ttft_p90_s"]) == [line]
    assert too_few(cells, ["a.ttft_p90_s", "all devices.ttft_p90_s"]) == []


def test_limits_of_a_class_are_reported_in_the_fields_words() -> None:
    assert limits_in_words("phones.ttft_p95_s <= 1 s and tpot_s <= 50 ms") == "1 s TTFT (p95) of phones and 50 ms TPOT"
