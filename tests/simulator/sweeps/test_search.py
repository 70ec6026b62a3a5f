"""The largest number that holds, against thresholds that are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cell.cell import Cell
from simulator.cell.settings import changed, validated
from simulator.sweeps.crews import Processes
from simulator.sweeps.search import Objective, capacities, largest

ALONE = Processes(1)


@given(st.integers(1, 20), st.integers(0, 3000), st.integers(0, 3000))
def test_it_finds_the_threshold_of_a_monotone_predicate(low: int, width: int, threshold: int) -> None:
    high = low + width
    found = largest(lambda n: n <= threshold, low, high)
    assert found.value == max(low - 1, min(threshold, high))
    assert found.bounded == (threshold < high)
    numbers = [number for number, _ in found.tried]
    assert len(set(numbers)) == len(numbers) and all(low <= number <= high for number in numbers)
    assert all(held == (number <= threshold) for number, held in found.tried)
    assert len(numbers) <= 2 * (high.bit_length() + 1)


@given(st.integers(1, 4000), st.floats(0.01, 0.5))
def test_within_a_tolerance_the_answer_holds_and_a_number_close_above_it_does_not(limit: int, within: float) -> None:
    found = largest(lambda n: n <= limit, 1, 10_000, within)
    failed = min(number for number, held in found.tried if not held)
    assert found.value <= limit < failed <= max(found.value + 1, (1 + within) * found.value)


def test_closed_forms_of_a_server_that_serves_n_in_turn() -> None:
    # n devices, one server of 10 ms: each waits n * 10 ms; 0.1 s bears 10
    assert largest(lambda n: n * 10 <= 100, 1, 1000).value == 10
    # an M/D/1 queue at utilisation n / 50 with mean wait rho / (2 (1 - rho)) of a service: 1 service at rho = 2/3
    assert largest(lambda n: n < 50 and n / 50 / (2 * (1 - n / 50)) <= 1, 1, 1000).value == 33


@pytest.mark.parametrize(("low", "high", "within"), [(0, 5, 0.0), (6, 5, 0.0), (1, 5, -0.1)])
def test_nonsense_is_refused(low: int, high: int, within: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        largest(lambda n: True, low, high, within)


def cells(scheme: str, seeds: int = 2) -> list[Cell]:
    base = changed(
        Cell,
        {
            "models.pair": {"kind": "synthetic", "size": 32, "contexts": 4},
            "workload.requests": 1, "workload.output_tokens": 8, "workload.prompt_tokens": 2,
            "workload.prompt_at_cloud": True, "workload.distinct": 1, "scheme": scheme,
            "uplink.rate.bps": float("inf"), "downlink.rate.bps": float("inf"),
            "cloud.latency": {"kind": "constant", "per_pass_s": 0.01}, "cloud.batching": "none",
        },
    )  # fmt: skip
    return [validated(Cell, {**base, "seed": seed}) for seed in range(seeds)]


def test_devices_on_a_cloud_that_serves_one_pass_at_a_time() -> None:
    # With n devices in turn on one server a token takes n passes of 10 ms: 75 ms bears 7 of them, for any seed.
    ((place, found),) = capacities(
        {0: cells("cloud_only")}, Objective({"tpot_p95_s": 0.075}, high=64, within=0.0), ALONE
    )
    assert place == 0 and found.found.value == 7 and found.found.bounded
    assert {row["seed"] for row in found.tried} == {0, 1}
    assert {row["workload.devices"] for row in found.tried} == {number for number, _ in found.found.tried}
    assert len(found.tried) == 2 * len(found.found.tried)


def test_what_never_fails_reaches_the_highest_and_what_never_holds_is_none() -> None:
    settings = {3: cells("edge_only"), 5: cells("cloud_only")}
    found = dict(capacities(settings, Objective({"tpot_p95_s": 0.0055}, high=8), ALONE))
    assert found[3].found.value == 8 and not found[3].found.bounded
    assert found[5].found.value == 0


def test_every_limit_must_be_met_by_the_mean_and_every_request_answered() -> None:
    objective = Objective({"tpot_p95_s": 0.1, "ttft_s": 1.0})
    good = {"answered": 1.0, "tpot_p95_s": 0.1, "ttft_s": 0.5}
    assert objective.met([good, {**good, "ttft_s": 1.5}])
    assert not objective.met([good, {**good, "ttft_s": 1.6}])
    assert not objective.met([good, {**good, "answered": 0.9}])
    assert not objective.met([{**good, "tpot_p95_s": float("nan")}])
