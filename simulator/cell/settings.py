"""Changing cells by dotted field names: what `--set` and `--grid` mean.

Values apply outermost first, so that one that chooses or writes out a whole part (a `kind`, a bare kind's name, a
mapping) comes before those of the fields in it, and the order in which settings are typed never matters.

An axis may move several fields at once, `uplink,downlink`: each of its values is then a list with one value a field.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from pydantic import ValidationError

from channels.link.link_config import LinkConfig
from kinds import Choice, ConfigError, Part, did_you_mean, one_line
from kinds.mistakes import shown, users_mistake
from simulator.cell.dotted_names import PRESET, Nested, names, part_of, put

P = TypeVar("P", bound=Part)


def expand(base: P, grid: Mapping[str, Sequence[object]], settings: Mapping[str, object] | None = None) -> list[P]:
    """The cells of a grid over `base`: first axis outermost, equal cells once, in that order.

    `settings` hold in every cell that has the field, `grid` axes vary. A field that exists for some grid values only
    (`scheme.k` where one scheme has k) applies there. Raises ConfigError for a field that no cell has, an axis without
    values or with one value twice, and every value that a field refuses.
    """
    fields = {name: getattr(base, name) for name in type(base).model_fields}
    return spread(type(base), fields, grid, settings or {})


def held_by(part: Part, settings: Mapping[str, object]) -> dict[str, object]:
    """Returns the settings whose field the part has."""
    fields = {name: getattr(part, name) for name in type(part).model_fields}
    known = write(type(part), fields, settings)
    return {path: value for path, value in settings.items() if path in known}


def spread(
    schema: type[P], tree: Nested, grid: Mapping[str, Sequence[object]], settings: Mapping[str, object]
) -> list[P]:
    """`expand` over nested mappings that need not be a whole cell: missing fields take their defaults. A field is
    validated, and written down, once for all cells in which the axes that write into it have the same values."""
    for path, values in grid.items():
        if not values:
            raise ConfigError(f"{path} = []: an axis needs at least one value")
        _require_once(schema, tree, path, values)
    used: set[str] = set()
    trees: list[Nested] = []
    places = list(itertools.product(*(range(len(values)) for values in grid.values())))
    for place in places:
        here = dict(tree)  # what is written into below is copied on the way
        given = {path: grid[path][number] for path, number in zip(grid, place, strict=True)}
        used |= write(schema, here, {**settings, **_given(given)})
        trees.append(here)
    require_known(used, (*settings, *(path for axis in grid for path in fields_of(axis))), schema, trees)
    tops = [{_top(path) for path in fields_of(axis)} for axis in grid]
    tops = [mine | schema._follows(mine, tree) for mine in tops]
    axes = {name: [number for number, mine in enumerate(tops) if name in mine] for name in schema.model_fields}
    known: dict[tuple[object, ...], tuple[object, str]] = {}  # a field by its places on the axes that write into it
    cells: dict[str, P] = {}
    for place, here in zip(places, trees, strict=True):
        keys = {name: (name, *(place[axis] for axis in mine)) for name, mine in axes.items()}
        common = {name: known[key][0] for name, key in keys.items() if name in here and key in known}
        cell = validated(schema, {**here, **common})
        for name, key in keys.items():
            if key not in known:
                known[key] = getattr(cell, name), cell.model_dump_json(include={name}) if axes[name] else ""
        cells.setdefault("".join(known[key][1] for key in keys.values()), cell)
    return list(cells.values())


def _top(path: str) -> str:
    return path.partition(".")[0]


def _require_once(schema: type[P], tree: Nested, axis: str, values: Sequence[object]) -> None:
    """Raises ConfigError where an axis gives one value twice, in whatever words: the cells of one would be lost."""
    if all(type(value) is int for value in values) and len(set(values)) == len(values):
        return  # in no words but their own
    given: dict[str, object] = {}
    for value in values:
        here = dict(tree)
        try:
            known = write(schema, here, _given({axis: value}))
            meant = validated(schema, here).model_dump_json() if known else repr(value)
        except ConfigError:  # reported where the whole grid is known
            meant = repr(value)
        if meant in given:
            raise ConfigError(f"{axis}: {shown(given[meant])} and {shown(value)} are one value; give it once")
        given[meant] = value


def fields_of(axis: str) -> tuple[str, ...]:
    """The dotted names of the fields that an axis moves."""
    return tuple(axis.split(","))


def axes_of(axes: Mapping[str, Iterable[object]]) -> dict[str, list[object]]:
    """The axes of a grid, each a list: ranges and arrays are lists too. Raises ConfigError for anything else."""
    if not isinstance(axes, Mapping):
        raise ConfigError(f"grid = {axes!r}: must be a mapping of fields to lists of values")
    for path, values in axes.items():
        if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
            raise ConfigError(f"{path} = {values!r}: an axis is a list of values")
    return {path: values.tolist() if isinstance(values, np.ndarray) else list(values) for path, values in axes.items()}


def changed(schema: type[Part], settings: Mapping[str, object]) -> Nested:
    """The defaults of `schema` changed by `settings`, as nested mappings, not yet checked as a whole."""
    tree: Nested = {}
    require_known(write(schema, tree, settings), tuple(settings), schema, [tree])
    return tree


def require_known(
    used: set[str], paths: Sequence[str], schema: type[Part], trees: Sequence[Nested], above: str = ""
) -> None:
    """Raises ConfigError for the first of `paths` that is not in `used`, with the fields that were probably meant.

    `above`: the dotted name of the part, where it is not the whole."""
    for path in paths:
        if path not in used:
            raise _unknown(schema, path, trees, above)


def validated(schema: type[P], tree: Mapping[str, object]) -> P:
    """`tree` as a value of `schema`; what it refuses becomes a one-line ConfigError."""
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise one_line(error, tree) from None
    except TypeError as error:  # a user's scheme, loss, ... that leaves a method out cannot be made
        raise users_mistake(error) or ConfigError(str(error)) from None


def pin(
    grid: Mapping[str, Sequence[object]], settings: Mapping[str, object], typed: Collection[str] = ()
) -> tuple[dict[str, list[object]], list[str]]:
    """The axes that `settings` leave open, and the names of those they fix.

    A setting fixes an axis when it gives a field of it, its kind, or a mapping around it that holds the field; so does
    a preset of the part around it, unless the axis is one of those `typed` beside it.
    """
    fixed = [
        axis
        for axis in grid
        if any(
            _part_path(path) == _part_path(field) or _holds(value, path, field)
            for path, value in settings.items()
            if not (axis in typed and _gives_all(path, value))
            for field in fields_of(axis)
        )
    ]
    return {axis: list(values) for axis, values in grid.items() if axis not in fixed}, fixed


def replaced(
    schema: type[Part], tree: Nested, grid: Mapping[str, Sequence[object]], settings: Mapping[str, object]
) -> dict[str, str]:
    """The axes of `grid` that lost their field, each with what replaced it: `uplink.rate.bps` where a setting, or
    another axis, makes `uplink.rate` a trace. Fields that some cell still has are not among them."""
    found = {}
    for axis in grid:
        above = [
            path
            for path in (*settings, *grid)
            if any(field.startswith(f"{_part_path(part)}.") for field in fields_of(axis) for part in fields_of(path))
        ]
        axes = {path: grid[path] for path in above if path in grid}
        left: set[str] = set()
        for values in itertools.product(*axes.values()) if above else ():
            here, given = dict(tree), _given(dict(zip(axes, values, strict=True)))
            left |= write(schema, here, {**settings, **given, **dict.fromkeys(fields_of(axis))})
        if above and left.isdisjoint(fields_of(axis)):
            found[axis] = above[0]
    return found


def widen(grid: Mapping[str, Sequence[object]], axes: Mapping[str, Sequence[object]]) -> dict[str, list[object]]:
    """`grid` with `axes` put in place of those of the same name (`scheme` and `scheme.kind` are one axis), or added.

    An axis of several fields goes where another moves one of them.
    """
    mine = {_part_path(axis): list(values) for axis, values in axes.items()}
    taken = {_part_path(field) for axis in axes for field in fields_of(axis)}
    kept = {
        axis: mine.pop(_part_path(axis), list(values))
        for axis, values in grid.items()
        if _part_path(axis) in mine or taken.isdisjoint(map(_part_path, fields_of(axis)))
    }
    return kept | {axis: list(values) for axis, values in axes.items() if _part_path(axis) in mine}


def _given(values: Mapping[str, object]) -> dict[str, object]:
    """The value of each field, from those of axes."""
    found: dict[str, object] = {}
    for axis, value in values.items():
        fields = fields_of(axis)
        if len(fields) == 1:
            found[axis] = value
        elif isinstance(value, list | tuple) and len(value) == len(fields):
            found |= zip(fields, value, strict=True)
        else:
            raise ConfigError(f"{axis} = {value!r}: must be a list of {len(fields)}, a value for each field")
    return found


def write(schema: type[Part], tree: Nested, values: Mapping[str, object]) -> set[str]:
    """Writes `values` into `tree`, outermost first; returns the paths that exist here."""
    found = []
    for path, value in values.items():
        target = _part_path(path)
        found.append((target, path, {"kind": value} if path != target else value))
    used = set()
    tops = {_top(target) for target, _, _ in found}
    tree |= schema._freed(tops, tree)
    laid_over = schema._follows(tops, tree)  # those are written last
    order = [(_top(target) in laid_over, target.count("."), not _gives_all(target, None)) for target, _, _ in found]
    for _, (target, path, value) in sorted(zip(order, found, strict=True), key=lambda item: item[0]):
        if put(schema, tree, target.split("."), value):
            used.add(path)
    return used


def _unknown(schema: type[Part], path: str, trees: Sequence[Nested], above: str) -> ConfigError:
    """The error for a field that no cell has, with the fields that were probably meant."""
    part, _, field = path.rpartition(".")
    family = part_of(schema.model_fields[part].annotation) if part in schema.model_fields else None
    if family is not None and issubclass(family, Choice) and (having := family.kinds_with(field)):
        return ConfigError(f"{above}{path}: no cell has such a field, which is one of {', '.join(having)}")
    known = sorted({name for tree in trees for name in names(schema, tree)})
    last = path.rsplit(".", 1)[-1]
    near = [name for name in known if name.rsplit(".", 1)[-1] == last]
    near += [name for name in difflib.get_close_matches(path, known, n=3, cutoff=0.6) if name not in near]
    hint = did_you_mean([above + name for name in near[:3]]) or "; `sqsim list NAME` shows them all"
    return ConfigError(f"{above}{path}: no cell has such a field{hint}")


def _part_path(path: str) -> str:
    return path.removesuffix(".kind")


def _gives_all(path: str, value: object) -> bool:
    """True if the value is a preset, which has a value for every field of its part."""
    name = value.get(PRESET) if isinstance(value, Mapping) else value
    return path.endswith(f".{PRESET}") or (isinstance(name, str) and name in LinkConfig.presets)


def _holds(value: object, path: str, axis: str) -> bool:
    """True if `value`, given at `path`, sets the field `axis`: a mapping that has it, or a whole link by its name."""
    if _gives_all(path, value):
        return axis.startswith(path.removesuffix(f".{PRESET}") + ".")
    if not axis.startswith(path + "."):
        return False
    for step in axis[len(path) + 1 :].split("."):
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True
