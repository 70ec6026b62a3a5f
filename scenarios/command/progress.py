"""How far a sweep is, on stderr: a bar with the time left on a terminal, a line per tenth elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tqdm import tqdm


class Progress:
    """Called as progress(done, total, label), where `done` may be part of a cell; draws nothing when quiet.

    A context manager: the bar ends with it.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm[int] | None = None
        self._tenth = -1
        self._started_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def part(self, name: str) -> Callable[[float, int, str], None]:
        """Progress of a part of the work that goes before the rest, told under its name."""

        def told(done: float, total: int, label: str) -> None:
            self(done, total, f"{name} {label}".rstrip())
            if done >= total:
                self._tenth, self._started_s = -1, time.monotonic()

        return told

    def __call__(self, done: float, total: int, label: str) -> None:
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._draw(done, total, label)
        else:
            self._print(done, total, label)

    def _draw(self, done: float, total: int, label: str) -> None:
        from tqdm import tqdm

        bar: tqdm[int] | None = self._bar
        if bar is None:
            bar = tqdm([], total=total, unit="cell", file=sys.stderr, dynamic_ncols=True, leave=False)
        bar.total = total
        bar.set_postfix_str(label, refresh=False)
        bar.n = round(done, 2)
        bar.refresh()
        self._bar = bar

    def _print(self, done: float, total: int, label: str) -> None:
        tenth = int(10 * done / max(total, 1))
        if tenth <= self._tenth:
            return
        self._tenth = tenth
        elapsed_s = time.monotonic() - self._started_s
        left = f", about {elapsed_s * (total - done) / done:.0f} s left" if 0 < done < total else ""
        line = f"{int(100 * done / max(total, 1)):3d}%  {done:.4g} of {total}{left}  {label}"
        print(line.rstrip(), file=sys.stderr, flush=True)
