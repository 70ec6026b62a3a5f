"""Plain fields of a part, from the form in which a person writes them: dotted names unfolded, quantities as numbers in
their unit.

So `{"uplink.rate.bps": "10k", "uplink": {"mtu_bits": "1500 B"}}` and nested mappings of plain numbers are one thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from kinds import ConfigError, Part
from simulator.cell.dotted_names import Nested, chosen, item_of, part_of
from simulator.cell.quantities import number
from simulator.cell.settings import require_known, write


def as_written(schema: type[Part], given: Mapping[str, object], above: str = "") -> Nested:
    """`given`, of the part `schema` at the dotted name `above`, as nested mappings of plain values.

    Values that are parts already stay as they are. Raises ConfigError for a dotted name that is no field's, and a
    quantity that does not fit its field.
    """
    dotted = {name: value for name, value in given.items() if isinstance(name, str) and "." in name}
    tree: Nested = {name: value for name, value in given.items() if name not in dotted}
    require_known(write(schema, tree, dotted), tuple(dotted), schema, [tree], above)
    for name, value in tree.items():
        if (field := schema.model_fields.get(name)) is not None:
            tree[name] = _plain(field.annotation, value, f"{above}{name}")
    return tree


def _plain(annotation: Any, value: object, path: str) -> object:
    if isinstance(value, str):
        words = _words(annotation)
        return value if words is None or value in words else _quantity(value, path, words)
    if isinstance(value, Mapping):
        part = part_of(annotation)
        here = chosen(part, value) if part is not None else None
        return value if here is None else as_written(here, value, f"{path}.")
    if isinstance(value, list | tuple):
        item = item_of(annotation)
        return [
            _plain(item or annotation, each, f"{path}.{place}" if item else path) for place, each in enumerate(value)
        ]
    return value


def _quantity(typed: str, path: str, words: Sequence[str]) -> object:
    try:
        return number(typed, path)
    except ConfigError as error:
        raise ConfigError(", or ".join([str(error), *words])) from None


def _words(annotation: Any) -> list[str] | None:
    """The words that a field of numbers, or of lists of them, takes beside these; None where it takes no number, or any
    text."""
    leaves = list(_leaves(annotation))
    types = {each if isinstance(each, type) else type(each) for each in leaves if not isinstance(each, str)}
    if not types & {int, float} or types & {str, bool, Path}:
        return None
    return [each for each in leaves if isinstance(each, str)]


def _leaves(annotation: Any) -> Iterator[object]:
    """The types in an annotation, and the values of its Literals."""
    inside = [each for each in get_args(annotation) if each is not Ellipsis]
    if get_origin(annotation) is Literal or not inside:
        yield from inside or [annotation]
        return
    for each in inside[:1] if get_origin(annotation) is Annotated else inside:
        yield from _leaves(each)
