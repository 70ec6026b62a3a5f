"""Partial rounds: packets of whole drafts, and the cloud judges those before the first that is lost.

I12 is shown three times: of the shipped simulator, where passes, encoding and waits take time and losses look at it,
from first draft to last token; of the same where parts overtake each other or come after the first one is sent again;
and of single rounds of more schemes, over the shipped link. Each rule is shown to matter by a control without it, whose
distribution is another one.
"""

from typing import Any, Literal, NamedTuple
from unittest.mock import patch

import pytest
from cells import cell, link
from heard import Dawdling, Looking, heard_over
from simulated import Rows, bend, written_cell

from channels.link.sharing import ProcessorSharing
from simulator import Cell, simulate
from simulator.checking.exact import Enumeration, distance, verifier_distribution
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode, Parts, Payload
from simulator.protocols.machine import AddPart, MessageKind, SendMessage
from simulator.protocols.speculate import OpenDrafts, SpeculateEdge
from simulator.schemes import CSqs, Dense, KSqs, TruncatedFp16
from simulator.schemes.policy import DRAFT, SEND, Action, EdgeView, FixedLength, Policy, PolicyState, Wait
from simulator.timing.messages import Message
from simulator.timing.reassembly import Reassembly

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


class WhileSure(Policy):
    """Drafts on while the last draft was likely."""

    kind: Literal["sure_in_tests"] = "sure_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return (SEND if view.drafts and view.drafts[-1].confidence < 0.6 else DRAFT), state


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


UNSURE = {"policy": {"kind": "entropy_exit", "threshold_bits": 0.9}}
SURE: Rows = ((0.75, 0.25), (0.75, 0.25))
"""The drafter is sure of token 0, and not of what it is when it draws 1."""
TIMED = {
    "c_sqs, the MTU binds": Timed(PRESET, room_bits=16),
    "c_sqs, the budget binds": Timed(PRESET | {"budget_bits": 50}),
    "c_sqs, encoding takes time": Timed(PRESET, room_bits=16, pass_s=0.0, encode_s=0.005),
    "entropy_exit": Timed(COMPOSED | UNSURE, q=TWO, p=TWO),
    "entropy_exit, p is not q": Timed(COMPOSED | UNSURE, q=TWO, p=((0.4, 0.6), (0.6, 0.4))),
    "a policy that looks at drafts": Timed(COMPOSED | {"policy": "sure_in_tests"}, q=SURE, p=((0.4, 0.6), (0.6, 0.4))),
    "a policy that waits": Timed(COMPOSED | {"policy": HESITANT}, room_bits=16),
}


def timed(*fast: str) -> list[object]:
    return [pytest.param(each, id=name, marks=() if name in fast else pytest.mark.slow) for name, each in TIMED.items()]


@pytest.mark.parametrize("each", timed("c_sqs, the MTU binds", "entropy_exit"))
@pytest.mark.parametrize("period_s", [0.013, pytest.param(0.01, marks=pytest.mark.slow)])
def test_i12_whatever_the_passes_take(each: Timed, period_s: float) -> None:
    """What a draft leads to takes the edge another pass, a wait, or none: its own part has been put by then."""
    assert bend(each.cell(period_s, 0.5)) < 1e-12


@pytest.mark.parametrize("each", timed("c_sqs, the MTU binds"))
def test_i12_parts_that_leave_together_after_the_last_pass_bend_the_distribution(each: Timed) -> None:
    """The control: when part 2 leaves then tells how many passes came after draft 2, or how long the edge waited."""
    with patch.object(SpeculateEdge, "_send_part", _keep_part), patch.object(SpeculateEdge, "_end_parts", _send_all):
        assert bend(each.cell(0.01, 0.5)) > 0.01


def _keep_part(self: SpeculateEdge, drafts: OpenDrafts) -> None:
    """The part stays here until the round is over."""


def _send_all(self: SpeculateEdge, drafts: OpenDrafts) -> None:
    node, payload = drafts.node, self._session.seal(drafts.node)
    first, *others = payload.parts
    self._awaited = 1
    self.commands.append(SendMessage(MessageKind.PAYLOAD, node.round, (first,), payload, node, grows=True))
    self.commands += [AddPart(part, not part) for part in (*others, b"")]


TELLING = {"kind": "c_sqs", "resolution": 240, "max_drafts": 3, "partial": True, "budget_bits": None}
"""The parts of a round of it have 16 bits, or 24 where token 1 came before: in a room of 16 bits that is not drawn."""
ONE_AHEAD = {"kind": "selective_repeat", "window": 8, "timeout_s": 0.05, "timer_jitter": 0}
EDGE = {"latency": {"kind": "constant", "per_pass_s": 0.031}, "encode_s_per_draft": 0.007}
"""Draft n is drawn and encoded 38 ms after the one before it; at 1 kbit/s its part is on the air for 24 ms or 32 ms."""


def late_cell(room_bits: int | None = None, edge: object = EDGE, **uplink: Any) -> Cell:
    """Four tokens over an uplink of 1 kbit/s."""
    mtu_bits = None if room_bits is None else room_bits + 8
    over = link(1000.0, **{"header_bits": 8, "mtu_bits": mtu_bits, "arq": ONE_AHEAD} | uplink)
    return written_cell(TELLING, WIDE, WIDE, 4, uplink=over, edge=edge)


LATE: dict[str, Any] = {"loss": Looking(places=(0,)), "delay": Dawdling(places=(1,), extra_s=0.072)}
"""The first part is sent again while the round is drafted, and the second comes when the last one has long come."""
OVERTAKEN: dict[str, Any] = {"delay": Dawdling(places=(1,), extra_s=0.042), "loss": Looking(period_s=0.09, share=0.5)}
"""The third part overtakes the second if it is short, which tells of draft 2."""
QUICK = {"latency": {"kind": "constant", "per_pass_s": 0.004}, "encode_s_per_draft": 0.002}
ALL_AT_ONCE: dict[str, Any] = {"sharing": "processor", "loss": Looking(period_s=0.13, share=0.5), "edge": QUICK}
"""Served all at once, the second part would leave later beside a long third one."""

IN_SLOTS: dict[str, Any] = {
    "rate": {"kind": "base_station", "surroundings": "umi", "distance_m": 15, "blocks": 1, "extra_loss_db": 75,
             "target_dbm": None, "antennas": 1, "coherence_s": 0.003},
    "sharing": {"kind": "scheduled", "request_period_s": 0.004, "blind_bits": 10, "error_rate": 0.85, "attempts": 2},
    "loss": Looking(period_s=0.037, share=0.5),
    "edge": QUICK,
}  # fmt: skip
"""A block has some bits: a part takes slots by its length, and is given up where one of its blocks fails twice."""


@pytest.mark.parametrize(
    "uplink",
    [LATE, *(pytest.param(each, marks=pytest.mark.slow) for each in (OVERTAKEN, ALL_AT_ONCE, IN_SLOTS))],
    ids=["late", "overtaken", "at once", "in slots"],
)
def test_i12_no_part_is_heard_or_not_by_its_own_draft(uplink: dict[str, Any]) -> None:
    assert bend(late_cell(**uplink)) < 1e-12


QUIC = {"kind": "quic", "timeout_s": 0.3, "initial_window": 2}
"""A part that is lost is given up; one that waits for room in the window, which follows losses, is not."""


@pytest.mark.parametrize("sharing", ["processor", *(pytest.param(each, marks=pytest.mark.slow)
                                                    for each in ("fifo", "round_robin"))])  # fmt: skip
def test_i12_where_windows_follow_losses(sharing: str) -> None:
    loss = Looking(period_s=0.13, share=0.5)
    assert bend(late_cell(loss=loss, arq=QUIC, sharing=sharing, buffer_packets=2, edge=QUICK)) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("room_bits", [None, 16])
def test_i12_with_windows_and_losses_and_delays_in_time(window: int, room_bits: int | None) -> None:
    delay = Dawdling(period_s=0.037, share=0.6, extra_s=0.05)
    loss = Looking(places=(0,), period_s=0.07, share=0.5)
    arq = ONE_AHEAD | {"window": window}
    assert bend(late_cell(room_bits, arq=arq, loss=loss, delay=delay, reassembly_s=0.08)) < 1e-12


def _take_what_is_there(self: Reassembly, message: Message) -> None:
    leading = next((each.number for each in message.packets if not each.arrived), len(message.packets))
    if leading and not message.open and message.packets[-1].arrived:
        self._deliver(message, leading)


OVERTAKING = {"delay": OVERTAKEN["delay"]}
CONTROLS: dict[str, tuple[list[tuple[type, str, object]], dict[str, Any]]] = {
    # Without a longest travel the second part is received if it comes before the last one is old enough, whose length
    # and departure tell of draft 2.
    "a part may come late": ([(Reassembly, "_is_late", lambda self, packet: False)], {"delay": LATE["delay"]}),
    # Where a packet has a say in when one before it leaves, the parts must join one by one.
    "parts join together": ([(ProcessorSharing, "first_come", True)], ALL_AT_ONCE),
    # The third part comes before the second or after it, by its length, which tells of draft 2.
    "a gap ends a round on a link that reorders": ([(Dawdling, "keeps_order", True)], OVERTAKING),
    # The far end waits for none that travels still.
    "what is there when the last part comes is taken": (
        [(Reassembly, "_give_up", None), (Reassembly, "_look", _take_what_is_there)],
        OVERTAKING | {"reassembly_s": 0.2},
    ),
}
FAST_CONTROLS = ("a part may come late", "parts join together")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST_CONTROLS)) for name in CONTROLS]
)
def test_i12_the_distribution_is_bent_where(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patches, uplink = CONTROLS[name]
    for owner, what, value in patches:
        monkeypatch.setattr(owner, what, value)
    assert bend(late_cell(**uplink)) > 0.1


ENUMERATED = [
    KSqs(k=3, resolution=5, max_drafts=2, partial=True),
    KSqs(k=3, resolution=5, max_drafts=2, partial=True, code="enumerative", token="flat"),
    CSqs(resolution=5, max_drafts=2, initial=0.12, step=0.3, partial=True),
    Dense(resolution=5, max_drafts=2, partial=True),
    TruncatedFp16(policy=FixedLength(), k=2, max_drafts=2, partial=True),
    KSqs(k=2, resolution=5, max_drafts=2, partial=True, acceptance="block"),
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
def test_i12_output_distribution_is_the_verifiers_whatever_arrives(scheme, loss, room_bits):
    """Which drafts are heard is up to losses that look at the place and at the time, so at the bits before."""
    enumeration = Enumeration(scheme, 3, room_bits=room_bits, received=heard_over(LOSSES[loss], room_bits))
    assert distance(enumeration.distribution(), verifier_distribution((1, 2), 3)) < 1e-12
    assert enumeration.parts == 2 or room_bits < 64


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_i12_a_draft_too_large_for_its_part_is_not_drawn(loss: str) -> None:
    """What follows token 1 takes more than the room. It must not change how the drafts before it travel."""
    scheme = CSqs(resolution=1400, max_drafts=3, initial=0.15, partial=True)
    enumeration = Enumeration(scheme, 4, room_bits=32, received=heard_over(LOSSES[loss], 32))
    assert distance(enumeration.distribution(), verifier_distribution((1, 2), 4)) < 1e-12
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

    enumeration.received = lambda parts_bits, _: 1 if len(parts_bits) > 1 and parts_bits[1] > min(parts_bits) else 2
    with patch.object(EdgeSession, "seal", telling):
        distribution = enumeration.distribution()
    assert distance(distribution, verifier_distribution((1, 2), 3)) > 0.01


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
