"""Partial rounds: packets of whole drafts, and the cloud judges those before the first that is lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import inf
from typing import Literal
from unittest.mock import patch

import pytest
import simpy
from cells import cell, link
from exact import Enumeration, distance, verifier_law

from channels.link.link_config import LinkConfig
from channels.link.losses import Loss, LossProcess, PacketIndex
from channels.uniforms import Uniforms
from simulator import simulate
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode, Payload
from simulator.schemes import CSqs, Dense, HalfTopK, KSqs
from simulator.schemes.draft_scheme import DraftScheme
from simulator.timing.link import Link, Message

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


class Looking(Loss):
    """Loses a first attempt by its place in the message, by when its last bit leaves, by its bits."""

    kind: Literal["looking_in_tests"] = "looking_in_tests"
    places: tuple[int, ...] = ()
    period_s: float = inf
    share: float = 0.0
    longer_than: float = inf

    def process(self, uniforms: Uniforms) -> LossProcess:
        return self

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        looks = index[3] in self.places, now_s % self.period_s < self.share * self.period_s, bits > self.longer_than
        return index[4] == 0 and any(looks)


LOSSES = {
    "none": Looking(),
    "the second": Looking(places=(1,)),
    "the third": Looking(places=(2,)),
    "half of the time": Looking(period_s=0.2, share=0.5),
    "now and then": Looking(period_s=0.037, share=0.3),
    "long packets": Looking(longer_than=24),
    "very long packets": Looking(longer_than=32),
}


def heard_over(loss: Loss, room_bits: int) -> Callable[[tuple[int, ...]], int]:
    """How many leading parts get through the shipped uplink at 1 kbit/s with this loss, alone on it from 0 s on."""

    @cache
    def heard(parts_bits: tuple[int, ...]) -> int:
        env = simpy.Environment()
        fields = link(1000.0, header_bits=8, mtu_bits=room_bits + 8)
        uplink = Link(env, LinkConfig(**{**fields, "loss": loss}), Uniforms.of(0, "tests"), "uplink", lambda _: 0.02)
        message = Message((0, 0, 1), tuple(bytes(bits // 8) for bits in parts_bits), lambda _: None)
        uplink.put(message)
        env.run()
        return len(message.arrived)

    return heard


@pytest.mark.parametrize("room_bits", [16, 24, 64])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scheme", ENUMERATED, ids=lambda scheme: f"{scheme.kind} {scheme.max_drafts}")
def test_i12_output_law_is_the_verifiers_whatever_arrives(scheme: DraftScheme, loss: str, room_bits: int) -> None:
    """Which drafts are heard is up to losses that look at the place and at the time, so at the bits before."""
    enumeration = Enumeration(scheme, 3, room_bits=room_bits, heard=heard_over(LOSSES[loss], room_bits))
    assert distance(enumeration.law(), verifier_law((1, 2), 3)) < 1e-12
    if loss == "the second":
        assert enumeration.cut or enumeration.parts == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_i12_a_draft_too_large_for_its_part_is_not_drawn(loss: str) -> None:
    """What follows token 1 takes more than the room. It must not change how the drafts before it travel."""
    scheme = CSqs(resolution=1000, max_drafts=3, initial=0.15, partial=True)
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
