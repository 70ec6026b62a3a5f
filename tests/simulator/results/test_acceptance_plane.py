"""Where drafting at the edge pays by accepted drafts and distance, beside the closed forms that it is made of."""

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import phase_tables
import pytest

from kinds.tunable import tunables
from models.acceptance_mix import fit_accepted_length
from models.branch_counts import Geometric
from models.published import Published
from simulator.cell.scheme import Scheme
from simulator.results import acceptance_plane as plane
from simulator.results.phase_prediction import Outcomes, Rounds, at_the_edge, cloud_only, drafting
from simulator.results.phase_regions import RTT, place_of


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """At the speeds of 1 and 2; one place of them at 4 too."""
    rows = phase_tables.at_speeds(phase_tables.table(), 1.0, 2.0, 4.0)
    return rows[(rows[plane.SPEED] < 4) | (rows[phase_tables.AXIS] == phase_tables.TRIPS[0] / 2)]


@pytest.mark.usefixtures("few_predictions")
def test_an_edge_is_at_its_best_length_and_mode_and_more_accepted_drafts_or_a_nearer_cloud_are_faster(table) -> None:
    row = plane.sending_ids(table).iloc[0]
    found = plane.plane(row)
    assert len(found) == len(plane.TRIPS_S) and {len(line) for line in found} == {len(plane.ACCEPTED)}
    for near, far in pairwise(found):
        assert all(one.edge < other.edge for one, other in zip(near, far, strict=True))
    for line in found:
        assert [each.edge for each in line] == sorted((each.edge for each in line), reverse=True)
    place = replace(place_of(row), up_delay_s=0.1, down_delay_s=0.1)
    along = fit_accepted_length(1 + plane.ACCEPTED[-1], plane.DRAFTS, 4.06, 64)
    rounds = [Rounds(tuple(along.survival(drafts))) for drafts in plane.LENGTHS]
    best = min(at_the_edge(place, each, 16.0, 2).latency_s for each in rounds)
    assert found[-1][-1].mode == "drafts 2 ahead"
    assert found[-1][-1].edge == pytest.approx(best / cloud_only(place).latency_s)
    assert best < min(at_the_edge(place, each, 16.0).latency_s for each in rounds)


@pytest.mark.usefixtures("few_predictions")
def test_a_plane_is_computed_once_for_whoever_asks(table, monkeypatch) -> None:
    row, made = plane.sending_ids(table).iloc[0].copy(), []
    row[plane.BITS] += 1.0  # as no other test has it
    monkeypatch.setattr(plane, "predict", lambda *asked: made.append(asked))
    assert plane.plane(row) is plane.plane(row.copy()) and len(made) == len(plane.TRIPS_S) * len(plane.ACCEPTED)


def test_prepared_rounds_are_in_the_planes_where_the_share_of_right_guesses_is_known(table) -> None:
    assert tunables(Scheme.of("coupled"))["prepared"] == (0, plane.BRANCHES)
    place, along = place_of(plane.sending_ids(table).iloc[0]), fit_accepted_length(2.0, plane.DRAFTS, 4.06, 64)
    near = replace(place, up_delay_s=0.01, down_delay_s=0.01)
    lengths = plane.rounds_along(along)
    found, unknown = plane.predict(near, lengths, 16.0), plane.predict(near, lengths, 16.0, None)
    assert "prepared rounds" in found.mode and "prepare" not in unknown.mode
    assert found.least < found.edge < found.most <= unknown.edge == unknown.least == unknown.most
    form = drafting(True, 0, Outcomes(Geometric().widths(1, plane.BRANCHES), 0.3, float(along.survival(2)[-1])))
    one = form(near, Rounds(tuple(along.survival(1))), 16.0).latency_s / cloud_only(near).latency_s
    assert found.mode.startswith("the cloud starts") and found.edge <= one


def test_places_whose_rows_were_served_with_prepared_rounds_are_there_at_any_temperature(table) -> None:
    warm = table.assign(**{"scheme.prepared": 4, "models.temperature": 1.0, "models.pair.kept": 0.72})
    assert len(plane.simulated(warm)) == len(plane.simulated(table)) and len(plane.sending_ids(warm)) == 2


def test_from_where_on_it_pays_lies_between_columns_or_nowhere() -> None:
    over = [2.0 - 0.4 * each for each in range(4)]
    line = over + [over[-1]] * (len(plane.ACCEPTED) - 4)
    assert plane.pays_from(line) == pytest.approx(plane.ACCEPTED[2] + 0.125)
    assert plane.pays_from(over[:1] * len(plane.ACCEPTED)) is None
    assert plane.pays_from(over[3:] * len(plane.ACCEPTED)) == plane.ACCEPTED[0]


def test_planes_are_at_the_speeds_with_the_most_places_and_each_place_has_its_best_edge_scheme(table) -> None:
    assert [*plane.sending_ids(table)[plane.SPEED]] == [1.0, 2.0]
    ran = plane.simulated(table)
    assert len(ran) == 2 * len(phase_tables.NAMES) * len(phase_tables.TRIPS) + len(phase_tables.NAMES)
    assert {*ran[RTT]} == {*phase_tables.TRIPS} and {*ran["edge"].str.split().str[0]} == {"coupled"}
    assert plane.simulated(table.drop(columns=plane.SPEED)).empty
    assert plane.sending_ids(table[table["scheme.kind"] != "coupled"]).empty


def test_published_pairs_lie_where_their_rounds_of_four_do_within_what_temperature_leaves() -> None:
    rows = plane.published().set_index("name")
    assert (rows["low"] <= rows["accepted"]).all() and (rows["accepted"] <= rows["high"]).all()
    llama = rows.loc["llama_1b_70b"]
    assert llama["accepted"] == pytest.approx(0.83 + 0.74 + 0.64 + 0.58, abs=0.2) and llama["high"] == llama["accepted"]
    at_1 = Published(name="eagle3_qwen3_8b_four_tasks")
    assert rows.loc[at_1.name, "low"] == pytest.approx(plane.accepted(at_1.along))
    assert rows.loc[at_1.name, "low"] < rows.loc[at_1.name, "high"]
