"""Tunable fields of a part and the values worth trying: declared beside the field, read by all tuners.

k: Annotated[int, Tunable(1, 2, 4, 8, 16, 32)] = 8
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from kinds import Part


@dataclass(frozen=True, init=False)
class Tunable:
    """The values worth trying of a field, in order. A lossy field has none: it would be tuned to the largest loss.

    `serving`: the field says how a request is served, not what is sent: all combinations of such fields are tried,
    before anything else is.
    """

    values: tuple[object, ...]
    serving: bool

    def __init__(self, *values: object, serving: bool = False) -> None:
        if len(set(values)) < max(2, len(values)):
            raise ValueError(f"Tunable{values}: two values or more are worth trying, each once")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "serving", serving)


def tunables(part: Part) -> Mapping[str, tuple[object, ...]]:
    """The values worth trying of each tunable field of a part, those of the parts in it by dotted names."""
    return {name: tunable.values for name, tunable in _declared(part, "")}


def serving(part: Part) -> Collection[str]:
    """The tunable fields that say how a request is served, as `tunables` names them."""
    return {name for name, tunable in _declared(part, "") if tunable.serving}


def _declared(part: Part, above: str) -> Iterator[tuple[str, Tunable]]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from _declared(value, f"{above}{name}.")
        if tunable := _tunable(field):
            yield f"{above}{name}", tunable


def _tunable(field: FieldInfo) -> Tunable | None:
    return next((each for each in field.metadata if isinstance(each, Tunable)), None)


def worth_trying(field: FieldInfo) -> tuple[object, ...]:
    """The values that are declared of a field; () of one that is not tuned."""
    tunable = _tunable(field)
    return () if tunable is None else tunable.values
