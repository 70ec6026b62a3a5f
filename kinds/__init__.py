"""Parts of a configuration, and the error a user sees.

A `Part` is a frozen, validated value. A `Choice` is a part with alternatives: `class Loss(Choice, family=True)` opens a
family, and each class below it that fixes a `kind` is an alternative of that family from the moment it is defined. A
field typed with the family takes an instance, a mapping with a `kind`, or the kind's name alone. So a new loss or
scheme is one class, in any file that gets imported; nothing else knows it by name.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from os.path import realpath
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self, Union, Unpack

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic._internal._model_construction import ModelMetaclass
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from kinds.mistakes import ConfigError as ConfigError
from kinds.mistakes import Rule, is_foreign, print_once, shown, watch


class _Short(ModelMetaclass):
    """Makes `dir` and `help` of a part show what it adds to a pydantic model, not the model's hundred names."""

    def __dir__(self) -> list[str]:
        ours = (vars(base) for base in self.__mro__ if base not in BaseModel.__mro__)
        return sorted({name for names in ours for name in names if not name.startswith(("_", "model_"))} | {"__doc__"})


class Part(BaseModel, metaclass=_Short):
    """A frozen piece of a configuration. Unknown fields are refused. Behaviour may live on it, state may not."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, ser_json_inf_nan="constants")

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, fields: object) -> object:
        """Runs after what a subclass does to its fields before they are checked."""
        if isinstance(fields, dict) and cls.model_config.get("extra") == "forbid":
            known = cls.model_fields
            for name, value in fields.items():
                if name not in known:
                    details = {"path": str(name) or "''", "got": value, "hint": cls._meant_field(str(name))}
                    raise PydanticCustomError("no_such_field", "no such field{hint}", details)
        return fields

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the JSON schema of what a configuration may hold for the part."""
        from kinds.json_schema import PartSchema  # here: a command line does without

        return super().model_json_schema(*args, **{"schema_generator": PartSchema, **kwargs})

    @classmethod
    def _meant_field(cls, name: str) -> str:
        """The end of the message on a field that the part does not have."""
        return meant(name, cls.model_fields)

    def __getstate__(self) -> dict[Any, Any]:
        """Returns the state for pickle: the fields, without the values that were computed from them here."""
        state = super().__getstate__()
        return {**state, "__dict__": {name: state["__dict__"][name] for name in type(self).model_fields}}

    def to_fields(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """The part as nested mappings of plain values: its dump, and what it carries for a reader alone."""
        return self.model_dump(mode=mode)

    @classmethod
    def _freed(cls, tops: Set[str], fields: Mapping[str, object]) -> dict[str, Any]:
        """The fields that follow from these, as if nobody had given them, in a part of such `fields`."""
        return {}

    @classmethod
    def _follows(cls, tops: Set[str], fields: Mapping[str, object]) -> Set[str]:
        """The fields that follow from these, or are laid over them, in a part of such `fields`."""
        return frozenset()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yields the fields that differ from the defaults."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if field.repr and name != "kind" and value != field.get_default(call_default_factory=True):
                yield name, value


class Choice(Part):
    """A part chosen by `kind`. A class with `family=True` is a family; those below it with a `kind` are its kinds."""

    kinds: ClassVar[dict[str, type[Any]]]
    """A family's alternatives by name."""
    _of_number: ClassVar[tuple[str, str] | None] = None
    """The kind and its field that a number typed in place of a family's kind is probably meant for."""
    _former_kinds: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """The kinds by which an alternative was known before, each with the values that its fields then have."""
    _renamed: ClassVar[dict[str, tuple[str, Mapping[str, object]]]]
    """A family's former kinds, each with the kind that it is now and the values that its fields then have."""
    method_rules: ClassVar[Mapping[str, Rule]] = {}
    """Rules for the answers of methods that a user's class defines, as a family or a class in it declares."""
    _home: ClassVar[tuple[str, str]]
    """The file that defines an alternative, and its name there."""
    kind: str

    def __init_subclass__(cls, *, family: bool = False, **kwargs: Unpack[ConfigDict]) -> None:
        super().__init_subclass__(**kwargs)
        if family:
            cls.kinds, cls._renamed = {}, {}

    @classmethod
    def is_family(cls) -> bool:
        """True if this class is a family: a name for its alternatives, never a value itself."""
        return "kinds" in cls.__dict__

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        kind = cls.model_fields["kind"].default if "kind" in cls.model_fields else None
        if cls.is_family() or isinstance(kind, str):
            families = [base for base in cls.__mro__ if "kinds" in base.__dict__]
            if len(families) != 1:
                raise TypeError(f"{cls.__qualname__}: must be, or be below, one class with family=True")
        if isinstance(kind, str) and not cls.is_family():
            cls._register(kind)
        if is_foreign(cls.__module__):
            watch(cls, {name: rule for base in reversed(cls.__mro__) for name, rule in _rules_of(base).items()})

    @classmethod
    def _register(cls, kind: str) -> None:
        """Makes the class the family's alternative `kind`. Only the same class of the same file, run again, may replace
        one: two files with one kind would otherwise decide by the order of their imports what a cell means."""
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        cls._home = (realpath(file) if file else cls.__module__, cls.__qualname__)
        other = cls.kinds.get(kind)
        if other is not None and other._home != cls._home:
            file, name = other._home
            raise TypeError(f"{cls.__qualname__}: the kind {kind!r} is taken by {name} in {file}")
        cls.kinds[kind] = cls
        cls._renamed |= {former: (kind, values) for former, values in cls.__dict__.get("_former_kinds", {}).items()}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler, /) -> CoreSchema:
        if not cls.is_family():
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            cls.of,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda part, info: part.model_dump(mode=info.mode), info_arg=True
            ),
        )

    @classmethod
    def kinds_with(cls, field: str) -> list[str]:
        """The kinds of the family that have a field."""
        return sorted(kind for kind, part in cls.kinds.items() if field in part.model_fields)

    @classmethod
    def _meant_field(cls, name: str) -> str:
        having = cls.kinds_with(name)
        return f"; a field of {', '.join(having)}" if having else super()._meant_field(name)

    @classmethod
    def _meant(cls, value: object) -> str:
        """Returns a hint at the probable meaning of a name that is no kind: a kind of a similar name, or a number of a
        kind's field."""
        typed = str(value.get("kind") if isinstance(value, dict) else value)
        if cls._of_number is not None and re.match(r"[-+.]*\d", typed):
            kind, field = cls._of_number
            with suppress(ValueError):  # `20k`, whose unit is the field's business
                number = float(typed)
                try:
                    cls.kinds[kind].model_validate({field: number})
                except ValidationError:
                    typed = "..."
            return f"; did you mean {{kind: {kind}, {field}: {typed}}}?"
        return meant(typed, cls.kinds)

    @classmethod
    def renamed(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a part, under the kind that a former one is now; a line says so."""
        former = fields.get("kind")
        if not isinstance(former, str) or former not in cls._renamed:
            return dict(fields)
        kind, values = cls._renamed[former]
        now = ", ".join([f"kind: {kind}", *(f"{name}: {value}" for name, value in values.items())])
        print_once(f"{cls.__name__.lower()} {former} is now {{{now}}}; the former name is accepted in this version")
        return {**values, **fields, "kind": kind}

    @classmethod
    def of(cls, value: object) -> Self:
        """The alternative that `value` names: an instance, a kind's name, or a mapping with `kind` and its fields."""
        if isinstance(value, cls):
            return value
        fields: dict[str, Any] = (
            {"kind": value} if isinstance(value, str) else dict(value) if isinstance(value, dict) else {}
        )
        fields = cls.renamed(fields)
        kind = fields.get("kind")
        if not isinstance(kind, str) or kind not in cls.kinds:
            known = ", ".join(sorted(cls.kinds))
            raise PydanticCustomError(
                "unknown_kind",
                "kind must be one of {known}{hint}",
                {"known": known, "hint": cls._meant(value), "path": "kind", "got": fields.get("kind", value)},
            )
        try:
            chosen: Self = cls.kinds[kind].model_validate(fields)
            return chosen
        except ValidationError as error:
            path, got, allowed = first_error(error)
            raise PydanticCustomError("part", "{allowed}", {"path": path, "got": got, "allowed": allowed}) from None


def _rules_of(base: type) -> Mapping[str, Rule]:
    rules: Mapping[str, Rule] = base.__dict__.get("method_rules", {})
    return rules


def meant(typed: str, known: Iterable[str]) -> str:
    """`; did you mean A, B or C?` with at most three that may be meant by `typed`: those that it begins, then the
    nearest; the first alone if one edit is all; "" where nothing known is like it."""
    names = list(known)
    longer = [name for name in names if typed and name.startswith(typed)]
    near = {*longer, *difflib.get_close_matches(typed, names, n=3)}
    edits = sorted((name not in longer, _edits(typed, name), name) for name in near)
    return did_you_mean([name for *_, name in edits[: 1 if edits and edits[0][1] == 1 else 3]])


def _edits(one: str, other: str) -> int:
    """Returns the letters that two texts do not share in one order: of a letter more, less or other, or swapped, 1."""
    shared = difflib.SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return max(len(one), len(other)) - sum(block.size for block in shared)


def did_you_mean(near: Sequence[str]) -> str:
    """`; did you mean A, B or C?`; "" of none."""
    return f"; did you mean {' or '.join(filter(None, (', '.join(near[:-1]), near[-1])))}?" if near else ""


def named(
    table: Mapping[str, Part], what: str, needed: str, elsewhere: Callable[[str], Part | None] = lambda _: None
) -> BeforeValidator:
    """Lets a field take a table entry's name, what `elsewhere` finds under it, or the entry written out."""

    def find(value: object) -> object:
        if not isinstance(value, str):
            return value
        found = table.get(value) or elsewhere(value)
        if found is None:
            hint = meant(value, table)
            hint = f"{hint} `sqsim list {what}s` has them all" if hint else f"; one of {', '.join(sorted(table))}"
            raise ValueError(f"no such {what}{hint}; or write {needed}")
        return found

    entry = type(next(iter(table.values())))
    return BeforeValidator(find, json_schema_input_type=Union[Literal[tuple(table)], str, entry, None])  # noqa: UP007


def kinds_of_file(file: Path) -> list[str]:
    """The kinds that a Python file has registered, in any family."""
    return [part.__name__ for _, part in registered_by(file)]


def registered_by(file: Path) -> list[tuple[type[Choice], type[Choice]]]:
    """The families that a Python file has added to, each with a class that it has registered there, by its name."""
    home = realpath(file)
    below = list(Choice.__subclasses__())
    for each in below:  # grows while it is walked
        below += each.__subclasses__()
    found = {(family, part) for family in below if family.is_family() for part in family.kinds.values()}
    return sorted((each for each in found if each[1]._home[0] == home), key=lambda each: each[1].__name__)


def first_line(error: Exception) -> str:
    """Returns the message of another library, cut so that it fits on one line."""
    return str(error).strip().split("\n")[0][:160]


_BRANCH: Final = re.compile(r"constrained-\w+|(tuple|list|literal)\[.*")
"""Names that pydantic gives to branches of a union, which nobody has typed."""


def first_error(error: ValidationError, given: object = None) -> tuple[str, object, str]:
    """The first complaint of a validation: dotted field, the value given, what is allowed. `given`: what was validated,
    whose parts in lists go by their names where it names them."""
    detail, *others = error.errors(include_url=False)
    branch = next((place for place, step in enumerate(detail["loc"]) if _BRANCH.fullmatch(str(step))), None)
    if branch is not None:  # of the branches, the one that understands most of what was given
        same = [each for each in others if each["loc"][:branch] == detail["loc"][:branch]]
        detail = max((detail, *same), key=lambda each: len(each["loc"]))
    context = detail.get("ctx", {})
    steps = [*_typed(detail["loc"], given), *([str(context["path"])] if context.get("path") else [])]
    path = ".".join(step for step in steps if not _BRANCH.fullmatch(step))
    got = context.get("got", detail["input"])
    return path, got, detail["msg"].removeprefix("Input ").removeprefix("Value error, ")


def _typed(steps: Iterable[str | int], given: object) -> Iterator[str]:
    """The steps of a place in what was given as they would be typed: `fleet`, `meters`, `count`."""
    for step in steps:
        names: list[object] = []
        if isinstance(given, Mapping):
            names, parts = list(given), list(given.values())
        elif isinstance(given, list | tuple):
            names, parts = [each.get("name") if isinstance(each, Mapping) else None for each in given], list(given)
        if isinstance(step, int) and step < len(names):
            name = names[step]
            yield name if isinstance(name, str) and name and names.count(name) == 1 else str(step)
            given = parts[step]
        else:
            yield from [str(step)] if step != "" else ()
            given = given.get(step) if isinstance(given, Mapping) else None


def one_line(error: ValidationError, given: object = None) -> ConfigError:
    """The validation error as a `ConfigError` a user can act on. A check across fields names them itself. `given`: as
    of `first_error`."""
    path, got, allowed = first_error(error, given)
    if isinstance(got, Mapping | Part):
        return ConfigError(": ".join(text for text in (path, allowed) if text))
    return ConfigError(f"{path or 'configuration'} = {shown(got)}: {allowed}")
