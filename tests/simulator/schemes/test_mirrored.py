"""Mirrored: ids and a checksum go up, the cloud's own drafter makes the distributions again, and what differs is asked
for."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest
from cells import HEADER_BITS, cell, link
from cells import PAIR as SYNTHETIC
from decodings import decoding
from plants import AirWatch, ran

from channels.codec import wire
from channels.codec.ids import checksum
from simulator import Cell
from simulator.decoding.mirror_session import MirrorSession
from simulator.decoding.nodes import CloudNode, Parts, Verified
from simulator.results.columns import LOSSLESS_TV
from simulator.schemes import Mirrored, mirrored
from simulator.schemes.policy import DRAFT, SEND, Action, CloudDecodes, EdgeView, Policy, PolicyState

SOMETIMES = 0.002
"""A drift under which the cloud's counts differ in some rounds of the cells below."""
WAYS = [(ids, drift) for ids in ("flat", "law") for drift in (0.0, SOMETIMES)] + [("prior", SOMETIMES)]


def scheme(ids: str = "flat", drift: float = 0.0, **fields: object) -> dict[str, object]:
    return {"kind": "mirrored", "ids": ids, "drift": drift, **fields}


@pytest.mark.parametrize(("ids", "drift"), WAYS)
def test_the_text_is_that_of_k_sqs(ids: str, drift: float) -> None:
    """Draft by draft, with a budget that cuts rounds short too."""
    for fields in ({}, {"budget_bits": 200}):
        known, mirror = ran(cell({"kind": "k_sqs", **fields})), ran(cell(scheme(ids, drift, **fields)))
        assert mirror.texts == known.texts
        same = ["round", "drafted", "accepted", "support_size", "tv_qhat"]
        assert mirror.result.rounds[same].equals(known.result.rounds[same])
    assert 1 < known.result.summary["draft_length"] < 6


@pytest.mark.parametrize(("ids", "drift"), WAYS)
def test_i7_bits_are_those_of_both_payloads_and_of_what_asks(ids: str, drift: float) -> None:
    watch = AirWatch()
    result = ran(cell(scheme(ids, drift)), watch=watch).result
    rounds, known = result.rounds, ran(cell()).result.rounds
    asked = rounds["asked"].to_numpy()
    whole = known["payload_bits"].to_numpy()
    brief = rounds["payload_bits"] - np.where(asked, whole, 0)
    if ids == "flat":
        width = (SYNTHETIC["size"] - 1).bit_length()  # type: ignore[operator]
        assert (brief == 8 * np.ceil((rounds["drafted"] * width + 1) / 8) + 32).all()
    elif ids == "prior":  # there is none of this vocabulary
        assert (brief <= 8 * np.ceil(rounds["drafted"] * 6 / 8) + 8 + 32).all() and (brief > 32).all()
    else:
        assert (brief <= rounds["drafted"] * math.log2(100) + math.log2(8) + 8 + 32).all() and (brief > 32).all()
        assert brief.sum() < 32 * len(rounds) + 4.5 * rounds["drafted"].sum()
    assert (rounds["reply_bits"] == known["reply_bits"] + 8 * asked).all()
    prompts = 8 * len(result.requests) * -(-(8 * 6 + 1) // 8)
    assert watch.payload_bits == {
        "uplink": rounds["payload_bits"].sum() + prompts,
        "downlink": rounds["reply_bits"].sum(),
    }
    assert (rounds["uplink_bits"] == rounds["payload_bits"] + HEADER_BITS * (1 + asked)).all()
    assert (rounds["downlink_bits"] == rounds["reply_bits"] + HEADER_BITS * (1 + asked)).all()
    assert (rounds["uplink_attempts"] == 1 + asked).all()
    assert 0 < asked.sum() < len(asked) if drift else not asked.any()
    assert result.summary["asked_per_round"] == asked.mean()


WORK = {"kind": "closed", "requests": 1, "prompt_tokens": 1, "output_tokens": 20, "prompt_at_cloud": True}
CLOCKS: dict[str, Any] = {
    "edge": {"latency": {"kind": "constant", "per_pass_s": 0.003}, "encode_s_per_draft": 0.0007},
    "cloud": {
        "batching": "none",
        "latency": {"kind": "affine", "base_s": 0.02, "per_token_s": 0.001},
        "drafter_latency": {"kind": "affine", "base_s": 0.004, "per_token_s": 0.0001},
    },
    "uplink": link(1e4, 0.011, header_bits=40),
    "downlink": link(2e4, 0.017, header_bits=56),
}


@pytest.mark.parametrize("ids", ["flat", "law"])
@pytest.mark.parametrize("asked", [False, True])
def test_a_round_takes_what_its_messages_and_passes_take(ids: str, asked: bool) -> None:
    """One that is asked for takes a second exchange more: down, encode, up, and a pass of both models."""
    watch = AirWatch()
    run = ran(cell(scheme(ids, 5.0 if asked else 0.0, max_drafts=4), workload=WORK, **CLOCKS), watch=watch)
    known = ran(cell({"kind": "k_sqs", "max_drafts": 4}, workload=WORK)).result.rounds
    for row, whole in zip(run.result.rounds.itertuples(), known["payload_bits"], strict=True):
        assert row.asked == asked
        verify_s, mirror_s = 0.02 + 0.001 * (row.drafted + 1), 0.004 + 0.0001 * (row.drafted + 1)
        read_s = mirror_s if ids == "flat" else 0.0041 * row.drafted
        encode_s, brief = 0.0007 * row.drafted, row.payload_bits - asked * whole
        up_s = 0.003 * row.drafted + encode_s + (brief + 40) / 1e4 + 0.011 + read_s + verify_s
        again_s = (8 + 56) / 2e4 + 0.017 + encode_s + (whole + 40) / 1e4 + 0.011 + mirror_s + verify_s
        down_s = (row.reply_bits - 8 * asked + 56) / 2e4 + 0.017
        assert row.answered_s - row.started_s == pytest.approx(up_s + asked * again_s + down_s, rel=1e-9)
    (request,) = run.requests
    assert math.fsum(request.spent) == pytest.approx(request.latency_s, rel=1e-12)
    assert len(watch.passes) == len(known) * (1 + asked)
    tokens = [work for served in watch.passes for work in served.work]
    assert {new for new, _ in tokens} <= {row + 1 for row in known["drafted"]}  # nothing is read twice, nor missed


def test_the_second_exchange_has_rng_of_its_own() -> None:
    """Were it the first one's, a round whose first packets are lost would lose the second ones at once too."""
    lossy = {"kind": "bernoulli", "probability": 0.5}
    run = ran(cell(scheme(drift=5.0), uplink=link(1e5, loss=lossy), downlink=link(1e7, loss=lossy)))
    attempts = run.result.rounds["uplink_attempts"]
    assert run.result.rounds["asked"].all() and (attempts % 2).any()


class Turns(Policy):
    """A token of the cloud's own, then a round of two drafts."""

    kind: Literal["mirrored_turns_in_tests"] = "mirrored_turns_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if not view.drafts and not state:
            return CloudDecodes(1), (1.0,)
        return (SEND if len(view.drafts) == 2 else DRAFT), (() if len(view.drafts) == 2 else state)


@pytest.mark.parametrize(("ids", "drift"), WAYS)
def test_i10_the_clouds_drafter_holds_a_prefix_of_the_text(ids, drift, monkeypatch):
    """After every verification result, those of tokens that the cloud decoded by itself too, and after every word that
    asks."""
    behind: set[int] = set()
    verify, asks = MirrorSession.verify, MirrorSession.asks

    def checked(self: MirrorSession, node: CloudNode) -> None:
        cached = self._mirror.cached
        assert node.committed[: len(cached)] == cached, "I10: what a cache holds"
        behind.add(len(node.committed) - len(cached))

    def verified(self: MirrorSession, node: CloudNode, parts: Parts) -> tuple[CloudNode, Verified]:
        found = verify(self, node, parts)
        checked(self, found[0])
        return found

    def asked(self: MirrorSession, node: CloudNode, parts: Parts) -> CloudNode | None:
        found = asks(self, node, parts)
        if found is not None:
            checked(self, found)
        return found

    monkeypatch.setattr(MirrorSession, "verify", verified)
    monkeypatch.setattr(MirrorSession, "asks", asked)
    rounds = ran(cell(scheme(ids, drift, policy="mirrored_turns_in_tests"))).result.rounds
    assert set(rounds["drafted"]) >= {0, 2} and rounds["asked"].any() == (drift > 0)
    assert behind <= {1, 2}


def test_a_checksum_overlooks_one_difference_in_two_to_its_bits() -> None:
    """Of 8 bits, over drafts in which one count has moved from one id to another; at 5 sd."""
    rng, support, trials, unseen = np.random.default_rng(8), np.arange(6), 5_000, 0
    for counts in rng.multinomial(94, np.full(6, 1 / 6), trials) + 1:
        gains, loses = rng.integers(0, 3), rng.integers(3, 6)
        moved = counts + (support == gains) - (support == loses)
        one, other = ([wire.Draft(int(gains), support, each)] for each in (counts, moved))
        unseen += checksum(one, 8) == checksum(other, 8)
    assert abs(unseen - trials / 256) <= 5 * (trials / 256) ** 0.5


def test_a_short_checksum_costs_the_text_what_the_formula_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rounds differ, and 4 bits are looked at: one round in 16 is not asked for, and verified by the cloud's own
    distributions; only those are off, and by no more than these are."""
    monkeypatch.setattr(mirrored, "checksum", lambda drafts, _: bytes([checksum(drafts, 8)[0] & 15]))
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 100}
    rounds = ran(cell(scheme(drift=5.0, checksum_bits=8, max_drafts=2), workload=asked)).result.rounds
    unseen = ~rounds["asked"]
    assert unseen.any() and abs(unseen.sum() - len(rounds) / 16) <= 5 * (len(rounds) / 16) ** 0.5
    assert rounds["tv_output"][~unseen].max() <= LOSSLESS_TV < rounds["tv_output"][unseen].max() < 2


def test_a_difference_that_the_checksum_does_not_show_is_verified_by_the_wrong_distribution(monkeypatch):
    """With a checksum that shows nothing, the cloud judges with its own distributions, and the tables say what that
    costs."""
    monkeypatch.setattr(mirrored, "checksum", lambda drafts, bits: b"\0" * (bits // 8))
    same, other = (ran(cell(scheme(drift=drift))).result for drift in (0.0, 0.15))
    assert same.summary["tv_output"] <= LOSSLESS_TV < 1e-3 < other.summary["tv_output"]


def test_a_difference_of_ids_that_the_checksum_does_not_show_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrored, "checksum", lambda drafts, bits: b"\0" * (bits // 8))
    with pytest.raises(AssertionError, match="I8: the drafts received"):
        ran(cell(scheme("law", drift=0.15)))


def test_a_payload_that_no_edge_can_have_sent_is_refused() -> None:
    request = decoding(Mirrored.model_validate(scheme(max_drafts=2, sparsifier={"kind": "top_k", "k": 2})))
    cloud = request.cloud()
    for ids in ((), (1, 2, 3)):
        with pytest.raises(wire.CodecError, match=f"{len(ids)} drafts"):
            cloud.receive(cloud.start((1, 2)), (wire.encode_tokens(ids, request.format) + b"1234",))


def test_the_drafter_takes_room_beside_the_verifier() -> None:
    """Its weights and its cache, where both clocks name one device; K-SQS leaves the whole of it to the verifier."""
    room = {kind: Cell.from_fields({"scheme": kind}).kv_tokens for kind in ("k_sqs", "mirrored", "colocated")}
    assert room["mirrored"] == room["colocated"] != room["k_sqs"]
