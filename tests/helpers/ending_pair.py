"""The synthetic pair with end tokens."""

import dataclasses
from typing import Any, Final, Literal

from cells import PAIR

from models.interface import LoadedPair
from models.synthetic import Synthetic


class Ending(Synthetic):
    """The synthetic pair with end tokens."""

    kind: Literal["ending_in_tests"] = "ending_in_tests"  # type: ignore[assignment]
    end_tokens: tuple[int, ...]

    def load(self) -> LoadedPair:
        return dataclasses.replace(super().load(), end_tokens=self.end_tokens)


ENDING: Final[dict[str, Any]] = {**PAIR, "kind": "ending_in_tests", "end_tokens": (3, 17, 40, 55)}
"""Fields of one whose answers end early now and then."""
