"""What `sqsim recommend` tries: the schemes below, each with every combination of values of the fields it has.

A scheme, or a field with its values, is one line. What a user sets or gives an axis of takes the place of both.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kinds import ConfigError, meant

if TYPE_CHECKING:
    from simulator.cell.cell import Cell
    from simulator.cell.dotted_names import Nested

SCHEMES: Final[tuple[Mapping[str, object], ...]] = (
    {"kind": "cloud_only"},
    {"kind": "colocated"},
    {"kind": "coupled"},
    {"kind": "half_dense"},
    {"kind": "half_top_k"},
    {"kind": "dense"},
    {"kind": "dense", "code": "recoded", "token": "coded"},
    {"kind": "k_sqs"},
    {"kind": "c_sqs"},
)
LOSSY: Final[tuple[Mapping[str, object], ...]] = ({"kind": "edge_only"}, {"kind": "s_q"})
"""Tried with `--lossy`: their text does not follow the verifier's law."""
FIELDS: Final[Mapping[str, tuple[object, ...]]] = {
    "k": (2, 4, 8, 16, 32, 64),
    "initial": (0.3, 0.1, 0.03, 0.01),
    "resolution": (25, 100, 400),
    "max_drafts": (1, 2, 3, 5, 8),
}
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
) -> list[Cell]:
    """The settings to try over `base`, in the order of the table; equal ones once.

    Raises ConfigError for a field that no cell has, a value that a field refuses, a class of devices with a scheme of
    its own.
    """
    from simulator.cell.cell import Cell
    from simulator.cell.settings import spread

    axes, settings = dict(axes), dict(settings)
    schemes: list[object] = [*SCHEMES, *(LOSSY if lossy else ())]
    for name in ("scheme", "scheme.kind"):
        schemes = [settings.pop(name)] if name in settings else [*axes.pop(name, schemes)]
    (plain,) = spread(Cell, base, {}, {path: value for path, value in settings.items() if not _of_scheme(path)})
    if any(each.scheme is not None for each in plain.fleet):
        raise ConfigError("fleet: a class of devices has a scheme of its own; leave it out, it is what is looked for")
    pair = plain.models.pair
    most = pair.vocabulary if pair.at_hand else None
    tried = [each for scheme in schemes for each in _combined(scheme, most)]
    return spread(Cell, base, {"scheme": tried, **axes}, settings)


def without(cells: Sequence[Cell], kinds: Sequence[str]) -> list[Cell]:
    """The cells without those of some kinds of schemes. Raises ConfigError for a kind that is not among them."""
    there = list(dict.fromkeys(cell.scheme.kind for cell in cells))
    for kind in kinds:
        if kind not in there:
            raise ConfigError(
                f"without = {kind!r}: is not tried, must be one of {', '.join(there)}{meant(kind, there)}"
            )
    return [cell for cell in cells if cell.scheme.kind not in kinds]


def at_an_end(cells: Sequence[Cell], best: Cell) -> list[tuple[str, object]]:
    """(field, value) of those of FIELDS in which the best has the largest or smallest value that its kind was tried
    with, and a further one could be meant; none where it was tried with one value alone."""
    found = []
    for field in FIELDS:
        tried = {
            getattr(cell.scheme, field) for cell in cells if cell.scheme.kind == best.scheme.kind and _has(cell, field)
        }
        value = getattr(best.scheme, field, None)
        if len(tried) > 1 and value in (min(tried), max(tried)) and value != 1:
            found.append((f"scheme.{field}", value))
    return found


def thinned(cells: Sequence[Cell], most: int) -> list[Cell]:
    """At most so many of the cells, evenly of each kind of scheme, one of each at least."""
    kinds: dict[str, list[Cell]] = {}
    for cell in cells:
        kinds.setdefault(cell.scheme.kind, []).append(cell)
    share = min(1.0, most / len(cells))
    counts = {kind: max(1, int(share * len(group))) for kind, group in kinds.items()}
    return [
        group[(2 * place + 1) * len(group) // (2 * counts[kind])]
        for kind, group in kinds.items()
        for place in range(counts[kind])
    ]


def _combined(scheme: object, vocabulary: int | None) -> list[object]:
    """A scheme with every combination of values of those of FIELDS that it has and does not give."""
    from simulator.cell.scheme import Scheme

    given = {"kind": scheme} if isinstance(scheme, str) else scheme
    kind = given.get("kind") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or kind not in Scheme.kinds:
        return [scheme]  # which is then refused in the words of the field
    known = Scheme.kinds[str(kind)].model_fields
    over = {field: _possible(field, values, vocabulary) for field, values in FIELDS.items() if field in known}
    over = {field: values for field, values in over.items() if field not in given}
    return [{**given, **dict(zip(over, values, strict=True))} for values in itertools.product(*over.values())]


def _possible(field: str, values: Sequence[object], vocabulary: int | None) -> Sequence[object]:
    """Without more kept tokens than there are."""
    if field != "k" or vocabulary is None:
        return values
    return [value for value in values if isinstance(value, int) and value <= vocabulary] or [vocabulary]


def _of_scheme(path: str) -> bool:
    return path.split(".")[0] == "scheme"


def _has(cell: Cell, field: str) -> bool:
    return hasattr(cell.scheme, field)
