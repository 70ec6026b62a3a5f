"""The fields of a part by their dotted names: which there are, one of them written, all of them as a flat row.

A part is seen as nested mappings that need not be whole: a field that is missing has its default.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from kinds import Choice, Part

Scalar = str | int | float | bool | None
Nested = dict[str, Any]
PRESET = "preset"
"""Name that stands in place of a field of a part with presets: it holds a preset, whose fields are then written
over."""


def put(schema: type[Part], tree: Nested, steps: Sequence[str], value: object) -> bool:
    """Writes one value under `steps`, the words of a dotted name, if there is such a field; says whether there is.

    Of the mappings within `tree`, those that it writes into are replaced by copies, the others are left alone.
    """
    step, *below = steps
    if step == PRESET and not below and presets_of(schema):
        tree.clear()
        tree.update(_opened(schema, {PRESET: value}))  # type: ignore[call-overload]
        return True
    if (field := schema.model_fields.get(step)) is None:
        return False
    part = part_of(field.annotation)
    if not below:
        tree[step] = _opened(part, value)
        return True
    if (item := item_of(field.annotation)) is not None:
        return _put_in_item(schema, tree, steps, item, value)
    opened = _opened(part, _given(field, tree, step)) if part is not None else None
    here = chosen(part, opened) if part is not None else None
    if here is None or not isinstance(opened, dict) or not put(here, opened, below, value):
        return False
    tree[step] = opened
    return True


def _put_in_item(schema: type[Part], tree: Nested, steps: Sequence[str], item: type[Part], value: object) -> bool:
    """`put` below a list of parts, each by its name or its place: `fleet.phones.count`."""
    field, which, *below = steps
    items: list[Any] = [dict(each) for each in items_of(tree.get(field, ()))]
    names = [str(each.get("name", "")) for each in items]
    place = names.index(which) if which in names else int(which) if which.isdecimal() else len(items)
    if place >= len(items):
        return False
    if not below:
        items[place] = {"name": names[place], **value} if isinstance(value, Mapping) else value
    else:
        here, known = items[place], item.model_fields.get(below[0])
        if known is None:
            return False
        if len(below) > 1 and (part := part_of(known.annotation)) is not None:
            here[below[0]] = over(part, _given(schema.model_fields[below[0]], tree, below[0]), here.get(below[0]) or {})
        if not put(item, here, below, value):
            return False
    tree[field] = items
    return True


def items_of(given: object) -> list[Any]:
    """The parts of a list of them as mappings; a mapping by their names is one too."""
    if isinstance(given, Mapping):
        return [
            {"name": name, **(each.to_fields() if isinstance(each, Part) else each)}
            if isinstance(each, Part | Mapping)
            else each
            for name, each in given.items()
        ]
    items = given if isinstance(given, list | tuple) else []
    return [each.to_fields() if isinstance(each, Part) else each for each in items]


def over(part: type[Part], base: object, given: object) -> object:
    """`given` for a part, laid over `base`: what it leaves out is as there. A kind or a preset stands for a whole."""
    below = _opened(part, base)
    if not isinstance(given, Mapping) or not isinstance(below, dict) or {"kind", PRESET} & given.keys():
        return given
    here, merged = chosen(part, below), dict(below)
    for name, value in given.items():
        field = here.model_fields.get(name) if here is not None else None
        inner = part_of(field.annotation) if field is not None else None
        inside = field is not None and inner is not None
        merged[name] = over(inner, _given(field, below, name), value) if inside else value  # type: ignore[arg-type]
    return merged


def whole_fields(part: Part, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
    """The fields of a part, those too that its dump leaves out, so that nothing of it is anyone else's."""
    fields = part.to_fields(mode)
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part) and not isinstance(part, Choice):  # a kind stands for all below it
            fields[name] = whole_fields(value, mode)
        elif name not in fields and not field.exclude:
            fields[name] = value.to_fields(mode) if isinstance(value, Part) else value
    return fields


def presets_of(part: type[Part] | None) -> Mapping[str, Part]:
    """The whole parts that go by a name, as links do: `nb_iot.uplink`."""
    found: Mapping[str, Part] = getattr(part, "presets", {})
    return found


def names(schema: type[Part] | None, tree: Nested, above: tuple[str, ...] = ()) -> Iterator[str]:
    """The dotted names of all fields of `tree`, parts included."""
    for name, field in schema.model_fields.items() if schema is not None else ():
        yield ".".join((*above, name))
        part = part_of(field.annotation)
        below = _opened(part, _given(field, tree, name)) if part is not None else None
        if part is not None and isinstance(below, dict):
            yield from names(chosen(part, below), below, (*above, name))
        if (item := item_of(field.annotation)) is not None:
            for each in items_of(tree.get(name, ())):
                yield from names(item, {**each}, (*above, name, str(each.get("name", "0"))))


def _given(field: FieldInfo, tree: Nested, name: str) -> object:
    """Returns the value of a field in `tree`, or else a copy of its default."""
    return tree[name] if name in tree else field.get_default(call_default_factory=True)


def flatten(part: Part) -> dict[str, Scalar]:
    """Every field of `part` under its dotted name; lists as JSON. One row of a table."""
    return dict(_leaves(part.model_dump(), ()))


def differences(part: Part, default: Part) -> dict[str, object]:
    """The fields in which `part` differs from another of its class, by dotted name, as one would set them."""
    found: dict[str, object] = {}
    for name in type(part).model_fields:
        mine, other = getattr(part, name), getattr(default, name)
        if mine == other:
            continue
        if isinstance(mine, Part) and type(mine) is type(other) and not isinstance(getattr(mine, "name", None), str):
            found |= {f"{name}.{path}": value for path, value in differences(mine, other).items()}
        else:
            found[name] = _as_set(part, name)
    return found


def _as_set(part: Part, field: str) -> object:
    """A field's value as one would set it: a part by its name, its kind alone, or its kind and what differs from it."""
    value = getattr(part, field)
    if isinstance(value, list | tuple):
        return [_written(each) for each in value]
    name = getattr(value, "name", None)
    if isinstance(value, Part) and isinstance(name, str) and not isinstance(value, Choice):
        try:
            if getattr(type(part).model_validate({**dict(part), field: name}), field) == value:
                return name
        except ValidationError:  # a name that the user gave it
            pass
    return _written(value)


def _written(value: object) -> object:
    if not isinstance(value, Part):
        return value
    given = {name: _as_set(value, name) for name, _ in value.__repr_args__() if name is not None}
    kind = getattr(value, "kind", None)
    return {"kind": kind, **given} if given and kind is not None else kind or given


def part_of(annotation: object) -> type[Part] | None:
    """The part or family that a field's annotation takes; None for plain values and lists. Looks into unions."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    if get_origin(annotation) not in (Union, UnionType, Annotated):
        return None
    found = (part_of(argument) for argument in get_args(annotation))
    return next((part for part in found if part is not None), None)


def item_of(annotation: object) -> type[Part] | None:
    """The part that a field is a list of; None for all others."""
    arguments = get_args(annotation) if get_origin(annotation) is tuple else ()
    return part_of(arguments[0]) if len(arguments) == 2 and arguments[1] is Ellipsis else None


def chosen(part: type[Part], tree: object) -> type[Part] | None:
    """The class behind `tree`: `part` itself, or the alternative of the family that its `kind` names."""
    if not issubclass(part, Choice) or not part.is_family():
        return part
    kind = tree.get("kind") if isinstance(tree, Mapping) else None
    return part.kinds.get(kind) if isinstance(kind, str) else None


def _opened(part: type[Part] | None, value: object) -> object:
    """`value` as a mapping wherever it stands for a part: an instance, a mapping, the name of a kind or a preset."""
    if isinstance(value, Part):
        return value.to_fields()
    name = value.get(PRESET) if isinstance(value, Mapping) else value
    if isinstance(name, str) and name in presets_of(part):
        changes = {key: each for key, each in value.items() if key != PRESET} if isinstance(value, Mapping) else {}
        return {**presets_of(part)[name].model_dump(), **changes}
    if part is None or not issubclass(part, Choice):
        return dict(value) if isinstance(value, Mapping) else value
    given = {"kind": value} if isinstance(value, str) else value
    return part.renamed(given) if isinstance(given, Mapping) else given


def _leaves(tree: Mapping[str, object], above: tuple[str, ...]) -> Iterator[tuple[str, Scalar]]:
    for name, value in tree.items():
        path = (*above, name)
        if value is None or isinstance(value, (str, int, float)):
            yield ".".join(path), value
        elif isinstance(value, Mapping):
            yield from _leaves(value, path)
        elif isinstance(value, (list, tuple)) and value and all(_has_a_name(each) for each in value):
            called = [each["name"] for each in value]
            alone = len({*called}) == len(called)
            for place, (each, of) in enumerate(zip(value, called, strict=True)):
                yield from _leaves(each, (*path, of if alone else str(place)))
        elif isinstance(value, (list, tuple)):
            yield ".".join(path), json.dumps(value, default=str)
        else:
            yield ".".join(path), str(value)


def _has_a_name(value: object) -> bool:
    """True if a value is a part of a list that goes by its name."""
    return isinstance(value, Mapping) and isinstance(value.get("name"), str)
