"""What is reported of quantizers and packets, on a table whose answers are known."""

import math
from functools import cache

import pandas as pd
import pytest

from channels.codec.paper_counts import dense_bits, paper_bits
from kinds import ConfigError
from models.bundled.smollm2 import SmolLM2
from scenarios.command.registry import scenario
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.findings.findings_file import answered
from scenarios.lattices import (
    BITS,
    CODE,
    QUANTIZER,
    REJECTED,
    code_saves,
    dense_overtakes,
    dense_shorter_from,
    keeps_its_word,
    least_in_brief,
    least_rejected,
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


def test_bounds_and_counts_are_reported_with_the_largest_of_each_and_without_the_field_that_it_is_lacking():
    (found,) = answered([keeps_its_word], lattices().drop(columns=QUANTIZER), None)
    assert found.line == f"Not answered (KeepsItsWord by largest_excess_bits): no cell here has the field {QUANTIZER}"
    line = keeps_its_word.report(lattices(), None)
    assert line.startswith(
        "Each qhat is within its quantizer's bound (largest TV(q, qhat) / bound: lattice 0.990, dual 0.450)"
    )
    assert line.endswith(
        "No packet is more than 0.9 bit longer than it states; in 1 of 4 cells one is more than 2 bit shorter, "
        "by 17.76 bit at most."
    )
    beyond = lattices().assign(largest_bound_share=1.01)
    assert keeps_its_word.report(beyond, None).startswith("Some qhat exceed their bound")


def test_where_a_dense_packet_is_the_shorter_one_is_reported_for_each_vocabulary_and_resolution():
    text = dense_overtakes.report(lattices(), None)
    ten, hundred = (f"{shorter_from_size(1024, ell)} / {shorter_from_counts(1024, ell)}" for ell in (10, 100))
    assert f"V = 1,024: {ten} (4) at ℓ = 10, {hundred} (40) at ℓ = 100; V = 49,152: " in text
    sizes = [shorter_from_size(1024, ell) for ell in (10, 100)]
    line = dense_shorter_from.report(lattices(), None)
    assert line.startswith(
        f"the dense packet is shorter from V = 1,024: K = {sizes[0]} at ℓ = 10, {sizes[1]} at 100; V = 49"
    )
    dual = lattices()[lambda rows: rows[QUANTIZER] == "dual"]
    assert dense_overtakes.report(dual, None) == dense_shorter_from.report(dual, None) == ""


def test_the_best_setting_within_each_limit_is_a_table_with_a_column_per_vocabulary():
    assert least_rejected(lattices(), (40, 65, 500)).to_numpy().tolist() == [
        [40, "-", "-"], [65, "0.500 dual lattice, ℓ = 10, K = 4", "-"],
        [500, "0.400 lattice, ℓ = 100", "0.700 lattice, ℓ = 10, K = 4"],
    ]  # fmt: skip
    lines = printed_least(lattices()).text().splitlines()
    assert lines[2].split() == ["vocabulary", "1024", "vocabulary", "49152"]
    assert " ".join(lines[3].split()) == "50 bit 0.600 lattice, ℓ = 10, K = 4 -"
    assert {BITS, REJECTED} < {*lattices().columns}


def test_the_answer_says_who_rejects_least_and_what_the_same_counts_save_by_the_shorter_code():
    by_count = lattices().assign(**{CODE: "enumerative"})
    short = by_count[by_count[QUANTIZER] == "lattice"].assign(
        **{CODE: "recoded", BITS: lambda rows: rows[BITS] / 2, REJECTED: lambda rows: rows[REJECTED] - 0.15}
    )
    table = pd.concat([by_count, short], ignore_index=True)
    seeds = pd.concat([table.assign(seed=seed) for seed in range(3)], ignore_index=True)
    assert least_in_brief.report(seeds, None) == (
        "context coding takes 50% fewer bits than the paper's; within 200 bit the context-coded lattice rejects least "
        "at 2 of 2 vocabularies"
    )
    assert code_saves.report(seeds, None) == (
        "bits a draft, context-coded, over those of the paper's count, the same counts of the lattice: V = 1,024: 50% "
        "fewer (the same in every seed); V = 49,152: 50% fewer (the same in every seed)"
    )
    assert "; " not in least_in_brief.report(by_count, None) and code_saves.report(by_count, None) == ""
    assert least_in_brief.report(by_count, None).endswith("the dual lattice rejects least at 1 of 2 vocabularies")


def test_a_pair_of_the_grid_that_this_machine_lacks_is_left_out_and_reported(monkeypatch):
    monkeypatch.setattr(SmolLM2, "available", classmethod(lambda cls: "the verifier is not installed"))
    plan = plan_of(scenario("lattices"), Changes(seeds=1))
    assert {cell.models.pair.kind for cell in plan.cells} == {"sotu", "synthetic"}
    assert plan.warnings == ["no smollm2: the verifier is not installed; running without it"]
    typed = plan_of(scenario("lattices"), Changes(seeds=1, grid={"models.pair": ["sotu"]}))
    assert {cell.models.pair.kind for cell in typed.cells} == {"sotu"} and not typed.warnings


def test_precision_needs_a_headline():
    with pytest.raises(ConfigError, match=r"^precision: this scenario has no headline; give --seeds$"):
        plan_of(scenario("thresholds"), Changes(quick=True, precision=0.02, settings={"models.pair": "sotu"}))


def test_dense_beats_sparse_from_81_tokens_of_50257_at_a_resolution_of_100_and_of_few_tokens_never():
    """REFERENCE value."""
    assert shorter_from_size(50_257, 100) == 81
    assert shorter_from_counts(4, 1) is None
    assert shorter_from_size(2, 100) is None


@pytest.mark.parametrize("vocabulary", [8, 64, 1_024])
@pytest.mark.parametrize("resolution", [1, 3, 20, 300])
def test_the_least_size_is_that_of_a_scan(vocabulary, resolution):
    longer = [
        size
        for size in range(1, vocabulary // 2 + 1)
        if paper_bits(vocabulary, size, resolution) > dense_bits(vocabulary, resolution)
    ]
    assert shorter_from_size(vocabulary, resolution) == (longer[0] if longer else None)


@pytest.mark.parametrize("vocabulary", [3, 6, 40, 1_024])
@pytest.mark.parametrize("resolution", [1, 2, 5, 12, 30])
def test_the_least_number_of_counts_is_that_of_integers(vocabulary, resolution):
    """(numbers of ids) (subsets) (positive counts), each alike, against all compositions of ell over V."""
    most = min(vocabulary, resolution)
    dense = math.comb(resolution + vocabulary - 1, resolution)
    longer = [
        size
        for size in range(1, most + 1)
        if most * math.comb(vocabulary, size) * positive_counts(size, resolution) > dense
    ]
    assert shorter_from_counts(vocabulary, resolution) == (longer[0] if longer else None)


@cache
def positive_counts(size: int, total: int) -> int:
    """Vectors of so many positive counts with this sum, by their last."""
    if size == 1:
        return int(total > 0)
    return sum(positive_counts(size - 1, total - last) for last in range(1, total))
