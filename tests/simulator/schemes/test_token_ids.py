"""Schemes of which only ids travel: what an id costs by each way to send it, budgets, and who may use which."""

from __future__ import annotations

import pytest

from channels.codec import wire
from simulator import Cell, CellResult, simulate
from simulator.decoding.memory import Memory
from simulator.schemes import Composed, Coupled, IdsOnlyGreedy, KSqs
from simulator.schemes.code import certain

TOKENS = ["drafted", "accepted", "committed", "tv_qhat", "nll"]


def sotu(scheme: dict[str, object], **models: object) -> CellResult:
    fields = {
        "models": {"pair": "sotu", **models},
        "workload": {"kind": "closed", "requests": 1, "output_tokens": 20},
        "scheme": scheme,
    }
    return simulate(Cell.from_fields(fields), memory=Memory())


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
    assert not bound.rounds["over_budget"].any()


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
