"""What decides a model: the card that records the files of its weights, the pair that such a card describes, and a hash
of it all. Never imports torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, Field, ValidationError, field_validator

from kinds import ConfigError, Part, first_error
from kinds.files import GivenPath, read_text, sha256
from models.devices import products
from models.interface import Pair
from models.prompt_files import check_prompts

WEIGHTS = Path(__file__).parent / "weights"


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


class Bundled(Pair):
    """A pair described by `home / card.json`. Raises ConfigError where that is missing or malformed."""

    has_networks: ClassVar[bool] = True
    home: ClassVar[Path]
    texts: ClassVar[Path]
    """The pair's own prompts."""

    # Left out of what is written where it is null, so that cells with the pair's own prompts keep their names.
    prompts: GivenPath | None = Field(
        default=None,
        exclude_if=lambda path: path is None,
        description="JSON-lines file of prompts: name, kind, text; null: the pair's own",
    )

    @field_validator("prompts")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None:
            check_prompts(path)
        return path

    @property
    def prompt_file(self) -> Path:
        """Where its prompts are."""
        return self.prompts or self.texts

    @cached_property
    def vocabulary(self) -> int:
        return self._card.vocabulary

    @cached_property
    def context_tokens(self) -> int:
        return self._card.context_tokens

    @cached_property
    def _card(self) -> Card:
        return read_card(self.home / "card.json")


def read_card(path: Path) -> Card:
    """The card in a JSON file. Raises ConfigError when it is missing or malformed."""
    try:
        return Card.model_validate_json(read_text(path))
    except ValidationError as error:
        where, _, allowed = first_error(error)
        raise ConfigError(f"{path}: {where}: {allowed}") from None


def fingerprint(*parts: str) -> str:
    """Hash of what decides a float32 model's laws: `parts` (hashes of its files), dtype, library versions, and how
    matrix products round."""
    libraries = [f"{name} {version(name)}" for name in ("torch", "transformers", "tokenizers")]
    decisive = [*parts, "float32", *libraries, f"MKL_CBWR={products()}"]
    return hashlib.sha256(" ".join(decisive).encode()).hexdigest()
