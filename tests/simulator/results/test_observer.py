"""An observer receives all that happens, each thing once, and changes nothing."""

from collections import Counter

import pytest
from cells import busy
from plants import AirWatch, Ran, ran
from traced_cells import impatient

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.observer import Together
from simulator.results.requests import Request
from simulator.results.rounds import OpenRound, Round

EVERY = ["k_sqs", "half_dense", "tree", "cloud_only", "colocated", "edge_only"]
"""One of each protocol, and of a payload that takes seconds."""


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
