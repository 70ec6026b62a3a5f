"""I13: every scenario that compares schemes compares them alike, or says where and why not; and what is printed of
that: codes, baselines, fixed and undeclared fields."""

from collections.abc import Mapping, Sequence

import pytest
from typed_command import whole_plan

from kinds.tunable import tunables
from scenarios.command import registry
from scenarios.command.fairness import BASELINES, codes, compared_alike, excused, lacking, schemes_of
from scenarios.command.run.choosing import Choosing
from scenarios.command.scenario import Tune
from scenarios.findings.sentences.one_breath import IN_CLOUD
from simulator.cell.cell import Cell
from simulator.cell.imported_files import load_imports
from simulator.cell.scheme import Scheme
from simulator.schemes.draft_scheme import DraftScheme

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


def test_the_kinds_that_stream_are_those_that_count_as_served_in_the_cloud():
    ours = {kind for kind, part in Scheme.kinds.items() if part.__module__.startswith("simulator.")}
    assert {kind for kind in ours if Scheme.of(kind).protocol == "stream"} == set(IN_CLOUD)


def test_where_all_is_alike_one_line_names_the_code_and_whose_are_those_that_differ():
    assert compared_alike(cells(*ALL), Tune(), {}) == [
        "One code for all: context-coded (recoded), drafted id coded: dense lattice (Q-S) and K-SQS"
    ]
    assert compared_alike(cells("k_sqs"), Tune(), {}) == [] == compared_alike(cells("k_sqs"), None, {})
    (line,) = compared_alike(
        cells(*ALL[:3], {"kind": "dense", "code": "enumerative", "token": "flat"}, "k_sqs"), Tune(), {}
    )
    assert line == (
        "Codes differ, so bits and times compare codes too: the paper's count (enumerative), drafted id flat: dense "
        "lattice (Q-S); context-coded (recoded), drafted id coded: K-SQS"
    )


def test_baselines_that_are_not_there_and_what_is_fixed_or_not_tuned_are_reported():
    some = cells("cloud_only", "dense", "k_sqs")
    assert lacking(some) == ["colocated", "edge_only"]
    left_out = {"colocated": "the cloud may not draft"}
    assert "Not compared with: the drafter alone" in compared_alike(some, Tune(), left_out)
    assert excused(left_out) == "Without co-located speculation: the cloud may not draft."
    fixed: Mapping[str, str] = {"scheme.max_drafts": "rounds of one length"}
    assert "Fixed, not tuned: L (rounds of one length)" in compared_alike(cells(*ALL), Tune(fixed), {})
    assert "Not tuned: co-located speculation, dense lattice (Q-S) and K-SQS, at one setting each" in compared_alike(
        cells(*ALL), None, {}
    )
    unlike = [
        Cell.from_fields({"models": {"pair": "sotu"}, "scheme": scheme})
        for scheme in ("cloud_only", {"kind": "dense", "code": "enumerative"}, "k_sqs")
    ]
    assert len(codes(schemes_of(unlike))) == 2 and lacking(unlike) == ["colocated", "edge_only"]


def test_of_a_users_scheme_the_numbers_without_values_to_try_are_reported(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    load_imports([str(tmp_path / "own.py")])
    line = "own_of_fairness: declares no values to try (kinds.tunable.Tunable), stays at share = 0.25"
    assert line in compared_alike(cells(*ALL, "own_of_fairness"), Tune(), {})
    assert compared_alike(cells("own_of_fairness"), Tune(), {}) == [line], "alone too, where it is tuned"


BOTH_CODES = {
    "rivals": "K-SQS stands in both codes",
    "ladder": "the code is a step",
    "paper": "the papers' count, then coded",
}
"""Scenarios in which a scheme is shown with both codes, so that bits can be read alike."""
LEAST_SEEDS = 8
DETERMINISTIC = {"conformal", "validation"}
"""Scenarios of one scheme whose numbers are of long runs or of real time; none ranks schemes."""


@pytest.fixture(params=registry.NAMES)
def comparing(request):
    """The name of a scenario that ranks schemes by what a simulation gives."""
    name: str = request.param
    if (
        whole_plan(name).scenario.study != "simulation"
        or len({scheme.kind for scheme in schemes_of(whole_plan(name).cells)}) < 2
    ):
        pytest.skip("ranks no schemes by a simulation")
    return name


def test_one_code_carries_all_distributions_that_are_compared(comparing):
    found = codes(schemes_of(whole_plan(comparing).cells))
    if comparing in BOTH_CODES:
        assert set.intersection(*(set(kinds) for kinds in found.values())) & {"k_sqs"}
    else:
        assert len(found) <= 1, found


def test_every_tunable_of_every_scheme_is_tuned_or_fixed_for_a_reason(comparing):
    asked = whole_plan(comparing)
    tune = asked.tune or Tune(asked.fixed)
    open_ones = {f"scheme.{field}" for scheme in schemes_of(asked.cells) for field in tunables(scheme)}
    assert all(reason.strip() for reason in asked.fixed.values())
    if not open_ones:
        return
    for place in Choosing(asked.cells, tune).places:
        declared = {f"scheme.{field}" for field in tunables(place.cell.scheme)}
        assert declared - set(place.fields) <= tune.closed_in(place.cell.scheme.label), place.cell.scheme


@pytest.mark.parametrize(
    "name", ["latency_vs_bandwidth", "latency_at_70b", "who_drafts", "rivals", "capacity", "lossy_uplink"]
)
def test_every_scheme_that_drafts_at_the_edge_races_its_serving_modes_where_it_is_held_against_the_cloud(name):
    asked = whole_plan(name)
    drafting = {
        place.cell.scheme.kind: place
        for place in Choosing(asked.cells, asked.tune).places
        if isinstance(place.cell.scheme, DraftScheme)
    }
    races = {kind: len(place.modes()) for kind, place in drafting.items()}
    assert races and min(races.values()) > 1, races


@pytest.mark.parametrize("name", ["paper", "latency_vs_bandwidth"])
def test_block_verification_enters_the_race_beside_rejection_where_what_is_sent_is_asked(name):
    asked, acceptance = whole_plan(name), "scheme.acceptance"
    entered = {
        place.cell.scheme.kind: {setting[acceptance] for setting in place.sample(asked.tune.settings)}
        for place in Choosing(asked.cells, asked.tune).places
        if acceptance in place.fields
    }
    assert {*entered} >= {"dense", "k_sqs", "c_sqs"}
    assert all(found == {"rejection", "block"} for found in entered.values()), entered


def test_cloud_only_co_located_and_edge_only_are_there_or_excused_in_the_question(comparing):
    excused = registry.scenario(comparing).left_out
    assert set(lacking(whole_plan(comparing).cells)) == set(excused) <= set(BASELINES)
    assert all(reason.strip() for reason in excused.values())


@pytest.mark.parametrize("name", registry.NAMES)
def test_every_scenario_has_at_least_eight_seeds(name):
    least = 1 if name in DETERMINISTIC else LEAST_SEEDS
    assert registry.scenario(name).seeds >= least


@pytest.mark.parametrize("name", registry.NAMES)
def test_recordings_begin_at_an_offset_of_the_seeds_own(name):
    for cell in whole_plan(name).cells:
        for each in cell.classes:
            for part in (each.uplink.rate, each.uplink.loss, each.downlink.rate, each.downlink.loss):
                assert getattr(part, "start_s", None) is None, part


@pytest.mark.parametrize("name", registry.NAMES)
def test_published_acceptance_is_used_at_its_temperature_or_scaled_by_a_stated_share(name):
    for cell in whole_plan(name).cells:
        pair = cell.models.pair
        measured = getattr(pair, "measured_at", None)
        assert measured is None or measured == cell.models.temperature or pair.kept is not None, pair


def test_conformal_thresholds_are_carried_across_the_requests_of_a_device(comparing):
    for scheme in schemes_of(whole_plan(comparing).cells):
        sparsifier = getattr(scheme, "sparsifier", scheme)
        assert getattr(sparsifier, "carry", True), scheme
