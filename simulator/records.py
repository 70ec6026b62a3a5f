"""What happened, one record per thing that ended: requests and rounds, as the rows of two tables."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from models.interface import Prompt
from simulator.ledger import Ledger
from simulator.measures import Measures
from simulator.results import REQUEST_COLUMNS, ROUND_COLUMNS
from simulator.steps import Drafted

CHUNK_ROWS = 50_000
"""Rounds kept before they become a piece of a table."""


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
    drafts: tuple[Drafted, ...] = ()
    accepted: int = 0
    committed: int = 0
    payload_bits: int = 0
    uplink_bits: int = 0
    uplink_attempts: int = 0
    reply_bits: int = 0
    downlink_bits: int = 0
    edge_passes: int = 0
    measures: Measures = field(default_factory=Measures)

    def row(self, request: Request) -> tuple[object, ...]:
        """As ROUND_COLUMNS, after the cell's id."""
        drafts, measures = self.drafts, self.measures
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
            sum(drafted.support_size for drafted in drafts),
            sum(drafted.draft.support.size for drafted in drafts),
            sum((drafted.dropped_mass for drafted in drafts), 0.0),
            sum((drafted.tv_quantization for drafted in drafts), 0.0),
            measures.tv_mismatch,
            measures.tv_qhat,
            measures.rejection_bound,
            measures.tv_output,
            measures.nll,
            any(drafted.over_budget for drafted in drafts),
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

    def row(self) -> tuple[object, ...]:
        """As REQUEST_COLUMNS, after the cell's id."""
        latency_s, spent = self.finish_s - self.arrival_s, self.ledger.spent
        if self.outcome != "in_flight":
            gap = abs(math.fsum(spent.values()) - latency_s)
            assert gap <= 1e-9 * max(1.0, latency_s), f"I11: the breakdown misses latency_s by {gap} s"
        return (
            self.device,
            self.number,
            self.prompt.name,
            self.outcome,
            self.arrival_s,
            self.first_token_s,
            self.finish_s,
            len(self.tokens),
            len(self.rounds),
            latency_s,
            self.first_token_s - self.arrival_s,
            (self.finish_s - self.first_token_s) / max(1, len(self.tokens) - 1),
            *spent.values(),
            0.0,  # hidden_draft_s: no scheme drafts ahead of its replies
            self.tail_tokens,
        )


class Recorder:
    """The two tables of a run, filled as requests end, in that order; rounds go to a file where one is named.

    A row of the rounds' table takes no part in anything after its request has ended, so with a file the memory of a
    run does not grow with it. `totals` sums the numeric columns of all rounds.
    """

    def __init__(self, cell: str, rounds_to: Path | None = None) -> None:
        self.totals: dict[str, float] = dict.fromkeys(ROUND_COLUMNS[3:], 0.0)
        self.speculative = 0
        """Rounds with drafts."""
        self._cell = cell
        self._path = rounds_to
        self._writer: pq.ParquetWriter | None = None
        self._requests: list[tuple[object, ...]] = []
        self._rows: list[tuple[object, ...]] = []
        self._chunks: list[pd.DataFrame] = []

    def add(self, request: Request) -> None:
        """Takes a request that has ended, or is in flight at the end of the run."""
        self._requests.append((self._cell, *request.row()))
        self._rows.extend((self._cell, *round_.row(request)) for round_ in request.rounds)
        if len(self._rows) >= CHUNK_ROWS:
            self._flush()

    def close(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The tables of requests and rounds; the latter without rows where they went to a file."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
        empty = [] if self._path is None else [pd.DataFrame(columns=ROUND_COLUMNS)]
        requests = pd.DataFrame.from_records(self._requests, columns=REQUEST_COLUMNS)
        return requests, pd.concat(self._chunks or empty, ignore_index=True)

    def _flush(self) -> None:
        chunk = pd.DataFrame.from_records(self._rows, columns=ROUND_COLUMNS)
        self._rows.clear()
        for name in self.totals:
            self.totals[name] += float(chunk[name].sum())
        self.speculative += int((chunk["drafted"] > 0).sum())
        if self._path is None:
            self._chunks.append(chunk)
            return
        table = pa.Table.from_pandas(chunk, preserve_index=False)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)
