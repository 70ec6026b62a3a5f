"""What is reported of bits at equal rejection, on tables whose answers are known, and of the scenario that asks."""

import math
from functools import cache

import pandas as pd
import pytest

from scenarios.command.registry import scenario
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.findings.wording import called
from scenarios.sparse_or_coded import (
    below_every_point,
    equal_rejection,
    printed_equal,
    shared_pays,
    sparse_pays,
    stronger_model,
    what_breaks_it,
)
from simulator.results.tradeoffs import BITS, DENSE, REJECTED

KINDS = (
    ("all", "lattice", 1.0), ("top_k", "lattice", 0.8), ("threshold", "lattice", 0.9), ("all", "cubic", 1.25)
)  # fmt: skip
LEAST = 0.5


def row(seed: int, at: float, **fields: object) -> dict[str, object]:
    common = {"cell": "x", "seed": seed, "curve": "x", "vocabulary": 1000.0, "models.temperature": at}
    return {**common, "least_bits_per_draft": LEAST, "least_bits_at_compression": LEAST, "tv_compression": 0.1,
            "draw_bits_per_draft": 1.0, **fields}  # fmt: skip


@cache
def table(sparse_at_hot: float = 1.0, seeds: int = 8) -> pd.DataFrame:
    """Bits are factor x 4 / rejection: top_k a fifth below dense at temperature 0.5, and `sparse_at_hot` times as much
    as that at 1; ids are rejected .2 for 5 bits."""
    rows = []
    for seed in range(seeds):
        level = 1 + 0.01 * seed
        for at in (0.5, 1.0):
            for keeps, rule, factor in KINDS:
                hot = sparse_at_hot if at == 1.0 and keeps != "all" else 1.0
                for ell, rejected in ((5, 0.4), (10, 0.2), (20, 0.1)):
                    bits = level * hot * factor * 4 / rejected
                    kept = {"scheme.kind": "composed", "scheme.sparsifier.kind": keeps, "scheme.quantizer.kind": rule}
                    rows.append(row(seed, at, **kept, **{
                        "scheme.quantizer.resolution": float(ell), REJECTED: rejected, BITS: bits,
                        "tv_compression": rejected / 2, "oracle_bits_per_draft": bits / 2,
                    }))  # fmt: skip
            ids = {"scheme.kind": "coupled", REJECTED: 0.2, BITS: 5.0 * level, "draw_bits_per_draft": 0.0}
            rows.append(
                row(seed, at, **ids) | {"least_bits_per_draft": math.nan, "least_bits_at_compression": math.nan}
            )
    return pd.DataFrame(rows)


def test_the_answer_is_one_sentence_with_one_number():
    line = sparse_pays.report(table(), None)
    assert line == (
        "at equal rejection, sparsification takes 20% fewer bits a draft than the dense lattice; fewer in 2 of 2 "
        "settings"
    )


def test_what_breaks_it_is_named_with_its_interval():
    line = what_breaks_it.report(table(sparse_at_hot=1.5, seeds=4), None)
    assert "not at V=1,000, T=1 20% more (the same in every seed)" in line and "T=0.5" not in line
    assert "top_k 2.02% fewer" in line and "scalar 25% more" in line
    assert "6 of 12 sparse settings take more than the dense lattice that is rejected as often, up to 1.4 times" in line
    assert "fewer in 1 of 2 settings" in sparse_pays.report(table(sparse_at_hot=1.5, seeds=4), None)
    assert "not at" not in what_breaks_it.report(table(seeds=4), None)


def test_a_setting_that_some_seeds_cannot_compare_is_left_out_of_the_mean_and_named():
    apart = table(sparse_at_hot=3.0, seeds=4).copy()
    dense = (apart["scheme.sparsifier.kind"] == "all") & (apart["models.temperature"] == 1.0) & (apart["seed"] == 2)
    apart.loc[dense, REJECTED] += 0.5
    assert "20% fewer bits" in sparse_pays.report(apart, None)
    line = what_breaks_it.report(apart, None)
    assert "Left out of the mean, where some seeds' curves share no range: V=1,000, T=1 (3 of 4 seeds)" in line


def test_the_dense_lattice_of_one_resolution_is_not_called_q_s():
    """Q-S adapts its resolution; the study's dense lattice does not."""
    assert called(DENSE) == "static dense lattice"


def test_settings_are_chosen_on_the_other_seeds():
    """A setting of dense that is very short on one seed alone is not that seed's: chosen on itself it would be."""
    lucky = table(seeds=5)
    dense = (lucky["scheme.sparsifier.kind"] == "all") & (lucky["scheme.quantizer.kind"] == "lattice")
    once = lucky[dense & (lucky["scheme.quantizer.resolution"] == 10)].assign(
        **{"scheme.quantizer.resolution": 11.0, REJECTED: 0.19}
    )
    once[BITS] = once[BITS].where(once["seed"] == 3, 500.0) * (once["seed"] == 3).map({True: 0.1, False: 1.0})
    equal = equal_rejection(pd.concat([lucky, once], ignore_index=True))
    found = equal[(equal["curve"] == DENSE) & (equal["seed"] == 3)][BITS]
    assert found.tolist() == pytest.approx(equal_rejection(lucky).query("curve == @DENSE and seed == 3")[BITS].tolist())


def test_at_equal_bits_at_equal_distance_from_q_and_against_the_oracle():
    line = what_breaks_it.report(table(seeds=4), None)
    assert "Sparse against dense at equal TV(qhat, q) 20% fewer" in line
    assert "at equal bits a probability of rejection 20.7% lower" in line
    assert "V=1,000, T=0.5 50% fewer (the same in every seed)" in stronger_model.report(table(), None)


def test_shared_randomness_is_compared_where_distributions_are_rejected_as_seldom():
    line = shared_pays.report(table(), None)
    assert "V=1,000, T=0.5 68.8% fewer (the same in every seed)" in line  # 5 bits against top_k's 16
    seldom = table().copy()
    seldom.loc[seldom["scheme.kind"] == "coupled", REJECTED] = 0.05
    assert "5.18 bits where no setting of up to 33.1 is rejected as seldom" in shared_pays.report(seldom, None)


def test_a_bound_above_a_point_is_reported():
    sound = below_every_point.report(table(), None)
    assert (
        "below each of 192 measured points" in sound and "nearest sparse top_k at V=1,000, T=0.5, by 7.5 bit" in sound
    )
    broken = table().copy()
    broken.loc[3, "least_bits_at_compression"] = 1000.0
    assert "is NOT below 1 of 192 measured points" in below_every_point.report(broken, None)


def test_families_at_equal_rejection_are_a_table_with_intervals_and_the_least_marked():
    found = printed_equal(table())
    assert "V=1,000, T=0.5 0.100 to 0.400" in found.heading
    place = found.columns.index("V=1,000, T=0.5")
    cold = {name: row[place] for group in found.groups for name, row in group.rows}
    assert len(cold) == 5 and all(each.half_width for each in cold.values())
    assert sum(each.marks == "*" for each in cold.values()) == 2  # top_k, and sparse, which takes it


def test_of_a_table_of_another_study_nothing_is_reported():
    other = table().drop(columns=REJECTED)
    asked = (sparse_pays, what_breaks_it, shared_pays, below_every_point, stronger_model)
    assert {question.report(other, None) for question in asked} == {""}
    assert printed_equal(other) is None


def test_all_schemes_of_the_scenario_have_one_code_and_eight_seeds():
    quick = plan_of(scenario("sparse_or_coded"), Changes(quick=True))
    assert {cell.seed for cell in quick.cells} == {*range(8)} and scenario("sparse_or_coded").seeds == 8
    composed = [cell.scheme.model_dump() for cell in quick.cells if cell.scheme.kind == "composed"]
    assert {(each["code"]["kind"], each["code"]["token"]) for each in composed} == {("recoded", "coded")}
    assert {each["sparsifier"]["kind"] for each in composed} == {"all", "top_k", "threshold", "conformal"}
    assert all(each["sparsifier"].get("carry", True) for each in composed)
    assert {cell.scheme.kind for cell in quick.cells} == {"composed", "coupled"}
