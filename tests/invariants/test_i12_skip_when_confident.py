"""I12 of the scheme that skips verification: its distribution misses the verifier's by exactly what its docstring
says."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from cells import cell

from channels.codec import wire
from channels.codec.lattice import quantize
from channels.codec.sparsify import TopK
from simulator import Cell, CellResult, simulate
from simulator.checking.exact import Distribution, Enumeration, P, Q, V, distance, verifier_distribution
from simulator.decoding.memory import Memory
from simulator.schemes import SkipWhenConfident
from simulator.schemes.code import certain

TOKENS, PROMPT, K, ELL = 3, (1, 2), 3, 5
EXACT = verifier_distribution(PROMPT, TOKENS)
SURE = 0.42
"""The confidence that two of the four distributions of the drafter, 0.4 0.35 0.55 0.45, reach."""


def scheme(confidence: float, **fields: object) -> SkipWhenConfident:
    return SkipWhenConfident.model_validate(
        {"confidence": confidence, "k": K, "resolution": ELL, "max_drafts": 2} | fields
    )


def distribution_and_miss(confidence: float, max_drafts: int) -> tuple[Distribution, float]:
    """The distribution of the text, and the sum of TV(q, p) over unverified positions in expectation, by recursion over
    texts.

    A place in a round is how many of its drafts have been accepted; `None` is that of its bonus token.
    """
    open_places: dict[tuple[tuple[int, ...], int | None], float] = {((), 0): 1.0}
    distribution: Distribution = defaultdict(float)
    miss = 0.0
    while open_places:
        following: dict[tuple[tuple[int, ...], int | None], float] = defaultdict(float)
        for (text, place), weight in open_places.items():
            if len(text) == TOKENS:
                distribution[text] += weight
                continue
            last = (*PROMPT, *text)[-1]
            p, q = P[last], Q[last]
            most = min(max_drafts, max(1, TOKENS - len(text) + (place or 0) - 1))
            if place is None:
                shares = [(p, 0)]
            elif q.max() >= confidence:
                shares = [(q, place + 1 if place + 1 < most else None)]
                miss += weight * abs(p - q).sum() / 2
            else:
                qhat, ids = np.zeros(V), TopK(K).support(q)
                qhat[ids] = quantize(q[ids], ELL) / ELL
                stands = np.minimum(p, qhat)
                shares = [(stands, None), (p - stands, 0)]
            for share, after in shares:
                for token in range(V):
                    following[(*text, token), after] += weight * float(share[token])
        open_places = following
    return distribution, miss


@pytest.mark.parametrize(
    "fields", [{}, {"partial": True}, {"code": "enumerative"}, {"max_drafts": 3}, {"confidence": 0.01, "max_drafts": 1}]
)
def test_the_distribution_is_the_drafters_at_unverified_positions_and_the_verifiers_at_all_others(fields):
    skipping = scheme(**{"confidence": SURE} | fields)
    enumeration = Enumeration(skipping, TOKENS)
    distribution = enumeration.distribution()
    expected, miss = distribution_and_miss(skipping.confidence, skipping.max_drafts)
    assert sum(distribution.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(distribution, expected) < 1e-12
    assert enumeration.rounds >= 2 and (enumeration.second_drafts > 0) == (skipping.max_drafts > 1)
    assert 0.02 < distance(distribution, EXACT) <= miss


def test_never_sure_is_k_sqs_of_one_draft_and_the_verifiers_distribution() -> None:
    assert distance(Enumeration(scheme(1.1), TOKENS).distribution(), EXACT) < 1e-12
    never = run({"kind": "skip_when_confident", "confidence": 1.1})
    one = run({"kind": "k_sqs", "max_drafts": 1})
    columns = ["drafted", "verified", "accepted", "committed", "tv_qhat", "nll", "tv_output"]
    assert never.rounds[columns].equals(one.rounds[columns])
    assert (never.rounds["payload_bits"] - 8 == one.rounds["payload_bits"]).all()
    assert never.summary["tv_output"] == 0


def run(scheme: dict[str, object], **fields: object) -> CellResult:
    work = {"kind": "closed", "requests": 10, "prompt_tokens": 8, "output_tokens": 30}
    return simulate(cell(scheme, workload=work, **fields), memory=Memory())


def test_rates_are_those_of_verified_drafts_and_the_departure_is_measured() -> None:
    skipping = run({"kind": "skip_when_confident", "confidence": 0.3})
    rounds, summary = skipping.rounds, skipping.summary
    verified, unverified = rounds["verified"].sum(), rounds["unjudged"].sum()
    assert verified > 50 and unverified > 50
    rejected = (rounds["verified"] + rounds["unjudged"] - rounds["accepted"]).sum()
    assert summary["resampling_per_draft"] == pytest.approx(rejected / verified)
    assert summary["acceptance_rate"] == pytest.approx(1 - rejected / verified)
    assert summary["unjudged_per_token"] == pytest.approx(unverified / (10 * 30))
    assert summary["tv_output"] > 0.01
    assert abs(rejected - rounds["tv_qhat"].sum()) < 5 * np.sqrt(verified) / 2
    assert (rounds["verified"] <= 1).all() and (rounds["unjudged"] + rounds["verified"] <= rounds["drafted"]).all()
    assert not SkipWhenConfident().lossless


def test_every_packet_comes_back_and_no_other_bytes_are_taken() -> None:
    packets = scheme(SURE).packets(V)
    distribution = wire.Draft(1, np.array([0, 1, 2]), np.array([2, 2, 1]))
    for drafts in ([certain(3)], [certain(0), certain(2)], [distribution], [certain(2), distribution]):
        payload = packets.encode(drafts, PROMPT)
        assert packets.decode(payload, PROMPT) == drafts
        assert 8 * len(payload) == -(-packets.length_bits(drafts, PROMPT) // 8) * 8
        sizes = [draft.support.size for draft in drafts]
        last = drafts[-1]
        largest = packets.largest_bits(drafts[:-1], last.support, last.counts, PROMPT)
        assert packets.length_bits(drafts, PROMPT) <= largest <= packets.bound_bits(sizes)
    taken = 0
    for number in range(1 << 16):
        payload = number.to_bytes(2, "big") if number >= 256 else bytes([number])
        try:
            drafts = list(packets.decode(payload, PROMPT))
        except wire.CodecError:
            continue
        taken += 1
        assert packets.encode(drafts, PROMPT) == payload
    assert taken > 10
    with pytest.raises(wire.CodecError, match="one that is verified ends its packet"):
        packets.encode([distribution, certain(1)], PROMPT)


def test_the_budget_holds_for_ids_and_distributions() -> None:
    fields = {"kind": "skip_when_confident", "confidence": 0.3, "budget_bits": 64}
    bound = run(fields)
    assert (bound.rounds["payload_bits"] <= 64)[~bound.rounds["over_budget"]].all()
    assert bound.summary["draft_length"] < run({**fields, "budget_bits": None}).summary["draft_length"]


def test_it_waits_for_each_verification_result() -> None:
    with pytest.raises(ValueError, match="must be 0 with policy 'until_unsure'"):
        Cell.from_fields({"scheme": {"kind": "skip_when_confident", "depth": 1}})
