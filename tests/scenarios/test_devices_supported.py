"""`sqsim capacity` around a cell or a measured server: the question in words of its fields, its limits, the bound of
its search, and what a device costs in a month."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from kinds import ConfigError
from scenarios.command.run.devices_supported import SUPPORTED, around
from scenarios.command.run.run_plan import Changes, RunPlan, plan_of
from scenarios.command.run.typed_settings import parse_settings

SAMPLES = Path(__file__).parent / "engine_samples"
CELL = """
models: {pair: {kind: synthetic, size: 64, contexts: 8}}
workload: {kind: closed, requests: 1, prompt_tokens: 4, output_tokens: 6, slo_ttft_s: 2.0, slo_tpot_s: 0.5}
scheme: {kind: k_sqs, k: 8, max_drafts: 3}
cloud: {servers: 2, latency: {kind: affine, base_s: 0.02, per_token_s: 0.002}, usd_per_gpu_hour: 2.5}
uplink: {rate: {kind: constant, bps: 3e5}}
seed: 7
"""
SERVED = "vllm:inter_token_latency_seconds"
PLAIN = f'{SERVED}_bucket{{le="+Inf"}} 100\n{SERVED}_count{{}} 100\n{SERVED}_sum{{}} 4.0\n'


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    (tmp_path / "cell.yaml").write_text(CELL)
    return tmp_path / "cell.yaml"


def planned(*typed: str, config: Path | None = None, server: Path | None = None) -> RunPlan:
    """The plan of `sqsim capacity` with these settings; `server`: a file that a server left."""
    files = [server] if server else []
    given, changes, notes = around(config, (files, []), Changes(parse_settings(typed), quick=True))
    plan = plan_of(given, changes)
    return replace(plan, notes=[*plan.notes, *notes])


def test_the_question_is_made_of_the_cells_that_run():
    other = {
        "models.pair": {"kind": "published", "name": "qwen3_1_7b_32b", "prompt_tokens": 300},
        "cloud.latency": {"kind": "profile", "name": "h100_32b"}, "workload.prompt_tokens": 300,
        "objective.ttft_s": 1.0,
    }  # fmt: skip
    plans = [plan_of(SUPPORTED, Changes(settings, quick=True)) for settings in ({}, other)]
    own, changed = (plan.scenario.summary for plan in plans)
    assert own.startswith("How many devices does 70B on four A100s serve within 30 ms TPOT and 2 s TTFT? ")
    assert changed == (
        "How many devices does Qwen3-32B on H100 serve within 30 ms TPOT and 1 s TTFT? Pair published (Qwen3-1.7B "
        "drafts, Qwen3-32B verifies; acceptance of InstructCoder), Llama-3.2-1B on Jetson AGX Orin drafts, uplink inf, "
        "round trip 20 ms, prompts of 300 tokens, answers of 48."
    )


def test_a_cell_is_asked_about_as_it_is_with_its_own_limits_and_a_nameless_field_by_its_value(cell):
    plan = planned(config=cell)
    assert plan.scenario.summary == (
        "How many devices does 20 ms base + 2 ms a token serve within 500 ms TPOT and 2 s TTFT? Pair synthetic (size "
        "64, contexts 8), OPT-125M on Jetson Orin Nano drafts, uplink 300 kbit/s, round trip 40 ms, prompts of 4 "
        "tokens, answers of 6."
    )
    assert plan.tune is None and [each.seed for each in plan.cells] == [7]
    assert {each.scheme.kind for each in plan.cells} == {"k_sqs"}
    typed = planned("objective.ttft_s=1", "workload.slo_tpot_s=0.2", config=cell)
    assert typed.objective is not None and typed.objective.limits == {"ttft_s": 1.0, "tpot_s": 0.2}


def test_the_limits_of_classes_are_theirs_and_cells_with_different_limits_are_refused(cell):
    fleet = "fleet={phones: {}, meters: {count: 2, workload: {kind: closed, slo_ttft_s: 9}}}"
    plan = planned(fleet, "objective.field=fleet.phones.count", config=cell)
    assert plan.objective is not None
    assert plan.objective.limits["phones.ttft_s"] == 2.0 and plan.objective.limits["meters.ttft_s"] == 9.0
    assert "ttft_s" not in plan.objective.limits and "How many phones" in plan.scenario.summary
    given, changes, _ = around(cell, ([], []), Changes(grid={"workload.slo_ttft_s": [1.0, 2.0]}))
    with pytest.raises(ConfigError, match="slo_ttft_s: a search has one limit for all cells"):
        plan_of(given, changes)


def test_a_measured_server_takes_the_place_of_the_scenarios_own(tmp_path, cell):
    plan = planned(server=SAMPLES / "llama_server.txt")
    measured = plan.cells[0]
    assert "does 68.4 ms base + 1.66 ms a token serve" in plan.scenario.summary and "70B" not in plan.scenario.summary
    assert "prompts of 200 tokens, answers of 100" in plan.scenario.summary
    assert (measured.models.pair.kind, measured.models.pair.prompt_tokens) == ("acceptance", 200) and measured.sources
    assert {each.scheme.drafts for each in plan.cells} <= {0, 3}, "acceptance is of 3 drafts a round"
    assert any("3 drafts a round by every scheme" in line for line in plan.notes)
    (tmp_path / "plain.txt").write_text(PLAIN)
    kinds = {each.scheme.kind for each in planned(server=tmp_path / "plain.txt").cells}
    assert "cloud_only" in kinds and "colocated" not in kinds, "how its drafter would draft is not known"
    both = planned(config=cell, server=SAMPLES / "vllm_log.txt").cells[0]
    assert (both.models.pair.kind, both.models.pair.prompt_tokens, both.scheme.k) == ("acceptance", 4, 8)


@pytest.mark.usefixtures("undrawn")
def test_a_capacity_beyond_the_bound_is_at_least_that_and_has_its_dollars(done, cell):
    out = done(
        "capacity", f"--config={cell}", "--devices-up-to=2", "--seeds=1", "--quiet", "--out=found", "--workers=1"
    )
    text = " ".join(out.split())
    assert "K-SQS supports at least 2 (one seed) devices within 500 ms TPOT and 2 s TTFT, at " in text
    row = pd.read_csv("found/capacity.csv").iloc[0]
    assert row["capacity"] == row["workload.devices"] == 2 and not row["bounded"]
    assert row["held_usd_per_device_month"] == pytest.approx(730 * 2.5) and row["cloud_busy"] < 1
    assert "Assumed: 730 h of use a month" in text and "1,825 USD held (" in text and " load) a device-month" in text
    assert "not given" not in text


def test_a_bound_below_one_device_is_refused(refused, cell):
    assert "objective.high (--devices-up-to) = 0" in refused("capacity", f"--config={cell}", "--devices-up-to=0")
