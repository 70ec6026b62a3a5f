"""What is reported of quantizers and packets, on a table whose answers are known."""

from __future__ import annotations

import pandas as pd
import pytest

from kinds import ConfigError
from models.bundled.smollm2 import SmolLM2
from scenarios.command.registry import scenario
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.findings.findings_file import answered
from scenarios.lattices import (
    BITS,
    QUANTIZER,
    REJECTED,
    dense_overtakes,
    dense_shorter_from,
    keeps_its_word,
    least_rejected,
    least_within,
    printed_least,
    shorter_from_counts,
    shorter_from_size,
)


def lattices() -> pd.DataFrame:
    rows = [
        (1024, "lattice", 10.0, 4.0, 50.0, 0.6, 0.99, 0.4, 3.6),
        (1024, "dual", 10.0, 4.0, 60.0, 0.5, 0.45, 0.9, 4.0),
        (1024, "lattice", 100.0, float("nan"), 495.0, 0.4, 0.2, 0.3, 39.7),
        (49152, "lattice", 10.0, 4.0, 70.0, 0.7, 0.8, 0.2, 3.4),
    ]
    names = ["vocabulary", QUANTIZER, "scheme.quantizer.resolution", "scheme.sparsifier.k", BITS, REJECTED]
    names += ["largest_bound_share", "largest_excess_bits", "coded_size"]
    return pd.DataFrame(rows, columns=names).assign(cell="x", seed=0, curve="x", largest_saving_bits=[0.5, 17.76, 0, 0])


def test_a_question_about_a_field_that_no_cell_has_is_not_answered_and_says_so() -> None:
    (found,) = answered([keeps_its_word], lattices().drop(columns=QUANTIZER), None)
    assert found.line == f"Not answered (KeepsItsWord by largest_excess_bits): no cell here has the field {QUANTIZER}"


def test_bounds_and_counts_are_said_with_the_largest_of_each() -> None:
    said = keeps_its_word.report(lattices(), None)
    assert said.startswith(
        "Each qhat is within its quantizer's bound (largest TV(q, qhat) / bound: lattice 0.990, dual 0.450)"
    )
    assert said.endswith(
        "No packet is more than 0.9 bit longer than it states; in 1 of 4 cells one is more than 2 bit shorter, "
        "by 17.76 bit at most."
    )
    beyond = lattices().assign(largest_bound_share=1.01)
    assert keeps_its_word.report(beyond, None).startswith("Some qhat exceed their bound")


def test_where_a_dense_packet_is_the_shorter_one_is_said_for_each_vocabulary_and_resolution() -> None:
    said = dense_overtakes.report(lattices(), None)
    ten, hundred = (f"{shorter_from_size(1024, ell)} / {shorter_from_counts(1024, ell)}" for ell in (10, 100))
    assert f"V=1,024: {ten} (4) at ell=10, {hundred} (40) at ell=100; V=49,152: " in said
    sizes = [shorter_from_size(1024, ell) for ell in (10, 100)]
    line = dense_shorter_from.report(lattices(), None)
    assert line.startswith(f"the dense packet is shorter from V=1,024 K={sizes[0]} at ell=10, {sizes[1]} at 100; V=49")
    dual = lattices()[lambda rows: rows[QUANTIZER] == "dual"]
    assert dense_overtakes.report(dual, None) == dense_shorter_from.report(dual, None) == ""


def test_the_best_setting_within_each_limit_is_a_table_with_a_column_per_vocabulary() -> None:
    assert least_rejected(lattices(), (40, 65, 500)).to_numpy().tolist() == [
        [40, "-", "-"], [65, "0.500 dual ell=10 K=4", "-"],
        [500, "0.400 lattice ell=100", "0.700 lattice ell=10 K=4"],
    ]  # fmt: skip
    lines = printed_least(lattices()).splitlines()
    assert lines[2].split() == ["vocabulary", "1024", "vocabulary", "49152"]
    assert " ".join(lines[3].split()) == "50 bit 0.600 lattice ell=10 K=4 -"
    assert least_within.report(lattices(), None) == (
        "least TV qhat within 200 bit, vocabulary 1024: 0.500 dual ell=10 K=4; vocabulary 49152: 0.700 lattice ell=10 "
        "K=4"
    )
    assert {BITS, REJECTED} < {*lattices().columns}


def test_a_pair_of_the_grid_that_this_machine_lacks_is_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmolLM2, "available", classmethod(lambda cls: "the verifier is not installed"))
    plan = plan_of(scenario("lattices"), Changes())
    assert {cell.models.pair.kind for cell in plan.cells} == {"sotu", "synthetic"}
    assert plan.warnings == ["no smollm2: the verifier is not installed; running without it"]
    typed = plan_of(scenario("lattices"), Changes(grid={"models.pair": ["sotu"]}))
    assert {cell.models.pair.kind for cell in typed.cells} == {"sotu"} and not typed.warnings


def test_precision_needs_a_headline() -> None:
    with pytest.raises(ConfigError, match=r"^precision: this scenario has no headline; give --seeds$"):
        plan_of(scenario("thresholds"), Changes(precision=0.02, settings={"models.pair": "sotu"}))
