"""Models of which each call is noted: by a test that compares passes, and by a bench that makes them again."""

from collections.abc import Callable
from typing import Any

from models.interface import CachedText, LanguageModel

Note = Callable[[CachedText, str, tuple[Any, ...]], object]
"""Called with the text, the method's name and its arguments, before each call."""


class WatchedText:
    """A text that notes what is asked of it."""

    def __init__(self, text: CachedText, note: Note) -> None:
        self._text, self._note = text, note

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._text, name)

        def noted(*arguments: Any) -> Any:
            self._note(self._text, name, arguments)
            return asked(*arguments)

        return noted if callable(asked) else asked


class WatchedModel:
    """A model whose texts note what is asked of them; it is the model itself in all else."""

    def __init__(self, model: LanguageModel, note: Note) -> None:
        self._model, self._note = model, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def open(self, temperature: float) -> WatchedText:
        return WatchedText(self._model.open(temperature), self._note)
