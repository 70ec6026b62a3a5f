"""An observer receives all that happens, each thing once, and changes nothing."""

from collections import Counter
from typing import Any

import pytest
from cells import busy, cell, link
from plants import AirWatch, Ran, ran
from traced_cells import impatient

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import Together
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound, Round

EVERY = ["k_sqs", "half_dense", "tree", "cloud_only", "colocated", "edge_only"]
"""One of each protocol, and of a payload that takes seconds."""

HALF = {"kind": "bernoulli", "probability": 0.5}
EAGER = {"timeout_s": 0.65, "timer": {"kind": "jacobson", "min_s": 0.0, "granularity_s": 0.0}}
"""Once the round trips were short, a longer one comes after the timer."""
LINKS: dict[str, dict[str, Any]] = {
    "a queue on events, and a timer that learns from acknowledgements": {
        "sharing": "round_robin",
        "arq": {"kind": "selective_repeat", "timeout_s": 0.1, "timer": "jacobson", "backoff": 2.0},
    },
    "acknowledged while it pauses": {
        "sharing": "fifo",
        "arq": EAGER | {"kind": "selective_repeat", "max_attempts": 1, "timeout_max_s": 0.5},
        "delay": {"kind": "jitter", "delay_s": 0.01, "jitter_s": 0.3, "reorder": True},
    },
    "acknowledged at the instant at which another attempt leaves": {
        "sharing": {"kind": "scheduled", "error_rate": 0.5, "attempts": 2},
        "rate": {"kind": "base_station", "blocks": 4, "distance_m": 500, "coherence_s": 0.01, "shadow": False},
        "arq": {"kind": "selective_repeat", "timeout_s": 0.25, "timer": "jacobson", "backoff": 2.0},
        "delay": {"kind": "constant", "delay_s": 0.0},
    },
}
"""Uplinks on which it matters by when an acknowledgement is counted."""


class Ear(AirWatch):
    """Keeps all that it is reported."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[tuple[int, int, Round]] = []
        self.shares: list[float] = []
        self.notes: list[OpenRound] = []

    def on_request(self, request: Request, share: float) -> None:
        super().on_request(request, share)
        self.shares.append(share)

    def on_round(self, request: Request, round_: Round) -> None:
        self.rounds.append((request.device, request.number, round_))

    def on_drafts(self, request: Request, notes: OpenRound) -> None:
        self.notes.append(notes)


def watched(made: Cell) -> tuple[Ear, Ran]:
    """What is reported of a run, up to the last acknowledgement that was still on its way."""
    ear = Ear()
    run = ran(made, watch=ear)
    run.plant.env.run()
    return ear, run


@pytest.mark.parametrize("scheme", EVERY)
def test_with_and_without_an_observer_the_tables_are_the_same(scheme: str) -> None:
    with_one, without = ran(busy(scheme), watch=Ear()).result, simulate(busy(scheme), memory=Memory())
    assert with_one.requests.equals(without.requests) and with_one.rounds.equals(without.rounds)
    assert with_one.summary == pytest.approx(without.summary, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize("name", LINKS)
def test_an_acknowledgement_counts_from_its_time_on_whether_or_not_somebody_observes(name: str) -> None:
    asked = {"kind": "closed", "requests": 3, "prompt_tokens": 8, "output_tokens": 10, "devices": 3}
    for scheme in ("k_sqs", "cloud_only"):
        one_way = link(2e4, loss=HALF, header_bits=24) | LINKS[name]
        made = cell(scheme, seed=5, workload=asked, uplink=one_way, downlink=one_way)
        with_one, without = ran(made, watch=Ear()).result, ran(made).result
        assert with_one.requests.equals(without.requests) and with_one.rounds.equals(without.rounds)


def test_a_packet_that_arrives_as_its_last_bit_leaves_is_reported_before_the_round_that_it_ends() -> None:
    class Order(Ear):
        def on_round(self, request: Request, round_: Round) -> None:
            replies = [each for each in self.airings if each.link == "downlink" and not each.acknowledges]
            assert replies[-1].round == round_.round

    at_once = link(1e5, delay_s=0.0, sharing="own")
    ran(cell("cloud_only", uplink=at_once, downlink=at_once), watch=Order())


@pytest.mark.parametrize("scheme", EVERY)
def test_rounds_and_requests_are_reported_as_they_end_and_each_once(scheme: str) -> None:
    ear, run = watched(impatient(scheme))
    requests, rounds = run.result.requests, run.result.rounds
    reported = Counter((device, number, round_.round) for device, number, round_ in ear.rounds)
    rows = rounds[["device", "request", "round"]].itertuples(index=False, name=None)
    assert reported == Counter(rows) and set(reported.values()) == {1}
    ended = [(each.device, each.number, each.outcome) for each in ear.ended]
    assert ended == list(requests[["device", "request", "outcome"]].itertuples(index=False, name=None))
    assert ear.shares == pytest.approx([n / 6 for n in range(1, 7)])
    answered = {(each.device, each.number) for each in ear.ended if each.outcome == "answered"}
    for notes, (device, number, round_) in zip(ear.notes, ear.rounds, strict=True):
        if (device, number) in answered:  # of others the cloud may still make a reply, until it knows
            assert notes.close() == round_
    assert answered or scheme == "half_dense", "its payloads take seconds"


def test_several_observers_are_each_reported_everything() -> None:
    ears = Ear(), Ear()
    simulate(busy(), Together(*ears), memory=Memory())
    alone, _ = watched(busy())
    for ear in ears:
        assert ear.plant is ears[0].plant and len(ear.notes) == len(alone.notes) > 0
        assert ear.rounds == alone.rounds and ear.shares == alone.shares
        assert len(ear.ended) == len(alone.ended) and ear.passes == alone.passes
        heard, told = ([each._replace(arrives_s=0.0) for each in of.airings] for of in (ear, alone))  # it may be nan
        assert heard == told[: len(heard)]


@pytest.mark.parametrize("scheme", ["k_sqs", "colocated"])
def test_what_is_reported_of_remembered_drafts_is_what_was_reported_of_live_ones(scheme: str) -> None:
    memory, reported = Memory(), []
    for _ in range(2):
        ear = Ear()
        simulate(busy(scheme), ear, memory=memory)
        reported.append([(notes.sent.state, notes.verified.divergences.drafts) for notes in ear.notes])
    assert reported[0] == reported[1] and any(drafts for _, drafts in reported[0])
