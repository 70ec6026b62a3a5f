"""What may be tried of a scheme: its own setting, a sample of all others, those a step away."""

import itertools
from collections.abc import Mapping, Sequence

import pytest
from scipy.stats.qmc import Halton

from kinds import ConfigError
from simulator import Cell
from simulator.tuning.alternatives import Alternatives, halton, open_fields

MODES = {"scheme.depth", "scheme.cloud_first", "scheme.partial", "scheme.prepared", "scheme.prepared_at"}
FEW: Mapping[str, Sequence[object]] = {"scheme.k": (1, 4), "scheme.resolution": (10, 100)}


def place(scheme: Mapping[str, object], fields: Mapping[str, Sequence[object]] | None = None) -> Alternatives:
    cell = Cell.from_fields({"models": {"pair": {"kind": "synthetic", "size": 20}}, "scheme": scheme})
    return Alternatives(cell, open_fields(cell, {}, ()) if fields is None else fields)


def test_what_is_open_is_what_the_scheme_declares_and_further_fields_that_the_cell_has_without_the_closed() -> None:
    cell = Cell.from_fields({"scheme": {"kind": "k_sqs"}})
    further: Mapping[str, Sequence[object]] = {"cloud.token_budget": [256, 512], "scheme.target": [0.1, 0.2]}
    found = open_fields(cell, further, {"scheme.resolution"})
    sent = {"scheme.max_drafts", "scheme.acceptance", "scheme.k", "cloud.token_budget"}
    assert found.keys() - MODES == sent and found.keys() > MODES
    assert open_fields(cell, {"scheme.k": [5, 6]}, ())["scheme.k"] == [5, 6]


def test_few_settings_are_all_tried_each_once_the_cells_own_first() -> None:
    some = place({"kind": "k_sqs", "k": 2, "resolution": 100}, FEW)
    found = [tuple(each.values()) for each in some.sample(6)]
    assert found[0] == (2, 100) and some.number() == 6
    assert set(found) == set(itertools.product((1, 2, 4), (10, 100))) and len(found) == 6
    assert place({"kind": "cloud_only"}).sample(9) == [{}]


def test_a_sample_of_many_is_distinct_valid_even_and_the_same_each_time() -> None:
    many = place({"kind": "c_sqs"})
    found = many.sample(24)
    assert found == place({"kind": "c_sqs"}).sample(24) and found[0] == many.own and len(found) == 24
    assert len({tuple(each.items()) for each in found}) == 24 and None not in map(many.at, found)
    for path, values in many.values.items():
        assert {each[path] for each in found} == ({many.own[path]} if path in MODES else set(values)), path


def test_the_modes_are_all_that_the_scheme_takes_and_a_sample_is_of_one_of_them() -> None:
    some = place({"kind": "k_sqs", "depth": 1})
    modes = some.modes()
    assert modes[0] == some.own and all(some.at(mode) is not None for mode in modes)
    ways = [{path.partition(".")[2]: mode[path] for path in MODES} for mode in modes]
    for each in ({"depth": 0}, {"depth": 2}, {"cloud_first": True, "depth": 0}, {"partial": True, "depth": 0},
                 {"prepared": 4, "depth": 0}, {"prepared": 4, "prepared_at": "cloud", "depth": 0}):  # fmt: skip
        own = {"depth": 1, "cloud_first": False, "partial": False, "prepared": 0, "prepared_at": "edge"}
        assert own | each in ways
    assert not any(way["partial"] and way["depth"] for way in ways), "refused by the scheme"
    assert {tuple(setting[path] for path in MODES) for setting in some.sample(8, modes[-1])} == {
        tuple(modes[-1][path] for path in MODES)
    }
    assert place({"kind": "cloud_only"}).modes() == [{}]


def test_more_tokens_than_the_vocabulary_has_are_not_tried() -> None:
    some = place({"kind": "k_sqs"})
    assert some.values["scheme.k"] == [1, 2, 4, 8, 16]
    assert {each["scheme.k"] for each in some.sample(99)} == {1, 2, 4, 8, 16}
    with pytest.raises(ConfigError, match="at most the vocabulary, 20"):
        place({"kind": "k_sqs"}, {"scheme.k": (21, 22)}).sample(3)


def test_settings_whose_parts_do_not_go_together_are_neither_sampled_nor_near() -> None:
    policy = {"kind": "qs_heuristic", "short": 2, "long": 4}
    fields = {"scheme.policy.short": (1, 2, 3), "scheme.policy.long": (2, 4)}
    some = place({"kind": "composed", "policy": policy}, fields)
    ordered = [(each["scheme.policy.short"], each["scheme.policy.long"]) for each in some.sample(9)]
    assert (3, 2) not in ordered and len(ordered) == 5
    assert [tuple(each.values()) for each in some.near({"scheme.policy.short": 3, "scheme.policy.long": 4})] == [(2, 4)]


def test_what_is_near_differs_in_one_field_by_one_step() -> None:
    some = place({"kind": "k_sqs", "k": 2, "resolution": 100}, FEW)
    assert [tuple(each.values()) for each in some.near(some.own)] == [(1, 100), (4, 100), (2, 10)]


def test_a_list_is_tried_as_one_and_not_as_the_text_of_a_row() -> None:
    tree = place({"kind": "tree"})
    assert tree.own["scheme.widths"] == (2, 1)
    tried = {tree.at(setting).scheme.widths for setting in tree.sample(400)}
    assert tried == {(1,), (2, 1), (3, 1), (2, 2, 1)}
    assert {setting["scheme.widths"] for setting in tree.near(tree.own)} == {(1,), (2, 1), (3, 1)}


def test_an_end_is_a_number_beyond_which_others_could_be() -> None:
    some = place({"kind": "k_sqs", "k": 2, "resolution": 100}, FEW)
    assert some.ends({"scheme.k": 4, "scheme.resolution": 10}) == [("scheme.k", 4), ("scheme.resolution", 10)]
    assert some.ends({"scheme.k": 1, "scheme.resolution": 10}) == [("scheme.resolution", 10)]
    assert place({"kind": "k_sqs"}, {"scheme.k": (8,)}).ends({"scheme.k": 8}) == []


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 11])
def test_settings_are_spread_by_the_halton_sequence_of_scipy_to_the_bit(dimensions: int) -> None:
    theirs = Halton(dimensions, scramble=False).random(400)
    assert [halton(index, dimensions) for index in range(400)] == theirs.tolist()
