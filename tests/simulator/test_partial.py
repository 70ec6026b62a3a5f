"""Partial rounds: packets of whole drafts, and the cloud judges those before the first that is lost."""

from __future__ import annotations

import pytest
from cells import cell, link
from exact import Enumeration, distance, verifier_law

from simulator import simulate
from simulator.memory import Memory
from simulator.schemes import CSqs, KSqs

SCHEME = {"kind": "k_sqs", "k": 4, "partial": True}
LOSSY = {"kind": "bernoulli", "probability": 0.3}
MTU_BITS = 320 + 120


ENUMERATED = [
    KSqs(k=3, resolution=5, max_drafts=2, partial=True),
    CSqs(resolution=5, max_drafts=2, initial=0.12, step=0.3, partial=True),
]


@pytest.mark.parametrize("arrived", [1, 2])
@pytest.mark.parametrize("scheme", ENUMERATED, ids=lambda scheme: scheme.kind)
def test_i12_output_law_is_the_verifiers_whatever_arrives(scheme: KSqs | CSqs, arrived: int) -> None:
    """Each draft in a part of its own; the cloud always hears the first `arrived` parts."""
    enumeration = Enumeration(scheme, 3, room_bits=16, arrived=arrived)
    assert distance(enumeration.law(), verifier_law((1, 2), 3)) < 1e-12
    assert enumeration.parts == 2


def test_a_lost_packet_costs_its_drafts_and_no_timer() -> None:
    whole = simulate(cell({**SCHEME, "partial": False}, uplink=link(1e5, loss=LOSSY, mtu_bits=MTU_BITS)), Memory())
    parts = simulate(cell(SCHEME, uplink=link(1e5, loss=LOSSY, mtu_bits=MTU_BITS)), Memory())
    assert parts.summary["timeout_wait_s"] < whole.summary["timeout_wait_s"]
    assert (parts.rounds["committed"] == parts.rounds["accepted"] + 1).all()
    assert (parts.requests["output_tokens"] == 24).all()
    judged = parts.rounds["verified"] < parts.rounds["drafted"]
    assert (judged & (parts.rounds["accepted"] == parts.rounds["verified"])).any(), "a prefix, all of it accepted"


def test_without_loss_parts_change_bits_and_not_tokens() -> None:
    decoded = ["drafted", "accepted", "committed", "tv_qhat", "nll"]
    whole = simulate(cell({**SCHEME, "partial": False}, uplink=link(1e5, mtu_bits=MTU_BITS)), Memory()).rounds
    parts = simulate(cell(SCHEME, uplink=link(1e5, mtu_bits=MTU_BITS)), Memory()).rounds
    assert parts[decoded].equals(whole[decoded])
    assert (parts["payload_bits"] >= whole["payload_bits"]).all()
    assert (parts["uplink_attempts"] > 1).any()


def test_packets_keep_to_the_mtu() -> None:
    rounds = simulate(cell(SCHEME, uplink=link(1e5, mtu_bits=MTU_BITS)), Memory()).rounds
    assert (rounds["uplink_bits"] <= rounds["uplink_attempts"] * MTU_BITS).all()
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + 320 * rounds["uplink_attempts"]).all()
