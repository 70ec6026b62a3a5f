"""What a user calls a scheme: `--name`, and `label:` in a file or a grid."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import yaml
from cells import cell
from matplotlib.text import Text

import sqsim
from kinds import ConfigError
from scenarios.command.result_folder import Note
from scenarios.command.run.choosing import Choosing
from scenarios.command.run.run_plan import Changes, plan_of
from scenarios.command.scenario import Scenario, Tune
from simulator.results.display_names import SERVING
from simulator.results.intervals import settings_of
from simulator.schemes.c_sqs import CSqs

SMALL = Scenario(
    name="small",
    summary="",
    minutes=1,
    base={"models.pair": {"kind": "synthetic", "size": 32}},
    grid={"scheme": ["dense", {"kind": "k_sqs", "k": 4}], "uplink.rate.bps": [1e3, 1e6]},
    axis="uplink.rate.bps",
    seeds=1,
)
C_SQS_STEP = CSqs.model_fields["step"].default
ONE = {"kind": "closed", "requests": 1, "prompt_tokens": 4, "output_tokens": 6}
MINE = {"kind": "k_sqs", "k": 6, "label": "mine"}


def schemes(plan):
    return list(dict.fromkeys((each.scheme.kind, each.scheme.label) for each in plan.cells))


def test_a_label_is_in_the_file_of_a_cell_and_in_no_id_or_key():
    plain, named = cell("k_sqs"), cell({**cell("k_sqs").scheme.model_dump(), "label": "mine"})
    assert named.scheme.label == "mine" and plain.scheme.label is None
    assert (named.id, named.decoding_id) == (plain.id, plain.decoding_id)
    assert named.model_dump() == plain.model_dump() and "label: mine" in named.to_yaml()
    again = type(named).from_fields(yaml.safe_load(named.to_yaml()))
    assert again == named
    assert again.with_({"scheme.max_drafts": 2, "seed": 3}).scheme.label == "mine"
    fleet = {"workload.devices": 2, "fleet": [{"count": 2, "scheme": {"kind": "dense", "label": "theirs"}}]}
    assert "label: theirs" in plain.with_(fleet).with_({"seed": 1}).to_yaml()


def swept(out=None, label="mine"):
    """Two schemes of one kind, one with a name, at two rates and two seeds."""
    schemes = [{"kind": "k_sqs", "k": 6, "label": label}, {"kind": "k_sqs", "k": 4}]
    axes = {"scheme": schemes, "uplink.rate.bps": [1e4, 1e6], "seed": range(2)}
    return sqsim.sweep(cell(workload=ONE).grid(axes), out)


def test_a_label_is_a_column_of_every_table_and_no_setting_and_names_the_curve(tmp_path):
    table = swept(tmp_path)
    summary = sqsim.summarise(table)
    cells_csv, summary_csv = (pd.read_csv(tmp_path / name) for name in ("cells.csv", "summary.csv"))
    for rows, shared in ((table, 4), (cells_csv, 4), (summary, 2), (summary_csv, 2)):
        assert list(rows["label"].fillna("")) == ["mine"] * shared + [""] * shared
    assert "label" not in settings_of(table) and list(summary["n"]) == [2] * 4
    drawn = [text.get_text() for text in sqsim.draw(table).findobj(Text)]
    assert any(text.startswith("mine") for text in drawn), drawn
    assert "label" not in sqsim.sweep([cell(workload=ONE)]).columns


def test_other_names_of_the_same_schemes_are_written_over_the_former_ones(tmp_path):
    first, again = swept(tmp_path), swept(tmp_path, "ours")
    assert list(again["label"].fillna("")) == ["ours"] * 4 + [""] * 4
    assert again.drop(columns="label").equals(first.drop(columns="label"))
    assert set(pd.read_csv(tmp_path / "summary.csv")["label"].dropna()) == {"ours"}
    assert "label" not in swept(tmp_path, None).columns


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, [("dense", None), ("k_sqs", None), ("k_sqs", "mine")]),
        ({"grid": {"scheme": ["c_sqs"]}}, [("c_sqs", None), ("k_sqs", "mine")]),
        ({"settings": {"scheme": "c_sqs"}}, [("c_sqs", None), ("k_sqs", "mine")]),
        ({"settings": {"scheme.kind": "c_sqs"}}, [("c_sqs", None), ("k_sqs", "mine")]),
    ],
    ids=["the scenario's axis", "a typed axis", "a setting", "a kind"],
)
def test_a_named_scheme_joins_the_others(changes, found):
    assert schemes(plan_of(SMALL, Changes(named=[MINE], **changes))) == found


def test_a_scenario_without_an_axis_of_schemes_compares_its_own_with_the_named_one():
    plan = plan_of(replace(SMALL, grid={"uplink.rate.bps": [1e3, 1e6]}), Changes(named=[MINE]))
    assert schemes(plan) == [("k_sqs", None), ("k_sqs", "mine")]
    assert plan.labels["mine"][0]["scheme.k"] == "6.0"


def test_what_is_typed_of_a_named_scheme_is_tuned_in_the_others():
    choosing = replace(SMALL, tune=Tune(dict.fromkeys((*SERVING, "scheme.resolution", "scheme.acceptance"), "fixed")))
    plan = plan_of(choosing, Changes(named=[MINE]))
    assert plan.tune is not None
    fields = {each.cell.scheme.label: set(each.fields) for each in Choosing(plan.cells, plan.tune).places[2:]}
    assert fields == {None: {"scheme.max_drafts", "scheme.k"}, "mine": {"scheme.max_drafts"}}


def test_a_scheme_without_a_label_is_named_by_what_was_typed_and_is_no_default():
    grid = {"scheme": ["dense", {"kind": "c_sqs", "target": 0.01, "step": C_SQS_STEP}]}
    assert plan_of(SMALL, Changes(grid=grid)).distinguishing == ["scheme.target"]
    labelled = {"scheme": ["dense", {**grid["scheme"][1], "label": "mine"}]}
    assert plan_of(SMALL, Changes(grid=labelled)).distinguishing == []


def test_labels_that_clash_are_refused():
    twice = {"scheme": [{"kind": "k_sqs", "label": "mine"}, MINE]}
    with pytest.raises(ConfigError, match="several schemes have it"):
        plan_of(SMALL, Changes(grid=twice))
    with pytest.raises(ConfigError, match="moves schemes with other fields"):
        plan_of(replace(SMALL, grid={"scheme,seed": [["dense", 1], ["k_sqs", 2]]}), Changes(named=[MINE]))


@pytest.mark.usefixtures("undrawn")
def test_tables_sentences_figures_and_later_figures_call_a_scheme_by_its_label(done, small, tmp_path):
    run = ("run", "latency_vs_bandwidth", "--quick", *small, "--grid=uplink.rate.bps=1e4,1e6", "--seeds=1", "--quiet")
    grid = ("--grid=scheme=dense,k_sqs", "--out=out")
    text = done(*run, *grid, "--name=ours_4={kind: k_sqs, k: 4}")
    assert "ours_4" in text
    shown = pd.read_csv(tmp_path / "out" / "chosen_and_fixed.csv")
    assert {"dense", "k_sqs", "ours_4"} <= set(shown["curve"])
    assert "ours_4" in (tmp_path / "out" / "findings.json").read_text()
    table = pd.read_csv(tmp_path / "out" / "cells.csv")
    assert set(table["label"].dropna()) == {"ours_4"}
    assert any("label: ours_4" in path.read_text() for path in (tmp_path / "out" / "cells").iterdir())
    note = json.loads((tmp_path / "out" / "scenario.json").read_text())
    assert list(note["labels"]) == ["ours_4"]
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    old = summary.drop(columns="label")[summary["scheme.max_drafts"].isin([4.0])]
    named, _ = Note.read(tmp_path / "out").curved(old)
    assert "ours_4" in set(named["curve"])  # by the note alone, from a table of a version that had no names there


@pytest.mark.usefixtures("undrawn")
def test_a_cell_from_a_file_with_a_label_is_called_so(done, tmp_path):
    named = cell({**cell("k_sqs").scheme.model_dump(), "label": "mine"})
    (tmp_path / "cell.yaml").write_text(named.to_yaml())
    assert "mine" in done("run", "--config=cell.yaml", "--out=one", "--workers=1", "--quiet")
    assert "label: mine" in (tmp_path / "one" / "cells" / f"{named.id}.yaml").read_text()
    text = done("run", "--config=cell.yaml", "--out=two", "--workers=1", "--quiet", "--name=theirs=dense")
    assert "mine" in text and "theirs" in text
