"""The cheap invariants, checked at the end of every run. Each assertion names its number (DESIGN, "Invariants")."""

from __future__ import annotations

from itertools import pairwise

from simulator.link import Link
from simulator.plant import Plant
from simulator.records import Request
from simulator.station import Station


def check(plant: Plant) -> None:
    """Raises AssertionError on the first broken invariant of a finished run."""
    for link in plant.links:
        _packets_are_conserved(link)
    for station in plant.stations:
        _little(station)
    for request in plant.users.requests:
        _rounds_in_order(request)


def _packets_are_conserved(link: Link) -> None:
    accounted = link.delivered + link.lost + link.dropped + link.in_flight
    assert link.sent == accounted, f"I1: {link.name} sent {link.sent} packets, accounts for {accounted}"


def _little(station: Station) -> None:
    gap = abs(station.area - station.sojourn_s)
    assert gap <= 1e-9 * max(1.0, station.area), f"I4: {station.name}: queue area and sojourn times differ by {gap} s"


def _rounds_in_order(request: Request) -> None:
    for round_ in request.rounds:
        moments = (round_.started_s, round_.sent_s, round_.received_s, round_.verified_s, round_.answered_s)
        disorder = any(
            later < earlier for earlier, later in pairwise(moments)
        )  # a nan, not reached yet, is no disorder
        assert not disorder, f"I3: round {round_.number} of request {request.device}/{request.number}: {moments}"
    committed = sum(round_.committed for round_ in request.rounds)
    if request.outcome == "answered":
        assert committed == len(request.tokens) + request.tail_tokens, "I9: committed tokens are lost or doubled"
