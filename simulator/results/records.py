"""What happened, one record per thing that ended: requests and rounds, as the rows of two tables."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from models.interface import Prompt
from simulator.decoding.divergences import Measures
from simulator.decoding.nodes import DraftSums, Sealed
from simulator.results.columns import REQUEST_COLUMNS, ROUND_COLUMNS, WHOLE_COLUMNS
from simulator.results.ledger import Ledger

CHUNK_ROWS: Final = 50_000
"""Rounds kept before they become a piece of a table."""
_UNMEASURED: Final = Measures()
_NO_DRAFTS: Final = DraftSums()


@dataclass(slots=True)
class Round:
    """One round of a request: draft, send, verify, feed back; or one token of the verifier alone."""

    number: int
    started_s: float
    sent_s: float = math.nan
    received_s: float = math.nan
    verified_s: float = math.nan
    answered_s: float = math.nan
    drafted: int = 0
    sealed: Sealed | None = None
    accepted: int = 0
    committed: int = 0
    payload_bits: int = 0
    uplink_bits: int = 0
    uplink_attempts: int = 0
    reply_bits: int = 0
    downlink_bits: int = 0
    edge_passes: int = 0
    measures: Measures = _UNMEASURED

    def row(self, request: Request) -> tuple[float, ...]:
        """As ROUND_COLUMNS, after the cell's id."""
        measures = self.measures
        support_size, coded_size, dropped_mass, tv_quantization, over_budget = (
            _NO_DRAFTS if self.sealed is None else self.sealed.sums
        )
        return (
            request.device,
            request.number,
            self.number,
            self.started_s,
            self.sent_s,
            self.received_s,
            self.verified_s,
            self.answered_s,
            self.drafted,
            measures.verified,
            self.accepted,
            self.committed,
            self.payload_bits,
            self.uplink_bits,
            self.uplink_attempts,
            self.reply_bits,
            self.downlink_bits,
            support_size,
            coded_size,
            dropped_mass,
            tv_quantization,
            measures.tv_mismatch,
            measures.tv_qhat,
            measures.rejection_bound,
            measures.tv_output,
            measures.nll,
            over_budget,
            self.edge_passes,
        )


@dataclass(slots=True)
class Request:
    """One question to the service, from its arrival to its last token."""

    device: int
    number: int
    prompt: Prompt
    output_tokens: int
    arrival_s: float
    ledger: Ledger
    end_token: int | None = None
    """Where given, the answer ends with this token if it comes before `output_tokens`."""
    tokens: list[int] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    tail_tokens: int = 0
    outcome: str = "in_flight"
    first_token_s: float = math.nan
    finish_s: float = math.nan

    @property
    def remaining_tokens(self) -> int:
        """Output tokens still to come, at most."""
        if self.tokens and self.tokens[-1] == self.end_token:
            return 0
        return self.output_tokens - len(self.tokens)

    def commit(self, tokens: tuple[int, ...], now_s: float) -> None:
        """Tokens have reached the device; those past the end of the answer are cut and counted (I9)."""
        kept = tokens[: self.remaining_tokens]
        if self.end_token in kept:
            kept = kept[: kept.index(self.end_token) + 1]
        if not self.tokens:
            self.first_token_s = now_s
        self.tokens.extend(kept)
        self.tail_tokens += len(tokens) - len(kept)

    def end(self, outcome: str, now_s: float) -> None:
        """The request is answered, timed_out or abandoned."""
        assert self.outcome == "in_flight", f"I1: request {self.device}/{self.number} ends twice"
        self.outcome = outcome
        self.finish_s = now_s
        self.ledger.end()

    def row(self) -> tuple[float, ...]:
        """As REQUEST_COLUMNS from `arrival_s` on."""
        latency_s, spent_s = self.finish_s - self.arrival_s, self.ledger.spent_s
        if self.outcome != "in_flight":
            gap = abs(math.fsum(spent_s) - latency_s)
            assert gap <= 1e-9 * max(1.0, latency_s), f"I11: the breakdown misses latency_s by {gap} s"
        return (
            self.arrival_s,
            self.first_token_s,
            self.finish_s,
            len(self.tokens),
            len(self.rounds),
            latency_s,
            self.first_token_s - self.arrival_s,
            (self.finish_s - self.first_token_s) / max(1, len(self.tokens) - 1),
            *spent_s,
            0.0,  # hidden_draft_s: no scheme drafts ahead of its replies
            self.tail_tokens,
        )


class Columns:
    """Rows of numbers side by side, 8 bytes each whatever their type, until they become the columns of a table."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._values = array("d")

    def __len__(self) -> int:
        return len(self._values) // len(self._names)

    def add(self, row: tuple[float, ...]) -> None:
        """One more row. Whole numbers must be below 2^53."""
        self._values.extend(row)

    def take(self) -> dict[str, npt.NDArray[np.generic]]:
        """All rows so far, by column; none are left."""
        table = np.array(self._values).reshape(-1, len(self._names))
        self._values = array("d")
        return {name: column.astype(_dtype(name)) for name, column in zip(self._names, table.T, strict=True)}


def _dtype(column: str) -> str:
    return "bool" if column == "over_budget" else "int64" if column in WHOLE_COLUMNS else "float64"


_SCHEMA: Final = pa.schema(
    [("cell", pa.string())] + [(name, pa.type_for_alias(_dtype(name))) for name in ROUND_COLUMNS[1:]]
)


class Recorder:
    """The two tables of a run, filled as requests end, in that order; rounds go to a file where one is named.

    A row of the rounds' table takes no part in anything after its request has ended, so with a file the memory of a
    run grows by its requests only, some 300 bytes each. `totals` sums the numeric columns of all rounds.
    """

    def __init__(self, cell: str, rounds_to: Path | None = None) -> None:
        self.totals: dict[str, float] = dict.fromkeys(ROUND_COLUMNS[3:], 0.0)
        self.speculative = 0
        """Rounds with drafts."""
        self._cell = cell
        self._path = rounds_to
        self._writer: pq.ParquetWriter | None = None
        self._names: list[tuple[int, int, str, str]] = []
        self._requests = Columns(REQUEST_COLUMNS[5:])
        self._rounds = Columns(ROUND_COLUMNS[1:])
        self._chunks: list[pd.DataFrame] = []

    def add(self, request: Request) -> None:
        """Takes a request that has ended, or is in flight at the end of the run."""
        self._names.append((request.device, request.number, request.prompt.name, request.outcome))
        self._requests.add(request.row())
        for round_ in request.rounds:
            self._rounds.add(round_.row(request))
        if len(self._rounds) >= CHUNK_ROWS:
            self._flush()

    def close(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The tables of requests and rounds; the latter without rows where they went to a file."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
        empty = [] if self._path is None else [pd.DataFrame(columns=ROUND_COLUMNS)]
        names = pd.DataFrame(self._names, columns=REQUEST_COLUMNS[1:5])
        names.insert(0, "cell", self._cell)
        requests = pd.concat([names, pd.DataFrame(self._requests.take())], axis=1)
        return requests, pd.concat(self._chunks or empty, ignore_index=True)

    def _flush(self) -> None:
        if not self._rounds and (self._writer is not None or self._chunks):
            return
        columns = self._rounds.take()
        for name in self.totals:
            self.totals[name] += float(columns[name].sum())
        self.speculative += int(np.count_nonzero(columns["drafted"]))
        cell = [self._cell] * len(columns["round"])
        if self._path is None:
            self._chunks.append(pd.DataFrame({"cell": pd.Series(cell, dtype="str")} | columns))
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, _SCHEMA)
        self._writer.write_table(pa.table({"cell": cell} | columns, schema=_SCHEMA))
