"""Each scheme's own choice: what is tried, that the least mean is chosen, and what is shown beside it."""

import math
import re
from dataclasses import replace

import pandas as pd
import pytest

from scenarios.command.run.choosing import (
    Choosing,
    Chosen,
    Precision,
    beside,
    changed,
    choices_table,
    doubts,
    never_behind,
    served,
    to_show,
    tried_values,
)
from scenarios.command.scenario import Tune
from simulator import Cell
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import expand
from simulator.results.display_names import SERVING
from simulator.results.intervals import Difference, Interval, summarise_curves, with_curves
from simulator.sweeps.search import Capacity
from simulator.tuning.trials import FIRST_SEED

AXIS = "uplink.rate.bps"
SCHEMES = ["cloud_only", {"kind": "dense", "max_drafts": 4}, {"kind": "k_sqs", "k": 8, "max_drafts": 4}]
CLOSED = dict.fromkeys((*SERVING, "scheme.resolution", "scheme.acceptance"), "the question's")
TUNE = Tune(CLOSED, {"scheme.max_drafts": [1, 2], "scheme.k": [2, 4, 8]})
"""Two of the declared fields have fewer values here."""


def grid() -> list[Cell]:
    base = Cell.from_fields({"models": {"pair": {"kind": "synthetic", "size": 32}}})
    return expand(base, {"scheme": SCHEMES, AXIS: [1e3, 1e6], "seed": [5, 6]})


def measured(cell: Cell) -> float:
    """The fewer drafts, and the nearer K to 2 at a low rate and to 8 at a high one, the better; a little noise."""
    k, drafts = getattr(cell.scheme, "k", 0), cell.scheme.drafts
    wanted = 2 if flatten(cell)[AXIS] == 1e3 else 8
    return 1.0 + 0.1 * drafts + 0.05 * abs(k - wanted) + 0.001 * (cell.seed % 2)


def table(cells: list[Cell]) -> pd.DataFrame:
    rows = [{"cell": cell.id, **flatten(cell), "latency_per_token_s": measured(cell)} for cell in cells]
    return pd.DataFrame(rows).assign(answered=1.0, tv_output=0.0)


def raced(choosing: Choosing) -> list[Chosen]:
    """The race over a table made up."""
    tuner = choosing.tuner()
    requested = tuner.first()
    cells = list(requested)
    while requested:
        requested = tuner.more(table(cells))
        cells += requested
    return choosing.choices(tuner.outcomes())


def test_a_setting_tries_what_is_open_on_seeds_and_in_cells_of_their_own_and_nothing_that_is_typed():
    cells = Choosing(grid(), replace(TUNE, base={"workload.requests": 2})).tuner().first()
    assert {(cell.seed, cell.workload.total) for cell in cells} == {(FIRST_SEED, 2), (FIRST_SEED + 1, 2)}
    tried = {kind: [cell for cell in cells if cell.scheme.kind == kind] for kind in ("cloud_only", "dense", "k_sqs")}
    assert [len(found) for found in tried.values()] == [0, 2 * 3 * 2, 2 * 9 * 2]
    assert {cell.scheme.drafts for cell in tried["dense"]} == {1, 2, 4}, "the grid's own L too"
    choosing = Choosing(grid(), replace(TUNE, typed=frozenset({"scheme.k"})))
    assert [list(place.fields) for place in choosing.places[-1:]] == [["scheme.max_drafts"]]
    assert tried_values(choosing.places) == ["dense lattice (Q-S): L in {1, 2, 4}", "K-SQS: L in {1, 2, 4}"]


def test_the_least_mean_is_chosen_for_each_setting_and_shown_at_the_grids_own_seeds():
    choices = raced(Choosing(grid(), TUNE))
    chosen = {(each.cells[0].scheme.kind, flatten(each.cells[0])[AXIS]): dict(each.values) for each in choices}
    assert chosen["cloud_only", 1e3] == {} and chosen["dense", 1e6] == {"scheme.max_drafts": 1}
    assert chosen["k_sqs", 1e3] == {"scheme.max_drafts": 1, "scheme.k": 2}
    assert chosen["k_sqs", 1e6] == {"scheme.max_drafts": 1, "scheme.k": 8}
    shown = to_show(choices)
    assert {cell.seed for cell in shown} == {5, 6} and len({cell.id for cell in shown}) == len(shown) == 4 + 8 + 8


def test_what_was_chosen_stands_under_the_schemes_name_and_the_grids_own_says_what_it_is():
    choices = raced(Choosing(grid(), TUNE))
    rows = beside(table(to_show(choices)), choices, lambda part: with_curves(part, AXIS))
    curves = rows.groupby("setting")["curve"].unique().map(list).to_dict()
    assert curves == {"chosen": ["cloud_only", "dense", "k_sqs"], "fixed": ["dense L=4", "k_sqs L=4 K=8"]}
    summary = summarise_curves(rows)
    assert len(summary) == 2 * 5 and set(summary["n"]) == {2}
    best = summary[(summary["curve"] == "k_sqs") & (summary[AXIS] == 1e3)]["latency_per_token_s"]
    assert best.tolist() == pytest.approx([1.1 + 0.0005])
    text = choices_table(choices, rows)
    assert dict(zip(text["curve"] + text[AXIS].astype(str), text["chosen"], strict=True)) == {
        "dense1000.0": "L=1", "dense1000000.0": "L=1", "k_sqs1000.0": "L=1 K=2", "k_sqs1000000.0": "L=1 K=8",
    }  # fmt: skip
    choices = raced(Choosing(grid(), Tune({**CLOSED, "scheme.k": ""}, {"scheme.max_drafts": [4, 6]})))
    shown = to_show(choices)
    assert len(shown) == 12
    assert len(beside(table(shown), choices, lambda part: with_curves(part, AXIS))) == 12 + 8


def test_what_was_chosen_and_tried_is_shown_by_the_symbols_of_the_papers():
    fixed = {path: reason for path, reason in CLOSED.items() if path != "scheme.resolution"}
    given = [cell for cell in grid() if cell.scheme.kind == "dense"]
    choices = raced(Choosing(given, Tune(fixed, {"scheme.resolution": [10, 20], "scheme.max_drafts": [1]})))
    rows = beside(table(to_show(choices)), choices, lambda part: with_curves(part, AXIS))
    assert all(
        re.fullmatch(r"L=1 ℓ=\d+( \(the grid's own\))?", text) for text in choices_table(choices, rows)["chosen"]
    )
    assert "ℓ in {" in tried_values([each.alternatives for each in choices])[0]


def test_a_serving_mode_is_named_with_what_is_given_of_it_as_well_as_what_is_chosen():
    ahead = [changed(cell, {"scheme.depth": 1}) for cell in grid() if cell.scheme.kind == "k_sqs"]
    fixed = {path: reason for path, reason in CLOSED.items() if path != "scheme.cloud_first"}
    choices = raced(Choosing(ahead, Tune(fixed, {"scheme.max_drafts": [1], "scheme.k": [8]})))
    assert served(choices) == "Served: K-SQS: drafts 1 ahead"
    rows = beside(table(to_show(choices)), choices, lambda part: with_curves(part, AXIS))
    assert set(choices_table(choices, rows)["chosen"]) == {"L=1 K=8 (drafts 1 ahead)"}


def test_seeds_are_added_to_every_setting_until_the_widest_interval_is_narrow_enough():
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
    assert "reached with" in precision.text(found)
    assert "not reached" in Precision(cells, precision.metric, 1e-9).text(found)


def borne(alternative: int, value: int) -> Capacity:
    return Capacity(value, True, ("ttft_s",), (value,), alternative, 1, ())


ONLY_L = Tune({**CLOSED, "scheme.k": ""}, {"scheme.max_drafts": [1, 4, 8]}, looks=(1,))


def test_a_search_is_among_all_trials_and_what_supports_most_is_shown_beside_the_grids_own():
    further = {"scheme.max_drafts": [1, 4, 8], "cloud.token_budget": [256, 512]}
    sought = Choosing(grid(), replace(ONLY_L, further=further, looks=(2,))).sought()
    assert {cell.seed for place in sought for cells in place.alternatives for cell in cells} == {
        FIRST_SEED, FIRST_SEED + 1,
    }  # fmt: skip
    assert len(sought[0].alternatives) < len(sought[-1].alternatives) == 3 * 2 + 3, "the own token budget too"
    own = Choosing(grid(), ONLY_L).sought()
    assert [place.alternatives[0][0].scheme.drafts for place in own] == [4] * 4
    choosing = Choosing(grid(), ONLY_L)
    chosen = choosing.found([borne(1, 30), borne(0, 20), borne(2, 10), borne(0, 5)])
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


def shown_with(choices: list[Chosen], worse: float) -> pd.DataFrame:
    """The rows, where what k_sqs chose at the low rate costs so much more than the grid's own."""
    rows = table(to_show(choices))
    (low,) = [each for each in choices if each.cells[0].scheme.kind == "k_sqs" and flatten(each.cells[0])[AXIS] == 1e3]
    fixed = rows.set_index("cell").loc[[cell.id for cell in low.fixed()], "latency_per_token_s"].to_numpy()
    rows.loc[rows["cell"].isin([cell.id for cell in low.chosen()]), "latency_per_token_s"] = worse * fixed * [1.0, 1.02]
    return rows


def test_a_choice_behind_the_grids_own_setting_on_the_seeds_shown_is_replaced_by_it_and_that_is_reported():
    choices = raced(Choosing(grid(), TUNE))
    rows = shown_with(choices, 1.5)
    kept = never_behind(choices, rows, "latency_per_token_s")
    (own,) = [each for each in kept if each.behind is not None]
    assert own.chosen() == own.fixed() and own.cells[0].scheme.kind == "k_sqs"
    shown = beside(rows, kept, lambda part: with_curves(part, AXIS))
    means = shown.groupby(["scheme.kind", AXIS, "setting"])["latency_per_token_s"].mean().unstack()
    assert (means["chosen"] <= means["fixed"].fillna(math.inf)).all(), "I13: never behind the scheme's own default"
    (text,) = doubts(kept, shown, AXIS)
    assert text.startswith(
        "Shown at the grid's own setting, since what was chosen is behind it on the seeds shown: k_sqs at 1 kbit/s 51%"
    )
    assert choices_table(kept, shown)["chosen"].str.endswith("(the grid's own)").sum() == 1
    tie = never_behind(choices, tied := shown_with(choices, 1.0), "latency_per_token_s")
    assert [each.behind is not None for each in tie].count(True) == 1
    assert not doubts(tie, beside(tied, tie, lambda part: with_curves(part, AXIS)), AXIS), "no difference is seen"
    assert never_behind(choices, shown_with(choices, 0.5), "latency_per_token_s") == choices
    most = never_behind(choices, shown_with(choices, 0.5), "latency_per_token_s", most=True)
    assert sum(each.behind is not None for each in most) == len([each for each in choices if each.values]), "of devices"


def test_a_choice_that_the_race_cannot_distinguish_from_the_next_is_reported():
    choices = raced(Choosing(grid(), TUNE))
    shown = beside(table(to_show(choices)), choices, lambda part: with_curves(part, AXIS))
    alike = Difference("latency_per_token_s", Interval(0.01, 0.05, 8), relative=True)
    doubtful = [
        replace(each, outcome=replace(each.outcome, behind=alike)) if each.cells[0].scheme.kind == "dense" else each
        for each in choices
    ]
    text = doubts(doubtful, shown, AXIS)[0]
    assert text == (
        "Chosen, but not distinguishable from the next best setting in the race: dense at 2 of 2. The next best may be "
        "better there by 4% (the median), and 4% at most."
    )
    one = Difference("latency_per_token_s", Interval(0.01, math.nan, 1), relative=True)
    doubtful = [replace(each, outcome=replace(each.outcome, behind=one)) for each in choices]
    (text,) = doubts(doubtful, shown, AXIS)
    assert text.endswith(
        "in the race: every curve at each value. On one seed nothing tells by how much the next best may be better "
        "there."
    )
    assert doubts(choices, shown, AXIS) == []
