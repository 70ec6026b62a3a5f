"""The invariants of a simulation, I1 to I12, and the checks of those that every run can afford.

I1   Packets sent = delivered + lost + dropped + in flight; requests arrived = answered + timed out + abandoned + in
     flight. Here: `check_link`; a request that ends twice, in `Request.end`.
I2   The clock never runs back. In `Station`, `StepCurve`.
I3   Of a round: started <= sent <= received <= verified <= answered. In `Recorder`; none is verified that
     was drafted on drafts that were not accepted, in `DrivenRequest`.
I4   Little's law at every station, in its exact form: area = sum of sojourns. Here: `check_station`.
I5   No station idles beside an admissible job; a batching window idles for its window at most. In `Cloud`, `sharing`.
I6   Same cell, same machine: byte-identical tables, whatever the workers, the cluster, a resume, the cells beside it in
     a sweep and their order, and whether its rounds were decoded now or remembered. By tests.
I7   Bits charged to a link are 8 * len(bytes really encoded), plus headers, both ways. In `Message`, by tests.
I8   decode(encode(x)) == x, and encode(decode(b)) == b. In `DivergenceMeter`: what was received is what was sent.
I9   A round commits accepted + 1 tokens (accepted only, where all are and a successor is promised, in `Lookahead`); a
     tail cut at the output limit is counted. In `Recorder`; that both ends agree, in `DrivenRequest`.
I10  Caches hold a prefix of the committed sequence, at most two tokens short, the edge's also of what the cloud decoded
     by itself since its last pass, and of a tree ahead of whose result a round was drafted the branch that is accepted
     if it is not the first; and nothing else. By tests.
I11  The parts of a request's latency sum to it. Here: `check_request`; no gap, in `Ledger`.
I12  The output distribution is the verifier's: whatever decides that draft n is sent, received or verified may depend
     on d_1..d_{n-1}, never on d_n. By exact enumeration in tests; what is accepted was verified, in `CloudSession`.

The tests of each have its number in their names; those that break it on purpose stand beside them.
"""

from __future__ import annotations

import math

from simulator.results.requests import Request
from simulator.results.station import Station
from simulator.timing.link import Link


def check_link(link: Link) -> None:
    """Raises AssertionError where a link's packets do not add up (I1)."""
    accounted = link.delivered + link.lost + link.dropped + link.in_flight
    assert link.sent == accounted, f"I1: {link.name} sent {link.sent} packets, accounts for {accounted}"


def check_station(station: Station) -> None:
    """Raises AssertionError where a queue's two accounts of its customers differ (I4)."""
    gap = abs(station.area - station.sojourn_s)
    assert gap <= 1e-9 * max(1.0, station.area), f"I4: {station.name}: queue area and sojourn times differ by {gap} s"


def check_request(request: Request) -> None:
    """Raises AssertionError where the breakdown of a request that has ended does not sum to its latency (I11)."""
    if request.outcome != "in_flight":
        gap = abs(math.fsum(request.spent) - request.latency_s)
        assert gap <= 1e-9 * max(1.0, request.latency_s), f"I11: the breakdown misses latency_s by {gap} s"
