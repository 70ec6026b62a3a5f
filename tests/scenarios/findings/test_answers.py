"""Each scenario's answer is one breath, whatever its table says: made up here, over the cells of the scenario."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from swept_curves import swept

from scenarios.command.registry import NAMES, scenario
from scenarios.command.result_folder import Note, along, axes_of
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.findings.findings_file import answered
from scenarios.findings.sentences.one_breath import FastestOfAll, PaysAtTheEdge, SupportsMost
from scenarios.findings.wording import MOST_WORDS, called, in_one_breath
from simulator import Cell
from simulator.cell.dotted_names import Scalar, flatten
from simulator.results.column_names import ALL_CLASSES, BREAKDOWN, CLASS, CURVE
from simulator.results.lossy_schemes import marked, with_lossy
from simulator.results.metrics import METRICS
from simulator.results.study_columns import STUDY_METRICS
from simulator.studies import SIMULATION
from simulator.sweeps.parts import with_labels

SIMULATED = [name for name in NAMES if scenario(name).study == SIMULATION]
KEYS: dict[str, dict[str, list[int]]] = {
    "positions": {"position": [1, 2, 3, 4]}, "round_tokens": {"round_drafts": [4, 8]},
    "convergence": {"tokens": [64, 4096]},
}  # fmt: skip
"""The rows of one cell in studies that have several."""
AXIS, METRIC = "uplink.rate.bps", "latency_per_token_s"
OTHER_PAIRS = {"languages": {"models.pair": "sotu"}}


@cache
def planned(name: str, *, quick: bool) -> tuple[list[Cell], list[dict[str, Scalar]], dict[str, dict[str, float]]]:
    """The cells of a quick run of three seeds, or of a full one of one, their fields, and by cell what tables compute
    for them."""
    found = scenario(name)
    cells = plan_of(found, Changes(quick=quick, seeds=1 + 2 * quick, settings=OTHER_PAIRS.get(name, {}))).cells
    computed = along(cells, [found.axis, *axes_of([found.answer, *found.findings])])
    return cells, [flatten(cell) for cell in cells], computed


COLUMNS = (*(name for name, each in METRICS.items() if not each.if_known), *BREAKDOWN)
"""Those of a run without figures of power."""


def made_up(name: str, noise: float, draw: int, *, quick: bool = True) -> tuple[pd.DataFrame, str | None]:
    """The table that such a run would leave, of random numbers: one a setting, with `noise` a seed."""
    found = scenario(name)
    cells, fields, computed = planned(name, quick=quick)
    keys = [{key: value} for key, values in KEYS.get(found.study, {}).items() for value in values] or [{}]
    rng = np.random.default_rng(draw)
    levels: dict[str, np.ndarray] = {}
    rows = []
    for cell, flat in zip(cells, fields, strict=True):
        names = [each.called for each in cell.classes if each.called]
        for of in [{CLASS: name} for name in (ALL_CLASSES, *names)] if names else keys:
            setting = str({name: value for name, value in (flat | of).items() if name != "seed"})
            metrics = (*COLUMNS, *cell.percentiles, *(STUDY_METRICS if found.study != SIMULATION else ()))
            level = levels.setdefault(setting, rng.lognormal(size=len(metrics)))
            values = (level * np.exp(noise * rng.normal(size=len(metrics)))).tolist()
            row = dict(zip(metrics, values, strict=True))
            row |= {} if "scheme.target" in flat else {"one_sided_bound": np.nan}  # a fixed threshold has none
            rows.append({"cell": cell.id, **flat, **row, **of, "answered": 1.0, "tv_output": 0.0})
    table = with_labels(pd.DataFrame(rows), cells)
    table = with_lossy(table.assign(**computed), {cell.id: cell.scheme.lossless for cell in cells})
    curved, axis = Note(name, found.axis, (), found.hidden, dict.fromkeys(computed, ())).curved(table)
    if found.objective is not None:
        bounds = {"capacity": 40, "capacity_least": 30, "capacity_most": 50, "bounded": True, "within": 0.1}
        limits = {"first_limit": "ttft_s", "objective": "tpot_p95_s <= 100 ms and ttft_s <= 1 s"}
        curved = curved.assign(**bounds, **limits)
    return marked(curved), axis


@pytest.mark.parametrize(
    ("name", "noise"),
    [
        pytest.param(name, noise, marks=[pytest.mark.slow] * (noise != (0.0, 0.02, 2.0)[at % 3]))
        for at, name in enumerate(SIMULATED)
        for noise in (0.0, 0.02, 2.0)
    ],
)
def test_the_answer_of_every_scenario_is_one_breath(name, noise):
    table, axis = made_up(name, noise, draw=len(name))
    (found,) = answered((), table, axis, scenario(name).answer)
    assert found.is_answer and 4 <= len(found.line.split()) <= MOST_WORDS, found.line
    assert not {"distinguishable", "None"} & {*found.line.replace(",", " ").split()}
    assert not any(name in found.line.split() for name in ("k_sqs", "c_sqs", "cloud_only", "colocated")), found.line


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[pytest.mark.slow] * (name == "lattices"))
    for name in NAMES if scenario(name).study != "validation"
])  # fmt: skip
def test_the_full_grid_of_every_scenario_has_what_its_question_needs(name):
    table, axis = made_up(name, 0.02, draw=len(name), quick=False)
    assert list(answered((), table, axis, scenario(name).answer)), "no answer"


def sweep(latency: dict[str, tuple[float, float]], noise: float = 0.0) -> pd.DataFrame:
    """Three seeds at 1 kbit/s and 1 Mbit/s; a seed shifts the second curve by `noise`."""
    places = {kind: place for place, kind in enumerate(latency)}
    return swept(latency, AXIS, (1e3, 1e6), lambda kind, value, seed: value * (1 + noise * (seed - 1) * places[kind]))


FAST = {"colocated": (0.05, 0.02), "cloud_only": (0.06, 0.04), "k_sqs": (0.4, 0.05), "c_sqs": (0.5, 0.06)}


def test_the_fastest_of_all_is_named_where_it_is_and_what_edge_drafting_takes_at_best():
    asked = FastestOfAll("uplink rates")
    assert asked.report(sweep(FAST), AXIS) == (
        "co-located speculation is fastest at both uplink rates; edge drafting takes at least 2.5 times as long"
    )
    noisy = asked.report(sweep(FAST, 0.4), AXIS)
    assert noisy.startswith("no scheme is seen to beat co-located speculation at any of 2 uplink rates")
    wins = asked.report(sweep({**FAST, "k_sqs": (0.4, 0.01)}), AXIS)
    assert "edge drafting is faster at 1 of 2, at most 50% lower (the same in every seed)" in wins
    assert wins.startswith("no scheme is seen to beat co-located speculation at 1 of 2 uplink rates, K-SQS at 1 others")


def test_a_gap_that_seeds_cannot_tell_is_no_gain_and_no_loss():
    cells = sweep({"cloud_only": (0.04, 0.04), "k_sqs": (0.041, 0.041)}, 0.2)
    line = FastestOfAll("uplink rates").report(cells, AXIS)
    assert "edge drafting takes at best 39% less to 67% more, no difference seen" in line
    assert "takes at least" not in line and "fastest" not in line


def test_lossy_schemes_are_no_rivals_and_the_answer_says_so():
    cells = sweep({**FAST, "edge_only": (0.001, 0.001)}).assign(lossy=lambda rows: rows["scheme.kind"] == "edge_only")
    line = FastestOfAll("uplink rates").report(cells, AXIS)
    assert line.startswith("co-located speculation is fastest of the lossless at both") and "edge only" not in line


def test_where_edge_drafting_pays_is_of_the_places_counted_or_reported_as_seen_nowhere():
    asked = PaysAtTheEdge(("k_sqs", "c_sqs"), "cloud_only", "places")
    table = sweep({"cloud_only": (0.1, 0.1), "k_sqs": (0.11, 0.05), "c_sqs": (0.3, 0.09)})
    noisy = table["scheme.kind"] == "k_sqs"
    table.loc[noisy, METRIC] *= table["seed"].map({0: 3.0, 1: 1.0, 2: 0.5})[noisy]
    line = asked.report(table, AXIS)
    assert line.startswith("edge drafting beats cloud only at 1 of 2 places: at 1 Mbit/s with C-SQS; "), (
        "K-SQS crosses earlier by its mean, and is seen faster nowhere"
    )
    nowhere = asked.report(sweep({"cloud_only": (0.1, 0.1), "k_sqs": (0.2, 0.3)}), AXIS)
    assert nowhere == (
        "edge drafting beats cloud only at none of 2 places; nearest K-SQS at 1 kbit/s: 100% higher (the "
        "same in every seed); cloud only is fastest at both places"
    )
    noisy = sweep({"cloud_only": (0.1, 0.1), "k_sqs": (0.2, 0.09)})
    noisy.loc[noisy["scheme.kind"] == "k_sqs", METRIC] *= 1 + 0.5 * (noisy["seed"] == 0)
    line = asked.report(noisy, AXIS)
    assert "at none of 2 places" in line and "no difference seen" in line, "a mean below is not seen to be below"
    everywhere = asked.report(sweep({"cloud_only": (0.1, 0.1), "k_sqs": (0.02, 0.03)}), AXIS)
    assert "everywhere with K-SQS" in everywhere
    assert asked.report(sweep(FAST), None) == ""


def test_the_scheme_that_supports_most_is_beside_the_best_at_the_edge_and_of_one_seed_it_is_reported():
    many = {"cloud_only": (300, 280, 310), "k_sqs": (90, 80, 100)}
    cells = pd.DataFrame(
        {CURVE: kind, "scheme.kind": kind, "seed": seed, "capacity": found, "capacity_least": least,
         "capacity_most": most, "bounded": True, "within": 0.1, "first_limit": "ttft_s",
         "objective": "tpot_p95_s <= 100 ms and ttft_s <= 1 s"}
        for kind, (found, least, most) in many.items()
        for seed in range(2)
    )  # fmt: skip
    assert SupportsMost().report(cells, None) == (
        "cloud only supports most devices within 100 ms TPOT (p95) and 1 s TTFT, up to 300 (seeds 280 to 310); "
        "the best "
        "at the edge up to 90 (seeds 80 to 100), K-SQS"
    )
    alone = cells[cells["scheme.kind"] == "k_sqs"]
    assert SupportsMost().report(alone, None) == (
        "K-SQS supports up to 90 (seeds 80 to 100) devices within 100 ms TPOT (p95) and 1 s TTFT"
    )
    paid = alone.assign(bounded=False, busy_usd_per_device_month=33.1, held_usd_per_device_month=41.2, cloud_busy=0.8)
    assert SupportsMost().report(paid, None) == (
        "K-SQS supports at least 90 (seeds 80 to 100) devices within 100 ms TPOT (p95) and 1 s TTFT, at "
        "33.1 USD busy, 41.2 USD held (80% load) a device-month of 730 h"
    )
    assert "300 (one seed)" in SupportsMost().report(cells[cells["seed"] == 0], None)
    alike = cells.assign(capacity_most=400)
    assert SupportsMost().report(alike, None).startswith("no scheme is seen to support more devices within")
    assert "no scheme supports a device" in SupportsMost().report(cells.assign(capacity=0), None)
    assert SupportsMost().report(cells.drop(columns="capacity"), None) == ""


def test_a_breath_keeps_its_first_clause_and_its_note_and_cuts_no_bracket():
    long = "; ".join(["one two (a; b) three", *(["word " * 19] * 3)])
    assert in_one_breath(long) == f"one two (a; b) three; {'word ' * 19}"
    assert in_one_breath(f"{'word ' * 40}; more", "; note").endswith("; note")
    assert called("k_sqs k=16 (lossy)") == "K-SQS, K = 16 (lossy)" and called("mine") == "mine"
