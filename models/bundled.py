"""What the pairs with weights in this repository share: a folder, and the card in it that says what they are."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

from models.cards import Card, read_card
from models.interface import Pair


class Bundled(Pair):
    """A pair described by `home / card.json`. Raises ConfigError where that is missing or malformed."""

    home: ClassVar[Path]

    @cached_property
    def vocabulary(self) -> int:
        return self._card.vocabulary

    @cached_property
    def context_tokens(self) -> int:
        return self._card.context_tokens

    @cached_property
    def _card(self) -> Card:
        return read_card(self.home / "card.json")
