"""YAML as plain values. What is wrong with it is a `yaml.YAMLError`; of a file, a ConfigError that names the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from kinds import ConfigError, first_line
from kinds.files import read_text
from kinds.mistakes import shown

_MERGE: Final = "tag:yaml.org,2002:merge"
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MOST_DIGITS: Final = 1_000
MOST_CHARACTERS: Final = 2**18
"""The largest number of characters of a text."""
MOST_VALUES: Final = 20_000
"""Most values in a text, each counted as often as aliases repeat it."""


class _Loader(yaml.SafeLoader):
    """PyYAML's, without what would be believed in silence or never end: a key given twice, base 60, aliases of
    aliases."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0
        self._sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark, before = self.peek_event().start_mark, self._values  # type: ignore[no-untyped-call]
        repeats = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if node is not None:
            if repeats and node not in self._sizes:
                raise _error("an alias may not stand within what it repeats", mark)
            self._values += self._sizes[node] if repeats else 1
            if self._values > MOST_VALUES:
                raise _error(f"more than {MOST_VALUES:,} values, with what aliases repeat", mark)
            self._sizes.setdefault(node, self._values - before)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # a name or None; stubs say otherwise
        node = super().compose_mapping_node(anchor)
        lines: dict[object, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                name = key.value if key.tag == _MERGE else self.construct_object(key)
                if name in lines:
                    raise _error(f"the key {shown(name)} is given twice, first in line {lines[name]}", key.start_mark)
                lines[name] = key.start_mark.line + 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        if node.tag in _NUMBERS and len(node.value) > _MOST_DIGITS:
            raise _error(f"is no number of at most {_MOST_DIGITS:,} characters", node.start_mark)
        if node.tag in _NUMBERS and ":" in node.value:
            raise _error(f"{shown(node.value)} would be a number in base 60; quote it if it is text", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError, TypeError, OverflowError) as error:
            message = f"is no {node.tag.rpartition(':')[2]} that can be read ({first_line(error)})"
            raise _error(message, node.start_mark) from None

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        found = super().construct_scalar(node)
        if not found.isascii() and any("\ud800" <= each <= "\udfff" for each in found):
            raise _error("holds a lone surrogate, must be Unicode text", node.start_mark)
        return found


def _error(message: str, mark: yaml.Mark) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, message, mark)


def load_yaml(text: str) -> object:
    """`yaml.safe_load` within MOST_CHARACTERS and MOST_VALUES, no key twice. Raises YAMLError, whatever is wrong."""
    if len(text) > MOST_CHARACTERS:
        raise yaml.constructor.ConstructorError(None, None, f"must have at most {MOST_CHARACTERS:,} characters", None)
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise yaml.YAMLError("is nested too deeply") from None


def problem_of(error: yaml.YAMLError) -> str:
    """Returns a YAML error in a few words."""
    return str(getattr(error, "problem", None) or first_line(error))


def read_yaml(path: Path, field: str = "config") -> object:
    """Returns the contents of the YAML file given as `field`. Raises ConfigError, one line, if it cannot be read."""
    try:
        return load_yaml(read_text(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(f"{field} = {path}{line}: {problem_of(error)}") from None
