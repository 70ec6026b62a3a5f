"""Parts of a configuration, and the error a user sees.

A `Part` is a frozen, validated value. A `Choice` is a part with alternatives: a direct subclass opens a family (`Rate`,
`Loss`, `Scheme`, ...), and each class below it that fixes a `kind` is an alternative of that family from the moment it
is defined. A field typed with the family takes an instance, a mapping with a `kind`, or the kind's name alone. So a new
loss or scheme is one class, in any file that gets imported; nothing else knows it by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class ConfigError(ValueError):
    """A user's mistake, told on one line: field, value, what is allowed."""


class Part(BaseModel):
    """A frozen piece of a configuration. Unknown fields are refused. Behaviour may live on it, state may not."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, ser_json_inf_nan="constants")


class Choice(Part):
    """A part chosen by `kind`. Direct subclasses are families; classes below them with a `kind` default register."""

    kinds: ClassVar[dict[str, type[Any]]] = {}
    kind: str

    @classmethod
    def is_family(cls) -> bool:
        """Whether this class is a direct subclass of `Choice`: a name for its alternatives, never a value itself."""
        return len([base for base in cls.__mro__ if issubclass(base, Part)]) == 3

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if cls.is_family():
            cls.kinds = {}
        elif "kind" in cls.model_fields and isinstance(kind := cls.model_fields["kind"].default, str):
            cls.kinds[kind] = cls

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
    def of(cls, value: object) -> Self:
        """The alternative that `value` names: an instance, a kind's name, or a mapping with `kind` and its fields."""
        if isinstance(value, cls):
            return value
        fields: dict[str, Any] = (
            {"kind": value} if isinstance(value, str) else dict(value) if isinstance(value, dict) else {}
        )
        kind = fields.get("kind")
        if not isinstance(kind, str) or kind not in cls.kinds:
            known = ", ".join(sorted(cls.kinds))
            raise PydanticCustomError(
                "unknown_kind", "kind must be one of {known}", {"known": known, "path": "kind", "got": kind}
            )
        try:
            chosen: Self = cls.kinds[kind].model_validate(fields)
            return chosen
        except ValidationError as error:
            path, got, allowed = first_error(error)
            raise PydanticCustomError("part", "{allowed}", {"path": path, "got": got, "allowed": allowed}) from None


def first_error(error: ValidationError) -> tuple[str, object, str]:
    """The first complaint of a validation: dotted field, the value given, what is allowed."""
    detail = error.errors(include_url=False)[0]
    context = detail.get("ctx", {})
    path = ".".join(str(step) for step in (*detail["loc"], context.get("path")) if step not in (None, ""))
    allowed = detail["msg"].removeprefix("Input ").removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        allowed = "no such field"
    return path, context.get("got", detail["input"]), allowed


def one_line(error: ValidationError) -> ConfigError:
    """The validation error as a `ConfigError` a user can act on. A check across fields names them itself."""
    path, got, allowed = first_error(error)
    if isinstance(got, Mapping | Part):
        return ConfigError(": ".join(text for text in (path, allowed) if text))
    return ConfigError(f"{path or 'configuration'} = {got!r}: {allowed}")
