"""The texts that requests start from, as files: JSON lines, each with a name, a kind and a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from kinds import ConfigError
from kinds.files import parse_json, read_lines
from models.interface import Prompt

PROMPTS = Path(__file__).parent / "prompts"
ADDRESSES = PROMPTS / "addresses.jsonl"
"""Two excerpts of each State of the Union address that no bundled model was trained on."""
KINDS = PROMPTS / "kinds.jsonl"
"""Our own short texts of many kinds, some of which no target of a bundled drafter was written for."""
EDITS = PROMPTS / "edits.jsonl"
"""Our own code and notices, each with an edit that is asked for and the beginning of the answer: 72 tokens of smollm2
hold what is asked in each."""
LANGUAGES = PROMPTS / "languages"
"""Our own short texts, a file a language: the same eight passages in each natural one, and eight openings of Python."""


MOST_CHARACTERS: Final = 2**18  # of a prompt: a tokenizer takes some 500 bytes a character
_MOST_BYTES: Final = 2**24
_MOST_LINE: Final = 8 * MOST_CHARACTERS  # characters, of which JSON may take six for one


def read_prompts(path: Path, encode: Callable[[str], list[int]]) -> tuple[Prompt, ...]:
    """The prompts of a JSON-lines file of `name`, `kind` and `text`. Raises ConfigError naming the line."""
    prompts = tuple(_prompt(place, line, encode) for place, line in read_lines(path, _MOST_BYTES))
    if not prompts:
        raise ConfigError(f"{path}: no prompts in it")
    return prompts


def check_prompts(path: Path) -> None:
    """Raises ConfigError as `read_prompts` does, without a tokenizer."""
    read_prompts(path, lambda text: [])


def _prompt(place: str, line: str, encode: Callable[[str], list[int]]) -> Prompt:
    if len(line) > _MOST_LINE:
        raise ConfigError(f"{place}: has {len(line):,} characters, must have at most {_MOST_LINE:,}")
    fields = parse_json(line, place)
    if not isinstance(fields, dict) or not {"name", "kind", "text"} <= fields.keys() or type(fields["text"]) is not str:
        raise ConfigError(f"{place}: a JSON object with name, kind and text expected")
    text = fields["text"]
    if not text:
        raise ConfigError(f"{place}: text is empty")
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"{place}: text has {len(text):,} characters, must have at most {MOST_CHARACTERS:,}")
    return Prompt(str(fields["name"]), str(fields["kind"]), tuple(encode(text)))
