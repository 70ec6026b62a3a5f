"""Changing cells by dotted field names: what `--set` and `--grid` mean, and a cell as one flat row.

A cell is seen as nested mappings. Values that choose or write out a whole part (a `kind`, a bare kind's name, a
mapping) apply first, outermost first; single fields follow. So the order in which settings are typed never matters.
"""

from __future__ import annotations

import copy
import difflib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import ValidationError

from kinds import Choice, ConfigError, Part, one_line

Scalar = str | int | float | bool | None
Nested = dict[str, Any]
P = TypeVar("P", bound=Part)

_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf")


def expand(base: P, grid: Mapping[str, Sequence[object]], settings: Mapping[str, object] | None = None) -> list[P]:
    """The cells of a grid over `base`: first axis outermost, equal cells once, in that order.

    `settings` hold in every cell that has the field, `grid` axes vary. A field that exists for some grid values only
    (`scheme.k` where one scheme has k) applies there. Raises ConfigError for a field that no cell has, an axis without
    values, and every value that a field refuses.
    """
    return spread(type(base), base.model_dump(), grid, settings or {})


def spread(
    schema: type[P], tree: Nested, grid: Mapping[str, Sequence[object]], settings: Mapping[str, object]
) -> list[P]:
    """`expand` over nested mappings that need not be a whole cell: missing fields take their defaults."""
    for path, values in grid.items():
        if not values:
            raise ConfigError(f"{path} = []: an axis needs at least one value")
    used: set[str] = set()
    trees: list[Nested] = []
    for values in itertools.product(*grid.values()):
        here = copy.deepcopy(tree)
        used |= _assign(schema, here, {**settings, **dict(zip(grid, values, strict=True))})
        trees.append(here)
    _require(used, (*settings, *grid), schema, trees)
    cells: dict[str, P] = {}
    for cell in (validated(schema, here) for here in trees):
        cells.setdefault(cell.model_dump_json(), cell)
    return list(cells.values())


def changed(schema: type[Part], settings: Mapping[str, object]) -> Nested:
    """The defaults of `schema` changed by `settings`, as nested mappings, not yet checked as a whole."""
    tree: Nested = {}
    _require(_assign(schema, tree, settings), tuple(settings), schema, [tree])
    return tree


def _require(used: set[str], paths: Sequence[str], schema: type[Part], trees: Sequence[Nested]) -> None:
    for path in paths:
        if path not in used:
            raise _unknown(schema, path, trees)


def validated(schema: type[P], tree: Mapping[str, object]) -> P:
    """`tree` as a value of `schema`; what it refuses becomes a one-line ConfigError."""
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise one_line(error) from None
    except TypeError as error:  # a user's scheme, loss, ... that leaves a method out cannot be made
        raise ConfigError(str(error)) from None


def pin(
    grid: Mapping[str, Sequence[object]], settings: Mapping[str, object]
) -> tuple[dict[str, list[object]], list[str]]:
    """The axes that `settings` leave open, and the names of those they fix.

    A setting fixes an axis when it gives that very field, its kind, or a mapping around it that holds the field.
    """
    fixed = [
        axis
        for axis in grid
        if any(_part_path(path) == _part_path(axis) or _holds(value, path, axis) for path, value in settings.items())
    ]
    return {axis: list(values) for axis, values in grid.items() if axis not in fixed}, fixed


def widen(grid: Mapping[str, Sequence[object]], axes: Mapping[str, Sequence[object]]) -> dict[str, list[object]]:
    """`grid` with `axes` put in place of those of the same name (`scheme` and `scheme.kind` are one axis), or added."""
    mine = {_part_path(axis): list(values) for axis, values in axes.items()}
    kept = {axis: mine.pop(_part_path(axis), list(values)) for axis, values in grid.items()}
    return kept | {axis: list(values) for axis, values in axes.items() if _part_path(axis) in mine}


def parse_setting(text: str) -> tuple[str, object]:
    """`a.b=v` as (path, value); v is YAML, and a number wherever it reads as one (1e6, inf)."""
    path, value = _split(text)
    return path, _value(value, text)


def parse_axis(text: str) -> tuple[str, list[object]]:
    """`a.b=v1,v2` or `a.b=[v1, v2]` as (path, values)."""
    path, value = _split(text)
    values = _value(f"[{value}]", text)
    assert isinstance(values, list)
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    return path, values


def flatten(part: Part) -> dict[str, Scalar]:
    """Every field of `part` under its dotted name; lists as JSON. One row of a table."""
    return dict(_leaves(part.model_dump(), ()))


def part_of(annotation: object) -> type[Part] | None:
    """The part or family that a field's annotation takes; None for plain values and lists. Looks into unions."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    if get_origin(annotation) not in (Union, UnionType, Annotated):
        return None
    found = (part_of(argument) for argument in get_args(annotation))
    return next((part for part in found if part is not None), None)


def chosen(part: type[Part], tree: object) -> type[Part] | None:
    """The class behind `tree`: `part` itself, or the alternative of the family that its `kind` names."""
    if not issubclass(part, Choice) or not part.is_family():
        return part
    kind = tree.get("kind") if isinstance(tree, Mapping) else None
    return part.kinds.get(kind) if isinstance(kind, str) else None


def _assign(schema: type[Part], tree: Nested, values: Mapping[str, object]) -> set[str]:
    """Writes `values` into `tree`, whole parts first, outermost first; returns the paths that exist here."""
    whole, single = [], []
    for path, value in values.items():
        target = _part_path(path)
        if path != target or isinstance(value, Mapping):
            whole.append((target, path, {"kind": value} if path != target else value))
        else:
            single.append((path, path, value))
    used = set()
    for group in (whole, single):
        for target, path, value in sorted(group, key=lambda item: item[0].count(".")):
            if _put(schema, tree, target.split("."), value):
                used.add(path)
    return used


def _put(schema: type[Part], tree: Nested, steps: list[str], value: object) -> bool:
    """Writes one value if the field exists; says whether it does."""
    here: type[Part] | None = schema
    for step in steps[:-1]:
        field = here.model_fields.get(step) if here is not None else None
        part = part_of(field.annotation) if field is not None else None
        if field is None or part is None:
            return False
        below = tree.get(step, field.get_default(call_default_factory=True))
        tree[step] = _opened(part, below)
        if not isinstance(tree[step], dict):
            return False
        tree, here = tree[step], chosen(part, tree[step])
    field = here.model_fields.get(steps[-1]) if here is not None else None
    if field is None:
        return False
    tree[steps[-1]] = _opened(part_of(field.annotation), value)
    return True


def _opened(part: type[Part] | None, value: object) -> object:
    """`value` as a mapping wherever it stands for a part: an instance, a mapping, or the name of a kind."""
    if isinstance(value, Part):
        return value.model_dump()
    if isinstance(value, str) and part is not None and issubclass(part, Choice):
        return {"kind": value}
    return dict(value) if isinstance(value, Mapping) else value


def _unknown(schema: type[Part], path: str, trees: Sequence[Nested]) -> ConfigError:
    """The error for a field that no cell has, with the fields that were probably meant."""
    known = sorted({name for tree in trees for name in _paths(schema, tree, ())})
    last = path.rsplit(".", 1)[-1]
    near = [name for name in known if name.rsplit(".", 1)[-1] == last]
    near += [name for name in difflib.get_close_matches(path, known, n=3, cutoff=0.6) if name not in near]
    hint = f"; did you mean {' or '.join(near[:3])}?" if near else "; `sqsim list NAME` shows them all"
    return ConfigError(f"{path}: no cell has such a field{hint}")


def _paths(schema: type[Part] | None, tree: Nested, above: tuple[str, ...]) -> Iterator[str]:
    for name, field in schema.model_fields.items() if schema is not None else ():
        yield ".".join((*above, name))
        part = part_of(field.annotation)
        below = _opened(part, tree.get(name, field.get_default(call_default_factory=True)))
        if part is not None and isinstance(below, dict):
            yield from _paths(chosen(part, below), below, (*above, name))


def _leaves(tree: Mapping[str, object], above: tuple[str, ...]) -> Iterator[tuple[str, Scalar]]:
    for name, value in tree.items():
        path = (*above, name)
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        elif isinstance(value, str | int | float | bool | None):
            yield ".".join(path), value
        elif isinstance(value, list | tuple):
            yield ".".join(path), json.dumps(value, default=str)
        else:
            yield ".".join(path), str(value)


def _part_path(path: str) -> str:
    return path.removesuffix(".kind")


def _holds(value: object, path: str, axis: str) -> bool:
    """Whether the mapping `value`, given at `path`, holds the field `axis`."""
    if not axis.startswith(path + "."):
        return False
    for step in axis[len(path) + 1 :].split("."):
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True


def _split(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"{text}: give a field and its value as a.b=v")
    return path.strip(), value


def _value(text: str, typed: str) -> object:
    try:
        return _numbers(yaml.safe_load(text))
    except yaml.YAMLError as error:
        reason = str(getattr(error, "problem", None) or "not YAML")
        raise ConfigError(f"{typed}: cannot read the value, {reason}") from None


def _numbers(value: object) -> object:
    """YAML reads `1e6` as text; users mean a number."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _numbers(item) for key, item in value.items()}
    return value
