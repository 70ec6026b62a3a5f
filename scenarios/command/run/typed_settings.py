"""Values that a user types after `--set` and `--grid`, and in a part typed alone. Values are YAML, and numbers wherever
they read as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import yaml

from kinds import ConfigError, Part
from kinds.yaml_file import load_yaml, problem_of
from models.interface import Pair
from simulator.cell.descriptions import shown
from simulator.cell.settings import validated

_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?inf")


V = TypeVar("V")
Typed = TypeVar("Typed", bound=Part)


def parse_settings(texts: Iterable[str]) -> dict[str, object]:
    """Returns the settings typed after each `--set`. Raises ConfigError if two give one field."""
    return _each_once(texts, parse_setting, "--set")


def parse_axes(texts: Iterable[str]) -> dict[str, list[object]]:
    """Returns the axes typed after each `--grid`. Raises ConfigError if two give one field."""
    return _each_once(texts, parse_axis, "--grid")


def _each_once(texts: Iterable[str], parse: Callable[[str], tuple[str, V]], option: str) -> dict[str, V]:
    found: dict[str, V] = {}
    given: set[str] = set()
    for path, value in map(parse, texts):
        fields = {field.removesuffix(".kind") for field in path.split(",")}
        if twice := fields & given:
            raise ConfigError(f"{min(twice)}: two {option} give it; give one")
        given |= fields
        found[path] = value
    return found


def parse_names(texts: Iterable[str]) -> list[dict[str, object]]:
    """Returns the schemes typed after each `--name`, `mine={kind: k_sqs, k: 4}`, with their labels. Raises ConfigError
    if two have one label."""
    found: dict[str, dict[str, object]] = {}
    for text in texts:
        label, equals, typed = text.partition("=")
        value = _value(typed, text) if equals else None
        scheme = {"kind": value} if isinstance(value, str) else value
        if not isinstance(scheme, dict) or not label.strip():
            raise ConfigError(f"name = {text}: give a name and a scheme as 'mine={{kind: k_sqs, k: 4}}'")
        if "label" in scheme:
            raise ConfigError(f"name = {text}: --name is the scheme's label; leave label: out")
        if label.strip() in found:
            raise ConfigError(f"name = {label.strip()}: two --name give it; give one")
        found[label.strip()] = {**scheme, "label": label.strip()}
    return list(found.values())


def parse_setting(text: str) -> tuple[str, object]:
    """`a.b=v` as (path, value)."""
    path, value = _split(text)
    return path, _value(value, text)


def parse_axis(text: str) -> tuple[str, list[object]]:
    """`a.b=v1,v2` or `a.b=[v1, v2]` as (path, values); `a,b=[v1,w1],[v2,w2]` moves two fields at once."""
    path, value = _split(text)
    values = _value(f"[{value}]", text)
    assert isinstance(values, list)
    if len(values) == 1 and isinstance(values[0], list):
        several = "," in path and not all(isinstance(each, list) for each in values[0])
        values = values if several else values[0]
    return path, values


def _split(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"{text}: give a field and its value as a.b=v")
    return path.strip(), value


def _value(text: str, typed: str) -> object:
    try:
        return _numbers(load_yaml(text))
    except yaml.YAMLError as error:
        raise ConfigError(f"{typed}: cannot read the value, {problem_of(error)}") from None


def _numbers(value: object) -> object:
    """YAML reads `1e6` as text; users mean a number."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _numbers(item) for key, item in value.items()}
    return value


def as_typed(value: object) -> str:
    """A value in YAML on one line, as it would be typed."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {as_typed(each)}" for name, each in value.items()) + "}"
    return "[" + ", ".join(map(as_typed, value)) + "]" if isinstance(value, list | tuple) else shown(value)


def parse_part(schema: type[Typed], name: str, text: str) -> Typed:
    """The part typed as a kind or `{kind: ..., ...}`, in a part that has it under `name`. Raises ConfigError."""
    try:
        return validated(schema, {name: load_yaml(text)})
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} = {text!r}: not YAML, {problem_of(error)}") from None


class _TypedPair(Part):
    """A pair by itself, whatever the temperature will be."""

    pair: Pair


def typed_pair(text: str, device: str | None = None) -> Pair:
    """The pair typed as `smollm2` or `{kind: huggingface, ...}`. Raises ConfigError, one line."""
    pair: Pair = parse_part(_TypedPair, "pair", text).pair
    if device is None:
        return pair
    if "device" not in type(pair).model_fields:
        raise ConfigError(f"device = {device!r}: the models of {pair.kind} run where they always do; leave it out")
    return validated(type(pair), {**pair.model_dump(), "device": device})
