"""What is said of settings as points of bits and rejections, on a table whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from kinds import ConfigError
from models.bundled.smollm2 import SmolLM2
from scenarios import AgainstOthers, AtEqual, DenseOvertakes, KeepsItsWord, LeastWithin
from scenarios.command.registry import scenario
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.findings.findings_file import answered
from simulator.results.dense_packets import shorter_from_counts, shorter_from_size

BITS, REJECTED = "coded_bits_per_draft", "tv_qhat"
KIND, QUANTIZER = "scheme.sparsifier.kind", "scheme.quantizer.kind"
REJECTS = AtEqual(REJECTED, BITS, (KIND,), by="models.temperature")
SETTINGS = {"threshold": {0.1: (10.0, 0.8), 0.2: (40.0, 0.2)}, "top_k": {3: (10.0, 0.88), 8: (40.0, 0.22)}}


def table() -> pd.DataFrame:
    """top_k rejects a tenth more at each of two temperatures; three seeds, alike but for their level."""
    return pd.DataFrame(
        [
            {"cell": "x", "models.temperature": temperature, KIND: kind, "scheme.p": p, "seed": seed, "curve": "x",
             BITS: bits, REJECTED: lost * (1 - seed / 10)}
            for temperature in (0.5, 1.0)
            for kind, settings in SETTINGS.items()
            for p, (bits, lost) in settings.items()
            for seed in range(3)
        ]
    )  # fmt: skip


def test_a_grid_without_the_family_that_is_asked_about_is_said_in_one_line() -> None:
    asked = replace(REJECTS, family=(KIND, "scheme.sparsifier.step"), choosing="conformal")
    none = "none, conformal is not among what this grid compares, so nothing is said of it"
    assert AgainstOthers(asked, "conformal").told(table(), "models.temperature") == none
    assert AgainstOthers(asked, "conformal").told(table().drop(columns=KIND), "models.temperature") == none
    assert asked.told(table(), None).endswith("everywhere threshold is lowest, 9.1% below the next (top_k)")
    assert replace(asked, pair=("conformal", "threshold")).told(table(), None) == ""


def test_a_question_about_a_field_that_no_cell_has_is_not_answered_and_says_so() -> None:
    (found,) = answered([KeepsItsWord()], table().assign(answered=1.0), None)
    assert found.line == f"Not answered (KeepsItsWord by largest_excess_bits): no cell here has the field {QUANTIZER}"


def test_who_rejects_least_at_equal_bits_is_said_with_the_range() -> None:
    said = REJECTS.told(table(), "models.temperature")
    assert said.startswith("At equal coded bits per draft (10 to 40, 10 to 40 bit): TV qhat over temperature:")
    assert said.endswith("everywhere threshold is lowest, 9.1% below the next (top_k)")


def test_how_far_one_family_is_from_another_is_said_for_each_value() -> None:
    said = replace(REJECTS, pair=("top_k", "threshold")).told(table(), None)
    assert said == (
        "TV qhat at equal coded bits per draft: top_k against threshold 10% higher (the same in every "
        "seed) at 0.5, 10% higher (the same in every seed) at 1"
    )
    assert replace(REJECTS, pair=("top_k", "nobody")).told(table(), None) == ""


def test_the_means_at_equal_bits_are_a_table_with_a_row_per_value() -> None:
    lines = REJECTS.printed(table()).splitlines()
    assert lines[0].startswith("At equal coded bits per draft (10 to 40, 10 to 40 bit): TV qhat, mean ± 95% half-width")
    assert [line.split()[0] for line in lines[2:]] == ["temperature", "0.5", "1"]
    assert lines[2].split()[1:] == ["threshold", "top_k"]


def test_of_a_table_without_a_shared_range_nothing_is_said() -> None:
    one = table()[lambda rows: rows[KIND] == "threshold"]
    apart = pd.concat([one, one.assign(**{KIND: "top_k", BITS: one[BITS] + 100})])
    assert REJECTS.told(apart, None) == REJECTS.printed(apart) == ""


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


def test_bounds_and_counts_are_said_with_the_largest_of_each() -> None:
    said = KeepsItsWord().told(lattices(), None)
    assert said.startswith(
        "Each qhat is within its quantizer's bound (largest TV(q, qhat) / bound: lattice 0.990, dual 0.450)"
    )
    assert said.endswith(
        "No packet is more than 0.9 bit longer than it states; in 1 of 4 cells one is more than 2 bit shorter, "
        "by 17.76 bit at most."
    )
    beyond = lattices().assign(largest_bound_share=1.01)
    assert KeepsItsWord().told(beyond, None).startswith("Some qhat exceed their bound")


def test_where_a_dense_packet_is_the_shorter_one_is_said_for_each_vocabulary_and_resolution() -> None:
    said = DenseOvertakes().told(lattices(), None)
    ten, hundred = (f"{shorter_from_size(1024, ell)} / {shorter_from_counts(1024, ell)}" for ell in (10, 100))
    assert f"V=1,024: {ten} (4) at ell=10, {hundred} (40) at ell=100; V=49,152: " in said
    assert DenseOvertakes().told(lattices()[lambda rows: rows[QUANTIZER] == "dual"], None) == ""


def test_the_best_setting_within_each_limit_is_a_table_with_a_column_per_vocabulary() -> None:
    lines = LeastWithin(REJECTED, BITS, [40, 65, 500], by="vocabulary").printed(lattices()).splitlines()
    assert lines[2].split() == ["vocabulary", "1024", "vocabulary", "49152"]
    assert [" ".join(line.split()) for line in lines[3:]] == [
        "40 bit - -",
        "65 bit 0.500 dual ell=10 K=4 -",
        "500 bit 0.400 lattice ell=100 0.700 lattice ell=10 K=4",
    ]


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
