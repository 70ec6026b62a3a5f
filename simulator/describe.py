"""Every field of a cell as a person reads it: default, unit, bounds, meaning, and what is behind each `kind`."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from kinds import Choice, Part
from simulator.settings import part_of
from simulator.units import unit

_BOUNDS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="), ("min_length", "length >="), ("multiple_of", "of"))


@dataclass(frozen=True)
class FieldLine:
    """One field. `field` is its dotted name; `when` names the kind it belongs to, empty where it is always there."""

    field: str
    default: str
    unit: str
    bounds: str
    meaning: str
    when: str = ""


def describe(part: Part) -> list[FieldLine]:
    """The fields of `part` with the values it holds as defaults, and those of every other kind of each family.

    What several kinds share is one line; `when` then lists them.
    """
    merged: dict[FieldLine, list[str]] = {}
    for line in _lines(type(part), part, (), ""):
        merged.setdefault(replace(line, when=""), []).append(line.when)
    return [replace(line, when=", ".join(filter(None, kinds))) for line, kinds in merged.items()]


def _lines(schema: type[Part], value: Part | None, above: tuple[str, ...], when: str) -> Iterator[FieldLine]:
    for name, field in schema.model_fields.items():
        if name == "kind":
            continue
        default = getattr(value, name) if value is not None else field.get_default(call_default_factory=True)
        path = (*above, name)
        part = part_of(field.annotation)
        if part is None:
            yield _line(path, field, default, when)
        elif issubclass(part, Choice) and part.is_family():
            yield from _family(part, field, default, path, when)
        elif _named(default):
            yield _line(path, field, default, when)
        else:
            yield from _lines(part, default if isinstance(default, Part) else None, path, when)


def _family(
    family: type[Choice], field: FieldInfo, default: object, path: tuple[str, ...], when: str
) -> Iterator[FieldLine]:
    kind = getattr(default, "kind", None)
    known = ", ".join(sorted(family.kinds))
    yield FieldLine(".".join((*path, "kind")), str(kind), "", f"one of {known}", field.description or "", when)
    for name, alternative in sorted(family.kinds.items(), key=lambda item: item[0] != kind):
        nested = f"{when}/{name}" if when else name
        yield from _lines(alternative, default if isinstance(default, alternative) else None, path, nested)


def _line(path: tuple[str, ...], field: FieldInfo, default: object, when: str) -> FieldLine:
    return FieldLine(".".join(path), shown(default), unit(path[-1]), _bounds(field), field.description or "", when)


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
    if _named(value):
        return str(getattr(value, "name", value))
    return str(value)


def _named(value: object) -> bool:
    """Whether a part goes by a name, so that a user gives the name rather than its fields."""
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
