"""When a conformal threshold has settled, beside a slow search over every stretch of rounds."""

import math

import numpy as np
import pytest
from cells import cell

from channels.codec.conformal import Conformal
from simulator import simulate
from simulator.decoding.memory import Memory
from simulator.results.round_columns import ROUND_COLUMNS
from simulator.results.rounds import Round
from simulator.results.threshold_settling import WINDOW, Settling

RULE = Conformal(target=0.01, step=0.01, initial=0.2)


def round_of(drafted: int, accepted: int) -> Round:
    line = {"drafted": drafted, "accepted": accepted}
    return Round(line.get(column.name, 0) for column in ROUND_COLUMNS)


def followed(masses: list[float], drafted: int = 4, carry: bool = True) -> tuple[Settling, list[float]]:
    """One request of rounds whose drafts all stand and drop `masses`; and the threshold before each of its rounds."""
    beta, betas, rounds = RULE.initial, list[float](), []
    for first in range(0, len(masses), drafted):
        betas.append(beta)
        for mass in masses[first : first + drafted]:
            beta = RULE.next(beta, mass)
        rounds.append(round_of(drafted, drafted))
    found = Settling(RULE, carry)
    found.add(rounds, [(each,) for each in betas], counted=True)
    return found, betas


def slowly(masses: list[float], drafted: int = 4) -> int | None:
    """Drafts before the first stretch of WINDOW or more, from round to round, that drops twice the target or less."""
    rounds = range(0, len(masses), drafted)
    for end in rounds:
        starts = [start for start in rounds if end - start >= WINDOW]
        if starts and math.fsum(masses[starts[-1] : end]) / (end - starts[-1]) <= 2 * RULE.target:
            return starts[-1]
    return None


def test_a_threshold_has_settled_where_the_next_stretch_keeps_to_its_target() -> None:
    masses = [0.5] * 40 + [0.015] * 400
    assert slowly(masses) == 40
    assert followed(masses)[0].sums() == {"threshold_drafts": 440, "unsettled_drafts": 40}
    assert followed([0.0] * 2 * WINDOW)[0].sums()["unsettled_drafts"] == 0


@pytest.mark.parametrize("seed", range(4))
def test_it_is_where_a_slow_search_finds_it(seed: int) -> None:
    uniforms = np.random.default_rng(seed).random(600)
    masses = [float(each * 0.9 * math.exp(-n / 60)) for n, each in enumerate(uniforms)]
    expected = slowly(masses)
    assert expected is not None and 0 < expected < 600 - WINDOW
    assert followed(masses)[0].sums()["unsettled_drafts"] == expected


def test_a_run_shorter_than_the_stretch_has_not_settled_whatever_it_drops() -> None:
    """Without carry each request begins a run of its own, so that short answers never settle."""
    alone, betas = followed([0.0] * WINDOW, carry=False)
    for _ in range(3):
        alone.add([round_of(4, 4)] * len(betas), [(each,) for each in betas], counted=True)
    assert len(alone.runs) == 4 and alone.sums()["unsettled_drafts"] == 4 * WINDOW


def test_drafts_of_learning_requests_move_the_threshold_and_are_in_no_share() -> None:
    masses = [0.5] * 40 + [0.015] * 200  # 60 rounds
    found, betas = followed(masses)
    halves = Settling(RULE, True)
    for first, last, counted in ((0, 5, False), (5, 60, True)):
        part = betas[first:last]
        halves.add([round_of(4, 4)] * len(part), [(each,) for each in part], counted=counted)
    assert found.sums()["unsettled_drafts"] == 40 and halves.sums()["unsettled_drafts"] == 20
    assert halves.sums()["threshold_drafts"] == 220


def test_a_device_that_carries_its_threshold_settles_once_and_one_that_does_not_never() -> None:
    memory = Memory()
    asked = {"kind": "closed", "requests": 12, "prompt_tokens": 8, "output_tokens": 24}
    fields = {"kind": "c_sqs", "initial": 0.1, "step": 0.02, "target": 0.02, "max_drafts": 4}
    carried, anew = (
        simulate(cell({**fields, "carry": carry}, workload=asked), memory=memory).summary for carry in (True, False)
    )
    assert 0 < carried["unsettled_share"] < 0.7
    assert anew["unsettled_share"] == 1.0
    assert math.isnan(simulate(cell("k_sqs", workload=asked), memory=memory).summary["unsettled_share"])
