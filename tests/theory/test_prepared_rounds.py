"""Rounds that are prepared take what their closed form says, at the phone and the 70B, over three links and three
shares c of corrections that are the drafter's next choice; and so they do, over the same links, where the branches
travel ahead, at the phone and at edges that are 2.8 and 6 times as fast."""

import math
from typing import Any

import pytest

from models.published import Published
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.phase_prediction import Deployment, Outcomes, Rounds, drafting

MEMORY = Memory()
PLACES = {0.02: 3, 0.035: 3, 0.1: 5}
"""Round-trip time, s, and the draft length that is best there."""


def served(round_trip_s: float, share: float, **scheme: Any) -> Cell:
    way = {"delay": {"kind": "constant", "delay_s": round_trip_s / 2}, "arq": "selective_repeat"}
    pair = {"kind": "published", "name": "llama_1b_70b", "size": 256, "prompt_tokens": 8, "stretch_tokens": 16}
    return Cell.from_fields({
        "models": {"pair": pair | {"next_choice": share}, "temperature": 0},
        "scheme": {"kind": "coupled", **scheme},
        "workload": {"kind": "closed", "requests": 8, "prompt_tokens": 8, "output_tokens": 146},
        "edge": {"latency": {"kind": "profile", "name": "oneplus12_llama_1b"}},
        "uplink": {**way, "rate": {"kind": "constant", "bps": 1e6}},
        "downlink": {**way, "rate": {"kind": "constant", "bps": 1e7}},
        "cloud": {"latency": {"kind": "profile", "name": "gpu80gbx2_70b"}},
    })  # fmt: skip


def crossed(*values: float) -> list[Any]:
    """Each place with each value; in the fast tests each of both once."""
    return [
        pytest.param(place, value, marks=[pytest.mark.slow] * (at != other))
        for at, place in enumerate(PLACES)
        for other, value in enumerate(values)
    ]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("round_trip_s", PLACES)
def test_the_closed_form_is_a_count_by_hand_but_for_an_answers_end(round_trip_s: float, share: float) -> None:
    """All branches of corrections are drafted in time; the one behind all drafts may lack a part of its last pass."""
    drafts, made, half = PLACES[round_trip_s], served(round_trip_s, share), round_trip_s / 2
    *before, reached, beyond = Published(name="llama_1b_70b").along.survival(drafts + 1).tolist()
    place = Deployment(made.edge.latency, made.cloud.latency, made.cloud.drafter_latency, 170, 146, half, half,
                       math.inf, math.inf, up_header_bits=0, down_header_bits=0)  # fmt: skip
    rounds = Rounds((*before, reached))
    found = drafting(False, 0, Outcomes((1,) * (drafts + 1), share, beyond))(place, rounds, 20)
    alone_s, all_s = (made.edge.latency.pass_s([(tokens, 243)]) for tokens in (1, drafts + 1))
    away_s = round_trip_s + made.cloud.latency.pass_s([(drafts + 1, 243)])
    assert drafts * all_s < away_s
    missed = 1 - beyond - share * (1 - reached)
    late_s = beyond * max(0.0, (drafts + 1) * all_s - away_s)
    round_s = away_s + missed * drafts * alone_s + late_s + drafts * 1e-4
    assert found.tpot_s == pytest.approx(round_s / rounds.tokens, rel=0.03)


def check_times(made: Cell, round_trip_s: float, share: float | None) -> None:
    """Runs a cell, and compares its times with those of the closed form of its branches. How often one behind a
    rejection is right is `share`, of which the drafts behind all of them follow; None: both are taken from the run."""
    drafts, half = PLACES[round_trip_s], round_trip_s / 2
    result = simulate(made, memory=MEMORY)
    full = result.rounds[result.rounds["drafted"] == drafts]
    survival = tuple(float((full["accepted"] >= j).mean()) for j in range(1, drafts + 1))
    along = made.models.pair.along.survival(drafts + 1)
    beyond = survival[-1] * along[-1] / along[-2]
    if share is None:
        rejected = full["accepted"] < drafts
        share = full.loc[rejected, "hit"].mean()
        beyond = float((full["hit"] & ~rejected).mean())
    outcomes = Outcomes((1,) * (drafts + 1), share, beyond, made.scheme.prepared_at == "cloud")
    place = Deployment(made.edge.latency, made.cloud.latency, made.cloud.drafter_latency, 8, 146, half, half, 1e6,
                       id_bits=8)  # fmt: skip
    found = drafting(False, 0, outcomes)(place, Rounds(survival), result.summary["payload_bits_per_draft"])
    for name in ("latency_s", "tpot_s"):
        assert result.summary[name] == pytest.approx(getattr(found, name), rel=0.03), name


@pytest.mark.parametrize(("round_trip_s", "share"), crossed(0.0, 0.5, 0.3))
def test_prepared_rounds_take_what_their_closed_form_says(round_trip_s: float, share: float) -> None:
    drafts = PLACES[round_trip_s]
    check_times(served(round_trip_s, share, max_drafts=drafts, prepared=drafts + 1), round_trip_s, share)


@pytest.mark.parametrize(("round_trip_s", "speed"), crossed(2.8, 6.0, 1.0))
def test_branches_sent_ahead_take_what_their_closed_form_says(round_trip_s: float, speed: float) -> None:
    drafts = PLACES[round_trip_s]
    made = served(round_trip_s, 0.3, max_drafts=drafts, prepared=drafts + 1, prepared_at="cloud")
    check_times(made.with_({"edge.latency.speed": speed}), round_trip_s, None)


@pytest.mark.parametrize("guesses", [1, 3])
def test_of_several_guesses_behind_a_rejection_each_is_right_as_often_if_those_before_it_are_not(guesses: int) -> None:
    evenly = {"kind": "geometric", "power": 100}
    rounds = simulate(served(0.1, 0.3, max_drafts=2, prepared=3 * guesses, fan_out=evenly), memory=MEMORY).rounds
    behind = rounds[(rounds["drafted"] == 2) & (rounds["accepted"] < 2)]
    rejected, _ = Outcomes((guesses, guesses, 0), 0.3, 0.0).hits(Rounds((0.5, 0.25)))
    assert len(behind) > 100  # 4 standard deviations are 0.18 at most
    assert behind["hit"].mean() == pytest.approx(rejected / 0.75, abs=0.18)
