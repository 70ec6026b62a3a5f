"""YAML that a stranger wrote: what would be believed in silence, or never end, is refused in one line, at once."""

import time
from pathlib import Path

import pytest
import yaml

from kinds import ConfigError
from kinds.yaml_file import MOST_VALUES, load_yaml, read_yaml
from simulator.cell.cell import Cell


def told(tmp_path: Path, text: str) -> str:
    """What is said of a file, behind its name."""
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert message.startswith(f"config = {path}") and "\n" not in message
    return message.removeprefix(f"config = {path}")


def test_a_key_given_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    assert (
        told(tmp_path, "seed: 1\nmodels: {}\n'seed': 2\n") == ", line 3: the key 'seed' is given twice, first in line 1"
    )
    assert told(tmp_path, "a:\n  yes: 1\n  true: 2\n") == ", line 3: the key True is given twice, first in line 2"
    with pytest.raises(yaml.YAMLError, match="the key 'k' is given twice"):
        load_yaml("[{a: 1}, {b: {k: 1, k: 1}}]")


def test_a_merged_mapping_may_be_overridden_and_one_key_stand_in_many_mappings() -> None:
    found = load_yaml("first: &a {seed: 1, rate: 2}\nother: &b {<<: *a, seed: 3}\nlast: {<<: *b, rate: 4}\n")
    assert found == {"first": {"seed": 1, "rate": 2}, "other": {"seed": 3, "rate": 2}, "last": {"seed": 3, "rate": 4}}


@pytest.mark.parametrize("first", ["[x, x, x, x, x, x, x, x, x]", "{x: 1}"])
def test_aliases_that_repeat_aliases_are_counted_before_they_are_built(tmp_path: Path, first: str) -> None:
    """A text of under 1 kB that stands for 9^9 values, as lists or as merged mappings."""
    repeat = (
        "[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]"
        if first.startswith("[")
        else "{{<<: [{0}, {0}, {0}, {0}, {0}, {0}]}}"
    )
    lines = [f"a0: &a0 {first}", *(f"a{n}: &a{n} {repeat.format(f'*a{n - 1}')}" for n in range(1, 12))]
    text = "\n".join(lines)
    assert len(text) < 1000
    begun_s = time.process_time()
    assert f"more than {MOST_VALUES:,} values, with what aliases repeat" in told(tmp_path, text)
    assert time.process_time() - begun_s < 1


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: *a}", "&a {? *a : 1}"])
def test_an_alias_within_what_it_repeats_is_refused(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, text) == ", line 1: an alias may not stand within what it repeats"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" + "1," * MOST_VALUES + "]", "more than 20,000 values"),
        ("a: " + "x" * 2**18, "must have at most 262,144"),
        ("[" * 10_000, "is nested too deeply"),
        ('a: "\\ud800"', "holds a lone surrogate, must be Unicode text"),
        ('"\\udfff": 1', "holds a lone surrogate, must be Unicode text"),
        ("seed: 1:2:3", "'1:2:3' would be a number in base 60; quote it if it is text"),
        ("1" + ":1" * 400 + ".5", "would be a number in base 60"),
        ("1" * 1001, "is no number of at most 1,000 characters"),
    ],
    ids=["values", "characters", "nested", "surrogate", "key", "base-60", "long base-60", "long"],
)
def test_what_cannot_be_a_configuration_is_told_at_once(tmp_path: Path, text: str, message: str) -> None:
    begun_s = time.process_time()
    assert message in told(tmp_path, text)
    assert time.process_time() - begun_s < 1


def test_every_cell_written_out_is_read_back() -> None:
    cell = Cell()
    assert Cell.from_fields(load_yaml(cell.to_yaml())) == cell


def test_a_surrogate_pair_is_one_character() -> None:
    assert load_yaml('"\\ud83d\\ude00"'.replace("\\ud83d\\ude00", "\\U0001F600")) == "\U0001f600"
