"""What is typed after `--set` and `--grid` is YAML, with numbers as people write them; a kind that is named alone keeps
the scenario's parameters, and curves name what was made to differ."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds import ConfigError
from scenarios.command.run.named_kinds import NamedKinds
from scenarios.command.run.run_plan import distinguishing_fields
from scenarios.command.run.typed_settings import parse_axes, parse_axis, parse_setting, parse_settings
from simulator import Cell
from simulator.cell.dotted_names import flatten
from simulator.results.intervals import with_curves


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=1", 1), ("a.b=1e6", 1e6), ("a.b=inf", math.inf), ("a.b=.inf", math.inf), ("a.b=null", None),
        ("a.b=true", True), ("a.b=tea", "tea"), ("a.b={kind: tea, minutes: 1e2}", {"kind": "tea", "minutes": 100.0}),
        ("a.b=x=y", "x=y"), ("a.b=", None),
    ],
)  # fmt: skip
def test_values_are_yaml_and_numbers_are_numbers(text, value):
    assert parse_setting(text) == ("a.b", value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("k=1,2", [1, 2]), ("k=[1, 2]", [1, 2]), ("k=tea", ["tea"]), ("k=1e3,inf", [1000.0, math.inf]),
        ("k=[{kind: tea}, coffee]", [{"kind": "tea"}, "coffee"]), ("k={kind: tea},coffee", [{"kind": "tea"}, "coffee"]),
        ("k=[]", []),
    ],
)  # fmt: skip
def test_axes_are_lists_with_or_without_brackets(text, values):
    assert parse_axis(text) == ("k", values)


@pytest.mark.parametrize("text", ["a,b=[1, 2],[3, 4]", "a,b=[[1, 2], [3, 4]]"])
def test_an_axis_of_two_fields_has_a_list_a_value(text):
    assert parse_axis(text) == ("a,b", [[1, 2], [3, 4]])
    assert parse_axis("a,b=[1, 2]") == ("a,b", [[1, 2]])


@pytest.mark.parametrize("text", ["guests", "=3", "guests=[1", "k={a: b: c}"])
def test_what_cannot_be_read_is_one_line(text):
    with pytest.raises(ConfigError) as error:
        parse_setting(text)
    assert "\n" not in str(error.value)


@given(st.floats(allow_nan=False))
def test_every_number_survives_being_typed(number):
    assert parse_setting(f"a={number!r}") == ("a", number)


def test_one_field_is_given_once():
    assert parse_settings(["a.b=1", "a=tea"]) == {"a.b": 1, "a": "tea"}
    for twice in (["a.b=1", "a.b=2"], ["a=tea", "a.kind=coffee"]):
        with pytest.raises(ConfigError, match=r"a(\.b)?: two --set give it; give one"):
            parse_settings(twice)
    with pytest.raises(ConfigError, match="k: two --grid give it"):
        parse_axes(["k=1,2", "j,k=[1, 2],[3, 4]"])


PAPER = {"max_drafts": 4, "code": "enumerative"}
DENSE, FEW, MORE = {"kind": "dense", **PAPER}, {"kind": "k_sqs", "k": 2, **PAPER}, {"kind": "k_sqs", "k": 3, **PAPER}
PAIR = {"models.pair": {"kind": "synthetic", "size": 64}}


def named(base: dict[str, object], *schemes: object) -> NamedKinds:
    return NamedKinds(Cell, base, {"scheme": schemes} if schemes else {})


@pytest.mark.parametrize("path", ["scheme", "scheme.kind"])
def test_a_kind_on_an_axis_is_each_setting_that_the_scenario_has_of_it(path):
    says = named({}, "cloud_only", DENSE, FEW, MORE)
    assert says.axes({path: ["dense", "k_sqs"]}) == {"scheme": [DENSE, FEW, MORE]}
    assert says.notes == [
        "scheme = dense, as the scenario has it: max_drafts 4, code enumerative",
        "scheme = k_sqs: the scenario's 2 settings of it",
    ]


def test_a_scheme_typed_as_a_mapping_takes_from_its_rivals_what_it_does_not_name_and_a_line_says_so():
    rivals = [{"kind": kind, "token": "flat", "budget_bits": 800, **PAPER} for kind in ("dense", "c_sqs")]
    says = named({}, "cloud_only", *rivals)
    typed = {"kind": "k_sqs", "k": 9, "token": "coded"}
    assert says.axes({"scheme": ["cloud_only", typed]}) == {
        "scheme": ["cloud_only", {**typed, "budget_bits": 800, **PAPER}]
    }
    assert says.notes == [
        "scheme = {kind: k_sqs, k: 9, token: coded}, with what the scenario's schemes have in common: budget_bits 800, "
        "max_drafts 4, code enumerative"
    ]
    assert says.settings({"scheme": {"kind": "coupled"}}, {}) == {
        "scheme": {"kind": "coupled", "token": "flat", "budget_bits": 800, "max_drafts": 4}
    }
    whole = named({}, *rivals)
    assert whole.axes({"scheme": [rivals[0]]}) == {"scheme": [rivals[0]]} and not whole.notes


def test_what_tells_two_settings_of_a_kind_apart_and_a_label_are_nobody_elses():
    plain = {"kind": "coupled", "max_drafts": 4}
    says = named({}, plain, {**plain, "cloud_first": True, "label": "begun"}, {"kind": "k_sqs", "label": "mine"})
    assert says.axes({"scheme": ["remote_drafter"]}) == {"scheme": [{"kind": "remote_drafter", "max_drafts": 4}]}


def test_another_scheme_takes_what_the_scenarios_schemes_agree_in_as_far_as_it_has_it():
    says = named({}, "cloud_only", DENSE, FEW, MORE)
    assert says.axes({"scheme": ["c_sqs", "coupled", "edge_only"]}) == {
        "scheme": [{"kind": "c_sqs", **PAPER}, {"kind": "coupled", "max_drafts": 4}, "edge_only"]
    }


def test_a_kind_that_is_set_takes_the_one_setting_or_what_several_agree_in():
    assert named({}, DENSE, FEW).settings({"scheme": "k_sqs"}, {}) == {"scheme": FEW}
    assert named({"scheme": FEW}).settings({"scheme.kind": "c_sqs"}, {}) == {
        "scheme": {"kind": "c_sqs", "max_drafts": 4, "code": "enumerative"}
    }
    assert named({}, DENSE, FEW).settings({"scheme": "k_sqs"}, {"scheme.k": [4], "scheme.code,seed": []}) == {
        "scheme": {"kind": "k_sqs", "max_drafts": 4}
    }
    says = named({}, DENSE, FEW, MORE)
    assert says.settings({"scheme": "k_sqs"}, {}) == {"scheme": {"kind": "k_sqs", **PAPER}}
    assert "differ in k: its default here" in says.notes[0]


def test_other_parts_keep_their_own_kinds_settings_alone():
    losses = [{"kind": "bernoulli", "probability": 0.3}, "none"]
    says = NamedKinds(Cell, {"scheme.max_drafts": 2}, {"uplink.loss": losses})
    assert says.settings({"uplink.loss": "bernoulli", "seed": 1}, {}) == {"uplink.loss": losses[0], "seed": 1}
    assert says.settings({"uplink.loss": "gilbert_elliott"}, {}) == {"uplink.loss": "gilbert_elliott"}
    assert says.settings({"scheme": "dense"}, {}) == {"scheme": {"kind": "dense", "max_drafts": 2}}
    assert says.settings({"scheme": "ksqs", "uplink.label": "k_sqs"}, {}) == {"scheme": "ksqs", "uplink.label": "k_sqs"}


def cells(*schemes: object) -> list[Cell]:
    return Cell().with_(PAIR).grid({"scheme": schemes})


def test_curves_name_the_fields_that_were_made_to_differ_each_that_has_them_and_no_defaults():
    assert distinguishing_fields(cells("dense", "k_sqs", "half_dense")) == []
    assert distinguishing_fields(cells({"kind": "dense", "max_drafts": 4}, {"kind": "k_sqs", "max_drafts": 4})) == []
    assert distinguishing_fields(cells({"kind": "dense", "max_drafts": 4}, "k_sqs")) == ["scheme.max_drafts"]
    assert distinguishing_fields(cells({"kind": "k_sqs", "k": 2}, {"kind": "k_sqs", "k": 4}, "half_top_k")) == []

    grid = cells({"kind": "dense", "max_drafts": 4}, "k_sqs", "cloud_only")
    table = pd.DataFrame([{"cell": cell.id, **flatten(cell), "seed": 0} for cell in grid])
    assert list(with_curves(table, None)["curve"]) == ["dense", "k_sqs", "cloud_only"]
    assert list(with_curves(table, None, (), distinguishing_fields(grid))["curve"]) == [
        "dense max_drafts=4", "k_sqs max_drafts=8", "cloud_only",
    ]  # fmt: skip
