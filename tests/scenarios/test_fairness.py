"""What a comparison holds alike is said, and what it does not: codes, baselines, fixed and undeclared fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenarios.command.fairness import compared_alike, lacking, question
from scenarios.command.scenario import Tune
from simulator import Cell
from simulator.cell.imported_files import load_imports

ALL: Sequence[object] = ("cloud_only", "colocated", "edge_only", "dense", "k_sqs")
OWN = """
from typing import Annotated, Literal
from kinds.tunable import Tunable
from simulator.schemes.k_sqs import KSqs

class Own(KSqs):
    kind: Literal["own_of_fairness"] = "own_of_fairness"
    share: float = 0.25
    cut: Annotated[int, Tunable(1, 2)] = 1
    name: str = "x"
"""


def cells(*schemes: object) -> list[Cell]:
    return Cell.from_fields({"models": {"pair": {"kind": "synthetic", "size": 64}}}).grid({"scheme": schemes})


def test_where_all_is_alike_one_line_names_the_code():
    assert compared_alike(cells(*ALL), Tune(), {}) == [
        "One code for all: context-coded (recoded), drafted id coded: dense and k_sqs"
    ]
    assert compared_alike(cells("k_sqs"), Tune(), {}) == [] == compared_alike(cells("k_sqs"), None, {})


def test_codes_that_differ_are_reported_with_whose_they_are():
    (line,) = compared_alike(
        cells(*ALL[:3], {"kind": "dense", "code": "enumerative", "token": "flat"}, "k_sqs"), Tune(), {}
    )
    assert line == (
        "Codes differ, so bits and times compare codes too: the paper's count (enumerative), drafted id flat: dense; "
        "context-coded (recoded), drafted id coded: k_sqs"
    )


def test_a_baseline_that_is_not_there_is_reported_unless_the_question_leaves_it_out():
    some = cells("cloud_only", "dense", "k_sqs")
    assert lacking(some) == ["colocated", "edge_only"]
    left_out = {"colocated": "the cloud may not draft"}
    assert "Not compared with: the drafter alone" in compared_alike(some, Tune(), left_out)
    assert question("Who wins?", left_out) == "Who wins? (Without co-located speculation: the cloud may not draft.)"


def test_what_is_fixed_is_reported_with_the_reason_and_what_is_not_tuned_at_all_with_whose_it_is():
    fixed: Mapping[str, str] = {"scheme.max_drafts": "rounds of one length"}
    assert "Fixed, not tuned: L (rounds of one length)" in compared_alike(cells(*ALL), Tune(fixed), {})
    assert "Not tuned: colocated, dense and k_sqs, at one setting each" in compared_alike(cells(*ALL), None, {})


def test_of_a_users_scheme_the_numbers_without_values_to_try_are_reported(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    load_imports([str(tmp_path / "own.py")])
    line = "own_of_fairness: declares no values to try (kinds.tunable.Tunable), stays at share = 0.25"
    assert line in compared_alike(cells(*ALL, "own_of_fairness"), Tune(), {})
    assert compared_alike(cells("own_of_fairness"), Tune(), {}) == [line], "alone too, where it is tuned"
