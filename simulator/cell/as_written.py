"""What a person writes for a part, as its plain fields: dotted names unfolded, quantities as numbers in their unit.

So `{"uplink.rate.bps": "10k", "uplink": {"mtu_bits": "1500 B"}}` and nested mappings of plain numbers are one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from kinds import ConfigError, Part
from simulator.cell.dotted_names import Nested, chosen, part_of
from simulator.cell.quantities import number
from simulator.cell.settings import require_known, write


def as_written(schema: type[Part], given: Mapping[str, object], above: str = "") -> Nested:
    """`given`, of the part `schema` at the dotted name `above`, as nested mappings of plain values.

    Values that are parts already stay as they are. Raises ConfigError for a dotted name that is no field's, and a
    quantity that does not fit its field.
    """
    tree: Nested = {name: value for name, value in given.items() if not _dotted(name)}
    dotted = {name: value for name, value in given.items() if _dotted(name)}
    require_known(write(schema, tree, dotted), tuple(dotted), schema, [tree], above)
    fields = schema.model_fields
    for name, value in tree.items():
        if name in fields and (name in _number_fields(schema) or not isinstance(value, str)):
            tree[name] = _plain(fields[name].annotation, value, f"{above}{name}")
    return tree


@cache
def _number_fields(schema: type[Part]) -> frozenset[str]:
    """The fields of a part whose texts are quantities."""
    return frozenset(name for name, field in schema.model_fields.items() if _is_number(field.annotation))


def _plain(annotation: Any, value: object, path: str) -> object:
    if not isinstance(value, str | list | tuple | Mapping):
        return value
    part = part_of(annotation)
    if isinstance(value, Mapping) and part is not None:
        here = chosen(part, value)
        return value if here is None else as_written(here, value, f"{path}.")
    if isinstance(value, list | tuple):
        item = _item_of(annotation)
        return [_plain(item, each, f"{path}.{place}" if part_of(item) else path) for place, each in enumerate(value)]
    return _quantity(annotation, value, path) if isinstance(value, str) and _is_number(annotation) else value


def _quantity(annotation: Any, typed: str, path: str) -> object:
    """The number, or the word that the field takes instead of one."""
    words = [each for each in _choices(annotation) if isinstance(each, str)]
    if typed in words:
        return typed
    try:
        return number(typed, path)
    except ConfigError as error:
        raise ConfigError(", or ".join([str(error), *words])) from None


def _dotted(name: object) -> bool:
    return isinstance(name, str) and "." in name


def _item_of(annotation: Any) -> Any:
    """What a list's annotation holds: the annotation itself where it holds several types."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return next((_item_of(each) for each in get_args(annotation) if get_origin(each) in (tuple, list)), annotation)
    arguments = {each for each in get_args(annotation) if each is not Ellipsis}
    return arguments.pop() if len(arguments) == 1 else annotation


def _is_number(annotation: Any) -> bool:
    """Whether a field's values are numbers, or lists of them, and never text but a few words."""
    leaves = set(_leaves(annotation))
    return bool(leaves & {int, float}) and not leaves & {str, bool, Path}


def _leaves(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return [type(each) for each in get_args(annotation) if not isinstance(each, str)]
    arguments = _arguments(annotation)
    return [leaf for each in arguments for leaf in _leaves(each)] if arguments else [annotation]


def _choices(annotation: Any) -> list[object]:
    """The values that its Literals name."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for each in _arguments(annotation) for choice in _choices(each)]


def _arguments(annotation: Any) -> list[Any]:
    arguments = [each for each in get_args(annotation) if each is not Ellipsis]
    return arguments[:1] if get_origin(annotation) is Annotated else arguments
