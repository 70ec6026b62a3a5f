"""YAML as plain values. What is wrong with it is a `yaml.YAMLError`; of a file, a ConfigError that names the line."""

from __future__ import annotations

from pathlib import Path

import yaml

from kinds import ConfigError, first_line
from kinds.files import read_text


class _Loader(yaml.SafeLoader):
    """PyYAML's, which leaves to Python what is wrong with a value: a date that no calendar has is a ValueError."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError, TypeError) as error:
            told = f"is no {node.tag.rpartition(':')[2]} that can be read ({first_line(error)})"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from None


def load_yaml(text: str) -> object:
    """As `yaml.safe_load`. Raises YAMLError, whatever is wrong."""
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise yaml.YAMLError("is nested too deeply") from None


def read_yaml(path: Path) -> object:
    """What a YAML file holds. Raises ConfigError, one line, where it cannot be read."""
    try:
        return load_yaml(read_text(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(f"config = {path}{line}: {getattr(error, 'problem', None) or first_line(error)}") from None
