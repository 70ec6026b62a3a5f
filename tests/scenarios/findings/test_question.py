"""Each scenario's question is answered, from what may be compared; what may not is named in the line."""

import pandas as pd
import pytest
from swept_curves import swept

from scenarios import Below, Lowest
from scenarios.command.registry import NAMES, scenario
from scenarios.findings import findings_file
from scenarios.findings.question import ask

AXIS = "models.temperature"


def sweep(latency: dict[str, tuple[float, float]], answered: dict[str, float] | None = None) -> pd.DataFrame:
    """Two seeds at temperatures 0 and 1; `answered` is of the first seed at temperature 0."""
    table = swept(latency, AXIS, (0.0, 1.0), seeds=2)
    shares = table["curve"].map(answered or {}).fillna(1.0)
    return table.assign(answered=shares.where((table["seed"] == 0) & (table[AXIS] == 0), 1.0))


THREE = {"k_sqs": (0.2, 0.4), "c_sqs": (0.3, 0.1), "dense": (0.5, 0.5)}


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_asks_a_question_and_has_one_that_answers_it(name):
    found = scenario(name)
    assert "?" in found.summary and found.answer is not None


def test_a_setting_with_unanswered_requests_is_left_out_and_reported_where_it_would_change_the_line():
    table = sweep(THREE, {"k_sqs": 0.8})
    assert ask(Lowest(), table, AXIS) == (
        "latency per token over temperature: everywhere C-SQS is lowest, 40% to 75% below the next (dense "
        "lattice (Q-S) "
        "and K-SQS); left out: K-SQS at 0 (10% unanswered)"
    )
    alone = ask(Below(("k_sqs",), ("dense",), at=(0.0,)), table, AXIS)
    assert alone == "Nothing to compare; left out: K-SQS at 0 (10% unanswered)"
    table = sweep(THREE, {"dense": 0.5})
    assert "left out" not in ask(Lowest(), sweep(THREE), AXIS)


def test_a_lossy_scheme_is_never_the_lowest_among_others():
    table = sweep({**THREE, "edge_only": (0.01, 0.01)})
    table["lossy"] = table["scheme.kind"] == "edge_only"
    for question in [Lowest()]:
        assert question.report(table, AXIS) == question.report(table[~table["lossy"]], AXIS) != ""


def test_a_run_ranks_the_lossy_apart_and_begins_with_its_question(finished) -> None:
    lines = finished.stdout.splitlines()
    assert lines[0].startswith("Which scheme has the lowest latency per token")
    assert lines[lines.index("") + 1].startswith("  ANSWER  "), "behind the question, which has two lines"
    legend = next(place for place, line in enumerate(lines) if line.startswith("* lowest"))
    assert "lossy: text is not the verifier's, not ranked" in " ".join(lines[legend : legend + 3])
    ranked = lines[legend - 5 : legend]
    assert ranked[-1].startswith("edge only (lossy)") and "*" not in ranked[-1]
    assert "(lossy)" not in "".join(ranked[:-1])
    found = findings_file.read(finished.out)
    lines = [line for each in found["findings"] for line in each["line"].splitlines()]
    assert any(line.startswith("Lossy, ranked apart: edge only (lossy), TV output") for line in lines)
    summary = pd.read_csv(finished.out / "summary.csv")
    assert {*summary.loc[summary["lossy"], "scheme.kind"]} == {"edge_only"} and len(summary) > 2


@pytest.mark.usefixtures("undrawn")
def test_greedy_seeds_on_one_text_have_no_interval_and_a_scheme_of_late_answers_keeps_its_column(done, untuned):
    options = (
        "--set=models.pair={kind: synthetic, size: 64, contexts: 8, prompts: 1}", *untuned[1:],
        "--set=models.temperature=0", "--set=workload.deadline_s=2", "--set=uplink.rate.bps=1e3", "--seeds=3",
        "--grid=scheme=[cloud_only, half_dense, {kind: k_sqs}]", "--set=uplink.loss=none", "--out=here", "--quiet",
    )  # fmt: skip
    out = done("run", "latency_vs_bandwidth", "--quick", *options, "--details")
    assert "the same in each of 3 seeds\n" in out and "± 0" not in out and "±0" not in out
    assert "none †" in out and "† 100% of requests unanswered and in no number: not ranked" in out
    assert "dense fp16 (100% unanswered)" in " ".join(out.split())
    summary = pd.read_csv("here/summary.csv")
    assert summary["latency_per_token_s_ci95"].isna().all() and summary["n"].tolist() == [3, 0, 3]
