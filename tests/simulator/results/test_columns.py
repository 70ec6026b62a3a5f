"""Every column of `rounds.parquet` and `requests.parquet`, the parts of a latency among them, beside a value of its
own, recounted from the distributions, the bytes and the air."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pandas as pd
import pytest
from accounted_cells import CELLS, account
from column_checks import alike, idle, names_differ, same
from seen_requests import RequestSeen, RoundSeen
from slow_times import PARTS, Transfer
from tables_pair import PROMPTS

from simulator.results.column_names import BREAKDOWN, REQUEST_COLUMNS
from simulator.results.round_columns import ROUND_COLUMNS


@dataclass(frozen=True)
class Seen:
    """A round of a request, in the order of the run's table."""

    request: RequestSeen
    round: RoundSeen

    @property
    def sent(self) -> bool:
        return self.round.sent

    @property
    def flushed(self) -> bool:
        return not math.isnan(self.round.flushed_s)

    @property
    def verified(self) -> bool:
        return not math.isnan(self.round.verified_s)


def of_drafts(column: str) -> Callable[[Seen], float]:
    """The sum over the drafts of a payload, once that is sent."""
    return lambda seen: seen.round.decoded.of_drafts[column] if seen.sent else 0


def of_verified(column: str) -> Callable[[Seen], float]:
    """The sum over the drafts up to the first rejected one, or the committed tokens, once they are verified."""
    return lambda seen: seen.round.decoded.of_verified[column] if seen.verified else 0


def uplink(amount: Callable[[Transfer], float]) -> Callable[[Seen], float]:
    """The amount that a payload has, known once it is in."""
    return lambda seen: amount(seen.round.up) if seen.sent and seen.round.up and seen.round.received_s < math.inf else 0


def downlink_bits(seen: Seen) -> float:
    down = seen.round.down
    return down.bits(down.delivered_s) if down and down.delivered_s <= seen.request.finish_s else 0


OF_ROUNDS: Final[dict[str, Callable[[Seen], float]]] = {
    "round": lambda seen: seen.round.decoded.number,
    "started_s": lambda seen: seen.round.started_s,
    "sent_s": lambda seen: seen.round.sent_s,
    "received_s": lambda seen: seen.round.received_s,
    "verified_s": lambda seen: seen.round.verified_s,
    "answered_s": lambda seen: seen.round.answered_s,
    "drafted": lambda seen: len(seen.round.decoded.drafts) if seen.sent else 0,
    "verified": of_verified("verified"),
    "checked": lambda seen: seen.round.decoded.checked if seen.verified else 0,
    "accepted": lambda seen: seen.round.decoded.accepted if seen.verified else 0,
    "committed": lambda seen: len(seen.round.decoded.committed) if seen.verified else 0,
    "payload_bits": lambda seen: seen.round.decoded.payload_bits if seen.sent else 0,
    "uplink_bits": uplink(lambda sent: sent.bits(sent.delivered_s)),
    "uplink_attempts": uplink(lambda sent: sent.times_sent(sent.delivered_s)),
    "reply_bits": lambda seen: seen.round.decoded.reply_bits if seen.verified else 0,
    "downlink_bits": downlink_bits,
    "support_size": of_drafts("support_size"),
    "coded_size": of_drafts("coded_size"),
    "dropped_mass": of_drafts("dropped_mass"),
    "tv_quantization": of_drafts("tv_quantization"),
    "tv_mismatch": of_verified("tv_mismatch"),
    "tv_qhat": of_verified("tv_qhat"),
    "rejection_bound": of_verified("rejection_bound"),
    "tv_output": of_verified("tv_output"),
    "nll": of_verified("nll"),
    "edge_passes": lambda seen: seen.round.passes_by(seen.request.finish_s),
    "flushed": lambda seen: seen.flushed,
    "stale": lambda seen: seen.flushed and not math.isnan(seen.round.received_s),
    "flushed_drafts": lambda seen: seen.round.flushed_drafts,
    "flushed_bits": lambda seen: seen.round.flushed_bits,
}


@cache
def rounds_of(cell: str) -> list[Seen]:
    """By device, request and round."""
    return [Seen(request, round_) for request in account(cell).requests for round_ in request.rounds]


def first_token_s(request: RequestSeen) -> float:
    return min(request.answers_s, default=math.nan)


def spent(state: str) -> Callable[[RequestSeen], float]:
    return lambda request: request.spent.get(state, 0.0)


OF_REQUESTS: Final[dict[str, Callable[[RequestSeen], float]]] = {
    "arrival_s": lambda request: request.arrival_s,
    "first_token_s": first_token_s,
    "finish_s": lambda request: request.finish_s,
    "output_tokens": lambda request: len(request.tokens),
    "rounds": lambda request: len(request.rounds),
    "latency_s": lambda request: request.finish_s - request.arrival_s,
    "ttft_s": lambda request: first_token_s(request) - request.arrival_s,
    "tpot_s": lambda request: (request.finish_s - first_token_s(request)) / max(1, len(request.tokens) - 1),
    **{state: spent(state) for state in PARTS},
    "hidden_draft_s": lambda request: request.hidden_s,
    "tail_tokens": lambda request: len(request.committed) - len(request.tokens),
}


TABLES: Final[dict[str, Mapping[str, Callable[[Any], float]]]] = {"rounds": OF_ROUNDS, "requests": OF_REQUESTS}


def seen_of(table: str, cell: str) -> list[Any]:
    """What the rows of a table are about, in their order."""
    return rounds_of(cell) if table == "rounds" else list(account(cell).requests)


@cache
def rows_of(table: str, cell: str) -> pd.DataFrame:
    """The rows of a table by device, request and round."""
    rows: pd.DataFrame = getattr(account(cell).result, table)
    return rows.sort_values(["device", "request", "round"] if table == "rounds" else ["device", "request"])


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in TABLES for column in TABLES[table]])
def test_a_column_is_what_was_seen(table: str, column: str) -> None:
    for cell in CELLS:
        same(
            rows_of(table, cell)[column],
            [TABLES[table][column](seen) for seen in seen_of(table, cell)],
            f"cell {cell!r}",
        )


def test_every_column_is_expected_to_be_something() -> None:
    names = [column.name for column in ROUND_COLUMNS if not column.source.startswith("prepared.")]
    assert not names_differ(names, OF_ROUNDS)  # the others: test_prepared_rounds
    assert not names_differ(REQUEST_COLUMNS, OF_REQUESTS) and not names_differ(BREAKDOWN, PARTS)


@pytest.mark.parametrize("table", TABLES)
def test_no_two_columns_could_be_swapped_unnoticed(table: str) -> None:
    everything = [seen for cell in CELLS for seen in seen_of(table, cell)]
    columns = {name: [value(seen) for seen in everything] for name, value in TABLES[table].items()}
    assert not alike(columns)
    assert not idle(columns)


@pytest.mark.parametrize("cell", CELLS)
def test_a_round_goes_by_its_request(cell: str) -> None:
    rounds = rows_of("rounds", cell)
    assert (rounds["cell"] == account(cell).cell.id).all()
    keys = [(seen.request.device, seen.request.number) for seen in rounds_of(cell)]
    assert list(zip(rounds["device"], rounds["request"], strict=True)) == keys


@pytest.mark.parametrize("cell", CELLS)
def test_a_request_goes_by_its_device_number_prompt_and_outcome(cell: str) -> None:
    kept = account(cell)
    requests = rows_of("requests", cell)
    assert (requests["cell"] == kept.cell.id).all()
    for column, seen in {"device": "device", "request": "number", "outcome": "outcome"}.items():
        assert requests[column].tolist() == [getattr(request, seen) for request in kept.requests]
    work, before = kept.cell.workload, kept.cell.seed * kept.cell.workload.total
    places = [before + request.device + request.number * work.devices for request in kept.requests]
    assert requests["prompt"].tolist() == [PROMPTS[place % len(PROMPTS)].name for place in places]


@dataclass(frozen=True)
class Met:
    """What some cell must meet, or its column proves nothing."""

    cell: str
    column: str
    least: float


@pytest.mark.parametrize(
    "met",
    [
        Met("lossy", "retransmit_s", 0.1), Met("lossy", "timeout_wait_s", 0.1), Met("lossy", "downlink_queue_s", 0.001),
        Met("lossy", "uplink_queue_s", 0.1), Met("lossy", "cloud_queue_s", 0.01), Met("lossy", "tail_tokens", 1),
        Met("waiting lines", "edge_queue_s", 0.1), Met("fleet", "prompt_uplink_s", 0.1),
        Met("streamed", "downlink_queue_s", 0.1), Met("streamed", "cloud_decode_s", 0.01),
        Met("co-located", "cloud_decode_s", 0.1), Met("evictions", "cloud_queue_s", 0.1),
        Met("evictions", "prefill_s", 0.17), Met("one at a time", "cloud_queue_s", 0.3),
    ],
    ids=lambda met: f"{met.cell}, {met.column}",
)  # fmt: skip
def test_a_cell_meets_what_it_is_there_for(met: Met) -> None:
    assert sum(OF_REQUESTS[met.column](request) for request in account(met.cell).requests) >= met.least


def test_requests_end_in_every_way() -> None:
    outcomes = {request.outcome for cell in CELLS for request in account(cell).requests}
    assert outcomes == {"answered", "timed_out", "abandoned"}


def test_an_answer_stops_at_the_end_token() -> None:
    lengths = [len(request.tokens) for cell in ("fleet", "co-located") for request in account(cell).answered]
    assert min(lengths) < 15 and any(request.tokens[-1] in request.end_tokens for request in account("fleet").answered)
