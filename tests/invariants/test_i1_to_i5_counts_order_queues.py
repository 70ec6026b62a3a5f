"""I1 to I5: nothing is lost or doubled, time runs forward, rounds happen in order, queues add up, and no server idles.

The numbers are those of `simulator.timing.invariants`. Beside each stands the fault that shows its test can fail. I2 is
tested at the station, in `tests/simulator/results/test_station.py`.
"""

from __future__ import annotations

import pytest
from cells import SCHEMES, busy
from plants import ran, ran_once

from simulator.protocols.machine import SendReply
from simulator.results.requests import Request
from simulator.results.station import Customer, Station
from simulator.timing.cloud import Cloud
from simulator.timing.driver import HANDLERS, Driver
from simulator.timing.link import Link
from simulator.timing.messages import Message


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i1_packets_and_requests_are_conserved(scheme: str) -> None:
    made = ran_once(busy(scheme))
    assert {each.name for each in made.plant.links} == {"uplink", "downlink"}
    for each in made.plant.links:
        assert each.sent == each.delivered + each.lost + each.dropped + each.in_flight
        assert each.lost > 0
    requests = made.result.requests
    assert len(requests) == 6 and (requests["outcome"] == "answered").all()


def test_i1_sees_a_packet_that_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Link, "lost", property(lambda self: 0, lambda self, value: None), raising=False)
    with pytest.raises(AssertionError, match="I1"):
        ran(busy())


def test_i1_sees_a_request_that_ends_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    end = Request.end

    def twice(self: Request, outcome: str, now_s: float) -> None:
        end(self, outcome, now_s)
        end(self, outcome, now_s)

    monkeypatch.setattr(Request, "end", twice)
    with pytest.raises(AssertionError, match="I1"):
        ran(busy())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i3_rounds_happen_in_order(scheme: str) -> None:
    rounds = ran_once(busy(scheme)).result.rounds
    for earlier, later in (
        ("started_s", "sent_s"), ("sent_s", "received_s"), ("received_s", "verified_s"), ("verified_s", "answered_s"),
    ):  # fmt: skip
        assert (rounds[earlier] <= rounds[later]).all()
    assert (rounds["received_s"] > rounds["sent_s"]).all() or scheme == "cloud_only"


def test_i3_sees_a_reply_before_its_verification_result(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = HANDLERS[SendReply]

    def late(self: Driver, command: SendReply) -> None:
        reply(self, command)
        message = self._request.open[command.round].reply
        assert isinstance(message, Message)
        message.put_s += 100.0

    monkeypatch.setitem(HANDLERS, SendReply, late)
    with pytest.raises(AssertionError, match="I3"):
        ran(busy())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_i4_littles_distribution_holds_exactly_at_every_station(scheme: str) -> None:
    stations = ran_once(busy(scheme)).plant.stations
    assert {station.name for station in stations} == {"uplink", "downlink", "cloud", "edge 0", "edge 1", "edge 2"}
    for station in stations:
        assert station.area == pytest.approx(station.sojourn_s, rel=1e-9)
        assert station.area > 0 or (scheme == "cloud_only" and station.name.startswith("edge"))


def test_i4_sees_a_customer_counted_late(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Station.begin

    def late(self: Station, customer: Customer) -> None:
        begin(self, customer)
        customer.arrived_s = self.clock.now

    monkeypatch.setattr(Station, "begin", late)
    with pytest.raises(AssertionError, match="I4"):
        ran(busy())


def test_i5_no_server_idles_beside_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked after every pass; a dispatcher that forgets to look again is caught by it."""
    ran_once(busy("cloud_only"))
    dispatch = Cloud._dispatch
    monkeypatch.setattr(Cloud, "_dispatch", lambda self, pool: None if self.station.served else dispatch(self, pool))
    with pytest.raises(AssertionError, match="I5"):
        ran(busy("cloud_only"))
