"""From a scenario and a user's changes to cells."""

from dataclasses import replace
from pathlib import Path

import pytest
from typed_command import whole_plan

import plots
from kinds import ConfigError
from models.bundled.smollm2 import SmolLM2
from models.prompt_files import LANGUAGES
from scenarios.command.registry import NAMES, outline, scenario
from scenarios.command.result_folder import along
from scenarios.command.run.choosing import Choosing
from scenarios.command.run.run_plan import Changes, plan_around, plan_of
from scenarios.command.scenario import Also, Quick, Scenario, Tune
from scenarios.findings.sentences.lowest import Lowest
from simulator.cell.dotted_names import flatten
from simulator.results.display_names import SERVING
from simulator.results.metrics import METRICS, ON_REQUEST
from simulator.results.study_columns import STUDY_KEYS, STUDY_METRICS
from simulator.sweeps.search import Objective

SMALL = Scenario(
    name="small",
    summary="",
    minutes=1,
    base={"models.pair": {"kind": "synthetic", "size": 32}},
    grid={"scheme": ["dense", {"kind": "k_sqs", "k": 4}], "uplink.rate.bps": [1e3, 1e6]},
    axis="uplink.rate.bps",
    seeds=3,
    quick=Quick(base={"workload.requests": 1}, grid={"uplink.rate.bps": [1e4]}, seeds=2),
)


def test_cells_are_the_grid_times_the_seeds_from_the_one_that_is_set_on_and_a_pinned_axis_is_reported():
    plan = plan_of(SMALL, Changes())
    assert len(plan.cells) == 2 * 2 * 3 and {cell.seed for cell in plan.cells} == {0, 1, 2} and not plan.notes
    assert {cell.seed for cell in plan_of(SMALL, Changes(settings={"seed": 10}, seeds=2)).cells} == {10, 11}
    pinned = plan_of(SMALL, Changes(settings={"scheme": "c_sqs"}))
    assert {cell.scheme.kind for cell in pinned.cells} == {"c_sqs"} and len(pinned.notes) == 1


def test_quick_has_its_own_base_grid_and_seeds_and_the_user_has_the_last_word():
    quick = plan_of(SMALL, Changes(quick=True)).cells
    assert len(quick) == 2 * 1 * 2 and {cell.workload.requests for cell in quick} == {1}
    mine = plan_of(SMALL, Changes(quick=True, settings={"workload.requests": 5}, grid={"seed": [7]})).cells
    assert {(cell.workload.requests, cell.seed) for cell in mine} == {(5, 7)}
    for settings, size in (({"models.pair.kind": "synthetic"}, 32), ({"models.pair": {"kind": "synthetic"}}, 256)):
        plan = plan_of(SMALL, Changes(settings=settings))
        assert {cell.models.pair.vocabulary for cell in plan.cells} == {size}


def test_what_is_not_counted_and_who_sends_one_token_is_reported():
    settings = {"workload.requests": 3, "workload.learning_requests": 2}
    (learning,) = plan_of(SMALL, Changes(settings=settings)).warnings
    assert learning.startswith("workload.learning_requests = 2: ") and "not counted" in learning

    def warnings(temperature):
        grid = {"scheme": ["k_sqs", "coupled", "dense"]}
        return plan_of(SMALL, Changes(settings={"models.temperature": temperature}, grid=grid)).warnings

    assert warnings(0.0) == [
        "at temperature 0 a draft's distribution is one token: k_sqs, dense send it and nothing else; ids say the same"
    ]
    assert warnings(0.1) == []


def test_a_part_that_has_no_such_field_any_more_replaces_the_axis_and_says_so():
    for changes, text in (
        (Changes(settings={"uplink.rate": {"kind": "mahimahi"}}), "--set uplink.rate replaces the axis"),
        (Changes(settings={"uplink": "satellite_leo.uplink"}), "--set pins the axis"),
        (Changes(grid={"uplink.rate": ["mahimahi", "trace"]}), "--grid uplink.rate replaces the axis"),
    ):
        plan = plan_of(SMALL, changes)
        assert f"{text} uplink.rate.bps of the grid" in plan.notes
        assert len(plan.cells) == 2 * 3 * max(1, len(changes.grid.get("uplink.rate", ())))
    kept = plan_of(SMALL, Changes(settings={"uplink.rate": {"kind": "constant"}}))
    assert len(kept.cells) == 12 and not kept.notes
    with pytest.raises(ConfigError, match=r"uplink\.rate\.bps: no cell has such a field"):
        plan_of(SMALL, Changes(settings={"uplink.rate": {"kind": "mahimahi"}}, grid={"uplink.rate.bps": [1e3]}))


def test_a_file_that_registers_nothing_what_checks_one_that_does_and_a_field_without_effect_are_reported(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    (text,) = plan_of(SMALL, Changes(imports=(tmp_path / "mine.py",))).warnings
    assert "mine.py: has no class with a `kind`" in text
    assert not plan_of(SMALL, Changes(imports=(tmp_path / "mine.py",))).notes
    own = Path(__file__).parents[2] / "examples"
    notes = [f"`sqsim check {own / 'own_policy.py'}` shows whether it keeps the verifier's distribution"]
    assert plan_of(SMALL, Changes(imports=(own / "own_policy.py", own / "own_loss.py"))).notes == notes
    (text,) = plan_of(SMALL, Changes(settings={"scheme": {"kind": "k_sqs", "k": 4, "partial": True}})).warnings
    assert text.startswith("scheme.token = coded: is not used, partial rounds send each drafted id flat")
    flat = {"kind": "k_sqs", "k": 4, "partial": True, "token": "flat"}
    assert not plan_of(SMALL, Changes(settings={"scheme": flat})).warnings
    short = {"uplink.part_header_bits": 16}
    assert not plan_of(SMALL, Changes(settings={"scheme": flat, **short})).warnings
    (text,) = plan_of(SMALL, Changes(settings={"scheme": {"kind": "k_sqs", "k": 4}, **short})).warnings
    assert text.startswith("uplink.part_header_bits = 16: is not used, no round goes out in parts")


def test_the_first_pair_that_this_machine_has_and_that_has_the_typed_fields_is_the_default(monkeypatch):
    two = replace(SMALL, base={}, pairs=("smollm2", "sotu"))
    monkeypatch.setattr(SmolLM2, "available", classmethod(lambda cls: "the verifier is not installed"))
    plan = plan_of(two, Changes())
    assert {cell.models.pair.kind for cell in plan.cells} == {"sotu"}
    assert plan.warnings == ["no smollm2: the verifier is not installed; running sotu instead"]
    assert not plan_of(two, Changes(settings={"models.pair": "synthetic"})).warnings
    monkeypatch.setattr(SmolLM2, "available", classmethod(lambda cls: None))
    monkeypatch.setattr(SmolLM2, "vocabulary", 49_152)
    monkeypatch.setattr(SmolLM2, "context_tokens", 8_192)
    plan = plan_of(two, Changes())
    assert {cell.models.pair.kind for cell in plan.cells} == {"smollm2"} and not plan.warnings
    prompts = {"models.pair.prompts": [str(path) for path in sorted(LANGUAGES.iterdir())[:2]]}
    for changes, kind in (
        (Changes(grid=prompts), "smollm2"),
        (Changes(settings={"models.pair.verifier": "100k"}), "sotu"),
        (Changes(grid={"models.pair": ["sotu"], **prompts}), "sotu"),
    ):
        assert {cell.models.pair.kind for cell in plan_of(two, changes).cells} == {kind}


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_holds_together(name):
    found = scenario(name)
    assert outline(name) == (found.minutes, found.summary)
    pair: dict[str, object] = {"models.pair": "sotu" if "models.pair.prompts" in found.grid else "synthetic"}
    if any(",models.pair." in axis for axis in found.grid):
        pair = {}  # of fields that the base's pair has
    plans = [whole_plan(name), plan_of(found, Changes(quick=True, settings=pair, seeds=2))]
    cells = plans[0].cells
    assert (
        found.axis is None
        or found.axis in found.grid
        or found.axis in STUDY_KEYS
        or len({flatten(cell).get(found.axis) for cell in cells}) > 1
        or len(set(along(cells, [found.axis])[found.axis])) > 1
    )
    assert set(found.figures) <= set(plots.FIGURES)
    metrics = {finding.metric for finding in (found.answer, *found.findings)} | set(found.headlines)
    assert metrics <= {*METRICS, *ON_REQUEST, *STUDY_METRICS, "capacity"}
    assert len(found.findings) <= 7
    for plan in plans:
        assert len({cell.id for cell in plan.cells}) == len(plan.cells) > 0


def test_the_main_scenario_asks_what_it_should():
    found = scenario("latency_vs_bandwidth")
    rates = [float(str(rate)) for rate in found.grid["uplink.rate.bps"]]
    assert len(rates) >= 9 and min(rates) == 1e3 and max(rates) == 1e7 and found.seeds == 8
    cells = plan_of(found, Changes(settings={"models.pair": "synthetic"})).cells
    assert {cell.scheme.kind for cell in cells} >= {
        "cloud_only", "colocated", "edge_only", "dense", "k_sqs", "c_sqs", "half_dense", "coupled",
    }  # fmt: skip
    prompts = len(SmolLM2.texts.read_text().splitlines())
    (each,) = {cell.workload.total for cell in cells}
    assert each * found.seeds <= prompts


def test_what_a_user_types_is_nobodys_to_choose():
    choosing = replace(SMALL, tune=Tune(dict.fromkeys((*SERVING, "scheme.resolution", "scheme.acceptance"), "fixed")))

    def open_(**changes):
        plan = plan_of(choosing, Changes(**changes))
        places = [] if plan.tune is None else Choosing(plan.cells, plan.tune).places
        return {path for place in places for path in place.fields}

    assert open_() == {"scheme.max_drafts", "scheme.k"}
    assert open_(settings={"scheme.k": 3}) == open_(grid={"scheme.k": [3, 5]}) == {"scheme.max_drafts"}
    assert open_(grid={"scheme": ["dense", {"kind": "k_sqs", "k": 3}]}) == {"scheme.max_drafts"}
    assert open_(settings={"scheme": {"kind": "k_sqs", "k": 3, "max_drafts": 2}}) == set()


def test_an_objective_is_set_like_a_field_only_where_there_is_one_and_a_figure_must_be_there():
    searching = replace(SMALL, objective=Objective({"tpot_p95_s": 0.1, "ttft_s": 1.0}))
    plan = plan_of(searching, Changes(settings={"objective.tpot_p95_s": "50ms"}))
    assert plan.objective == Objective({"tpot_p95_s": 0.05, "ttft_s": 1.0}) and len(plan.cells) == 12
    with pytest.raises(ConfigError, match=r"objective\.nothing: no such metric"):
        plan_of(searching, Changes(settings={"objective.nothing": 1.0}))
    with pytest.raises(ConfigError, match=r"objective\.ttft_s = '1 bit': must be a number of s"):
        plan_of(searching, Changes(settings={"objective.ttft_s": "1 bit"}))
    with pytest.raises(ConfigError, match="must be a number above 0"):
        plan_of(searching, Changes(settings={"objective.ttft_s": -1.0}))
    with pytest.raises(ConfigError, match=r"objective\.ttft_s: no cell has such a field"):
        plan_of(SMALL, Changes(settings={"objective.ttft_s": 1.0}))
    with pytest.raises(ConfigError, match="figure = 'heat': must be one of latency"):
        plan_of(replace(SMALL, figures=("heat",)), Changes())


def test_a_metric_that_is_typed_is_what_a_run_chooses_by_answers_and_prints():
    """Of joules it needs figures, and of more than one class of question only those that compare."""
    known = {"uplink.radio": "lte_drx", "downlink.radio": "lte_drx", "edge.power": "phone_2024"}
    tuned = replace(SMALL, tune=Tune(), answer=Lowest())
    plan = plan_of(tuned, Changes(settings=known, metric="battery_j_per_token"))
    asked = [plan.scenario.answer, *plan.scenario.findings]
    assert {each.metric for each in asked} == {plan.headline, plan.tune.metric} == {"battery_j_per_token"}
    assert plan.scenario.summary == "Which scheme has the least battery J per token? (small)"
    beside = plan_of(tuned, Changes(settings=known)).scenario
    assert [each.metric for each in beside.findings][
        -1
    ] == "battery_j_per_token" and beside.headlines == SMALL.headlines
    assert plan_of(tuned, Changes()).scenario == tuned


def test_a_metric_that_is_typed_counts_for_a_cell_from_a_file_too(tmp_path):
    file = tmp_path / "cell.yaml"
    file.write_text("models: {pair: synthetic}\n")
    assert plan_around(file, Changes(metric="ttft_s")).headline == "ttft_s"
    with pytest.raises(ConfigError, match="metric = 'heat': must be one of"):
        plan_around(file, Changes(metric="heat"))


@pytest.mark.parametrize(
    ("settings", "metric", "message"),
    [
        ({}, "battery_j", "metric = 'battery_j': must be one of latency_per_token_s, "),
        ({}, "battery_j_per_token", "needs edge.power and uplink.radio and downlink.radio; `sqsim list powers`"),
        ({"uplink.power_w": 1}, "radio_j_per_token", "needs downlink.radio; "),
        ({}, "held_usd_per_million_tokens", "needs cloud.usd_per_gpu_hour; "),
        (
            {"cloud.usd_per_gpu_hour": 1, "cloud.charged": "busy", "edge.usd_per_kwh": 1, "edge.power": "phone_2024"},
            "held_usd_per_million_tokens",
            "needs cloud.charged, held or both and uplink.radio and downlink.radio; ",
        ),
        ({}, "cloud_busy_j_per_token", "needs cloud.power; "),
        ({}, "tokens_per_s", "must be one of which less is better"),
    ],
)
def test_a_metric_without_its_figures_is_refused_in_one_line(settings, metric, message):
    with pytest.raises(ConfigError) as caught:
        plan_of(SMALL, Changes(settings=settings, metric=metric))
    assert message in str(caught.value) and "\n" not in str(caught.value)


BESIDE = Scenario(
    name="beside",
    summary="",
    minutes=1,
    base={"models.pair": {"kind": "synthetic", "size": 32}, "workload.requests": 1},
    grid={"scheme": ["cloud_only", "k_sqs"], "uplink.rate.bps": [1e4, 1e6]},
    seeds=2,
    also=[
        Also({"workload.devices": [1, 5, 9]}, {"workload.requests": 2}, {"workload.devices": [5]}),
        Also({"seed": [7]}),
    ],
    quick=Quick(seeds=1),
)


def test_a_grid_beside_the_first_adds_its_cells_and_a_quick_run_has_those_that_say_so():
    cells = plan_of(BESIDE, Changes()).cells
    assert len(cells) == 2 * 2 * 2 + 3 * 2 + 1
    assert {(cell.workload.devices, cell.workload.requests) for cell in cells} == {(1, 1), (1, 2), (5, 2), (9, 2)}
    quick = plan_of(BESIDE, Changes(quick=True)).cells
    assert [(cell.workload.devices, cell.seed) for cell in quick[4:]] == [(5, 0)]


def test_a_users_change_holds_in_every_grid_and_one_that_cannot_take_it_is_left_out_aloud():
    mine = plan_of(replace(BESIDE, also=BESIDE.also[:1]), Changes(settings={"workload.output_tokens": 3}))
    assert {cell.workload.output_tokens for cell in mine.cells} == {3} and not mine.warnings
    dense = replace(BESIDE, also=[Also({"scheme": ["dense"], "workload.devices": [5]})])
    refused = plan_of(dense, Changes(settings={"scheme.k": 3}))
    assert len(refused.cells) == 8
    assert any("the grid over scheme, workload.devices is left out: scheme.k" in line for line in refused.warnings)


@pytest.mark.parametrize("name", NAMES)
def test_quick_tunes_on_two_seeds_at_least(name: str) -> None:
    """On one seed a race of settings chooses by chance."""
    mine = scenario(name)
    quick = mine.quick.tune if mine.tune is not None else None
    assert quick is None or quick.looks[-1] >= 2
