"""What an observer of both ends measures of a round, beside the exact distributions of a pair of tables, scheme by
scheme."""

import math
from contextlib import nullcontext
from functools import cache
from typing import Final, Literal

import pandas as pd
import pytest
from accounted_cells import BASE, asked, link
from column_checks import same
from second_account import Witness
from slow_decoding import Heard, SlowRequest, SlowRound
from slow_drafts import distance

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.rounds import OpenRound
from simulator.schemes.quantizer import LatticeQuantizer

CONFORMAL: Final = {"initial": 0.1, "step": 0.05, "target": 0.05, "resolution": 7, "carry": False}
SCHEMES: Final[dict[str, dict[str, object]]] = {
    "k_sqs": {"kind": "k_sqs", "k": 3, "resolution": 3, "max_drafts": 4},
    "k_sqs, finer": {"kind": "k_sqs", "k": 6, "resolution": 40, "max_drafts": 4},
    "c_sqs": {"kind": "c_sqs", **CONFORMAL, "max_drafts": 4},
    "dense": {"kind": "dense", "resolution": 11, "max_drafts": 3},
    "half_top_k": {"kind": "truncated_fp16", "policy": "fixed_length", "k": 4, "max_drafts": 4},
    "half_dense": {"kind": "half_dense", "max_drafts": 4},
    "s_q": {"kind": "s_q", "k": 3, "resolution": 3, "max_drafts": 4},
    "coupled": {"kind": "coupled", "max_drafts": 4},
    "dssd, half": {"kind": "dssd", "precision": "half", "k": 3, "resolution": 3, "max_drafts": 4},
    "colocated": {"kind": "colocated", "max_drafts": 4},
    "cloud_only": {"kind": "cloud_only"},
    "edge_only": {"kind": "edge_only"},
    "partial": {"kind": "k_sqs", "k": 3, "resolution": 3, "max_drafts": 4, "budget_bits": None, "partial": True},
}


@cache
def simulated(name: str) -> tuple[pd.DataFrame, list[SlowRound], list[OpenRound]]:
    """The rounds of a scheme by the simulator, by the tables, and as they are reported to an observer; all in order."""
    uplink = link(2e4, 0.0131, 0.0613, 0.3)
    cell = Cell.from_fields(BASE | {"scheme": SCHEMES[name], "uplink": uplink, "workload": asked(2, output_tokens=40)})
    witness = Witness()
    rounds = simulate(cell, witness, memory=Memory()).rounds.sort_values(["device", "request", "round"])
    slow = [
        round_
        for device in range(2)
        for number in range(2)
        for round_ in SlowRequest(cell, device, number, cell.scheme, *_partly(witness, cell, (device, number))).rounds()
    ]
    return rounds, slow, [witness.notes[key] for key in sorted(witness.notes)]


def run(name: str) -> tuple[pd.DataFrame, list[SlowRound]]:
    return simulated(name)[:2]


def _partly(witness: Witness, cell: Cell, key: tuple[int, int]) -> tuple[Heard, Heard]:
    """The parts of a partial round before the first one that was sent once and lost; and the drafts that were made
    before the reply came."""

    def received(number: int, drafts: int) -> int:
        tries = [each for each in witness.airings if each.link == "uplink" and each.address == (*key, number)]
        came = {each.fragment for each in tries if not math.isnan(each.arrives_s)}
        return min([drafts, *({each.fragment for each in tries} - came)])

    def drawn(number: int, most: int) -> int:
        return min(most, witness.notes[*key, number].drafted)

    partial = getattr(cell.scheme, "partial", False)
    return (received, drawn) if partial else (lambda _, drafts: drafts, lambda _, most: most)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_divergence_is_that_of_the_tables(scheme: str) -> None:
    rounds, slow = run(scheme)
    expected = pd.DataFrame([round_.of_drafts | round_.of_verified for round_ in slow])
    for column in expected:
        same(rounds[column], expected[column], column)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_observer_hears_of_each_draft_what_the_row_adds_up(scheme: str) -> None:
    rounds, slow, notes = simulated(scheme)
    assert len(rounds) == len(slow) == len(notes)
    for expected, each in zip(slow, notes, strict=True):
        judged, sent = list(zip(expected.judged, expected.targets, strict=False)), each.sent.drafts
        drafts = each.verified.divergences.drafts
        same([draft.tv_mismatch for draft in drafts], [distance(draft.q, p) for draft, p in judged])
        same([draft.tv_qhat for draft in drafts], [distance(draft.qhat, p) for draft, p in judged])
        same([draft.rejection_bound for draft in drafts], [draft.rejection_bound(p) for draft, p in judged])
        same([draft.tv_compression for draft in drafts], [distance(draft.q, draft.qhat) for draft, _ in judged])
        same([draft.dropped_mass for draft in sent], [draft.dropped_mass for draft in expected.measured])
        same([draft.covering_bound for draft in sent], [draft.bound for draft in expected.measured])
        same([draft.tv_quantization for draft in sent], [draft.tv_quantization for draft in expected.measured])
        assert [draft.support_size for draft in sent] == [len(draft.kept) for draft in expected.measured]


class Understated(LatticeQuantizer):
    """The lattice, with a bound that does not hold."""

    kind: Literal["understated_in_tests"] = "understated_in_tests"  # type: ignore[assignment]

    def covering_bound(self, size: int) -> float:
        return 0.0


def test_a_draft_that_exceeds_its_bound_stops_the_run() -> None:
    """Where q is p and nothing is dropped, all that qhat is off is what quantizing has moved."""
    pair = {"kind": "synthetic", "size": 16, "entropy_bits": 3.0, "distance": 0.0}
    for quantizer, holds in (("lattice", True), ("understated_in_tests", False)):
        scheme = {"kind": "composed", "sparsifier": "all", "quantizer": {"kind": quantizer, "resolution": 3}}
        cell = Cell.from_fields(BASE | {"models": {"pair": pair}, "scheme": scheme})
        expected = nullcontext() if holds else pytest.raises(AssertionError, match=r"TV.qhat, p. exceeds")
        with expected:
            simulate(cell, memory=Memory())
