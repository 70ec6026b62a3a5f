"""A drafter's text in a worker thread: how long each of its passes takes, from the call to the law."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial

from models.interface import CachedText, Laws, TokenTree
from simulator.decoding.memory import ReplayedText


class TimedText(ReplayedText):
    """What is dropped of the cache is dropped by `settle`, in the thread that makes the passes: the event loop may read
    a verdict while one is made."""

    def __init__(self, open_text: Callable[[], CachedText]) -> None:
        super().__init__(open_text)
        self.passes_s: list[float] = []
        """Of each pass since this was emptied last."""
        self._put_off: deque[Callable[[], None]] = deque()

    def settle(self) -> None:
        """Drops what is to be dropped. No pass is under way."""
        while self._put_off:
            self._put_off.popleft()()

    def laws(self, tokens: tuple[int, ...], last: int) -> Laws:
        began_s = time.monotonic()
        laws = super().laws(tokens, last)
        self.passes_s.append(time.monotonic() - began_s)
        return laws

    def tree_laws(self, tokens: tuple[int, ...], tree: TokenTree) -> Laws:
        began_s = time.monotonic()
        laws = super().tree_laws(tokens, tree)
        self.passes_s.append(time.monotonic() - began_s)
        return laws

    def crop(self, length: int) -> None:
        self._put_off.append(partial(super().crop, length))

    def graft(self, path: tuple[int, ...]) -> None:
        self._put_off.append(partial(super().graft, path))

    def release(self, tokens: int) -> None:
        self._put_off.append(partial(super().release, tokens))
