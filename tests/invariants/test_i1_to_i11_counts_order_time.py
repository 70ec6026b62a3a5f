"""I1 to I5 and I9 to I11: nothing is lost or doubled, rounds happen in order, queues add up, no server idles; what a
round commits, what the models' caches hold after it, and that its time is all accounted for.

The numbers are those of `simulator.timing.invariants`. FAULTS shows that each test can fail. I2 is tested at the
station, in `tests/simulator/results/test_station.py`.
"""

from collections.abc import Callable
from typing import Any

import pytest
from cells import SCHEMES, SPECULATIVE, busy
from decodings import resolved
from plants import ran, ran_once

from models.verification import Verdict
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.memory import ReplayedText
from simulator.decoding.nodes import EdgeNode, Tokens
from simulator.protocols.machine import SendReply
from simulator.results import BREAKDOWN
from simulator.results.ledger import Ledger
from simulator.results.requests import Request
from simulator.results.station import Station
from simulator.schemes.reply import TokenReply
from simulator.timing.cloud import Cloud
from simulator.timing.link import Link
from simulator.timing.messages import Message
from simulator.timing.request_process import HANDLERS


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i1_packets_and_requests_are_conserved(scheme: str) -> None:
    made = ran_once(busy(scheme))
    assert {each.name for each in made.plant.links} == {"uplink", "downlink"}
    for each in made.plant.links:
        assert each.sent == each.delivered + each.lost + each.dropped + each.in_flight
        assert each.lost > 0
    requests = made.result.requests
    assert len(requests) == 6 and (requests["outcome"] == "answered").all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i3_rounds_happen_in_order(scheme: str) -> None:
    rounds = ran_once(busy(scheme)).result.rounds
    for earlier, later in (
        ("started_s", "sent_s"), ("sent_s", "received_s"), ("received_s", "verified_s"), ("verified_s", "answered_s"),
    ):  # fmt: skip
        assert (rounds[earlier] <= rounds[later]).all()
    assert (rounds["received_s"] > rounds["sent_s"]).all() or scheme == "cloud_only"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i4_littles_law_holds_exactly_at_every_station(scheme: str) -> None:
    stations = ran_once(busy(scheme)).plant.stations
    assert {station.name for station in stations} == {"uplink", "downlink", "cloud", "edge 0", "edge 1", "edge 2"}
    for station in stations:
        assert station.area == pytest.approx(station.sojourn_s, rel=1e-9)
        assert station.area > 0 or (scheme == "cloud_only" and station.name.startswith("edge"))


def test_i5_no_server_idles_beside_a_job() -> None:
    """Checked after every pass."""
    ran_once(busy("cloud_only"))


@pytest.mark.parametrize("scheme", (*SPECULATIVE, "dssd"))
def test_i9_a_round_commits_what_is_accepted_and_one_more(scheme: str) -> None:
    result = ran_once(busy(scheme)).result
    rounds, requests = result.rounds, result.requests
    assert (rounds["committed"] == rounds["accepted"] + 1).all()
    per_request = rounds.groupby(["device", "request"])["committed"].sum()
    expected = requests.set_index(["device", "request"])[["output_tokens", "tail_tokens"]].sum(axis=1).sort_index()
    assert per_request.equals(expected.rename("committed"))
    assert (requests["output_tokens"] == 16).all()


@pytest.mark.parametrize("scheme", (*SPECULATIVE, "dssd"))
def test_i10_caches_hold_a_prefix_of_the_committed_text(scheme: str) -> None:
    """After every round, at both ends, on the models' own caches; and the books agree with them."""
    assert caches_behind(scheme) == {1, 2}


def test_i10_holds_where_passes_are_made_that_nothing_is_drawn_from() -> None:
    looking = {"kind": "composed", "policy": {"kind": "entropy_exit", "threshold_bits": 4.0}}
    assert caches_behind(looking) == {1, 2}


def caches_behind(scheme: object) -> set[int]:
    """How many tokens of the committed text the caches lacked, after the rounds of a run. AssertionError (I10) where
    they hold anything else, or the edge's books say otherwise."""
    seen: set[int] = set()

    def check(request: RequestDecoding, after: EdgeNode, tokens: Tokens) -> None:
        for text in (request.drafter, request.verifier) if tokens else ():  # else more is wanted of the open round
            cached = text.cached
            behind = len(after.committed) - len(cached)
            assert after.committed[: len(cached)] == cached and behind in (1, 2), "I10: what a cache holds"
            seen.add(behind)
        assert after.cached == len(request.drafter.cached), "I10: the books of the drafter's cache"

    with resolved(check):
        ran(busy(scheme))
    return seen


@pytest.mark.parametrize("scheme", (*SCHEMES, "dssd"))
def test_i11_the_breakdown_sums_to_the_latency(scheme: str) -> None:
    requests = ran_once(busy(scheme)).result.requests
    assert requests[list(BREAKDOWN)].sum(axis=1).to_numpy() == pytest.approx(requests["latency_s"].to_numpy(), rel=1e-9)
    assert (requests[list(BREAKDOWN)] >= 0).all(axis=None)


def doubled(end: Any) -> Any:
    def twice(*given: Any) -> None:
        end(*given)
        end(*given)

    return twice


def put_later(reply: Any) -> Any:
    def late(self: Any, command: SendReply) -> None:
        reply(self, command)
        message = self._request.open[command.round].reply
        assert isinstance(message, Message)
        message.__class__ = PutLater  # the link writes the instant when the message joins

    return late


class PutLater(Message):
    """A message that says it was put 100 s after it was."""

    @property
    def put_s(self) -> float:  # type: ignore[override]
        return float(self.__dict__["put_s"]) + 100.0

    @put_s.setter
    def put_s(self, now_s: float) -> None:
        self.__dict__["put_s"] = now_s


def counted_late(begin: Any) -> Any:
    def late(self: Station, customer: Any) -> None:
        begin(self, customer)
        customer.arrived_s = self.clock.now

    return late


def forgetful(enter: Any) -> Any:
    def entered(self: Ledger, *given: Any) -> None:
        enter(self, *given)
        self._since_s += 1e-6

    return entered


def repeated_token(close: Any) -> Any:
    return lambda self, number, tokens, now_s: close(self, number, (*tokens, tokens[-1]), now_s)


def one_fewer(encode: Any) -> Any:
    return lambda self, result, *given: encode(self, Verdict(max(0, result.accepted - 1), result.token), *given)


def blind_once_served(dispatch: Any) -> Any:
    return lambda self: None if self.station.served else dispatch(self)


FAULTS: dict[str, tuple[str, Any, Any, Callable[[Any], Any], str]] = {
    "a packet that vanishes": ("I1", Link, "lost", lambda _: property(lambda self: 0, lambda self, _: None), "k_sqs"),
    "a request that ends twice": ("I1", Request, "end", doubled, "k_sqs"),
    "a reply before its verification result": ("I3", HANDLERS, SendReply, put_later, "k_sqs"),
    "a customer counted late": ("I4", Station, "begin", counted_late, "k_sqs"),
    "a dispatcher that forgets to look again": ("I5", Cloud, "_dispatch", blind_once_served, "cloud_only"),
    "a token committed twice": ("I9", Request, "close_round", repeated_token, "k_sqs"),
    "a reply that takes a draft back": ("I9: edge and cloud differ", TokenReply, "encode", one_fewer, "k_sqs"),
    "a cache that keeps rejected drafts": ("I10", ReplayedText, "crop", lambda _: lambda self, length: None, "k_sqs"),
    "a tree of which nothing is kept": ("I10", ReplayedText, "graft", lambda _: lambda self, path: None, "tree"),
    "time that belongs to nothing": ("I11", Ledger, "enter", forgetful, "k_sqs"),
}
"""What a run is told by, what is replaced, what makes the replacement of what was there, and the scheme."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_sees(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told, owner, what, fault, scheme = FAULTS[name]
    if isinstance(owner, dict):
        monkeypatch.setitem(owner, what, fault(owner[what]))
    else:
        monkeypatch.setattr(owner, what, fault(getattr(owner, what, None)), raising=False)
    with pytest.raises(AssertionError, match=told):
        if owner is ReplayedText:
            caches_behind(scheme)
        else:
            ran(busy(scheme).with_({"uplink.sharing": "round_robin"} if owner is Station else {}))
