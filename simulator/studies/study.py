"""Interface of a study: rows of numbers about one run, beside its configuration in `cells.csv`; and the first of
them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import pyarrow as pa

from kinds import ConfigError
from simulator.cell.cell import Cell
from simulator.cell.dotted_names import Scalar, flatten
from simulator.decoding.memory import Memory
from simulator.results.column_names import ALL_CLASSES, CLASS
from simulator.results.observer import Observer
from simulator.run import CellResult, simulate
from simulator.schemes.draft_scheme import DraftScheme

Row = Mapping[str, Scalar]
MIXED: Final = "mixed"
"""The kind of scheme that a row of all devices names where classes have several."""


class StudyResult(NamedTuple):
    """Findings of a study on one cell."""

    rows: Sequence[Row]
    """Rows of metrics, one or more; if more, with the keys that tell them apart (`study_columns`)."""
    requests: pa.Table | None = None
    """The request table of a simulated run; its rounds are then in the file that was asked for."""


class Study(ABC):
    """A question to a cell, answered by numbers that depend on the cell alone."""

    deterministic: ClassVar[bool] = True
    """Not where wall time is measured: equal cells then have unequal answers, and I6 does not hold."""

    alone: ClassVar[bool] = False
    """True if its cells take turns, whatever the number of workers: wall time is measured, of processes of its own."""

    over_network: ClassVar[bool] = False  # whether the cell's links have a part in its answer

    def shares(self, cell: Cell) -> str:
        """Cells with the same answer here go to one worker, one after another: what the first makes the others find."""
        return cell.decoding_id

    @abstractmethod
    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        """The answer. `memory` is that of the cells that share; `rounds_to` takes the rounds, if there are any. Raises
        ConfigError where the cell is none that it can be asked of."""


class Simulation(Study):
    """The first of all studies: `simulate`, its summary as a row."""

    over_network: ClassVar[bool] = True

    def ask(self, cell: Cell, memory: Memory, observer: Observer | None, rounds_to: Path | None) -> StudyResult:
        result = simulate(cell, observer, memory=memory, rounds_to=rounds_to)
        return StudyResult(_rows(cell, result), result.request_table)


def _rows(cell: Cell, result: CellResult) -> list[Row]:
    """The summary; where classes of devices have names one of all devices, then one of each class. They name the cell's
    scheme, by which settings are told apart; where no class has that, each its own."""
    if not result.by_class:
        return [result.summary]
    summaries = {ALL_CLASSES: result.summary, **result.by_class}
    rows: list[Row] = [{CLASS: name, **of} for name, of in summaries.items()]
    if any(each.scheme is None for each in cell.fleet):
        return rows
    schemes = {each.called: flatten(each.scheme) for each in cell.classes}
    shared = next(iter(schemes.values()))
    schemes[ALL_CLASSES] = shared if all(each == shared for each in schemes.values()) else {"kind": MIXED}
    own = [dict.fromkeys(flatten(cell.scheme)) | schemes[name] for name in summaries]
    return [
        {f"scheme.{name}": value for name, value in of.items()} | {**row} for of, row in zip(own, rows, strict=True)
    ]


def drafts_from_distribution(cell: Cell) -> DraftScheme:
    """The one scheme of a cell, where it draws drafts from the very distribution that it sends. Raises ConfigError
    otherwise."""
    scheme = cell.scheme
    if cell.fleet:
        raise ConfigError("fleet: a study is of one scheme; leave the fleet out")
    if not isinstance(scheme, DraftScheme) or not scheme.sends_qhat or scheme.lossless is False:
        raise ConfigError(f"scheme = {scheme.kind!r}: has no distribution that is sent and drawn from")
    if scheme.branches:
        raise ConfigError(f"scheme = {scheme.kind!r}: has several drafts a position; a study is of a line of drafts")
    if not scheme.rejects:
        kind = scheme.families.acceptance.kind
        raise ConfigError(f"scheme.acceptance = {kind}: must be rejection, of which TV(qhat, p) is the probability")
    return scheme
