"""Failures in a sweep: a cell that fails, which takes no other along, and an interrupt from the keyboard."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.results.result_directory import FAILED, own_folder
from simulator.sweeps.parts import written

_OF_A_PLACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG, errno.ESTALE})
"""Errors of a disk that takes no more, whoever was writing."""


@dataclass(frozen=True)
class Failure:
    """Reason for which a cell has no numbers. `ours`: it is a defect of this project, not a mistake of the user's.
    `traceback`: its text."""

    cell: str
    reason: str
    ours: bool
    traceback: str


class CellsFailedError(ConfigError):
    """Cells of a sweep, or settings of a search, have failed. All others are done, and kept in `out`, where there is
    such a directory."""

    def __init__(self, failures: Sequence[Failure], asked: int, out: Path | None, things: str = "cells") -> None:
        self.failures = tuple(failures)
        self.status = 1 if any(each.ours for each in failures) else 2
        super().__init__(failures[0].reason if asked == 1 else _summary(failures, asked, things, out))


class WorkerError(Exception):
    """A traceback of elsewhere, as the cause of an error here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, and what there is by then."""


def _summary(failures: Sequence[Failure], asked: int, things: str, out: Path | None) -> str:
    first = failures[0]
    why = f"{'the first: ' if len(failures) > 1 else ''}{first.reason}"
    if out is None:
        return f"{len(failures)} of {asked} {things} failed; {why}"
    others = "" if len(failures) == asked else f"the others are done and kept in {out}, and "
    file = out / FAILED / f"{first.cell}.yaml"
    return f"{len(failures)} of {asked} {things} failed ({why}; {file}); {others}the same command tries these again"


def failure_of(cell: str, error: Exception) -> Failure:
    """The failure that an exception of a run is."""
    lines = "".join(traceback.format_exception(error))
    if isinstance(error, ConfigError):
        return Failure(cell, str(error), False, lines)
    first: BaseException = error
    while first.__cause__ is not None:  # an event loop raises a copy of what a process raised
        first = first.__cause__
    frame = traceback.extract_tb(first.__traceback__)[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return Failure(cell, f"{text} ({Path(frame.filename).name}:{frame.lineno}, a defect of sqsim)", True, lines)


def write_failure(out: Path, cell: Cell, failure: Failure) -> Path:
    """Writes a cell that has failed as a file that runs it again, under its traceback; answers where that is."""
    comment = "".join(f"# {line}\n" for line in failure.traceback.splitlines())
    with written(out):
        path = own_folder(out, FAILED) / f"{cell.id}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(comment + cell.to_yaml())
    return path


def of_the_place(error: BaseException | None) -> OSError | None:
    """The error of a disk that is behind another, or None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _OF_A_PLACE:
            return error
        error = error.__cause__
    return None
