"""What goes to stderr: lines beside an answer, and how far a sweep is: a bar with the time left on a terminal, a line
every half minute elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from kinds.mistakes import printable

if TYPE_CHECKING:
    from tqdm import tqdm

EVERY_S: Final = 30.0
"""Between two lines where there is no terminal. The first comes at once and the last at the end, once."""
RESUMED: Final = "resumed"
"""The label of what was done before: it says nothing about the time that the rest will take."""


def aside(line: str) -> None:
    """Prints a line that is no answer."""
    print(f"sqsim: {printable(line)}", file=sys.stderr, flush=True)


class ProgressBar:
    """Called as progress(done, total, label), where `done` may be part of a cell; draws nothing when quiet.

    Where `done` is less than it was, something else begins, whose time counts from there. A context manager: the bar
    ends with it. `clock` tells seconds.
    """

    def __init__(self, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._bar: tqdm[int] | None = None
        self._part: str | None = None
        self._started = 0.0, 0.0
        self._printed_s = -EVERY_S
        self._done = -1.0
        self._after: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def part(self, name: str) -> Callable[[float, int, str], None]:
        """Progress of a part of the work that goes before the rest, or after it, reported under its name."""

        def report(done: float, total: int, label: str) -> None:
            self._report(name, done, total, f"{name} {label}".rstrip())

        return report

    def then(self, part: str, work: float) -> None:
        """What comes after `part` takes about so many times as long: the time left is then that of all."""
        self._after[part] = work

    def failed(self, line: str) -> None:
        """A cell that has failed, in a line of its own; printed when quiet too."""
        if self._bar is not None:
            self._bar.clear()
        aside(" ".join(line.split()))
        if self._bar is not None:
            self._bar.refresh()

    def __call__(self, done: float, total: int, label: str) -> None:
        self._report("", done, total, label)

    def _report(self, part: str, done: float, total: int, label: str) -> None:
        if self._quiet:
            return
        label = printable(label)
        if part == self._part and done >= 1:
            done = max(done, self._done)  # what is under way is an estimate, and may be less than it was
        if part != self._part or done < self._done:
            self._close()
            self._part, self._printed_s, self._done = part, -EVERY_S, -1.0
            self._started = self._clock(), done
        elif label.endswith(RESUMED):
            self._started = self._clock(), done
        if sys.stderr.isatty():
            self._draw(done, total, label + self._follows(part, done, total), self._started[1])
        else:
            self._print(done, total, label + self._follows(part, done, total), *self._started)
        self._done = done

    def _follows(self, part: str, done: float, total: int) -> str:
        """`, then about 40 s`: how long what comes after a part takes, by the rate of the part itself."""
        started_s, resumed = self._started
        if part not in self._after or done <= resumed:
            return ""
        whole_s = (self._clock() - started_s) * total / (done - resumed)
        return f", then about {self._after[part] * whole_s:.0f} s"

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _draw(self, done: float, total: int, label: str, resumed: float) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm([], total=total, unit="cell", file=sys.stderr, dynamic_ncols=True, leave=False)
        self._bar.total = total
        self._bar.initial = round(resumed, 2)
        self._bar.set_postfix_str(label, refresh=False)
        self._bar.n = round(done, 2)
        self._bar.refresh()

    def _print(self, done: float, total: int, label: str, started_s: float, resumed: float) -> None:
        now_s = self._clock()
        if done <= self._done if done >= total else now_s - self._printed_s < EVERY_S:
            return
        self._printed_s = now_s
        left_s = (now_s - started_s) * (total - done) / (done - resumed) if done > resumed else 0.0
        left = f", about {left_s:.0f} s left" if left_s else ""
        line = f"{int(100 * done / max(total, 1)):3d}%  {round(done, 2):.9g} of {total}{left}  {label}"
        print(line.rstrip(), file=sys.stderr, flush=True)
