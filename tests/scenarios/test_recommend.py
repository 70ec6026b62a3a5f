"""`sqsim recommend`: what is tried, how the race goes, what it leaves and says, what it refuses."""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typed_command import ONE_MODE

import simulator
import simulator.tuning.racing
from kinds import ConfigError
from kinds.tunable import tunables
from scenarios.command.cli import _parser
from scenarios.command.recommend import recommending, tried_schemes
from scenarios.command.recommend.recommending import SchemesRace
from scenarios.command.recommend.tried_schemes import (
    BASE,
    LOOKS,
    LOSSY,
    QUICK_TRIALS,
    SCHEMES,
    SETTINGS,
    TRIALS,
    Wish,
    at_an_end,
    budget_within,
    candidates,
    wish,
    without,
)
from scenarios.command.recommend.turning import ACCEPTANCE, DEVICES, PRICE, PROMPT, RATE, ROUND_TRIP, turns
from scenarios.command.registry import scenario
from scenarios.command.report.at_each_value import Compared
from scenarios.command.report.ranked_table import ranking, ranking_note
from scenarios.command.result_folder import ResultFolder
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.run.typed_settings import parse_settings
from simulator.cell.cell import Cell
from simulator.cell.settings import changed
from simulator.results.result_directory import MANIFEST
from simulator.tuning.alternatives import Alternatives
from simulator.tuning.successive_halving import rows_of
from simulator.tuning.trials import FIRST_SEED, Aim, Budget

AIM = Aim("latency_per_token_s")
TINY = (
    "--set=models.pair={kind: synthetic, size: 64, contexts: 8}",
    "--set=workload.output_tokens=6",
    "--set=workload.prompt_tokens=4",
    "--grid=scheme=[cloud_only, {kind: k_sqs, k: 4, resolution: 25}]",
    "--grid=scheme.max_drafts=1,4",
    *ONE_MODE,
    "--workers=1",
    "--seeds=4",
)
ALONE = "Not compared with co-located speculation. "


def tried(
    settings: Mapping[str, object] | None = None, axes: Mapping[str, Sequence[object]] | None = None
) -> list[Alternatives]:
    return candidates(changed(Cell, BASE), settings or {}, axes or {}, lossy=False)


def settings_of(axes: Mapping[str, Sequence[object]]) -> list[Cell]:
    return sampled(tried(axes=axes))


def sampled(places: Sequence[Alternatives]) -> list[Cell]:
    return [cell for place in places for each in place.sample(SETTINGS) if (cell := place.at(each)) is not None]


def fields_of(kind: str, places: Sequence[Alternatives]) -> Mapping[str, Sequence[object]]:
    (place,) = (place for place in places if place.cell.scheme.kind == kind)
    return place.values


def test_devices_are_those_that_are_typed_whatever_the_cell_of_a_file_has(tmp_path):
    (tmp_path / "cell.yaml").write_text("models: {pair: synthetic}\nworkload: {kind: closed, devices: 3}\n")
    typed = ["recommend", "--config", str(tmp_path / "cell.yaml"), "--quick"]
    for more, devices in ((["--devices=50"], 50), ([], 3)):
        places = wish(_parser().parse_all([*typed, *more], 0.0)).places
        assert {place.cell.workload.devices for place in places} == {devices}


def test_each_scheme_is_tried_over_all_that_it_declares_as_many_settings_of_each_kind():
    places = tried()
    assert [place.cell.scheme.kind for place in places] == [scheme["kind"] for scheme in SCHEMES]
    assert not {str(scheme["kind"]) for scheme in LOSSY} & {place.cell.scheme.kind for place in places}
    assert all(place.cell.scheme.lossless for place in places)
    for place in places:
        assert {path.removeprefix("scheme.") for path in place.fields} == tunables(place.cell.scheme).keys()
        assert place.sample(5)[0] == place.own
    assert "dense" not in {place.cell.scheme.kind for place in without(places, ["dense"])}
    cells = sampled(tried({"models.pair": {"kind": "synthetic", "size": 20}}))
    ks = {cell.scheme.k for cell in cells if cell.scheme.kind == "k_sqs"}
    assert ks == {1, 2, 4, 8, 16}, "no more tokens are kept than there are"
    counts = Counter(cell.scheme.kind for cell in sampled(tried()))
    assert counts["cloud_only"] == 1 and counts["coupled"] == 6
    assert max(counts.values()) == counts["k_sqs"] == counts["c_sqs"] == SETTINGS


def test_what_is_set_is_tried_with_that_value_alone_and_what_has_an_axis_with_its_values():
    places = tried({"scheme.k": 7}, {"scheme.max_drafts": [2, 6]})
    assert {path: values for path, values in fields_of("k_sqs", places).items() if path not in WAITS} == {
        "scheme.max_drafts": [2, 6],
        "scheme.resolution": [3, 5, 10, 20, 50, 100, 400],
    }
    cells = sampled(places)
    assert {cell.scheme.k for cell in cells if cell.scheme.kind == "k_sqs"} == {7}
    assert {cell.scheme.drafts for cell in cells if cell.scheme.kind != "coupled_tree"} == {0, 2, 6}
    given = tried(axes={"scheme": [{"kind": "k_sqs", "k": 3}, "cloud_only"]})
    assert fields_of("k_sqs", given).keys() == {"scheme.max_drafts", "scheme.resolution", *WAITS}
    assert fields_of("cloud_only", given) == {}
    with pytest.raises(ConfigError, match=r"scheme\.kk"):
        tried({"scheme.kk": 1})


def test_an_axis_of_parts_or_of_several_fields_makes_places_of_its_values():
    places = tried(axes={"scheme": ["cloud_only", "coupled"], "uplink.loss": ["none", {"kind": "bernoulli"}]})
    assert [(place.cell.scheme.kind, place.cell.uplink.loss.kind) for place in places] == [
        ("cloud_only", "none"), ("cloud_only", "bernoulli"), ("coupled", "none"), ("coupled", "bernoulli"),
    ]  # fmt: skip
    joint = tried(axes={"scheme": ["k_sqs", "cloud_only"], "scheme.k,scheme.resolution": [[2, 10], [8, 100]]})
    assert [place.cell.scheme.kind for place in joint] == ["k_sqs", "k_sqs", "cloud_only"]
    assert all({"scheme.k", "scheme.resolution"}.isdisjoint(place.fields) for place in joint)


@pytest.mark.parametrize(
    ("given", "drafter"),
    [
        (["uplink.rate.bps=1e6"], ""),
        (["edge.latency={kind: constant, per_pass_s: 0.01}"], "edge.latency"),
        (["models.pair=synthetic"], "models.pair"),
        (["models.pair=synthetic", "cloud.drafter_latency.size=opt_125m"], ""),
    ],
)
def test_run_and_recommend_both_compare_drafting_in_the_cloud_and_say_whose_clock_was_assumed(given, drafter):
    typed = [part for each in given for part in ("--set", each)]
    requested = wish(_parser().parse_all(["recommend", *typed], 0.0))
    assert "colocated" in {place.cell.scheme.kind for place in requested.places}
    plan = plan_of(
        scenario("latency_vs_bandwidth"), Changes(parse_settings(given), {"scheme": ["cloud_only", "colocated"]})
    )
    said = [f"Assumed: OPT-125M on A100 drafts in the cloud ({drafter} is given, cloud.drafter_latency is not)"]
    assert list(requested.assumed) == [line for line in plan.notes if "drafts in the cloud" in line]
    assert list(requested.assumed) == (said if drafter else [])


def test_a_best_at_an_end_of_what_was_tried_is_reported_unless_there_is_nothing_beyond():
    (place,) = tried(axes={"scheme": ["k_sqs"], "scheme.resolution": [100]})
    served = {path: value for path, (value,) in WAITS.items()}
    at_end = {**served, "scheme.k": 32, "scheme.resolution": 100, "scheme.max_drafts": 1}
    best = place.at({path: at_end[path] for path in place.fields})
    assert best is not None and at_an_end([*tried(), place], best) == [("scheme.k", 32)]


WAITS: Mapping[str, Sequence[object]] = {
    "scheme.depth": [0], "scheme.cloud_first": [False], "scheme.partial": [False], "scheme.prepared": [0],
    "scheme.prepared_at": ["edge"], "scheme.acceptance": ["rejection"],
}  # fmt: skip
FEW: Mapping[str, Sequence[object]] = {
    **WAITS, "scheme": ["k_sqs", "cloud_only", "coupled"], "scheme.max_drafts": [2], "scheme.resolution": [100],
    "scheme.k": range(2, 9),
}  # fmt: skip


def raced(cost, aim=AIM, budget=None, places=None, **also):
    """The race over made-up costs of cells, its finalists, and the cells that it asked for."""
    places = places or tried(axes=FEW)
    budget = budget or budget_within(TRIALS, places, 0.02)
    race, table = SchemesRace(Wish(tuple(places), aim, budget, TRIALS, 4)), dict[str, dict[str, object]]()
    asked = race.first()
    while asked:
        for cell in asked:
            assert cell.id not in table and cell.seed >= FIRST_SEED, "tried twice, or on a seed that is shown"
            noise = np.random.default_rng([cell.seed, getattr(cell.scheme, "k", 0)]).standard_normal()
            row = {AIM.metric: cost(cell) * math.exp(0.01 * noise), "answered": 1.0, "tv_output": 0.0}
            table[cell.id] = {"cell": cell.id, **row, **{name: of(cell) for name, of in also.items()}}
        asked = race.more(pd.DataFrame(list(table.values())))
    return race, race.finalists(rows_of(pd.DataFrame(list(table.values())), aim)), table


def k_of(cell):
    return getattr(cell.scheme, "k", 0)


def test_each_scheme_chooses_its_own_setting_and_those_chosen_are_ranked_on_the_same_seeds():
    """K-SQS is best at k = 7; an even race over all schemes would have the others ahead of most of its settings."""

    def cost(cell):
        return {"k_sqs": 1.0 + abs(k_of(cell) - 7), "cloud_only": 1.5, "coupled": 3.0}[cell.scheme.kind]

    race, ((*kinds,),), table = raced(cost)
    assert [(cell.scheme.kind, k_of(cell)) for cell in kinds] == [("k_sqs", 7), ("cloud_only", 0), ("coupled", 0)]
    assert [each.tried for each in race.outcomes()] == [7, 0, 0] and len(table) <= TRIALS
    _, ((*kinds,),), _ = raced(cost, Aim(AIM.metric, higher=True))
    assert kinds[0].scheme.kind == "k_sqs" and k_of(kinds[0]) == 2, "more is better where the metric says so"


def test_what_the_budget_does_not_sample_is_found_a_step_from_the_best():
    """The cost falls with k towards 9, which the first sample of 4 does not have."""
    places = tried(axes=FEW | {"scheme.k": range(2, 12)})
    budget = Budget(4, LOOKS, steps=3)
    assert 9 not in {setting["scheme.k"] for setting in places[0].sample(4)}
    _, ((first, *_),), _ = raced(lambda cell: 2.0 + abs(k_of(cell) - 9), budget=budget, places=places)
    assert k_of(first) == 9


def test_who_leaves_requests_unanswered_or_departs_in_distribution_is_out_and_nobody_at_all_is_an_error():
    also = {
        "answered": lambda cell: 0.5 if k_of(cell) == 2 else 1.0,
        "tv_output": lambda cell: 0.1 if cell.scheme.kind == "coupled" else 0.0,
    }
    _, ((first, *others),), _ = raced(lambda cell: 1.0 + k_of(cell), **also)
    assert first.scheme.kind == "cloud_only" and [k_of(cell) for cell in others] == [3]
    with pytest.raises(ConfigError, match="of no setting here, each is out: leaves requests unanswered"):
        raced(lambda cell: 1.0, answered=lambda cell: 0.5)


def test_what_meets_the_limits_is_first_and_where_none_does_the_nearest():
    limited = Aim(AIM.metric, limited=True, limits={"ttft_s": 1.0})
    times = {"k_sqs": 1.5, "cloud_only": 0.9, "coupled": 0.8}
    costs = {"k_sqs": 1.0, "cloud_only": 2.0, "coupled": 3.0}
    for slower, order in ((1.0, ["cloud_only", "coupled", "k_sqs"]), (2.0, ["coupled", "cloud_only", "k_sqs"])):
        also = {
            "ttft_s": lambda cell, slower=slower: slower * times[cell.scheme.kind],
            "slo_attainment": lambda cell, slower=slower: float(slower * times[cell.scheme.kind] <= 1),
        }
        _, ((*kinds,),), _ = raced(lambda cell: costs[cell.scheme.kind], limited, **also)
        assert [cell.scheme.kind for cell in kinds] == order


@pytest.mark.parametrize("trials", [TRIALS, 1000, QUICK_TRIALS])
def test_a_race_of_all_schemes_keeps_to_its_budget(trials):
    places = tried({"models.pair": {"kind": "synthetic", "size": 64}})
    budget = budget_within(trials, places, 0.0)
    rng = np.random.default_rng(3)
    _, _, table = raced(lambda cell: math.exp(rng.standard_normal()), budget=budget, places=places)
    assert trials / 6 < len(table) <= trials
    assert (budget.settings == SETTINGS) == (trials == TRIALS)


def test_more_tokens_a_second_are_better_of_a_class_of_devices_too():
    assert Aim.of("tokens_per_s", []).higher and Aim.of("phones.tokens_per_s", []).higher
    assert not Aim.of("phones.ttft_s", []).higher


@pytest.mark.usefixtures("quick_looks")
def test_limits_that_are_typed_rank_first_what_meets_them_and_none_is_an_answer(done):
    free = json.loads(done("recommend", *TINY, "--json", "--out=free"))
    fastest, other = (each["setting"] for each in free["settings"])
    cells = pd.read_csv("free/cells.csv").groupby("scheme.kind")[["ttft_s"]].agg(["min", "max"])["ttft_s"]
    kinds = [name.split()[0] for name in (fastest, other)]
    quicker = min(kinds, key=lambda kind: cells["max"][kind])
    (slower,) = {*kinds} - {quicker}
    limit = (cells["max"][quicker] + cells["min"][slower]) / 2
    table = json.loads(done("recommend", *TINY, f"--ttft={limit}", "--out=met", "--json"))
    assert "Within your limits (" in table["answer"] and "which misses them" in table["answer"]
    assert [each["setting"].split()[0] for each in table["settings"]] == [quicker, slower]
    assert [each["slo_attainment"] for each in table["settings"]] == [1.0, 0.0]
    screen = done("recommend", *TINY, "--ttft=0.001", "--out=none")
    assert re.search(r"against the first +meets your limits +raced\n", screen) and screen.count("no, 0%") == 2
    none = " ".join(screen.split())
    assert "None meets your limits (1 ms TTFT); nearest: " in none and "0% of requests meet them" in none
    assert (
        re.search(r"TTFT [\d.]+ ms, x [\d.,]+ the limit", none)
        and "se " not in none.split("ANSWER")[1].split("nearest")[0]
    )


@pytest.mark.usefixtures("quick_looks")
def test_fewer_than_four_seeds_have_no_interval_and_no_recommendation(done):
    text = " ".join(done("recommend", *TINY, "--seeds=3", "--out=three").split())
    assert "3 seeds: too few to rank, --seeds 4 or more gives intervals; first so far: " in text
    assert (
        not re.search(r"\buse\b|Use |±|\(-?\+?[\d.]+% to", text) and "TURNS not looked for: 4 seeds are needed" in text
    )

    compared = Compared(ResultFolder.read(Path("three")), [])
    found = ranking(compared)
    assert ranking_note(found, compared) == "3 seeds: too few to rank."
    ((group,),) = found.tables
    assert {(row.place, row.mark, row.against) for row in group.rows} == {("", "", "")}
    assert not any("±" in row.value for row in group.rows)


@pytest.mark.usefixtures("quick_looks")
def test_a_tie_with_cloud_only_is_an_answer_to_stay_with_it(done, monkeypatch):
    measured = recommending._measured

    def alike(*given):
        table = measured(*given)
        ratio = table["seed"].map({0: 0.9, 1: 1.1, 2: 0.95, 3: 1.0}).where(table["scheme.kind"] == "k_sqs", 1.0)
        return table.assign(latency_per_token_s=0.02 * ratio)

    monkeypatch.setattr(recommending, "_measured", alike)
    text = " ".join(done("recommend", *TINY, "--out=tie").split())
    assert f"ANSWER {ALONE}Stay with cloud only: latency per token 20 ms in every seed; no difference seen" in text
    assert Cell.from_yaml(Path("tie") / "recommended.yaml").scheme.kind == "cloud_only"


def test_pairs_that_refuse_prompt_lookup_are_named():
    typed = [
        "recommend",
        "--set=models.pair={kind: published, name: llama_1b_70b}",
        "--set=models.temperature=0",
        "--quick",
    ]
    assert any(
        "prompt lookup is no rival on pairs of kind published" in line
        for line in wish(_parser().parse_all(typed, 0.0)).assumed
    )


@pytest.mark.usefixtures("quick_looks")
def test_the_same_command_has_the_same_bytes_with_another_cache_and_when_it_is_typed_again(done, monkeypatch):
    typed = ("recommend", *TINY, "--budget=20")
    first = done(*typed)
    monkeypatch.setenv("SQSIM_CACHE", "another")
    again = done(*typed, "--out=again")
    assert again.replace("again/", "results/recommend/").replace("report again", "report results/recommend") == first
    files = [path for path in Path("again").rglob("*") if path.is_file() and path.name != MANIFEST]  # it has a date
    before = {path: path.stat().st_mtime_ns for path in files}
    monkeypatch.setattr(simulator.sweeps.worker, "_outcome", None)  # nothing is simulated again
    assert (done(*typed), done(*typed, "--out=again")) == (first, again)
    assert {path: path.stat().st_mtime_ns for path in files} == before


@pytest.fixture
def quick_looks(monkeypatch):
    monkeypatch.setattr(tried_schemes, "LOOKS", (3, 5))
    monkeypatch.setattr(recommending, "draw_all", lambda *_: [])
    monkeypatch.setattr(recommending, "turns", lambda *_: [])


def test_it_turns_where_the_two_settings_take_the_same_time():
    """The costs are made up: one falls with the rate as the other does not, and both rise with the delay alike."""
    first, second = settings_of({"scheme": ["coupled", "cloud_only"], "scheme.max_drafts": [2]})

    def trying(cells):
        def row(cell):
            rate = cell.uplink.rate.bps if cell.uplink.rate.kind == "constant" else 1e5
            fixed = 0.05 * (1 + 0.01 * cell.seed)
            costs = fixed * 30e3 / rate if cell.scheme.kind == "coupled" else fixed
            return {AIM.metric: costs + cell.uplink.delay.delay_s, "answered": 1.0}

        return {cell.id: row(cell) for cell in cells}

    rate, delay, load = turns(first, second, AIM.metric, False, 3, trying)
    assert (rate.low, rate.high) == pytest.approx((1e4, 1e6)) and rate.found.rising
    assert rate.found.at == pytest.approx(30e3, rel=0.15), "the ratio is taken to be linear between two rates"
    assert delay.found.below == 3 and "everywhere" in delay.text(), "at 100 kbit/s the first is faster at any delay"
    assert (load.low, load.high, load.found.below) == (1, 10, 3)
    flipped, *_ = turns(first, second, AIM.metric, True, 3, trying)
    assert not flipped.found.rising, "where more is better it is the other way round"
    fading = settings_of({"scheme": ["coupled", "cloud_only"], "uplink.rate": ["rayleigh"]})
    assert [each.axis for each in turns(*fading[:2], AIM.metric, False, 2, trying)] == [ROUND_TRIP, DEVICES]


def test_dollars_turn_with_the_price_of_a_gpu_where_the_devices_energy_has_one():
    """The costs are made up: drafting halves the rent, and takes energy of what it would save
    at 1 USD an hour."""
    metric, priced = "busy_usd_per_million_tokens", {"cloud.usd_per_gpu_hour": [2.0]}
    axes = {"scheme": ["coupled", "cloud_only"], "scheme.max_drafts": [2], **priced}
    first, second = settings_of({**axes, "edge.usd_per_kwh": [0.2]})

    def trying(cells):
        def row(cell):
            drafts = cell.scheme.kind == "coupled"
            rent = cell.cloud.usd_per_gpu_hour * (1.0 if drafts else 2.0) * (1 + 0.01 * cell.seed)
            return {metric: rent + (1.0 if drafts else 0.0), "answered": 1.0}

        return {cell.id: row(cell) for cell in cells}

    found = {each.axis: each for each in turns(first, second, metric, False, 3, trying)}
    assert (found[PRICE].low, found[PRICE].high) == pytest.approx((0.2, 20)) and found[PRICE].found.rising
    assert found[PRICE].found.at == pytest.approx(1.0, rel=0.2)
    assert found[PRICE].text().startswith("price of a GPU for an hour 0.2 USD to 20 USD: ")
    free = settings_of(axes)  # all dollars are rent
    assert PRICE not in [each.axis for each in turns(*free[:2], metric, False, 2, trying)]
    assert PRICE not in [each.axis for each in turns(first, second, AIM.metric, False, 2, lambda cells: {
        cell.id: {AIM.metric: 1.0, "answered": 1.0} for cell in cells})]  # fmt: skip


def test_it_turns_with_acceptance_prompt_and_load_as_far_as_the_budget_goes():
    """The costs are made up: the first takes 1 / AL, half a millisecond a token of the prompt and 20 ms a device."""
    pair = {"kind": "acceptance", "survival": [0.73, 0.52, 0.35], "size": 256, "prompt_tokens": 32}
    axes = {"scheme": ["coupled", "cloud_only"], "scheme.max_drafts": [2], "models.pair": [pair]}
    first, second = settings_of(axes)

    def trying(cells):
        def row(cell):
            work, length = cell.workload, cell.models.pair.figures.accepted_length or 2.6
            assert work.devices == 1 or work.distinct == 4, "devices share texts"
            costs = 0.5 / length + 5e-4 * work.prompt_tokens + 0.02 * work.devices
            return {AIM.metric: costs if cell.scheme.kind == "coupled" else 0.25, "answered": 1.0}

        return {cell.id: row(cell) for cell in cells}

    _, _, length, prompt, load = turns(first, second, AIM.metric, False, 2, trying, 20 + 19)
    assert (length.axis, length.low, length.high) == (ACCEPTANCE, pytest.approx(1.4), pytest.approx(3.85))
    assert length.found.rising and length.found.at == pytest.approx(0.5 / (0.25 - 0.036), rel=0.05)
    assert (prompt.low, prompt.high, prompt.looked) == (3, 320, False)
    assert prompt.text() == "prompts 3 tokens to 320 tokens: not looked for, the budget was spent"
    assert not load.looked
    *_, load = turns(first, second, AIM.metric, False, 2, trying)
    assert not load.found.rising and load.found.at == pytest.approx((0.25 - 0.016 - 0.5 / 2.6) / 0.02, rel=0.2)


def test_a_recommendation_leaves_all_that_was_tried_and_says_in_one_breath_by_how_much_and_where_it_turns(
    typed, done, monkeypatch
):
    monkeypatch.setattr(tried_schemes, "LOOKS", (3, 5))
    text = done("recommend", *TINY, "--details")
    out = Path("results/recommend")
    assert (
        f"ANSWER   {ALONE}" in text and "Race: 3 settings" in text and "Trust: " in text and "Assumed: 1 device" in text
    )
    assert {path.name for path in (out / "figures").iterdir()} == {"recommendation.svg", "recommendation.png"}
    table = pd.read_csv(out / "tuning" / "summary.csv")
    assert len(table) == 3 and set(table["scheme.kind"]) == {"cloud_only", "k_sqs"}
    shown = pd.read_csv(out / "chosen_and_fixed.csv")
    assert list(shown["n"]) == [4] * 2 and shown["margin"].iloc[0] == 0.0
    compared = Compared(ResultFolder.read(out), [])
    ((group,),) = ranking(compared).tables
    assert compared.axis is None and [row.curve.key for row in group.rows] == [*shown["curve"]]
    best = Cell.from_yaml(out / "recommended.yaml")
    assert best.scheme.kind == shown["scheme.kind"].iloc[0] and best.seed == 0
    found = json.loads((out / "findings.json").read_text())
    assert found["answer"].startswith(ALONE) and found["answer_comparisons"][0]["n"] == 4
    monkeypatch.setattr(simulator.sweeps.worker, "_outcome", None)  # nothing is simulated again
    monkeypatch.setattr(recommending, "draw_all", lambda *_: [])
    assert text == done("recommend", *TINY, "--details")
    margin, (answer, rest) = shown["margin"].iloc[1], " ".join(text.split()).split("ANSWER ")[1].split(" DECIDES ")
    rival = "K-SQS" if "Stay with cloud only" in answer else "cloud only"
    assert len(answer.split()) <= 40 and rival in answer.split("; ")[1]
    found = json.loads(done("recommend", *TINY, "--json"))
    assert found["answer"] == answer and found["rival"].split()[0] in ("k_sqs", "cloud_only")
    first, second = found["settings"]
    assert first["against_recommended"] == 0 and second["against_recommended"] == pytest.approx(margin)
    better = abs(1 / (1 + margin) - 1)  # the best against the other, as the answer has it
    if second["low"] * second["high"] > 0:
        assert re.search(rf"{100 * better:.2f}%|{100 * better:.1f}%|{100 * better:.0f}%", answer)
    else:
        assert "no difference seen from " in answer
    assert sum(found["decides"].values()) == pytest.approx(1) and f"({max(found['decides'].values()):.0%}" in rest
    assert [each["axis"] for each in found["turns"]] == [RATE, ROUND_TRIP, PROMPT, DEVICES]
    assert "uplink rate 10 kbit/s to 1 Mbit/s" in rest
    assert "delay there and back 4 ms to 120 ms" in rest, "ten times as much is longer than the default timeout"
    refused = typed("recommend", *TINY, "--metric=tokens_per_s")
    assert refused[0] == 2 and "holds other results" in refused[2]
