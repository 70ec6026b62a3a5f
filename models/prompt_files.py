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
KINDS = PROMPTS / "kinds.jsonl"
"""Our own short texts of many kinds, some of which no target of a bundled drafter was written for."""
LANGUAGES = PROMPTS / "languages"
"""Our own short texts, a file a language: the same eight passages in each natural one, and eight openings of Python."""


def read_prompts(path: Path, encode: Callable[[str], list[int]]) -> tuple[Prompt, ...]:
    """The prompts of a JSON-lines file: each line has `name`, `kind` and `text`. Raises ConfigError naming the line."""
    prompts = tuple(_prompt(place, line, encode) for place, line in read_lines(path))
    if not prompts:
        raise ConfigError(f"{path}: no prompts in it")
    return prompts


def check_prompts(path: Path) -> None:
    """Raises ConfigError as `read_prompts` does, without a tokenizer."""
    read_prompts(path, lambda text: list(text.encode()))


def _prompt(place: str, line: str, encode: Callable[[str], list[int]]) -> Prompt:
    try:
        fields = json.loads(line)
        name, kind, text = str(fields["name"]), str(fields["kind"]), fields["text"]
        if not isinstance(text, str):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{place}: a JSON object with name, kind and text expected") from None
    if not text:
        raise ConfigError(f"{place}: text is empty")
    return Prompt(name, kind, tuple(encode(text)))
