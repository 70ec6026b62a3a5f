"""Partial rounds: packets of whole drafts, and the cloud judges those before the first that is lost."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from cells import cell, link
from exact import Enumeration, distance, verifier_law
from heard import Looking, heard_over

from simulator import simulate
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode, Payload
from simulator.schemes import CSqs, Dense, HalfTopK, KSqs
from simulator.schemes.draft_scheme import DraftScheme

SCHEME = {"kind": "k_sqs", "k": 4, "partial": True}
LOSSY = {"kind": "bernoulli", "probability": 0.3}
MTU_BITS = 320 + 120


ENUMERATED = [
    KSqs(k=3, resolution=5, max_drafts=2, partial=True),
    KSqs(k=3, resolution=5, max_drafts=2, partial=True, code="enumerative", token="flat"),
    CSqs(resolution=5, max_drafts=2, initial=0.12, step=0.3, partial=True),
    Dense(resolution=5, max_drafts=2, partial=True),
    HalfTopK(k=2, max_drafts=2, partial=True),
]


LOSSES = {
    "none": Looking(),
    "the second": Looking(places=(1,)),
    "the third": Looking(places=(2,)),
    "half of the time": Looking(period_s=0.2, share=0.5),
    "now and then": Looking(period_s=0.037, share=0.3),
    "long packets": Looking(longer_than=24),
    "very long packets": Looking(longer_than=32),
}
LIKE_ANOTHER = ("the third", "now and then", "very long packets")
"""A loss that looks at what another loss looks at, elsewhere."""


def losses(*slow: str) -> list[object]:
    return [pytest.param(loss, marks=[pytest.mark.slow] if loss in slow else []) for loss in LOSSES]


@pytest.mark.parametrize(
    "room_bits", [pytest.param(16, marks=pytest.mark.slow), 24, pytest.param(64, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("loss", losses(*LIKE_ANOTHER))
@pytest.mark.parametrize("scheme", ENUMERATED, ids=lambda scheme: f"{scheme.kind} {scheme.max_drafts}")
def test_i12_output_law_is_the_verifiers_whatever_arrives(scheme: DraftScheme, loss: str, room_bits: int) -> None:
    """Which drafts are heard is up to losses that look at the place and at the time, so at the bits before."""
    enumeration = Enumeration(scheme, 3, room_bits=room_bits, heard=heard_over(LOSSES[loss], room_bits))
    assert distance(enumeration.law(), verifier_law((1, 2), 3)) < 1e-12
    if loss == "the second":
        assert enumeration.cut or enumeration.parts == 1


@pytest.mark.parametrize("loss", losses("none", "long packets", *LIKE_ANOTHER))
def test_i12_a_draft_too_large_for_its_part_is_not_drawn(loss: str) -> None:
    """What follows token 1 takes more than the room. It must not change how the drafts before it travel."""
    scheme = CSqs(resolution=1400, max_drafts=3, initial=0.15, partial=True)
    enumeration = Enumeration(scheme, 4, room_bits=32, heard=heard_over(LOSSES[loss], 32))
    assert distance(enumeration.law(), verifier_law((1, 2), 4)) < 1e-12
    assert enumeration.full and enumeration.parts == 3


def test_i12_a_part_that_tells_its_draft_bends_the_law() -> None:
    """The control: where a part is longer for one drafted id than for others, a loss in time looks at the id."""
    enumeration = Enumeration(ENUMERATED[0], 3, room_bits=64)
    seal = EdgeSession.seal

    def telling(session: EdgeSession, node: EdgeNode) -> Payload:
        payload = seal(session, node)
        payload.parts_bits = tuple(
            bits + 8 * (drafted.draft.token == 0) for bits, drafted in zip(payload.parts_bits, node.drafts, strict=True)
        )
        return payload

    enumeration.heard = lambda parts_bits: 1 if len(parts_bits) > 1 and parts_bits[1] > min(parts_bits) else 2
    with patch.object(EdgeSession, "seal", telling):
        law = enumeration.law()
    assert distance(law, verifier_law((1, 2), 3)) > 0.01


def test_a_lost_packet_costs_its_drafts_and_no_timer() -> None:
    whole = simulate(
        cell({**SCHEME, "partial": False}, uplink=link(1e5, loss=LOSSY, mtu_bits=MTU_BITS)), memory=Memory()
    )
    parts = simulate(cell(SCHEME, uplink=link(1e5, loss=LOSSY, mtu_bits=MTU_BITS)), memory=Memory())
    assert parts.summary["timeout_wait_s"] < whole.summary["timeout_wait_s"]
    assert (parts.rounds["committed"] == parts.rounds["accepted"] + 1).all()
    assert (parts.requests["output_tokens"] == 24).all()
    judged = parts.rounds["verified"] < parts.rounds["drafted"]
    assert (judged & (parts.rounds["accepted"] == parts.rounds["verified"])).any(), "a prefix, all of it accepted"


def test_without_loss_parts_change_bits_and_not_tokens() -> None:
    decoded = ["drafted", "accepted", "committed", "tv_qhat", "nll"]
    whole = simulate(cell({**SCHEME, "partial": False}, uplink=link(1e5, mtu_bits=MTU_BITS)), memory=Memory()).rounds
    parts = simulate(cell(SCHEME, uplink=link(1e5, mtu_bits=MTU_BITS)), memory=Memory()).rounds
    assert parts[decoded].equals(whole[decoded])
    assert (parts["payload_bits"] >= whole["payload_bits"]).all()
    assert (parts["uplink_attempts"] > 1).any()


def test_packets_keep_to_the_mtu() -> None:
    rounds = simulate(cell(SCHEME, uplink=link(1e5, mtu_bits=MTU_BITS)), memory=Memory()).rounds
    assert (rounds["uplink_bits"] <= rounds["uplink_attempts"] * MTU_BITS).all()
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + 320 * rounds["uplink_attempts"]).all()
