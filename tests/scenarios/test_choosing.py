"""Each scheme's own choice: what is tried, that the least mean is chosen, and what is shown beside it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from scenarios.command.choosing import FIRST_SEED, Choosing, beside, changed, choices_table, summarised, to_show
from scenarios.command.precision import Precision
from scenarios.command.scenario import Best
from simulator import Cell
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import expand
from simulator.results.intervals import with_curves
from simulator.sweeps.search import Capacity

AXIS = "uplink.rate.bps"
SCHEMES = ["cloud_only", {"kind": "dense", "max_drafts": 4}, {"kind": "k_sqs", "k": 8, "max_drafts": 4}]
OVER = {"scheme.max_drafts": [1, 2], "scheme.k": [2, 4, 8]}


def grid() -> list[Cell]:
    base = Cell.from_fields({"models": {"pair": {"kind": "synthetic", "size": 32}}})
    return expand(base, {"scheme": SCHEMES, AXIS: [1e3, 1e6], "seed": [5, 6]})


def measured(cell: Cell) -> float:
    """The fewer drafts, and the nearer K to 2 at a low rate and to 8 at a high one, the better; a little noise."""
    k, drafts = getattr(cell.scheme, "k", 0), cell.scheme.drafts
    wanted = 2 if flatten(cell)[AXIS] == 1e3 else 8
    return 1.0 + 0.1 * drafts + 0.05 * abs(k - wanted) + 0.001 * (cell.seed % 2)


def table(cells: list[Cell]) -> pd.DataFrame:
    return pd.DataFrame([{"cell": cell.id, **flatten(cell), "latency_per_token_s": measured(cell)} for cell in cells])


def test_a_setting_tries_every_value_of_the_fields_it_has_on_seeds_of_their_own() -> None:
    cells = Choosing(grid(), Best(OVER, seeds=3, base={"workload.requests": 2})).trials()
    assert {cell.seed for cell in cells} == set(range(FIRST_SEED, FIRST_SEED + 3))
    assert {cell.workload.total for cell in cells} == {2}
    tried = {kind: [cell for cell in cells if cell.scheme.kind == kind] for kind in ("cloud_only", "dense", "k_sqs")}
    assert {kind: len(found) for kind, found in tried.items()} == {"cloud_only": 0, "dense": 12, "k_sqs": 36}
    assert {cell.scheme.drafts for cell in tried["dense"]} == {1, 2}


def test_kinds_of_scheme_that_are_not_to_choose_stay_as_the_grid_has_them() -> None:
    choosing = Choosing(grid(), Best(OVER, of=("k_sqs",)))
    assert {cell.scheme.kind for cell in choosing.trials()} == {"k_sqs"}
    chosen = {each.cells[0].scheme.kind: each.values for each in choosing.choices(table(choosing.trials()))}
    assert not chosen["dense"] and chosen["k_sqs"]


def test_the_least_mean_is_chosen_for_each_setting_and_shown_at_the_grids_own_seeds() -> None:
    choosing = Choosing(grid(), Best(OVER, seeds=3))
    choices = choosing.choices(table(choosing.trials()))
    chosen = {(each.cells[0].scheme.kind, flatten(each.cells[0])[AXIS]): dict(each.values) for each in choices}
    assert chosen["cloud_only", 1e3] == {} and chosen["dense", 1e6] == {"scheme.max_drafts": 1}
    assert chosen["k_sqs", 1e3] == {"scheme.max_drafts": 1, "scheme.k": 2}
    assert chosen["k_sqs", 1e6] == {"scheme.max_drafts": 1, "scheme.k": 8}
    shown = to_show(choices)
    assert {cell.seed for cell in shown} == {5, 6} and len({cell.id for cell in shown}) == len(shown) == 4 + 8 + 8


def test_what_was_chosen_stands_under_the_schemes_name_and_the_grids_own_says_what_it_is() -> None:
    choosing = Choosing(grid(), Best(OVER, seeds=3))
    choices = choosing.choices(table(choosing.trials()))
    rows = beside(table(to_show(choices)), choices, lambda part: with_curves(part, AXIS))
    curves = rows.groupby("setting")["curve"].unique().map(list).to_dict()
    assert curves == {"best": ["cloud_only", "dense", "k_sqs"], "fixed": ["dense L=4", "k_sqs L=4 K=8"]}
    summary = summarised(rows)
    assert len(summary) == 2 * 5 and set(summary["n"]) == {2}
    best = summary[(summary["curve"] == "k_sqs") & (summary[AXIS] == 1e3)]["latency_per_token_s"]
    assert best.tolist() == pytest.approx([1.1 + 0.0005])
    told = choices_table(choices, rows)
    assert dict(zip(told["curve"] + told[AXIS].astype(str), told["chosen"], strict=True)) == {
        "dense1000.0": "L=1", "dense1000000.0": "L=1", "k_sqs1000.0": "L=1 K=2", "k_sqs1000000.0": "L=1 K=8",
    }  # fmt: skip


def test_a_choice_that_is_the_grids_own_is_shown_in_both_places_and_swept_once() -> None:
    choosing = Choosing(grid(), Best({"scheme.max_drafts": [4, 6]}, seeds=1))
    choices = choosing.choices(table(choosing.trials()))
    shown = to_show(choices)
    assert len(shown) == 12
    assert len(beside(table(shown), choices, lambda part: with_curves(part, AXIS))) == 12 + 8


def test_seeds_are_added_to_every_setting_until_the_widest_interval_is_narrow_enough() -> None:
    cells = grid()
    precision = Precision(cells, "latency_per_token_s", 0.002)
    given = list(cells)
    for _ in range(20):
        found = table(given)
        more = precision.more(found)
        if not more:
            break
        assert {cell.id for cell in more}.isdisjoint({cell.id for cell in given})
        assert found["seed"].nunique() < len({cell.seed for cell in [*given, *more]}) <= 2 * found["seed"].nunique()
        given += more
    assert precision.widest(found) <= 0.002 < precision.widest(table(cells))
    assert found.groupby(["scheme.kind", AXIS])["seed"].apply(sorted).map(tuple).nunique() == 1
    assert "reached with" in precision.told(found) and "not reached" in Precision(cells, precision.metric, 1e-9).told(
        found
    )


def borne(alternative: int, value: int) -> Capacity:
    return Capacity(value, True, ("ttft_s",), (value,), alternative, 1, ())


def test_a_search_is_among_all_trials_of_a_setting_with_the_grids_own_values_first() -> None:
    choosing = Choosing(grid(), Best({"scheme.max_drafts": [1, 4, 8], "cloud.token_budget": [256, 512]}, seeds=2))
    sought = choosing.sought()
    assert [len(place.alternatives) for place in sought] == [2, 2, 6, 6, 6, 6]
    assert {cell.seed for place in sought for cells in place.alternatives for cell in cells} == {
        FIRST_SEED, FIRST_SEED + 1,
    }  # fmt: skip
    own = Choosing(grid(), Best({"scheme.max_drafts": [1, 4, 8]}, seeds=1)).sought()
    assert [place.alternatives[0][0].scheme.drafts for place in own] == [4] * 4


def test_what_bears_most_is_chosen_and_both_it_and_the_grids_own_are_shown_where_a_search_put_them() -> None:
    choosing = Choosing(grid(), Best({"scheme.max_drafts": [1, 4, 8]}, seeds=1))
    chosen = choosing.chosen([borne(1, 30), borne(0, 20), borne(2, 10), borne(0, 5)])
    assert [(dict(each.values), best and best.value) for each, best in chosen] == [
        ({}, None), ({}, None),  # cloud_only has no drafts to choose
        ({"scheme.max_drafts": 1}, 30), ({"scheme.max_drafts": 4}, 20),
        ({"scheme.max_drafts": 8}, 10), ({"scheme.max_drafts": 4}, 5),
    ]  # fmt: skip
    choices = [each for each, _ in chosen]
    cells = to_show(choices)
    found = {cell.id: changed(cell, {"workload.devices": 7}) for cell in cells}
    placed = [replace(each, searched=found) for each in choices]
    shown = beside(table(list(found.values())), placed, lambda part: with_curves(part, AXIS))
    assert set(shown["workload.devices"]) == {7} and len(shown) == 12 + 8
    assert set(shown.loc[shown["setting"] == "fixed", "curve"]) == {"dense L=4", "k_sqs L=4"}
