"""Partial rounds: packets of whole drafts, and the cloud judges those before the first that is lost.

I12 is shown twice: of the shipped simulator, where passes, encoding and waits take time and losses look at it, from
first draft to last token; and of single rounds of more schemes, over the shipped link.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from unittest.mock import patch

import pytest
from cells import cell, link
from heard import Looking, heard_over
from simulated import Rows, Simulated, verifier_distribution, written_cell

from simulator import Cell, simulate
from simulator.checking.exact import Enumeration, distance
from simulator.checking.exact import verifier_distribution as four_tokens_distribution
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode, Parts, Payload
from simulator.protocols.machine import AddPart, MessageKind, SendMessage
from simulator.protocols.speculate import OpenDrafts, SpeculateEdge
from simulator.schemes import CSqs, Dense, KSqs, TruncatedFp16
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.policy import DRAFT, Action, EdgeView, FixedLength, Policy, PolicyState, Wait

SCHEME = {"kind": "k_sqs", "k": 4, "partial": True}
LOSSY = {"kind": "bernoulli", "probability": 0.3}
MTU_BITS = 320 + 120

HALVES = (0.5, 0.5, 0.0)
EVEN = (1 / 3, 1 / 3, 1 / 3)
WIDE = (HALVES, EVEN, HALVES)
"""What follows token 1 takes 24 bits of a lattice of 240 where other drafts take 16."""
TWO: Rows = ((0.5, 0.5), (0.75, 0.25))
"""After token 0 the drafter is not sure."""
COMPOSED: dict[str, Any] = {
    "kind": "composed",
    "sparsifier": {"kind": "threshold", "beta": 0.1},
    "quantizer": {"kind": "lattice", "resolution": 240},
    "partial": True,
    "budget_bits": None,
}
PRESET = {"kind": "c_sqs", "partial": True, "resolution": 240}
HESITANT = {"kind": "hesitant_in_tests"}
TOKENS = 5


class Hesitant(Policy):
    """Waits for as long as a pass where token 1 was drafted last, until it has been asked so once."""

    kind: Literal["hesitant_in_tests"] = "hesitant_in_tests"

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (0.0,)

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if view.drafts and view.drafts[-1].draft.token == 1 and state[0] < len(view.drafts):
            return Wait(view.now_s + 0.005), (float(len(view.drafts)),)
        return DRAFT, state if view.drafts else (0.0,)


class Timed(NamedTuple):
    """A scheme whose rounds end, or pause, by what was drafted; the time that its steps take; and the pair."""

    scheme: dict[str, Any]
    room_bits: int | None = None
    pass_s: float = 0.005
    encode_s: float = 0.0
    q: Rows = WIDE
    p: Rows = (HALVES, HALVES, HALVES)

    def cell(self, period_s: float, share: float) -> Cell:
        """One request of five tokens over 1 Mbit/s; a first attempt that leaves in this share of a period is lost."""
        mtu_bits = None if self.room_bits is None else self.room_bits + 8
        loss = Looking(period_s=period_s, share=share)
        uplink = link(1e6, loss=loss, header_bits=8, mtu_bits=mtu_bits, arq="selective_repeat")
        latency = {"kind": "constant", "per_pass_s": self.pass_s}
        edge = {"latency": latency, "encode_s_per_draft": self.encode_s}
        return written_cell(self.scheme, self.q, self.p, TOKENS, uplink=uplink, edge=edge)

    def bend(self, period_s: float, share: float) -> float:
        """How far the distribution of the answer is from the verifier's, in total variation."""
        simulated = Simulated(self.cell(period_s, share))
        assert simulated.cut, "nothing is lost and nothing tested"
        return distance(simulated.distribution, verifier_distribution(self.p, TOKENS))


UNSURE = {"policy": {"kind": "confidence_stop", "threshold": 0.6}}
TIMED = {
    "c_sqs, the MTU binds": Timed(PRESET, room_bits=16),
    "c_sqs, the budget binds": Timed(PRESET | {"budget_bits": 50}),
    "c_sqs, encoding takes time": Timed(PRESET, room_bits=16, pass_s=0.0, encode_s=0.005),
    "confidence_stop": Timed(COMPOSED | UNSURE, q=TWO, p=TWO),
    "confidence_stop, p is not q": Timed(COMPOSED | UNSURE, q=TWO, p=((0.4, 0.6), (0.6, 0.4))),
    "a policy that waits": Timed(COMPOSED | {"policy": HESITANT}, room_bits=16),
}


def timed(*fast: str) -> list[object]:
    return [pytest.param(each, id=name, marks=() if name in fast else pytest.mark.slow) for name, each in TIMED.items()]


@pytest.mark.parametrize("each", timed("c_sqs, the MTU binds", "confidence_stop"))
def test_i12_whatever_the_passes_take(each: Timed) -> None:
    """What a draft leads to takes the edge another pass, a wait, or none: its own part has been put by then."""
    assert each.bend(0.013, 0.5) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("each", timed())
def test_i12_whatever_the_passes_take_in_another_period(each: Timed) -> None:
    assert each.bend(0.01, 0.5) < 1e-12


@pytest.mark.parametrize("each", timed("c_sqs, the MTU binds"))
def test_i12_parts_that_leave_together_after_the_last_pass_bend_the_distribution(each: Timed) -> None:
    """The control: when part 2 leaves then tells how many passes came after draft 2, or how long the edge waited."""
    with patch.object(SpeculateEdge, "_send_part", _keep_part), patch.object(SpeculateEdge, "_end_parts", _send_all):
        assert each.bend(0.01, 0.5) > 0.01


def _keep_part(self: SpeculateEdge, drafts: OpenDrafts) -> None:
    """The part stays here until the round is over."""


def _send_all(self: SpeculateEdge, drafts: OpenDrafts) -> None:
    node, payload = drafts.node, self._session.seal(drafts.node)
    first, *others = payload.parts
    self._awaited = 1
    self.commands.append(SendMessage(MessageKind.PAYLOAD, node.round, (first,), payload, node, grows=True))
    self.commands += [AddPart(part, not part) for part in (*others, b"")]


ENUMERATED = [
    KSqs(k=3, resolution=5, max_drafts=2, partial=True),
    KSqs(k=3, resolution=5, max_drafts=2, partial=True, code="enumerative", token="flat"),
    CSqs(resolution=5, max_drafts=2, initial=0.12, step=0.3, partial=True),
    Dense(resolution=5, max_drafts=2, partial=True),
    TruncatedFp16(policy=FixedLength(), k=2, max_drafts=2, partial=True),
]


LOSSES = {
    "none": Looking(),
    "the second": Looking(places=(1,)),
    "half of the time": Looking(period_s=0.2, share=0.5),
    "now and then": Looking(period_s=0.037, share=0.3),
    "long packets": Looking(longer_than=24),
}
FAST = {"half of the time"}


@pytest.mark.parametrize(
    "room_bits", [pytest.param(16, marks=pytest.mark.slow), 24, pytest.param(64, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "loss", ["half of the time", *(pytest.param(loss, marks=pytest.mark.slow) for loss in sorted({*LOSSES} - FAST))]
)
@pytest.mark.parametrize("scheme", ENUMERATED, ids=lambda scheme: f"{scheme.kind} {scheme.max_drafts}")
def test_i12_output_distribution_is_the_verifiers_whatever_arrives(
    scheme: DraftScheme, loss: str, room_bits: int
) -> None:
    """Which drafts are heard is up to losses that look at the place and at the time, so at the bits before."""
    enumeration = Enumeration(scheme, 3, room_bits=room_bits, heard=heard_over(LOSSES[loss], room_bits))
    assert distance(enumeration.distribution(), four_tokens_distribution((1, 2), 3)) < 1e-12
    assert enumeration.parts == 2 or room_bits < 64


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_i12_a_draft_too_large_for_its_part_is_not_drawn(loss: str) -> None:
    """What follows token 1 takes more than the room. It must not change how the drafts before it travel."""
    scheme = CSqs(resolution=1400, max_drafts=3, initial=0.15, partial=True)
    enumeration = Enumeration(scheme, 4, room_bits=32, heard=heard_over(LOSSES[loss], 32))
    assert distance(enumeration.distribution(), four_tokens_distribution((1, 2), 4)) < 1e-12
    assert enumeration.full and enumeration.parts == 3
    assert enumeration.cut or loss == "none"


def test_i12_a_part_that_tells_its_draft_bends_the_distribution() -> None:
    """The control: where a part is longer for one drafted id than for others, a loss in time looks at the id."""
    enumeration = Enumeration(ENUMERATED[0], 3, room_bits=64)
    seal = EdgeSession.seal

    def telling(session: EdgeSession, node: EdgeNode, sealed: Parts = ()) -> Payload:
        payload = seal(session, node, sealed)
        payload.parts_bits = tuple(
            bits + 8 * (drafted.draft.token == 0) for bits, drafted in zip(payload.parts_bits, node.drafts, strict=True)
        )
        return payload

    enumeration.heard = lambda parts_bits, _: 1 if len(parts_bits) > 1 and parts_bits[1] > min(parts_bits) else 2
    with patch.object(EdgeSession, "seal", telling):
        distribution = enumeration.distribution()
    assert distance(distribution, four_tokens_distribution((1, 2), 3)) > 0.01


def test_a_lost_packet_costs_its_drafts_and_no_timer() -> None:
    whole = simulate(
        cell({**SCHEME, "partial": False}, uplink=link(1e5, loss=LOSSY, mtu_bits=MTU_BITS)), memory=Memory()
    )
    parts = simulate(cell(SCHEME, uplink=link(1e5, loss=LOSSY, mtu_bits=MTU_BITS)), memory=Memory())
    assert parts.summary["timeout_wait_s"] < whole.summary["timeout_wait_s"]
    assert (parts.rounds["committed"] == parts.rounds["accepted"] + 1).all()
    assert (parts.requests["output_tokens"] == 24).all()
    verified = parts.rounds["verified"] < parts.rounds["drafted"]
    assert (verified & (parts.rounds["accepted"] == parts.rounds["verified"])).any(), "a prefix, all of it accepted"


def test_without_loss_parts_change_bits_and_not_tokens_and_keep_to_the_mtu() -> None:
    decoded = ["drafted", "accepted", "committed", "tv_qhat", "nll"]
    whole = simulate(cell({**SCHEME, "partial": False}, uplink=link(1e5, mtu_bits=MTU_BITS)), memory=Memory()).rounds
    parts = simulate(cell(SCHEME, uplink=link(1e5, mtu_bits=MTU_BITS)), memory=Memory()).rounds
    assert parts[decoded].equals(whole[decoded])
    assert (parts["payload_bits"] >= whole["payload_bits"]).all()
    assert (parts["uplink_attempts"] > 1).any()
    assert (parts["uplink_bits"] <= parts["uplink_attempts"] * MTU_BITS).all()
    assert (parts["uplink_bits"] == parts["payload_bits"] + 320 * parts["uplink_attempts"]).all()
