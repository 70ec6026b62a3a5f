"""What `--set` and `--grid` mean, on a small configuration of its own and on real cells."""

import itertools
import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from channels.link.link_config import LinkConfig
from kinds import Choice, ConfigError, Part
from simulator.cell.cell import Cell
from simulator.cell.descriptions import describe
from simulator.cell.dotted_names import flatten
from simulator.cell.settings import changed, expand, held_by, pin, spread, validated, widen


class Drink(Choice, family=True):
    """A family."""


class Tea(Drink):
    kind: Literal["tea"] = "tea"
    minutes: float = Field(3.0, gt=0)
    sugar: int = Field(0, ge=0)


class Coffee(Drink):
    kind: Literal["coffee"] = "coffee"
    shots: int = Field(1, ge=1, le=4)
    sugar: int = Field(0, ge=0)


class Tray(Part):
    drink: Drink = Field(Tea(), description="what is in the cup")
    hot: bool = True


class Breakfast(Part):
    tray: Tray = Tray()
    others: tuple[Tray, ...] = Field((), description="further trays")
    guests: int = Field(1, ge=1)
    price_s: float = Field(2.0, ge=0)


BASE = Breakfast()


def set_in(settings: dict[str, object]) -> Breakfast:
    (found,) = expand(BASE, {}, settings)
    return found


def test_a_dotted_path_changes_one_field_and_leaves_the_rest() -> None:
    assert set_in({"tray.drink.minutes": 5}) == Breakfast(tray=Tray(drink=Tea(minutes=5)))


def test_setting_a_kind_resets_the_part_even_to_the_kind_it_had() -> None:
    sweet = Breakfast(tray=Tray(drink=Tea(minutes=9, sugar=2)))
    assert expand(sweet, {}, {"tray.drink.kind": "coffee"}) == [Breakfast(tray=Tray(drink=Coffee()))]
    assert expand(sweet, {}, {"tray.drink.kind": "tea"}) == [Breakfast()]


def test_a_bare_name_a_kind_and_a_mapping_mean_the_same() -> None:
    wanted = Breakfast(tray=Tray(drink=Coffee()))
    for settings in ({"tray.drink": "coffee"}, {"tray.drink.kind": "coffee"}, {"tray.drink": {"kind": "coffee"}}):
        assert set_in(settings) == wanted
    assert set_in({"tray": {"drink": "coffee"}}) == wanted


@given(
    st.permutations([("tray", {"hot": False}), ("tray.drink.kind", "coffee"), ("tray.drink.shots", 3), ("guests", 2)])
)
def test_the_order_of_settings_does_not_matter(settings: list[tuple[str, object]]) -> None:
    assert set_in(dict(settings)) == Breakfast(guests=2, tray=Tray(hot=False, drink=Coffee(shots=3)))


@given(
    st.permutations([("scheme", "composed"), ("scheme.sparsifier", {"kind": "top_p"}), ("scheme.sparsifier.mass", 0.5)])
)
def test_a_part_within_a_kind_that_is_named_alone_may_be_written_out(settings: list[tuple[str, object]]) -> None:
    (cell,) = expand(Cell(), {}, dict(settings))
    assert cell.model_dump()["scheme"]["sparsifier"] == {"kind": "top_p", "mass": 0.5}


def test_a_field_of_one_kind_applies_where_that_kind_is() -> None:
    cells = expand(BASE, {"tray.drink": ["tea", "coffee"], "tray.drink.shots": [2, 3]})
    assert [cell.tray.drink for cell in cells] == [Tea(), Coffee(shots=2), Coffee(shots=3)]
    assert expand(BASE, {"tray.drink": ["tea", "coffee"]}, {"tray.drink.shots": 4})[1].tray.drink == Coffee(shots=4)


def test_what_cells_of_a_grid_have_in_common_is_made_once_and_each_is_as_if_it_were_made_alone() -> None:
    """Axes that write into one field, one within the other, and one of two fields at once."""
    axes = {
        "tray.drink": ["tea", {"kind": "coffee", "shots": 2}, {"kind": "tea", "minutes": 1}],
        "tray.drink.sugar,guests": [[0, 1], [2, 3]],
        "price_s": [1.0, 2.0, 3.0, 4.0],
    }
    made = [*itertools.product(*axes.values())]
    alone = [
        set_in({"tray.drink": drink, "tray.drink.sugar": sugar, "guests": guests, "price_s": price_s})
        for drink, (sugar, guests), price_s in made
    ]
    cells = expand(BASE, axes)
    assert cells == alone and [each.model_dump_json() for each in cells] == [each.model_dump_json() for each in alone]
    assert len({id(each.tray) for each in cells}) == 3 * 2


def test_a_part_that_nothing_is_written_into_is_that_of_the_base() -> None:
    changed_one = set_in({"guests": 3})
    assert changed_one.tray is BASE.tray and changed_one.guests == 3
    assert set_in({"tray.drink.sugar": 1}).tray is not BASE.tray


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tray.drink.shots": 2}, "tray.drink.shots: no cell has such a field"),
        ({"tray.drink.minuts": 2}, "did you mean tray.drink.minutes"),
        ({"minutes": 2}, "did you mean tray.drink.minutes"),
        ({"guests.more": 2}, "guests.more: no cell has such a field"),
        ({"guests": 0}, "guests = 0: "),
        ({"tray.drink.minutes": -1}, "tray.drink.minutes = -1: "),
        ({"tray.drink": "milk"}, "kind must be one of coffee, tea"),
        ({"tray": {"drink": {"kind": "tea", "milk": 1}}}, "tray.drink.milk = 1: no such field"),
        ({"price_s": math.nan}, "price_s = nan: "),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        set_in(settings)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_list_of_parts_is_given_whole() -> None:
    assert set_in({"others": [{"hot": False}]}).others == (Tray(hot=False),)
    assert [line.field for line in describe(BASE) if line.field.startswith("others")] == ["others"]
    with pytest.raises(ConfigError, match="no cell has such a field"):
        set_in({"others.hot": False})


@pytest.mark.parametrize(
    ("axis", "values", "told"),
    [
        ("scheme", ["k_sqs", "c_sqs", "k_sqs"], "scheme: 'k_sqs' and 'k_sqs' are one value; give it once"),
        ("scheme", ["k_sqs", {"kind": "k_sqs"}], "scheme: 'k_sqs' and {'kind': 'k_sqs'} are one value; give it once"),
        ("uplink.rate.bps", [1e3, "10k", 1e4], "uplink.rate.bps: '10k' and 10000.0 are one value; give it once"),
        ("seed,scheme.k", [[1, 2], [1, 3], [1, 2]], "seed,scheme.k: [1, 2] and [1, 2] are one value; give it once"),
    ],
)
def test_a_value_given_twice_in_an_axis_is_refused_in_whatever_words(axis, values, told):
    with pytest.raises(ConfigError) as caught:
        expand(Cell(), {axis: values})
    assert str(caught.value) == told


def test_cells_that_are_equal_because_a_field_exists_in_some_only_are_one() -> None:
    assert len(expand(Cell(), {"scheme": ["k_sqs", "dense"], "scheme.k": [2, 4]})) == 3


def test_a_setting_pins_the_axis_it_gives() -> None:
    grid = {"tray.drink": ["tea"], "tray.drink.sugar": [1, 2], "guests": [1, 2]}
    assert pin(grid, {"tray.drink.kind": "tea"})[1] == ["tray.drink"]
    assert pin(grid, {"tray": {"drink": {"sugar": 3}}})[1] == ["tray.drink", "tray.drink.sugar"]
    assert pin(grid, {"guests": 4}) == ({"tray.drink": ["tea"], "tray.drink.sugar": [1, 2]}, ["guests"])
    assert pin(grid, {"price_s": 4})[1] == []


def test_an_axis_replaces_its_namesake_in_place_and_others_are_added() -> None:
    grid = widen({"tray.drink": ["tea"], "guests": [1]}, {"price_s": [3.0], "tray.drink.kind": ["coffee"]})
    assert list(grid.items()) == [("tray.drink", ["coffee"]), ("guests", [1]), ("price_s", [3.0])]
    assert expand(BASE, grid) == [Breakfast(tray=Tray(drink=Coffee()), price_s=3.0)]


def test_a_partial_tree_takes_defaults_for_what_it_lacks() -> None:
    tree = changed(Breakfast, {"tray.drink.kind": "coffee"})
    assert spread(Breakfast, tree, {}, {"tray.drink.shots": 2}) == [Breakfast(tray=Tray(drink=Coffee(shots=2)))]
    with pytest.raises(ConfigError, match=r"tray.drink.shots"):
        changed(Breakfast, {"tray.drink.kind": "coffee", "tray.drink.shot": 2})


def test_flat_rows_name_every_leaf() -> None:
    assert flatten(BASE) == {
        "tray.drink.kind": "tea", "tray.drink.minutes": 3.0, "tray.drink.sugar": 0, "tray.hot": True, "others": "[]",
        "guests": 1, "price_s": 2.0,
    }  # fmt: skip


def test_every_kind_of_every_family_is_described_with_bounds_and_unit() -> None:
    told = {(line.field, line.when): line for line in describe(BASE)}
    assert told["tray.drink.kind", ""].bounds == "one of coffee, tea"
    assert told["tray.drink.kind", ""].meaning == "what is in the cup"
    assert told["tray.drink.shots", "coffee"].bounds == "whole number, >= 1, <= 4"
    assert told["tray.drink.sugar", "tea, coffee"].default == "0"
    assert told["price_s", ""].unit == "s"


def test_a_cell_is_described_whole() -> None:
    fields = {line.field for line in describe(Cell.from_fields({"models": {"pair": "synthetic"}}))}
    missing = set(flatten(Cell.from_fields({"models": {"pair": "synthetic"}}))) - fields
    assert {name for name in missing if ".size." not in name and ".device." not in name} == set()


def test_checks_across_fields_are_one_short_line() -> None:
    for settings in ({"scheme": {"kind": "k_sqs", "k": 300}}, {"workload": {"output_tokens": 9999}}):
        with pytest.raises(ConfigError) as error:
            validated(Cell, {"models": {"pair": {"kind": "synthetic", "size": 256}}, **settings})
        assert len(str(error.value)) < 160


def test_an_axis_of_several_fields_moves_them_together() -> None:
    axes = {"guests,price_s": [[1, 0.5], (2, 1.5)], "tray.hot": [True, False]}
    cells = expand(BASE, axes)
    assert [(cell.guests, cell.price_s, cell.tray.hot) for cell in cells] == [
        (1, 0.5, True), (1, 0.5, False), (2, 1.5, True), (2, 1.5, False),
    ]  # fmt: skip
    assert pin(axes, {"price_s": 3}) == ({"tray.hot": [True, False]}, ["guests,price_s"])
    assert widen(axes, {"guests": [7]}) == {"tray.hot": [True, False], "guests": [7]}
    assert widen(axes, {"guests,price_s": [[3, 3]]}) == {"guests,price_s": [[3, 3]], "tray.hot": [True, False]}
    assert widen({"guests": [1], "tray.hot": [True]}, {"guests,price_s": [[3, 3]]}) == {
        "tray.hot": [True], "guests,price_s": [[3, 3]],
    }  # fmt: skip


@pytest.mark.parametrize("value", [3, [1], [1, 2, 3], {"guests": 1}])
def test_an_axis_of_two_fields_needs_two_values_each(value: object) -> None:
    with pytest.raises(ConfigError, match=r"guests,price_s = .*: must be a list of 2, a value for each field"):
        expand(BASE, {"guests,price_s": [value]})
    with pytest.raises(ConfigError, match="gusts"):
        expand(BASE, {"gusts,price_s": [[1, 2]]})


def test_fields_change_a_preset_whatever_the_order_and_a_preset_field_is_the_preset() -> None:
    rate = {"uplink.rate.bps": 30e3, "uplink.mtu_bits": 800}
    whole = {"uplink": "wifi.uplink", "downlink": "wifi.downlink"}
    (cell,), (turned,), (field,) = (
        expand(Cell(), {}, settings)
        for settings in (
            {**whole, **rate},
            {**rate, **whole},
            {**rate, "uplink.preset": "wifi.uplink", "downlink": {"preset": "wifi.downlink"}},
        )
    )
    assert cell == turned == field and cell.downlink == LinkConfig.presets["wifi.downlink"]
    given = LinkConfig.presets["wifi.uplink"].model_dump() | {"mtu_bits": 800}
    assert cell.uplink.model_dump() == given | {"rate": {**given["rate"], "bps": 30e3}}
    told = r"uplink: preset 'wif' must be one of iridium_sbd, .*, wifi, with \.uplink or .* did you mean wifi"
    with pytest.raises(ConfigError, match=told) as caught:
        expand(Cell(), {}, {"uplink.preset": "wif"})
    assert len(str(caught.value)) < 560
    with pytest.raises(ConfigError, match=r"scheme\.preset: no cell has such a field"):
        expand(Cell(), {}, {"scheme.preset": "wifi.uplink"})


def test_a_preset_pins_the_axes_of_its_part_unless_they_are_typed_beside_it() -> None:
    grid = {"uplink.rate.bps": [1e3, 1e4], "seed": [0, 1]}
    for settings in (
        {"uplink": "wifi.uplink"},
        {"uplink.preset": "wifi.uplink"},
        {"uplink": {"preset": "wifi.uplink"}},
    ):
        assert pin(grid, settings) == ({"seed": [0, 1]}, ["uplink.rate.bps"])
        assert pin(grid, settings, ["uplink.rate.bps"]) == (grid, [])


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("uplink.rate", "20k", "{kind: constant, bps: 20k}"),
        ("uplink.rate", 20000, "{kind: constant, bps: 20000}"),
        ("uplink.loss", 0.1, "{kind: bernoulli, probability: 0.1}"),
        ("uplink.loss", 1, "{kind: bernoulli, probability: ...}"),
        ("uplink.delay", "50ms", "{kind: constant, delay_s: 50ms}"),
    ],
)
def test_a_number_in_place_of_a_kind_is_told_what_would_take_it(field: str, value: object, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        expand(Cell(), {}, {field: value})
    message = str(error.value)
    assert message.endswith(f"did you mean {told}?") and repr(value) in message and "\n" not in message


def test_settings_are_of_a_cell_as_far_as_it_has_their_fields() -> None:
    settings = {"workload.requests": 1, "workload.output_tokens": 4}
    assert held_by(Cell(), settings) == settings
    assert held_by(Cell().with_({"workload": "conversations"}), settings) == {"workload.output_tokens": 4}
