"""Texts whose forward passes are timed, from the call to the distributions."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial

from models.interface import CachedText, Distributions, TokenTree
from simulator.decoding.memory import ReplayedText


class TimedText(ReplayedText):
    """A text that reports the seconds of each pass."""

    def __init__(self, open_text: Callable[[], CachedText], report: Callable[[float], None]) -> None:
        super().__init__(open_text)
        self._report = report

    def _pass(self, text: CachedText, tokens: tuple[int, ...], asked: int | TokenTree) -> Distributions:
        began_s = time.perf_counter()
        distributions = super()._pass(text, tokens, asked)
        self._report(time.perf_counter() - began_s)
        return distributions


class WorkerText(TimedText):
    """A text whose passes a worker thread makes. What is dropped of its cache is dropped there, by `settle`, since the
    event loop may read a reply while a pass is made."""

    def __init__(self, open_text: Callable[[], CachedText]) -> None:
        self.passes_s: list[float] = []
        """Seconds of each pass since this was emptied last."""
        super().__init__(open_text, self.passes_s.append)
        self._put_off: deque[Callable[[], None]] = deque()

    def settle(self) -> None:
        """Drops what is to be dropped. No pass is under way."""
        while self._put_off:
            self._put_off.popleft()()

    def keep(self) -> None:
        """Keeps all that is cached: it was read, and is committed."""
        self._put_off.clear()

    def crop(self, length: int) -> None:
        self._put_off.append(partial(super().crop, length))

    def graft(self, path: tuple[int, ...]) -> None:
        self._put_off.append(partial(super().graft, path))

    def release(self, tokens: int) -> None:
        self._put_off.append(partial(super().release, tokens))
