"""Two codes for one distribution: the same tokens, fewer bits, less time; with a budget, more drafts."""

from __future__ import annotations

import pytest
from cells import cell

from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory

TOKENS = ["drafted", "accepted", "committed", "support_size", "tv_qhat", "nll"]


def sotu(kind: str, code: str, budget_bits: int | None) -> CellResult:
    """A live run at 5 kbit/s."""
    fields = {
        "models": {"pair": "sotu"},
        "workload": {"kind": "closed", "requests": 2, "output_tokens": 24},
        "scheme": {"kind": kind, "code": code, "budget_bits": budget_bits},
        "uplink": {"rate": {"kind": "constant", "bps": 5e3}},
    }
    return simulate(Cell.from_fields(fields), memory=Memory())


@pytest.mark.parametrize("kind", ["k_sqs", "c_sqs"])
def test_the_shorter_code_carries_the_same_tokens_in_fewer_bits_and_less_time(kind: str) -> None:
    paper, recoded = (sotu(kind, code, None) for code in ("enumerative", "recoded"))
    assert paper.rounds[TOKENS].equals(recoded.rounds[TOKENS])
    assert (recoded.rounds["payload_bits"] <= paper.rounds["payload_bits"]).mean() > 0.9
    assert recoded.summary["payload_bits_per_token"] < 0.85 * paper.summary["payload_bits_per_token"]
    assert recoded.summary["latency_per_token_s"] < paper.summary["latency_per_token_s"]


def test_with_a_budget_the_shorter_code_has_room_for_more_drafts() -> None:
    paper, recoded = (sotu("k_sqs", code, 300) for code in ("enumerative", "recoded"))
    assert recoded.summary["draft_length"] > 1.5 * paper.summary["draft_length"]
    for result in (paper, recoded):
        assert (result.rounds["payload_bits"] <= 304).all(), "300 bits, padded to bytes"


def test_both_codes_run_at_a_vocabulary_without_a_prior() -> None:
    paper, recoded = (
        simulate(cell({"kind": "k_sqs", "code": code}), memory=Memory()) for code in ("enumerative", "recoded")
    )
    assert paper.rounds[TOKENS].equals(recoded.rounds[TOKENS])


def test_a_size_that_is_sent_saves_the_ids_without_a_count() -> None:
    """At K = 32 on a lattice of 10 most kept ids have none: the same tokens, in packets of the others alone."""
    lattice = {"kind": "lattice", "resolution": 10}
    fields = {"kind": "composed", "sparsifier": {"kind": "top_k", "k": 32}, "quantizer": lattice}
    known, sent = (
        simulate(cell(fields | {"code": {"kind": "enumerative", "size": size}}), memory=Memory())
        for size in ("known", "sent")
    )
    assert known.rounds[TOKENS].equals(sent.rounds[TOKENS])
    assert sent.summary["coded_size"] < 10
    assert sent.summary["payload_bits_per_draft"] < 0.7 * known.summary["payload_bits_per_draft"]
