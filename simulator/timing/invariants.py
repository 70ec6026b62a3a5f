"""The cheap invariants, checked in every run. Each assertion names its number (DESIGN, "Invariants")."""

from __future__ import annotations

from itertools import pairwise

from simulator.results.records import Request, Round
from simulator.results.station import Station
from simulator.timing.link import Link


def check_link(link: Link) -> None:
    """Raises AssertionError where a link's packets do not add up."""
    accounted = link.delivered + link.lost + link.dropped + link.in_flight
    assert link.sent == accounted, f"I1: {link.name} sent {link.sent} packets, accounts for {accounted}"


def check_station(station: Station) -> None:
    """Raises AssertionError where a queue's two accounts of its customers differ."""
    gap = abs(station.area - station.sojourn_s)
    assert gap <= 1e-9 * max(1.0, station.area), f"I4: {station.name}: queue area and sojourn times differ by {gap} s"


def check_rounds(request: Request) -> None:
    """Raises AssertionError where the rounds of a request that has ended are out of order or do not add up."""
    for round_ in request.rounds:
        if not round_.started_s <= round_.sent_s <= round_.received_s <= round_.verified_s <= round_.answered_s:
            _check_order(request, round_)
    committed = sum(round_.committed for round_ in request.rounds)
    if request.outcome == "answered":
        assert committed == len(request.tokens) + request.tail_tokens, "I9: committed tokens are lost or doubled"


def _check_order(request: Request, round_: Round) -> None:
    """A moment that was not reached is nan, and no disorder."""
    moments = (round_.started_s, round_.sent_s, round_.received_s, round_.verified_s, round_.answered_s)
    disorder = any(later < earlier for earlier, later in pairwise(moments))
    assert not disorder, f"I3: round {round_.number} of request {request.device}/{request.number}: {moments}"
