"""Every field of a cell as a person reads it: default, unit, bounds, meaning, and what is behind each `kind`."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kinds import Choice, Part
from kinds.tunable import worth_trying
from simulator.cell.dotted_names import part_of
from simulator.results.units import unit

_BOUNDS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="), ("min_length", "length >="), ("multiple_of", "of"))


@dataclass(frozen=True)
class FieldLine:
    """Line about a field. `field` is its dotted name; `when` names the kind it belongs to, empty if it is always there;
    `tuned` has the values that it declares worth trying."""

    field: str
    default: str
    unit: str
    bounds: str
    meaning: str
    when: str = ""
    tuned: str = ""


def describe(part: Part) -> list[FieldLine]:
    """The fields of `part` with the values it holds as defaults, and those of every other kind of each family.

    What several kinds share is one line; `when` then lists them.
    """
    merged: dict[FieldLine, list[str]] = {}
    for line in _lines(type(part), part, _Place()):
        merged.setdefault(replace(line, when=""), []).append(line.when)
    return [replace(line, when=", ".join(filter(None, kinds))) for line, kinds in merged.items()]


@dataclass(frozen=True)
class _Place:
    """Place of a walk through a part: names above, kinds chosen so far, families not to be opened again."""

    path: tuple[str, ...] = ()
    when: str = ""
    open: frozenset[type] = frozenset()

    def below(self, name: str) -> _Place:
        return replace(self, path=(*self.path, name))

    def under(self, family: type, kind: str) -> _Place:
        return replace(self, when=f"{self.when}/{kind}" if self.when else kind, open=self.open | {family})


def _lines(schema: type[Part], value: Part | None, place: _Place) -> Iterator[FieldLine]:
    for name, field in schema.model_fields.items():
        if name == "kind" or field.exclude:  # a label is no setting
            continue
        default = getattr(value, name) if value is not None else field.get_default(call_default_factory=True)
        here = place.below(name)
        part = part_of(field.annotation)
        if part is not None and issubclass(part, Choice) and part.is_family():
            yield from _family(part, field, default, here)
        elif part is None or _named(default):
            yield _line(here, field, default)
        else:
            yield from _lines(part, default if isinstance(default, Part) else None, here)


def _family(family: type[Choice], field: FieldInfo, default: object, place: _Place) -> Iterator[FieldLine]:
    kind = getattr(default, "kind", None)
    path = ".".join((*place.path, "kind"))
    known = ", ".join(sorted(family.kinds))
    yield FieldLine(path, shown(kind), "", f"one of {known}", field.description or "", place.when)
    if family in place.open:  # a part made of others of its own family: its kinds are listed further up
        return
    for name, alternative in sorted(family.kinds.items(), key=lambda item: item[0] != kind):
        given = default if isinstance(default, alternative) else None
        yield from _lines(alternative, given, place.under(family, name))


def _line(place: _Place, field: FieldInfo, default: object) -> FieldLine:
    path, meaning = ".".join(place.path), field.description or ""
    tuned = ", ".join(map(shown, worth_trying(field)))
    return FieldLine(path, shown(default), unit(place.path[-1]), _bounds(field), meaning, place.when, tuned)


def shown(value: object) -> str:
    """A value as it would be typed after `=`."""
    if value is None:
        return "null"
    if value is PydanticUndefined:
        return "(needed)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    if _named(value):
        return str(getattr(value, "name", value))
    return str(value)


def _named(value: object) -> bool:
    """True if a part goes by a name, so that a user gives the name rather than its fields."""
    return isinstance(value, Part) and not isinstance(value, Choice) and isinstance(getattr(value, "name", None), str)


def _bounds(field: FieldInfo) -> str:
    parts = [
        f"{sign} {shown(getattr(constraint, name))}"
        for constraint in field.metadata
        for name, sign in _BOUNDS
        if getattr(constraint, name, None) is not None
    ]
    kind = ("a name, or a mapping",) if part_of(field.annotation) else _kind_of_value(field.annotation)
    return ", ".join((*kind, *parts))


def _kind_of_value(annotation: Any) -> tuple[str, ...]:
    """The words for an annotation's type: `whole number`, `number`, `true or false`, `one of a, b`."""
    origin = get_origin(annotation)
    if origin is Literal:
        return ("one of " + ", ".join(shown(choice) for choice in get_args(annotation)),)
    if origin in (Union, types.UnionType):
        words = [word for option in get_args(annotation) for word in _kind_of_value(option)]
        return (" or ".join(dict.fromkeys(words)),)
    names = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "null"}
    return (names[annotation],) if annotation in names else ()
