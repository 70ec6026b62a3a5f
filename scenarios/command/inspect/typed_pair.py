"""The pair that a command is given: a kind, or `{kind: ..., ...}`."""

from __future__ import annotations

import yaml
from pydantic import ValidationError

from kinds import ConfigError, Part, one_line
from kinds.yaml_file import load_yaml, problem_of
from models.interface import Pair


class _Typed(Part):
    """A pair by itself, whatever the temperature will be."""

    pair: Pair


def typed_pair(text: str, device: str | None = None) -> Pair:
    """The pair typed as `smollm2` or `{kind: huggingface, ...}`. Raises ConfigError, one line."""
    try:
        pair: Pair = _Typed.model_validate({"pair": load_yaml(text)}).pair
        if device is None:
            return pair
        if "device" not in type(pair).model_fields:
            raise ConfigError(f"device = {device!r}: the models of {pair.kind} run where they always do; leave it out")
        return type(pair).model_validate({**pair.model_dump(), "device": device})
    except ValidationError as error:
        raise one_line(error) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"pair = {text!r}: not YAML, {problem_of(error)}") from None
