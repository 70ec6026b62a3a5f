"""Progress on stderr: lines beside an answer, and one bar through all stages of a command, with the time left of all,
on a terminal; a line every half minute elsewhere. A percentage is of the whole command, and is left out where nobody
knows how long that is; a count is of the stage that it names."""

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
"""Time between two lines if there is no terminal. The first comes at once and the last at the end, once."""
LEAST_SHARE: Final = 0.02
"""Share of a part below which the time left is unknown: first come the passes that many cells share, which count when
the first of these ends."""
WHOLE: Final = ("", "runs")
"""Stages that are all of a command if it begins with them."""
RESUMED: Final = "resumed"
"""The label of what was done before: it says nothing about the time that the rest will take."""


def aside(line: str) -> None:
    """Prints a line that is no answer."""
    print(f"sqsim: {printable(line)}", file=sys.stderr, flush=True)


class ProgressBar:
    """Called as progress(done, total, label), where `done` may be part of a cell; draws nothing when quiet. Where
    `done` is less than it was, something else begins. A context manager. `clock` tells seconds."""

    def __init__(self, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._bar: tqdm[int] | None = None
        self._part: str | None = None
        self._started = 0.0, 0.0
        self._printed_s = -EVERY_S
        self._done = -1.0
        self._after: dict[str, float] = {}
        self._passed = 0.0
        """The share of all that was done before the part that is under way."""
        self._share: float | None = None
        """The largest share of all reported; None where all is not known."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def part(self, name: str) -> Callable[[float, int, str], None]:
        """Progress of a part of the work that goes before the rest, or after it, reported under its name."""

        def report(done: float, total: int, label: str) -> None:
            self._report(name, done, total, label)

        return report

    def then(self, part: str, work: float) -> None:
        """Adds a stage after `part` that takes about so many times as long: share and time left are then those of
        both."""
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
        label, now_s = printable(label), self._clock()
        if part == self._part and done >= 1:
            done = max(done, self._done)  # what is under way is an estimate, and may be less than it was
        if part != self._part or done < self._done:
            announced = self._part in self._after and part != self._part
            known = announced or (self._part is None and part in (*WHOLE, *self._after))
            self._passed = 1 / (1 + self._after[str(self._part)]) if announced else 0
            self._share = (self._share or 0.0) if known else None
            self._part, self._printed_s, self._done = part, -EVERY_S, -1.0
            self._started = now_s, done
        elif label.endswith(RESUMED):
            self._started = now_s, done
        share = done / max(total, 1)
        follows = self._after.get(part)
        of_all = self._passed + (1 - self._passed) * share if follows is None else share / (1 + follows)
        if self._share is not None:
            self._share = max(self._share, of_all)
        count = f"{int(done)} of {total}{self._left(now_s, done, total, follows or 0.0)}" if total > 1 else ""
        text = "  ".join(filter(None, (f"{part} {count}".strip(), label)))
        if sys.stderr.isatty():
            self._draw(text)
        else:
            percent = "" if self._share is None else f"{int(100 * self._share):3d}%  "
            self._print(now_s, done, total, percent + text)
        self._done = done

    def _left(self, now_s: float, done: float, total: int, follows: float) -> str:
        """`, about 40 s left`: of all, by the rate of the part that is under way; "" where nothing tells."""
        started_s, resumed = self._started
        if done - resumed < LEAST_SHARE * total:
            return ""
        rate = (now_s - started_s) / (done - resumed)
        left_s = rate * (total - done + follows * total)
        return f", about {_duration(left_s)} left" if left_s else ""

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _draw(self, text: str) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm([], total=1000, file=sys.stderr, dynamic_ncols=True, leave=False, bar_format=_BAR)
        self._bar.bar_format = "{desc}" if self._share is None else _BAR
        self._bar.n = round(1000 * (self._share or 0.0))
        self._bar.set_description_str(text, refresh=True)

    def _print(self, now_s: float, done: float, total: int, line: str) -> None:
        if done <= self._done if done >= total else now_s - self._printed_s < EVERY_S:
            return
        self._printed_s = now_s
        print(line.rstrip(), file=sys.stderr, flush=True)


_BAR: Final = "{percentage:3.0f}% |{bar:20}| {desc}"


def _duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
