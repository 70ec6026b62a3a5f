"""The texts that requests start from, as files: JSON lines, each with a name, a kind and a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from kinds import ConfigError
from kinds.files import read_lines
from models.interface import Prompt

PROMPTS = Path(__file__).parent / "prompts"
ADDRESSES = PROMPTS / "addresses.jsonl"
"""Two excerpts of each State of the Union address that no bundled model was trained on."""


def read_prompts(path: Path, encode: Callable[[str], list[int]]) -> tuple[Prompt, ...]:
    """The prompts of a JSON-lines file: each line has `name`, `kind` and `text`. Raises ConfigError naming the line."""
    prompts = []
    for place, line in read_lines(path):
        try:
            fields = json.loads(line)
            prompts.append(Prompt(str(fields["name"]), str(fields["kind"]), tuple(encode(fields["text"]))))
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"{place}: a JSON object with name, kind and text expected") from None
    if not prompts:
        raise ConfigError(f"{path}: no prompts in it")
    return tuple(prompts)
