"""I9 to I11: what a round commits, what the models' caches hold after it, and that its time is all accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from cells import SCHEMES, SPECULATIVE, busy
from plants import ran, ran_once

from kinds.arrays import Floats
from models.verification import Verdict
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import ReplayedText
from simulator.decoding.nodes import EdgeNode, Tokens
from simulator.results import BREAKDOWN
from simulator.results.ledger import Ledger
from simulator.results.requests import Request
from simulator.schemes.code import Packets
from simulator.schemes.reply import TokenReply

EDGE_CORRECTS = ("dssd", "asym")


@pytest.mark.parametrize("scheme", (*SPECULATIVE, *EDGE_CORRECTS))
def test_i9_a_round_commits_what_stood_and_one_more(scheme: str) -> None:
    result = ran_once(busy(scheme)).result
    rounds, requests = result.rounds, result.requests
    assert (rounds["committed"] == rounds["accepted"] + 1).all()
    per_request = rounds.groupby(["device", "request"])["committed"].sum()
    expected = requests.set_index(["device", "request"])[["output_tokens", "tail_tokens"]].sum(axis=1).sort_index()
    assert per_request.equals(expected.rename("committed"))
    assert (requests["output_tokens"] == 16).all()


def test_i9_sees_a_token_committed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    close_round = Request.close_round

    def twice(self: Request, number: int, tokens: Tokens, now_s: float) -> None:
        close_round(self, number, (*tokens, tokens[-1]), now_s)

    monkeypatch.setattr(Request, "close_round", twice)
    with pytest.raises(AssertionError, match="I9"):
        ran(busy())


def test_i9_sees_a_reply_that_takes_a_draft_back(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = TokenReply.encode

    def fewer(self: TokenReply, verdict: Verdict, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        return encode(self, Verdict(max(0, verdict.accepted - 1), verdict.token), p, packets, context)

    monkeypatch.setattr(TokenReply, "encode", fewer)
    with pytest.raises(AssertionError, match="I9: edge and cloud differ"):
        ran(busy())


@pytest.mark.parametrize("scheme", (*SPECULATIVE, *EDGE_CORRECTS))
def test_i10_caches_hold_a_prefix_of_the_committed_text(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every round, at both ends, on the models' own caches; and the books agree with them."""
    assert caches_behind(scheme, monkeypatch) == {1, 2}


def test_i10_holds_where_passes_are_made_that_nothing_is_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    looking = {"kind": "composed", "policy": {"kind": "confidence_stop", "threshold": 0.2}}
    assert caches_behind(looking, monkeypatch) == {1, 2}


def test_i10_sees_a_tree_of_which_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayedText, "graft", lambda self, path: None)
    with pytest.raises(AssertionError, match="I10"):
        caches_behind("tree", monkeypatch)


def caches_behind(scheme: object, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """How many tokens of the committed text the caches lacked, after the rounds of a run. AssertionError (I10) where
    they hold anything else, or the edge's books say otherwise."""
    seen: set[int] = set()
    edge = RequestDecoding.edge

    def checked_edge(self: RequestDecoding) -> EdgeSession:
        session = edge(self)
        resolve = session.resolve

        def checked(node: EdgeNode, reply: bytes) -> tuple[EdgeNode, Tokens]:
            after, tokens = resolve(node, reply)
            for text in (self.drafter, self.verifier):
                cached = text.cached
                behind = len(after.committed) - len(cached)
                assert after.committed[: len(cached)] == cached and behind in (1, 2), "I10: what a cache holds"
                seen.add(behind)
            assert after.cached == len(self.drafter.cached), "I10: the books of the drafter's cache"
            return after, tokens

        session.resolve = checked  # type: ignore[method-assign]
        return session

    monkeypatch.setattr(RequestDecoding, "edge", checked_edge)
    ran(busy(scheme))
    return seen


def test_i10_sees_a_cache_that_keeps_rejected_drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayedText, "crop", lambda self, length: None)
    with pytest.raises(AssertionError, match="I10"):
        caches_behind("k_sqs", monkeypatch)


@pytest.mark.parametrize("scheme", (*SCHEMES, *EDGE_CORRECTS))
def test_i11_the_breakdown_sums_to_the_latency(scheme: str) -> None:
    requests = ran_once(busy(scheme)).result.requests
    assert requests[list(BREAKDOWN)].sum(axis=1).to_numpy() == pytest.approx(requests["latency_s"].to_numpy(), rel=1e-9)
    assert (requests[list(BREAKDOWN)] >= 0).all(axis=None)


def test_i11_sees_time_that_belongs_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    enter = Ledger.enter

    def forgetful(self: Ledger, *entered: Any) -> None:
        enter(self, *entered)
        self._since_s += 1e-6

    monkeypatch.setattr(Ledger, "enter", forgetful)
    with pytest.raises(AssertionError, match="I11"):
        ran(busy())
