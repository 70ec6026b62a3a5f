"""Two codes for one distribution, three ways to send an id, a coded reply token: the same tokens in fewer bits."""

import pytest
from cells import cell

from channels.codec import wire
from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.schemes import Composed, Coupled, IdsOnlyGreedy, KSqs
from simulator.schemes.code import certain

TOKENS = ["drafted", "accepted", "committed", "tv_qhat", "nll"]
SUPPORTS = [*TOKENS, "support_size"]
RUNS: dict[str, CellResult] = {}
MEMORY = Memory()
"""Passes over the same text are made once, whatever the code."""


def sotu(scheme: object, temperature: float = 1.0, requests: int = 1, **fields: object) -> CellResult:
    """A run of answers of 24 tokens; one that several tests ask for is made once."""
    asked = {"kind": "closed", "requests": requests, "output_tokens": 24}
    pair = {"pair": "sotu", "temperature": temperature}
    made = Cell.from_fields({"models": pair, "workload": asked, "scheme": scheme, **fields})
    if made.id not in RUNS:
        RUNS[made.id] = simulate(made, memory=MEMORY)
    return RUNS[made.id]


def coded(kind: str, code: str, budget_bits: int | None = None) -> CellResult:
    """Two requests at 5 kbit/s."""
    scheme = {"kind": kind, "code": code, "budget_bits": budget_bits}
    return sotu(scheme, requests=2, uplink={"rate": {"kind": "constant", "bps": 5e3}})


@pytest.mark.parametrize("kind", ["k_sqs", pytest.param("c_sqs", marks=pytest.mark.slow)])
def test_the_shorter_code_carries_the_same_tokens_in_fewer_bits_and_less_time(kind: str) -> None:
    paper, recoded = (coded(kind, code) for code in ("enumerative", "recoded"))
    assert paper.rounds[SUPPORTS].equals(recoded.rounds[SUPPORTS])
    assert (recoded.rounds["payload_bits"] <= paper.rounds["payload_bits"]).mean() > 0.9
    assert recoded.summary["payload_bits_per_token"] < 0.85 * paper.summary["payload_bits_per_token"]
    assert recoded.summary["latency_per_token_s"] < paper.summary["latency_per_token_s"]


def test_with_a_budget_the_shorter_code_has_room_for_more_drafts() -> None:
    paper, recoded = (coded("k_sqs", code, 300) for code in ("enumerative", "recoded"))
    assert recoded.summary["draft_length"] > 1.5 * paper.summary["draft_length"]
    for result in (paper, recoded):
        assert (result.rounds["payload_bits"] <= 304).all(), "300 bits, padded to bytes"


def test_a_size_that_is_sent_saves_the_ids_without_a_count() -> None:
    """At K = 32 on a lattice of 10 most kept ids have none: the same tokens, in packets of the others alone."""
    lattice = {"kind": "lattice", "resolution": 10}
    fields = {"kind": "composed", "sparsifier": {"kind": "top_k", "k": 32}, "quantizer": lattice}
    known, sent = (
        simulate(cell(fields | {"code": {"kind": "enumerative", "size": size}}), memory=Memory())
        for size in ("known", "sent")
    )
    assert known.rounds[SUPPORTS].equals(sent.rounds[SUPPORTS])
    assert sent.summary["coded_size"] < 10
    assert sent.summary["payload_bits_per_draft"] < 0.7 * known.summary["payload_bits_per_draft"]


def test_each_way_to_send_an_id_is_shorter_than_the_last_and_carries_the_same_drafts() -> None:
    flat, coded, raced = (sotu({"kind": "coupled", "token": token}) for token in ("flat", "coded", "raced"))
    assert flat.rounds[TOKENS].equals(coded.rounds[TOKENS]) and coded.rounds[TOKENS].equals(raced.rounds[TOKENS])
    bits = [each.summary["payload_bits_per_draft"] for each in (flat, coded, raced)]
    assert bits[1] < 0.75 * bits[0] and bits[2] < 0.6 * bits[1]
    greedy = sotu({"kind": "ids_only_greedy"}).summary["payload_bits_per_draft"]
    assert greedy < bits[1], "the likeliest id is likelier than one that was drawn"


def test_at_temperature_0_ids_commit_what_distributions_do() -> None:
    ids, distributions = (sotu({"kind": kind}, temperature=0) for kind in ("ids_only_greedy", "k_sqs"))
    assert ids.rounds[TOKENS].equals(distributions.rounds[TOKENS])
    assert [*ids.requests["output_tokens"]] == [*distributions.requests["output_tokens"]]
    assert ids.summary["payload_bits_per_draft"] < distributions.summary["payload_bits_per_draft"]
    assert ids.summary["tv_output"] == 0


@pytest.mark.parametrize(
    ("scheme", "budget_bits"),
    [({"kind": "coupled", "token": token}, bits) for token, bits in (("flat", 60), ("coded", 60), ("raced", 40))]
    + [({"kind": "ids_only_greedy", "token": token}, bits) for token, bits in (("flat", 40), ("coded", 24))],
)
def test_a_budget_holds_whatever_the_next_id_costs(scheme: dict[str, object], budget_bits: int) -> None:
    free, bound = sotu(scheme), sotu({**scheme, "budget_bits": budget_bits})
    assert (bound.rounds["payload_bits"] <= -(-budget_bits // 8) * 8).all()
    assert 1 < bound.summary["draft_length"] < free.summary["draft_length"]


def test_partial_rounds_overrule_the_id_where_its_length_could_bend_the_distribution_alone() -> None:
    assert Coupled(partial=True).overruled == IdsOnlyGreedy(partial=True).overruled == ()
    assert len(KSqs(partial=True).overruled) == 1
    whole, parts = (sotu({"kind": "ids_only_greedy", "partial": partial}) for partial in (False, True))
    assert whole.rounds[TOKENS].equals(parts.rounds[TOKENS])


def test_one_kept_id_needs_no_distribution_and_two_do() -> None:
    fields = {"code": "ids", "quantizer": "exact"}
    composed = Composed.model_validate({**fields, "sparsifier": {"kind": "top_k", "k": 1}})
    assert composed.packets(64).length_bits([certain(3)], ()) == 7
    two = Composed.model_validate({**fields, "sparsifier": {"kind": "top_k", "k": 2}})
    with pytest.raises(
        ValueError, match="sends no distribution, so both ends must race, or the sparsifier keep one id"
    ):
        two.packets(64)


def test_raced_packets_outside_a_request_are_refused_in_one_line() -> None:
    with pytest.raises(wire.CodecError, match="token = 'raced': must be flat or coded outside of a request"):
        Coupled().packets(64).encode([certain(3)], (1, 2))


def test_coded_replies_commit_the_same_text_in_fewer_bits() -> None:
    asked = {"kind": "closed", "requests": 1, "output_tokens": 40}
    flat, coded = (
        sotu({"kind": "k_sqs", "max_drafts": 4, "reply_token": token}, workload=asked) for token in ("flat", "coded")
    )
    assert flat.rounds[TOKENS].equals(coded.rounds[TOKENS])
    assert 0 < coded.summary["downlink_bits_per_token"] < flat.summary["downlink_bits_per_token"]
