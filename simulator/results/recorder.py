"""The two tables of a run, filled as requests end: `requests` and `rounds`, plain columns of an Arrow table. Rounds may
go to a file as they come."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from operator import attrgetter, sub
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.arrays import Bools, Floats, Ints
from simulator.results.column_names import (
    CLASS,
    HELD,
    KEYS,
    REQUEST_AFTER,
    REQUEST_BEFORE,
    REQUEST_COLUMNS,
    TEXTS,
    TURN,
    Columns,
)
from simulator.results.requests import Request
from simulator.results.round_columns import ROUND_COLUMNS
from simulator.results.rounds import Round, round_table
from simulator.results.threshold_settling import THRESHOLD_SUMS, Settling

CHUNK_ROWS: Final = 50_000
"""Rounds kept before they become a piece of a table."""
_NUMBERED: Final = dict.fromkeys(KEYS[1:], "int64")
_ROUND_TYPES: Final = _NUMBERED | {column.name: column.type for column in ROUND_COLUMNS}
_REQUEST_TYPES: Final = _NUMBERED | {name: "float64" if name.endswith("_s") else "int64" for name in REQUEST_COLUMNS}
ROUNDS_SCHEMA: Final = pa.schema([(KEYS[0], pa.string()), *_ROUND_TYPES.items()])
REQUESTS_SCHEMA: Final = pa.schema([
    *((name, pa.large_string() if name == KEYS[0] else "int64") for name in KEYS),
    *((name, pa.large_string()) for name in TEXTS),
    *((name, _REQUEST_TYPES[name]) for name in REQUEST_COLUMNS),
])  # fmt: skip
"""The tables of a run."""
_TURN_TYPES: Final = dict.fromkeys((TURN, *HELD), "int64")


def requests_schema(*, talks: bool, classes: bool) -> pa.Schema:
    """The table of requests: where some are turns of conversations, and where classes of devices have names."""
    more = [pa.field(*each) for each in _TURN_TYPES.items() if talks]
    return pa.schema([*REQUESTS_SCHEMA, *more, *([pa.field(CLASS, pa.large_string())] if classes else [])])


_before, _after = (  # the breakdown between them is read in one piece
    attrgetter(*columns.values()) for columns in (REQUEST_BEFORE, REQUEST_AFTER)
)


_MOMENTS: Final = slice(Round.places["started_s"], Round.places["answered_s"] + 1)
"""The columns started_s, sent_s, received_s, verified_s and answered_s."""
_COMMITTED: Final = Round.places["committed"]


def _check_rounds(rounds: Floats, counts: Ints, committed: Floats) -> None:
    """Raises AssertionError where rounds are out of order (I3) or do not add up (I9): so many of each request in turn,
    which must commit so many tokens, nan: any number. A moment that was not reached is nan, and no disorder."""
    moments = rounds[:, _MOMENTS]
    disorder = (moments[:, 1:] < moments[:, :-1]).any(axis=1)
    assert not disorder.any(), f"I3: moments of rounds are out of order: {moments[disorder].tolist()[:3]}"
    requests = np.repeat(np.arange(len(counts)), counts)
    found = np.bincount(requests, weights=rounds[:, _COMMITTED], minlength=len(counts))
    lost = (found != committed) & ~np.isnan(committed)
    assert not lost.any(), f"I9: committed tokens are lost or doubled: {found[lost][0]} of {committed[lost][0]}"


class Rows:
    """Rows of numbers side by side, 8 bytes each whatever their type, until they become the columns of a table."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self._values = array("d")

    def add(self, row: Sequence[float]) -> None:
        """Adds a row. Whole numbers must be below 2^53."""
        self._values.extend(row)

    def take(self) -> dict[str, npt.NDArray[np.generic]]:
        """Returns all rows so far, by column, and removes them."""
        table = np.array(self._values).reshape(-1, len(self._types))
        self._values = array("d")
        return {name: column.astype(type_) for (name, type_), column in zip(self._types.items(), table.T, strict=True)}


class Tally:
    """Sums over the rounds of some devices: of all, or of a class of them."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = dict.fromkeys([column.name for column in ROUND_COLUMNS[1:]], 0.0)
        self.sums |= dict.fromkeys(("speculative", "judged", "judged_tokens"), 0.0)
        self.gaps_s = array("d")
        """Between the rounds of answered requests as they reached the device."""

    def add(self, columns: Mapping[str, npt.NDArray[np.generic]], counted: Bools) -> None:
        """More rounds, of which those are counted."""
        for column in ROUND_COLUMNS[1:]:
            self.sums[column.name] += float(columns[column.name][counted].sum())
        drafted = columns["drafted"][counted] != 0
        committed = columns["committed"][counted] * drafted
        self.sums["speculative"] += int(np.count_nonzero(drafted))
        self.sums["judged"] += int(np.count_nonzero(committed))
        self.sums["judged_tokens"] += int(committed.sum())

    def close(self, thresholds: Iterable[Settling]) -> None:
        """No more rounds come; the conformal thresholds of its devices."""
        found = [threshold.sums() for threshold in thresholds]
        self.sums |= {name: float(sum(each[name] for each in found)) for name in THRESHOLD_SUMS}


class Recorder:
    """Takes requests as they end, in that order.

    A row of the rounds' table takes no part in anything after its request has ended, so with a file the memory of a
    run grows by its requests only, some 300 bytes each, and 8 bytes a round. `sums` adds up each numeric column of all
    rounds, and `speculative`, those with drafts, `judged`, those of them that were verified, and `judged_tokens`, which
    these committed; the rounds of a device's first `learning_requests` requests, one number or one by device, are left
    out there, and in `gaps_s`. `thresholds` are the conformal thresholds to follow, by device (`threshold_settling`).
    `classes`: the name of each device's class, where there are any; each class has a tally of its own then.
    `only_turn`, one number or one by device: the turn of conversations whose rounds count, 0: all; None: nobody talks.
    """

    def __init__(
        self,
        cell: str,
        rounds_to: Path | None,
        learning_requests: int | Ints,
        thresholds: Mapping[int, Settling],
        classes: Sequence[str],
        only_turn: int | Ints | None,
    ) -> None:
        self.of_all = Tally()
        self.by_class = {name: Tally() for name in classes}
        self._classes = np.array(classes)
        self._thresholds = thresholds
        self._cell = cell
        self._learning_requests = np.asarray(learning_requests)
        self._talks = only_turn is not None
        self._only_turn = np.asarray(0 if only_turn is None else only_turn)
        self._turns = Rows(_TURN_TYPES)
        self._path = rounds_to
        self._file: pa.OSFile | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._texts: list[tuple[str, ...]] = []
        self._requests = Rows(_REQUEST_TYPES)
        self._rounds: list[Sequence[Round]] = []
        """The rounds of each request that are in no piece yet."""
        self._rounds_of: list[tuple[int, int, int, bool, float]] = []
        """The device of each of these requests, its number, how many rounds it has, whether they count, and how many
        tokens they commit; nan: any."""
        self._kept_rounds = 0
        self._pieces: list[pa.Table] = []

    def add(self, request: Request) -> None:
        """Takes a request that has ended, or is in flight at the end of the run."""
        self._texts.append((self._cell, request.prompt.name, request.outcome))
        self._requests.add((request.device, request.number, *_before(request), *request.spent, *_after(request)))
        committed = len(request.tokens) + request.tail_tokens if request.outcome == "answered" else nan
        self._rounds.append(request.rounds)
        if self._talks:
            self._turns.add((request.turn, *request.held))
        learning, only = (
            int(each[request.device] if each.ndim else each) for each in (self._learning_requests, self._only_turn)
        )
        counted = request.number >= learning and only in (0, request.turn)
        self._rounds_of.append((request.device, request.number, len(request.rounds), counted, committed))
        self._kept_rounds += len(request.rounds)
        if request.outcome == "answered":
            gaps_s = [*map(sub, request.came_s[1:], request.came_s)] if counted else []
            self.of_all.gaps_s.extend(gaps_s)
            if self.by_class:
                self.by_class[str(self._classes[request.device])].gaps_s.extend(gaps_s)
            if (threshold := self._thresholds.get(request.device)) is not None:
                threshold.add(request.rounds, request.states, counted=counted)
        if self._kept_rounds >= CHUNK_ROWS:
            self._flush()

    def close(self) -> tuple[Columns, pa.Table]:
        """The columns of REQUESTS_SCHEMA, and the table of rounds, without rows where they went to a file."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
        self.release()
        self.of_all.close(self._thresholds.values())
        for name, tally in self.by_class.items():
            tally.close(each for device, each in self._thresholds.items() if self._classes[device] == name)
        texts = np.array(self._texts, dtype=object).reshape(-1, 1 + len(TEXTS)).T
        turns = self._turns.take() if self._talks else {}
        requests = Columns(dict(zip((KEYS[0], *TEXTS), texts, strict=True)) | self._requests.take() | turns)
        return requests, pa.concat_tables(self._pieces or [ROUNDS_SCHEMA.empty_table()])

    def release(self) -> None:
        """Closes the file, whatever has come of it: a writer leaves that to whoever frees it."""
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        if not self._kept_rounds and (self._writer is not None or self._pieces):
            return
        rounds = round_table(self._rounds)
        *keys, counts_, committed = np.array(self._rounds_of, dtype=float).reshape(-1, 5).T
        devices, requests, counts = (each.astype(np.int64) for each in keys)
        _check_rounds(rounds, counts, committed)
        columns = {KEYS[1]: devices.repeat(counts), KEYS[2]: requests.repeat(counts)}
        columns |= {each.name: values.astype(each.type) for each, values in zip(ROUND_COLUMNS, rounds.T, strict=True)}
        self._rounds, self._rounds_of, self._kept_rounds = [], [], 0
        of = np.asarray(columns[KEYS[1]], dtype=np.int64)
        counted = counts_.astype(bool).repeat(counts)
        self.of_all.add(columns, counted)
        for name, tally in self.by_class.items():
            tally.add(columns, counted & (self._classes[of] == name))
        cell = [self._cell] * len(columns["round"])
        piece = pa.table({KEYS[0]: cell} | columns, schema=ROUNDS_SCHEMA)
        if self._path is None:
            self._pieces.append(piece)
            return
        if self._writer is None:
            self._file = pa.OSFile(str(self._path), "wb")
            self._writer = pa.ipc.new_stream(self._file, ROUNDS_SCHEMA)
        self._writer.write_table(piece)
