"""Files that decide a model: their hashes, the card that records them, and prompts. Never imports torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from kinds import ConfigError, Part, first_error
from models.interface import Prompt

WEIGHTS = Path(__file__).parent / "weights"
PROMPTS = Path(__file__).parent / "prompts"
ADDRESSES = PROMPTS / "addresses.jsonl"
"""Two excerpts of each State of the Union address that no bundled model was trained on."""


class Card(Part):
    """What is recorded of a folder of weights: its vocabulary, context, and the sha256 of each file in it."""

    model_config = ConfigDict(extra="ignore")

    vocabulary: int
    context_tokens: int
    sha256: dict[str, str]

    def hash_of(self, name: str) -> str:
        """The recorded hash of a file. Raises ConfigError when none is recorded."""
        if name not in self.sha256:
            raise ConfigError(f"{name}: no such bundled weights; there are {', '.join(sorted(self.sha256))}")
        return self.sha256[name]

    def verify(self, folder: Path, names: Sequence[str]) -> None:
        """Raises ConfigError unless each named file under `folder` is there and has its recorded hash."""
        for name in names:
            if self.hash_of(name) != sha256(folder / name):
                raise ConfigError(f"{folder / name}: damaged (its sha256 is not the recorded one); install it again")


def read_card(path: Path) -> Card:
    """The card in a JSON file. Raises ConfigError when it is missing or malformed."""
    try:
        return Card.model_validate_json(_read(path))
    except ValidationError as error:
        where, _, allowed = first_error(error)
        raise ConfigError(f"{path}: {where}: {allowed}") from None


def sha256(path: Path) -> str:
    """Hash of a file's bytes. Raises ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def fingerprint(*parts: str) -> str:
    """Hash of what decides a float32 model's laws: `parts` (hashes of its files), dtype and library versions."""
    libraries = [f"{name} {version(name)}" for name in ("torch", "transformers")]
    return hashlib.sha256(" ".join([*parts, "float32", *libraries]).encode()).hexdigest()


def read_prompts(path: Path, encode: Callable[[str], list[int]]) -> tuple[Prompt, ...]:
    """The prompts of a JSON-lines file: each line has `name`, `kind` and `text`. Raises ConfigError naming the line."""
    prompts = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        try:
            fields = json.loads(line)
            prompts.append(Prompt(str(fields["name"]), str(fields["kind"]), tuple(encode(fields["text"]))))
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"{path}, line {number}: a JSON object with name, kind and text expected") from None
    if not prompts:
        raise ConfigError(f"{path}: no prompts in it")
    return tuple(prompts)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
