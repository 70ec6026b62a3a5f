"""Families and their kinds: who is one, who registers where, and who may take a name."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest
from pydantic import ValidationError

from kinds import Choice, ConfigError, Part, kinds_of_file, meant, one_line


class Pet(Choice, family=True):
    """A family."""


class Cat(Pet):
    kind: Literal["cat"] = "cat"


@pytest.fixture(autouse=True)
def only_the_cat() -> Iterator[None]:
    """What a test adds to the family goes again."""
    yield
    Pet.kinds.clear()
    Pet.kinds["cat"] = Cat


def test_a_family_says_that_it_is_one_and_its_kinds_do_not() -> None:
    assert Pet.is_family()
    assert not Cat.is_family()
    assert not Choice.is_family()
    assert Pet.of("cat") == Cat()


def test_a_mixin_between_family_and_kind_hides_neither() -> None:
    class Named(Choice):
        name: str = "Tom"

    class Dog(Named, Pet):
        kind: Literal["dog"] = "dog"

    assert Pet.kinds == {"cat": Cat, "dog": Dog}
    assert Pet.of({"kind": "dog", "name": "Rex"}) == Dog(name="Rex")


def test_a_mixin_below_choice_leaves_each_family_its_own_kinds() -> None:
    class Described(Choice):
        note: str = ""

    class Tree(Described, family=True):
        pass

    class Flower(Described, family=True):
        pass

    class Oak(Tree):
        kind: Literal["oak"] = "oak"

    assert Tree.kinds == {"oak": Oak}
    assert Flower.kinds == {}
    assert not Described.is_family()


def test_a_mixin_of_a_family_writes_into_that_family_alone() -> None:
    class Sized(Part):
        size: int = 1

    class Stone(Sized, Choice, family=True):
        pass

    class Pebble(Stone):
        kind: Literal["pebble"] = "pebble"

    assert Stone.is_family()
    assert Stone.kinds == {"pebble": Pebble}
    assert Stone.of("pebble") == Pebble()


def test_a_class_between_family_and_kind_without_a_kind_is_no_alternative() -> None:
    class Furry(Pet):
        hair_m: float = 0.01

    class Hare(Furry):
        kind: Literal["hare"] = "hare"

    assert Pet.kinds == {"cat": Cat, "hare": Hare}
    assert not Furry.is_family()


def test_a_kind_below_no_family_and_a_family_below_another_are_refused() -> None:
    with pytest.raises(TypeError, match="Stray: must be, or be below, one class with family=True"):

        class Stray(Choice):
            kind: Literal["stray"] = "stray"

    with pytest.raises(TypeError, match="Puppies: must be"):

        class Puppies(Pet, family=True):
            pass


def test_a_second_class_of_one_kind_is_refused_and_the_first_stays() -> None:
    with pytest.raises(TypeError, match=r"Lion: the kind 'cat' is taken by Cat in .*test_kinds\.py") as error:

        class Lion(Pet):
            kind: Literal["cat"] = "cat"

    assert "\n" not in str(error.value)
    assert Pet.kinds == {"cat": Cat}


OWL = f"""
from typing import Literal
from {__name__} import Pet

class Owl(Pet):
    kind: Literal["owl"] = "owl"
"""


def run_file(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The file, run as the module `name` for as long as the test lasts."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_a_file_that_is_run_again_replaces_its_own_kinds_and_no_other_file_does(tmp_path, monkeypatch):
    def run(file: str, name: str) -> ModuleType:
        (tmp_path / file).write_text(OWL)
        return run_file(tmp_path / file, name, monkeypatch)

    run("here.py", "first")
    again = run("here.py", "second")
    assert Pet.kinds["owl"] is again.Owl
    with pytest.raises(TypeError, match=r"Owl: the kind 'owl' is taken by Owl in .*here\.py"):
        run("there.py", "third")
    assert Pet.kinds["owl"] is again.Owl


def test_the_kinds_of_a_file_are_those_that_it_registers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(OWL)
    (tmp_path / "none.py").write_text("x = 1\n")
    run_file(tmp_path / "own.py", "own", monkeypatch)
    assert kinds_of_file(tmp_path / "own.py") == ["Owl"]
    assert kinds_of_file(tmp_path / "none.py") == []


class Kennel(Part):
    """Holds a pet."""

    guest: Pet = Cat()
    size: int = 1


def mistake(fields: dict[str, object]) -> ConfigError:
    with pytest.raises(ValidationError) as caught:
        Kennel.model_validate(fields)
    return one_line(caught.value)


def test_what_was_probably_meant_is_told_of_kinds_and_fields() -> None:
    assert str(mistake({"guest": "cta"})) == "guest.kind = 'cta': kind must be one of cat; did you mean cat?"
    assert str(mistake({"sise": 2})) == "sise = 2: no such field; did you mean size?"
    assert str(mistake({"guest": {"kind": "cat", "tail": 1}})) == "guest.tail = 1: no such field"
    assert meant("a", ["a100", "a10", "b"]) == "; did you mean a10 or a100?" and meant("zzz", ["a"]) == ""


def test_the_nearest_is_named_first_and_alone_if_one_edit_is_all() -> None:
    fields = ["uplink.rate", "uplink.rate.kind", "uplink.rate.bps"]
    for typed in ("uplink.rate.bsp", "uplink.rate.bp", "uplink.rate.bpps", "uplink.rate.bpz"):
        assert meant(typed, fields) == "; did you mean uplink.rate.bps?"
    assert meant("uplink.rate.bit", fields) == "; did you mean uplink.rate.bps, uplink.rate.kind or uplink.rate?"


def test_a_part_shows_what_differs_from_its_defaults() -> None:
    assert repr(Kennel()) == "Kennel()" and repr(Kennel(size=2)) == "Kennel(size=2)"
