"""What is typed after `--set` and `--grid` is YAML, with numbers as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinds import ConfigError
from scenarios.command.run.typed_settings import parse_axes, parse_axis, parse_setting, parse_settings


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
