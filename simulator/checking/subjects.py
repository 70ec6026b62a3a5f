"""The classes that a user's file registers, each in the smallest scheme in which it can be checked: a scheme by itself,
a part in a `composed` one. Fields keep their defaults where the vocabulary of a check bears them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from channels.link.delays import Delay
from channels.link.losses import Loss
from channels.link.rates import Rate
from kinds import Choice, ConfigError, Part, one_line, registered_by
from simulator.cell.imported_files import load_imports, resolved
from simulator.cell.scheme import Scheme
from simulator.schemes import Acceptance, Code, Composed, DraftScheme, Draw, Policy, Quantizer, Reply, Sparsifier

PARTS: Final[Mapping[type[Choice], str]] = {
    Sparsifier: "sparsifier",
    Quantizer: "quantizer",
    Code: "code",
    Draw: "draw",
    Policy: "policy",
    Acceptance: "acceptance",
    Reply: "reply",
}
"""The families of a scheme's parts, and the fields of `composed` that they are."""
ON_LINKS: Final = (Loss, Rate, Delay)
"""The families that decide when and whether a packet arrives."""
SMALL: Final = {"sparsifier": {"kind": "top_k", "k": 3}, "quantizer": {"kind": "lattice", "resolution": 5}}
"""Parts beside the one that is checked: coarse enough to be seen in a vocabulary of 4."""
TOGETHER: Final[tuple[Mapping[str, object], ...]] = (
    {},
    {"acceptance": "split_rejection", "code": "scalars", "reply": "law"},
    {"draw": "shared_race", "acceptance": "coupling", "code": "ids", "quantizer": "exact", "sparsifier": "all"},
    {"code": "ids", "quantizer": "exact", "sparsifier": {"kind": "top_k", "k": 1}},
)
"""Parts that go together, of which a user's may be one."""
KEPT: Final = frozenset({"max_drafts", "budget_bits", "resolution", "depth"})
"""Fields that a small vocabulary does not bound."""


@dataclass(frozen=True)
class Subject:
    """A class to be checked."""

    family: type[Choice]
    part: type[Choice]
    beside: tuple[Mapping[str, object], ...] = TOGETHER
    """Other parts that a part may go with, to be tried in turn."""

    @property
    def name(self) -> str:
        return f"{PARTS.get(self.family, self.family.__name__.lower())} {self.part.model_fields['kind'].default}"

    @property
    def field(self) -> str | None:
        """The field of `composed` that it is; None for a whole scheme."""
        return PARTS.get(self.family)

    @property
    def decides_tokens(self) -> bool:
        """True if it goes into a scheme whose text can be checked."""
        return self.family in PARTS or issubclass(self.part, DraftScheme)

    @property
    def on_link(self) -> bool:
        """True if it decides when and whether a packet arrives, whoever else sends; a rate whose slots are granted does
        not."""
        return self.family in ON_LINKS and not (issubclass(self.part, Rate) and self.part.in_slots)

    def scheme(self, vocabulary: int, **changes: object) -> DraftScheme:
        """A scheme with it over a vocabulary of V ids. Raises ConfigError with the reason where there is none."""
        refused: Exception | None = None
        for fields in self._settings(vocabulary):
            try:
                made = self._made(fields, changes)
                made.packets(vocabulary)
                return made
            except ValidationError as error:
                refused = refused or one_line(error)
            except ValueError as error:
                refused = refused or error
        raise ConfigError(f"{refused}") from refused

    def _made(self, fields: Mapping[str, object], changes: Mapping[str, object]) -> DraftScheme:
        if self.family is Scheme:
            made = self.part.model_validate({**fields, **changes})
            assert isinstance(made, DraftScheme)
            return made
        return Composed.model_validate({"budget_bits": None, **SMALL, **fields, **changes})

    def _settings(self, vocabulary: int) -> Iterator[Mapping[str, object]]:
        """Fields to try, the defaults first."""
        own: list[dict[str, object]] = [{"kind": self.part.model_fields["kind"].default}]
        defaults = {
            name: field.get_default(call_default_factory=True) for name, field in self.part.model_fields.items()
        }
        smaller = {name: _shrunk(name, value, vocabulary) for name, value in defaults.items()}
        if changed := {name: value for name, value in smaller.items() if value is not defaults[name]}:
            own += [own[0] | {name: value} for name, value in changed.items()]
            own.append(own[0] | changed)
        for each in own:
            if self.family is Scheme:
                yield each
            else:
                yield from ({**beside, PARTS[self.family]: each} for beside in self.beside)


def _shrunk(name: str, value: object, vocabulary: int) -> object:
    """A field's default, or what there is of it that fits a vocabulary."""
    if isinstance(value, Part):
        fields = {each: getattr(value, each) for each in type(value).model_fields}
        smaller = {each: _shrunk(each, own, vocabulary) for each, own in fields.items()}
        return value if all(smaller[each] is fields[each] for each in fields) else smaller
    if isinstance(value, tuple):
        parts = tuple(_shrunk(name, each, vocabulary) for each in value)
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else parts
    if isinstance(value, int) and value >= vocabulary and name not in KEPT:
        return vocabulary - 1
    return value


def subjects(file: Path) -> list[Subject]:
    """Returns the classes that a user's file registers. Raises ConfigError, one line, if it cannot be run or registers
    none."""
    path = resolved(file)
    load_imports([path])
    found = [(family, part) for family, part in registered_by(path) if not family.__name__.startswith("_")]
    if not found:
        raise ConfigError(
            f"file = {file}: registers nothing; a scheme, a policy, ... is a class of its family with a `kind`"
        )
    codes: list[dict[str, Any]] = [
        {"code": part.model_fields["kind"].default} for family, part in found if family is Code
    ]
    rules: list[dict[str, Any]] = [
        {"quantizer": part.model_fields["kind"].default} for family, part in found if family is Quantizer
    ]
    others = {Quantizer: codes, Code: rules}
    return [Subject(family, part, (*TOGETHER, *others.get(family, []))) for family, part in found]


def lacking(part: type[Choice]) -> list[str]:
    """The fields without a default."""
    return [
        name
        for name, field in part.model_fields.items()
        if field.default is PydanticUndefined and not field.default_factory
    ]
