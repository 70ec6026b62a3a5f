"""First-come links, whose attempts are known when they join, or followed from event to event, beside their slow twin:
the same times and states."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import simpy
from cells import PAIR, cell, link
from hypothesis import given, settings
from hypothesis import strategies as st
from links import payload
from plants import AirWatch
from slow_link import SlowLink

from channels.link.link_config import LinkConfig
from channels.uniforms import Uniforms
from simulator import Cell, CellResult, simulate
from simulator.cell.imported_files import load_imports
from simulator.decoding.memory import Memory
from simulator.results.ledger import Course, Ledger
from simulator.timing import plant, progress
from simulator.timing.link import Link
from simulator.timing.messages import Message
from simulator.timing.request_process import UPLINK_STATES

load_imports([Path(__file__).parents[3] / "examples" / "markov_rate.py"])

RATES: list[dict[str, Any]] = [
    {"kind": "constant", "bps": 1000.0},
    {"kind": "constant", "bps": float("inf")},
    {"kind": "trace", "points": ((0.0, 1000.0), (1.37, 0.0), (2.11, 300.0)), "period_s": 4.3},
    {"kind": "two_state", "bps": (400.0, 1200.0)},
    {"kind": "rayleigh", "bandwidth_hz": 500.0, "coherence_s": 0.21},
    {"kind": "token_bucket", "bps": 700.0, "burst_bits": 900.0, "peak_bps": 3000.0},
    {"kind": "lora", "spreading_factor": 9, "duty": 0.3},
    {"kind": "random_outages", "mean_up_s": 0.9, "mean_out_s": 0.8, "rate": {"kind": "constant", "bps": 900.0}},
    {"kind": "mahimahi"},
]
ARQS: list[dict[str, Any]] = [
    {"kind": "stop_and_wait"},
    *({"kind": "selective_repeat", "window": n} for n in (2, 3, 16)),
]


class Followed(Link):
    """A link each departure of which is an event."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.in_order = False


@dataclass(frozen=True)
class Put:
    """A message of one device, and when it is cancelled, if it is."""

    at_s: float
    device: int
    bits: int
    patience_s: float | None


@dataclass
class Seen:
    """What one link did with a schedule."""

    delivered_s: dict[int, float] = field(default_factory=dict)
    charged: dict[int, Ledger] = field(default_factory=dict)
    probes: list[tuple[object, ...]] = field(default_factory=list)


def irregular(at_s: float) -> float:
    """Ties are a case of their own."""
    return at_s + 1e-3 * (at_s * 7919.3 % 1.0)


times = st.floats(0.0, 6.0).map(irregular)
sizes = st.integers(0, 150).map(lambda count: 8 * count)
patience = st.none() | st.floats(0.01, 3.0).map(irregular)
puts = st.lists(st.builds(Put, times, st.integers(0, 2), sizes, patience), min_size=1, max_size=12)


class Carriage:
    """One link that serves a schedule of messages, probed now and then."""

    def __init__(self, kind: type[Link | SlowLink], config: LinkConfig, schedule: list[Put]) -> None:
        self.env = simpy.Environment()
        self.seen = Seen()
        self.link = kind(self.env, config, Uniforms.of(3, "test"), "uplink", lambda device: 0.05 * (device + 1))
        for number, put in enumerate(schedule, 1):
            self._at(put.at_s, lambda number=number, put=put: self._put(number, put))  # type: ignore[misc]
        if isinstance(self.link, Link):
            for probe_s in (0.3771317, 1.4117391, 2.9239173, 5.1775313, 11.3019171):
                self._at(probe_s, lambda link=self.link: self._probe(link))  # type: ignore[misc]
        self.env.run(until=60.0)

    def _at(self, time_s: float, call: Any) -> None:
        self.env.timeout(time_s).callbacks.append(lambda _: call())

    def _put(self, number: int, put: Put) -> None:
        ledger = self.seen.charged[number] = Ledger(self.env)
        ledger.enter(number, "draft_s")

        def arrived(message: Message) -> None:
            self.seen.delivered_s[number] = self.env.now
            ledger.end()

        def does(message: Message, course: Course) -> None:
            ledger.enter_all(number, course, UPLINK_STATES)

        message = Message((put.device, 0, number), payload(put.bits), arrived, does)
        self.link.put(message)
        if put.patience_s is not None:
            self._at(put.patience_s * (1 + 1e-3 * number), lambda: self._withdraw(message, ledger))

    def _withdraw(self, message: Message, ledger: Ledger) -> None:
        """Also of what is in, and maybe not acknowledged yet."""
        if not message.done:
            ledger.end()
        self.link.withdraw(message)

    def _probe(self, link: Link) -> None:
        now_s = self.env.now
        seen = [link.seen_by(device) for device in range(3)]
        means = link.station.busy_fraction(now_s), link.station.mean_present(now_s), link.station.present
        shown = (value for each in seen for value in each)
        self.seen.probes.append((link.sent, link.dropped, link.bits_sent, *means, *shown))
        assert link.sent == link.delivered + link.dropped + link.lost + link.in_flight, "I1"

    def assert_is(self, other: Carriage) -> None:
        """The same times of delivery, and the same time spent in each state."""
        assert self.seen.delivered_s == pytest.approx(other.seen.delivered_s, rel=1e-12)
        for number, ledger in other.seen.charged.items():
            assert tuple(self.seen.charged[number].spent) == pytest.approx(tuple(ledger.spent), abs=1e-9)


@settings(max_examples=3 * settings.default.max_examples)
@given(
    schedule=puts,
    rate=st.sampled_from(RATES),
    arq=st.sampled_from(ARQS),
    loss=st.sampled_from(["none", "none", {"kind": "bernoulli", "probability": 0.3}]),
    ack_loss=st.sampled_from(["none", {"kind": "bernoulli", "probability": 0.3}]),
    sharing=st.sampled_from(["fifo", "own"]),
    mtu_bits=st.sampled_from([None, 400]),
)
def test_a_first_come_link_does_what_its_slow_twin_does(
    schedule: list[Put], rate: dict[str, Any], arq: dict[str, Any], loss: Any, ack_loss: Any, sharing: str,
    mtu_bits: int | None,
) -> None:  # fmt: skip
    """Both ways to follow its packets show devices, observers and books the same."""
    arq = arq | {"timeout_s": 1.0, "timer_jitter": 0, "ack_loss": ack_loss if loss != "none" else "none"}
    config = LinkConfig.model_validate(
        {"rate": rate, "loss": loss, "arq": arq, "sharing": sharing, "mtu_bits": mtu_bits, "header_bits": 40,
         "delay": {"kind": "constant", "delay_s": 0.07}}
    )  # fmt: skip
    slow, known = Carriage(SlowLink, config, schedule), Carriage(Link, config, schedule)
    followed = Carriage(Followed, config, schedule)
    counts = [
        (each.sent, each.delivered, each.lost, each.dropped)
        for each in (slow.link.seen, known.link, followed.link)  # type: ignore[union-attr]
    ]
    assert len({*counts}) == 1
    for carriage in (known, followed):
        carriage.assert_is(slow)
    for probe, expected in zip(known.seen.probes, followed.seen.probes, strict=True):
        assert probe == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


MEMORY = Memory()


def known_and_followed(made: Cell, *watches: AirWatch) -> list[CellResult]:
    """Runs of a cell whose attempts are known when they join, and whose links are followed from event to event."""
    known = simulate(made, *watches[:1], memory=MEMORY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plant, "Link", Followed)
        return [known, simulate(made, *watches[1:], memory=MEMORY)]


@pytest.mark.parametrize("window", [1, 2])
def test_a_loss_that_never_comes_changes_nothing_where_rounds_are_drafted_ahead_through_a_window(window: int) -> None:
    """A voided round whose payload is in, and not acknowledged yet, holds up no packet behind it."""
    latencies = []
    for loss in ("none", {"kind": "bernoulli", "probability": 1e-12}):
        arq = {"kind": "selective_repeat", "window": window, "timeout_s": 1.0}
        made = cell(
            {"kind": "k_sqs", "k": 8, "depth": 4, "max_drafts": 2},
            uplink=link(1e4, 0.2, loss=loss, arq=arq),
            downlink=link(1e5, 0.05, arq=arq),
        )
        latencies.append(simulate(made, memory=MEMORY).summary["latency_per_token_s"])
    assert latencies[0] == pytest.approx(latencies[1], rel=1e-12)


def test_what_a_reply_was_still_to_do_does_not_outlive_its_round() -> None:
    """Its second packet is in before the first is acknowledged: from then on its time is the next round's."""
    patient = {"kind": "selective_repeat", "timeout_s": 2.0}
    made = cell(uplink=link(1e5, 0.3, arq=patient), downlink=link(2e3, 0.05, mtu_bits=328, arq=patient))
    known, followed = known_and_followed(made)
    for state in ("downlink_s", "propagation_s"):
        assert known.summary[state] == pytest.approx(followed.summary[state], rel=1e-9)


OUTAGES = {"kind": "random_outages", "mean_up_s": 2.0, "mean_out_s": 1.0}
ASKED = {"kind": "poisson", "devices": 4, "requests": 1, "rate_per_s": 5.0, "prompt_tokens": 8, "output_tokens": 2}


def test_a_queue_beyond_the_horizon_asks_nothing_of_its_curve() -> None:
    starved = link(1.0, rate=OUTAGES | {"rate": {"kind": "trace", "points": ((0.0, 1.0),)}})
    assert set(simulate(cell(uplink=starved, workload=ASKED | {"horizon_s": 30.0})).requests["outcome"]) == {
        "in_flight"
    }


def test_a_long_queue_is_no_packet_that_never_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The changes of the rate are counted for one packet, not for all that are planned behind it."""
    monkeypatch.setattr("channels.link.step_curve.MOST_CHANGES", 2_000)
    slow = link(1.0, rate={"kind": "rayleigh", "bandwidth_hz": 300.0, "coherence_s": 1e-3})
    asked = ASKED | {"devices": 12, "horizon_s": 1000.0}
    assert set(simulate(cell(uplink=slow, workload=asked)).requests["outcome"]) == {"answered"}


def test_packets_that_come_through_are_progress_before_their_message_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVENTS", 6_000)
    bits = link(1e5, 0.001, mtu_bits=321, arq={"kind": "selective_repeat", "window": 4, "timeout_s": 1.0})
    asked = {"kind": "closed", "requests": 1, "devices": 6, "prompt_tokens": 512, "output_tokens": 4}
    long = PAIR | {"prompt_tokens": 512}
    assert set(simulate(cell(models={"pair": long}, uplink=bits, workload=asked)).requests["outcome"]) == {"answered"}


def test_an_observer_hears_the_same_packets_of_both() -> None:
    made = cell(
        scheme="k_sqs",
        uplink={"mtu_bits": 600, "sharing": "fifo"},
        workload={"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8},
    )
    known, followed = AirWatch(), AirWatch()
    known_and_followed(made, known, followed)
    assert len(known.airings) > 50
    assert sorted(known.airings) == sorted(followed.airings)


def test_a_packet_that_moves_up_into_the_same_opportunity_is_heard_once() -> None:
    config = LinkConfig.model_validate({"rate": "mahimahi", "header_bits": 40})
    ears = AirWatch()
    env = simpy.Environment()
    carrier = Link(env, config, Uniforms.of(3, "test"), "uplink", lambda device: 0.1, ears)
    first, unwanted, last = (Message((device, 0, 1), payload(80), lambda message: None) for device in range(3))
    for message in (first, unwanted, last):
        carrier.put(message)
    env.timeout(0.001).callbacks.append(lambda _: carrier.withdraw(unwanted))
    env.run(until=5.0)
    assert [airing.address[0] for airing in ears.airings] == [0, 2]
