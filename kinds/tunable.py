"""Which fields of a part a user would tune, and the values worth trying: declared beside the field, read by all tuners.

k: Annotated[int, Tunable(1, 2, 4, 8, 16, 32)] = 8
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from kinds import Part


@dataclass(frozen=True, init=False)
class Tunable:
    """The values worth trying of a field, in order. A lossy field has none: it would be tuned to the largest loss."""

    values: tuple[object, ...]

    def __init__(self, *values: object) -> None:
        if len(set(values)) < max(2, len(values)):
            raise ValueError(f"Tunable{values}: two values or more are worth trying, each once")
        object.__setattr__(self, "values", values)


def tunables(part: Part) -> Mapping[str, tuple[object, ...]]:
    """The values worth trying of each tunable field of a part, those of the parts in it by dotted names."""
    return dict(_declared(part, ""))


def _declared(part: Part, above: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Part):
            yield from _declared(value, f"{above}{name}.")
        if values := worth_trying(field):
            yield f"{above}{name}", values


def worth_trying(field: FieldInfo) -> tuple[object, ...]:
    """The values that are declared of a field; () of one that is not tuned."""
    return next((each.values for each in field.metadata if isinstance(each, Tunable)), ())
