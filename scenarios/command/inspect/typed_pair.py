"""The pair that a command is given: a kind, or `{kind: ..., ...}`."""

from __future__ import annotations

from pydantic import ValidationError

from kinds import ConfigError, Part, one_line
from models.interface import Pair
from scenarios.command.run.typed_settings import parse_part


class _Typed(Part):
    """A pair by itself, whatever the temperature will be."""

    pair: Pair


def typed_pair(text: str, device: str | None = None) -> Pair:
    """The pair typed as `smollm2` or `{kind: huggingface, ...}`. Raises ConfigError, one line."""
    pair: Pair = parse_part(_Typed, "pair", text).pair
    if device is None:
        return pair
    if "device" not in type(pair).model_fields:
        raise ConfigError(f"device = {device!r}: the models of {pair.kind} run where they always do; leave it out")
    try:
        return type(pair).model_validate({**pair.model_dump(), "device": device})
    except ValidationError as error:
        raise one_line(error) from None
