"""What `sqsim recommend` tries: the schemes below, each at its own setting and others of the fields that it declares.

A scheme is one line; the fields, and the values worth trying of each, are those that its parts declare
(`kinds.tunable`). What a user sets or gives an axis of takes their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kinds import ConfigError, meant
from simulator.tuning.alternatives import SCHEME, Alternatives, open_fields

if TYPE_CHECKING:
    from simulator.cell.cell import Cell
    from simulator.cell.dotted_names import Nested

SCHEMES: Final[tuple[Mapping[str, object], ...]] = (
    {"kind": "cloud_only"},
    {"kind": "colocated"},
    {"kind": "coupled"},
    {"kind": "half_dense"},
    {"kind": "truncated_fp16", "policy": "fixed_length"},
    {"kind": "dense"},
    {"kind": "k_sqs"},
    {"kind": "c_sqs"},
)
LOSSY: Final[tuple[Mapping[str, object], ...]] = ({"kind": "edge_only"}, {"kind": "s_q"})
"""Tried with `--lossy`: their text does not follow the verifier's distribution."""
BASE: Final[Mapping[str, object]] = {"workload.requests": 1, "workload.output_tokens": 32}
"""A seed of one device: one request, so that there are many seeds, which pair better than long ones."""
SHARED_BASE: Final[Mapping[str, object]] = {
    "workload.requests": 4,
    "workload.output_tokens": 32,
    "workload.distinct": 4,
}
"""A seed of several devices, which are to meet: four requests each, of the same four texts."""


def candidates(
    base: Nested, settings: Mapping[str, object], axes: Mapping[str, Sequence[object]], *, lossy: bool
) -> list[Alternatives]:
    """The schemes to try over `base`, in the order of the table, each with the fields that it leaves open. An axis of
    one number or word is such a field; of an axis of parts, or of several fields, each value is a place of its own.

    Raises ConfigError for a field that no cell has, a value that a field refuses, a class of devices with a scheme of
    its own.
    """
    from simulator.cell.cell import Cell
    from simulator.cell.dotted_names import flatten, names
    from simulator.cell.settings import expand, fields_of, spread, validated, write

    axes, settings = dict(axes), dict(settings)
    schemes: list[object] = [*SCHEMES, *(LOSSY if lossy else ())]
    for name in ("scheme", "scheme.kind"):
        schemes = [settings.pop(name)] if name in settings else [*axes.pop(name, schemes)]
    (plain,) = spread(Cell, base, {}, {path: value for path, value in settings.items() if not _of_scheme(path)})
    if any(each.scheme is not None for each in plain.fleet):
        raise ConfigError("fleet: a class of devices has a scheme of its own; leave it out, it is what is looked for")
    whole = spread(Cell, base, {"scheme": schemes, **axes}, settings)  # tells what is wrong with any of them
    leaves = {path for cell in whole for path in flatten(cell) if not path.endswith(".kind")}
    values = {path: axes.pop(path) for path in list(axes) if path in leaves}
    found: dict[str, Alternatives] = {}
    for scheme in schemes:
        tree = dict(base)
        write(Cell, tree, {"scheme": scheme, **settings, **{path: given[0] for path, given in values.items()}})
        start = validated(Cell, tree)
        known = set(names(Cell, start.model_dump()))
        mine = {axis: given for axis, given in axes.items() if not _of_scheme(axis) or known >= {*fields_of(axis)}}
        closed = {
            *_named("scheme", scheme),
            *(name for path, value in settings.items() for name in _named(path, value)),
        }
        closed |= {field for axis in axes for field in fields_of(axis)}
        for cell in expand(start, mine):
            found.setdefault(cell.id, Alternatives(cell, open_fields(cell, values, closed - values.keys())))
    return list(found.values())


def without(places: Sequence[Alternatives], kinds: Sequence[str]) -> list[Alternatives]:
    """The places without those of some kinds of schemes. Raises ConfigError for a kind that is not among them."""
    there = list(dict.fromkeys(place.cell.scheme.kind for place in places))
    for kind in kinds:
        if kind not in there:
            raise ConfigError(
                f"without = {kind!r}: is not tried, must be one of {', '.join(there)}{meant(kind, there)}"
            )
    return [place for place in places if place.cell.scheme.kind not in kinds]


def at_an_end(places: Sequence[Alternatives], best: Cell) -> list[tuple[str, object]]:
    """(field, value) of those in which the best has the largest or smallest value that it was tried with, and a further
    one could be meant."""
    from simulator.cell.dotted_names import flatten

    flat = flatten(best)
    for place in places:
        setting = {path: flat.get(path) for path in place.fields}
        if all(value in place.values[path] for path, value in setting.items()):
            cell = place.at(setting)
            if cell is not None and cell.id == best.id:
                return place.ends(setting)
    return []


def _named(path: str, value: object) -> Iterator[str]:
    """The dotted names of what a value gives at `path`: its own, or those in a mapping."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _named(f"{path}.{name}", each)
    else:
        yield path


def _of_scheme(path: str) -> bool:
    return f"{path}.".startswith(SCHEME)
