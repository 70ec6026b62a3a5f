"""Every column of `requests.parquet`, the parts of a latency among them, beside a value recounted from the air."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from accounted_cells import CELLS, account
from column_checks import alike, idle, names_differ, same
from seen_requests import RequestSeen
from slow_times import PARTS
from tables_pair import PROMPTS

from simulator.results.columns import BREAKDOWN, REQUEST_COLUMNS


def first_token_s(request: RequestSeen) -> float:
    return min(request.answers_s, default=math.nan)


def spent(state: str) -> Callable[[RequestSeen], float]:
    return lambda request: request.spent.get(state, 0.0)


EXPECTED: Final[dict[str, Callable[[RequestSeen], float]]] = {
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


@pytest.mark.parametrize("column", EXPECTED)
def test_a_column_of_requests_is_what_was_seen(column: str) -> None:
    for cell in CELLS:
        requests = account(cell).result.requests.sort_values(["device", "request"])
        same(requests[column], [EXPECTED[column](request) for request in account(cell).requests], f"cell {cell!r}")


def test_every_column_of_requests_is_expected_to_be_something() -> None:
    assert not names_differ(REQUEST_COLUMNS, EXPECTED)
    assert not names_differ(BREAKDOWN, PARTS)


def test_no_two_columns_of_requests_could_be_swapped_unnoticed() -> None:
    requests = [request for cell in CELLS for request in account(cell).requests]
    columns = {name: [value(request) for request in requests] for name, value in EXPECTED.items()}
    assert not alike(columns) and not idle(columns)


@pytest.mark.parametrize("cell", CELLS)
def test_a_request_goes_by_its_device_number_prompt_and_outcome(cell: str) -> None:
    kept = account(cell)
    requests = kept.result.requests.sort_values(["device", "request"])
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
        Met("evictions", "prefill_s", 1.0), Met("one at a time", "cloud_queue_s", 0.3),
    ],
    ids=lambda met: f"{met.cell}, {met.column}",
)  # fmt: skip
def test_a_cell_meets_what_it_is_there_for(met: Met) -> None:
    assert sum(EXPECTED[met.column](request) for request in account(met.cell).requests) >= met.least


def test_requests_end_in_every_way() -> None:
    outcomes = {request.outcome for cell in CELLS for request in account(cell).requests}
    assert outcomes == {"answered", "timed_out", "abandoned"}


def test_crashes_cut_passes_short() -> None:
    kept = account("crashes")
    assert sum(each.ended_s in kept.crashes_s for each in kept.witness.passes) == len(kept.crashes_s)


def test_an_answer_stops_at_the_end_token() -> None:
    lengths = [len(request.tokens) for cell in ("fleet", "co-located") for request in account(cell).answered]
    assert min(lengths) < 15 and any(request.tokens[-1] in request.end_tokens for request in account("fleet").answered)
