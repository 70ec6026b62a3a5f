"""The largest number that holds, against thresholds that are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cell.cell import Cell
from simulator.cell.settings import changed, validated
from simulator.sweeps.search import Capacity, Objective, Search, capacities, largest
from simulator.sweeps.worker_pools import Processes

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


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 500), st.floats(0, 0.2))
def test_wherever_it_starts_it_finds_the_same_and_asks_nothing_twice(
    high: int, start: int, threshold: int, within: float
) -> None:
    start = min(start, high)
    found = largest(lambda n: n <= threshold, 1, high, within, start)
    numbers = [number for number, _ in found.tried]
    assert numbers[0] == start and len(set(numbers)) == len(numbers) <= 2 * (high.bit_length() + 1)
    failed = min((number for number, held in found.tried if not held), default=high + 1)
    assert found.value <= min(threshold, high) < failed <= max(found.value + 1, (1 + within) * found.value)
    assert within or found.value == min(threshold, high)


def test_a_start_that_was_right_to_within_the_tolerance_takes_two_numbers() -> None:
    assert len(largest(lambda n: n <= 300, 1, 1024, 0.02, start=299).tried) == 2
    assert len(largest(lambda n: n <= 300, 1, 1024, 0.02).tried) > 10


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


@pytest.mark.parametrize(
    ("low", "high", "within", "start"), [(0, 5, 0.0, None), (6, 5, 0.0, None), (1, 5, -0.1, None), (2, 5, 0.0, 6)]
)
def test_nonsense_is_refused(low: int, high: int, within: float, start: int | None) -> None:
    with pytest.raises(ValueError, match="must be"):
        largest(lambda n: True, low, high, within, start)


def cells(scheme: str, seeds: int = 2, per_pass_s: float = 0.01) -> list[Cell]:
    base = changed(
        Cell,
        {
            "models.pair": {"kind": "synthetic", "size": 32, "contexts": 4},
            "workload.requests": 1, "workload.output_tokens": 8, "workload.prompt_tokens": 2,
            "workload.prompt_at_cloud": True, "workload.distinct": 1, "scheme": scheme,
            "uplink.rate.bps": float("inf"), "downlink.rate.bps": float("inf"),
            "cloud.latency": {"kind": "constant", "per_pass_s": per_pass_s}, "cloud.batching": "none",
        },
    )  # fmt: skip
    return [validated(Cell, {**base, "seed": seed}) for seed in range(seeds)]


def bears(objective: Objective, *alternatives: list[Cell], start: int | None = None) -> Capacity:
    ((_, found),) = capacities({0: Search(alternatives, start)}, objective, ALONE)
    return found


def numbers(found: Capacity) -> list[object]:
    return [row["workload.devices"] for row in found.tried]


def test_devices_on_a_cloud_that_serves_one_pass_at_a_time() -> None:
    # With n devices in turn on one server a token takes n passes of 10 ms: 75 ms bears 7 of them, for any seed.
    found = bears(Objective({"tpot_p95_s": 0.075}, high=64, within=0.0), cells("cloud_only"))
    assert (found.value, found.bounded, found.limits, found.alone) == (7, True, ("tpot_p95_s",), (7, 7))
    assert {row["seed"] for row in found.tried} == {0, 1}
    assert numbers(found) == [1, 1, 2, 2, 4, 4, 8, 8, 6, 6, 7, 7]


def test_what_never_fails_reaches_the_highest_and_what_never_holds_is_none() -> None:
    settings = {3: Search([cells("edge_only")]), 5: Search([cells("cloud_only")])}
    found = dict(capacities(settings, Objective({"tpot_p95_s": 0.007}, high=8), ALONE))
    assert (found[3].value, found[3].bounded, found[3].limits) == (8, False, ())
    assert (found[5].value, found[5].alone, found[5].limits) == (0, (0, 0), ("tpot_p95_s",))


def test_every_limit_must_be_met_by_the_mean_and_every_request_answered() -> None:
    objective = Objective({"tpot_p95_s": 0.1, "ttft_s": 1.0})
    good = {"answered": 1.0, "tpot_p95_s": 0.1, "ttft_s": 0.5}
    assert objective.met([good, {**good, "ttft_s": 1.5}])
    assert not objective.met([good, {**good, "ttft_s": 1.6}])
    assert not objective.met([good, {**good, "answered": 0.9}])
    assert not objective.met([{**good, "tpot_p95_s": float("nan")}])
    assert objective.broken([{**good, "answered": 0.9, "ttft_s": 2.0}]) == ("answered", "ttft_s")
    assert objective.broken([{**good, "tpot_p95_s": float("nan")}]) == ("tpot_p95_s",)


@pytest.mark.parametrize(("ttft_s", "limit"), [(10.0, "tpot_p95_s"), (0.05, "ttft_s")])
def test_the_limit_that_is_met_first_is_named(ttft_s: float, limit: str) -> None:
    """Each waits for n passes of 10 ms, for the first token (the prompt's pass) as for the next ones."""
    found = bears(Objective({"tpot_p95_s": 0.075, "ttft_s": ttft_s}, high=64, within=0.0), cells("cloud_only"))
    assert found.limits == (limit,)


def test_of_several_settings_that_which_bears_most_is_found_and_the_others_are_asked_once() -> None:
    """A pass of 10, 30, 5 and 20 ms: 76 ms bear 7, 2, 15 and 3 devices."""
    objective = Objective({"tpot_p95_s": 0.076}, high=64, within=0.0)
    settings = [cells("cloud_only", 1, pass_s) for pass_s in (0.01, 0.03, 0.005, 0.02)]
    found = bears(objective, *settings)
    assert (found.alternative, found.value, found.bounded, found.first) == (2, 15, True, 7)
    tried = [(row["cloud.latency.per_pass_s"], row["workload.devices"]) for row in found.tried]
    assert len(set(tried)) == len(tried)
    assert [number for pass_s, number in tried if pass_s == 0.03] == [8]
    assert [number for pass_s, number in tried if pass_s == 0.02] == [16]


def test_of_equals_to_within_the_tolerance_the_first_is_taken() -> None:
    """7.5 and 7.9 devices of 75 ms are 7 both; 8.3 are more by one, but by less than half."""
    settings = [cells("cloud_only", 1, pass_s) for pass_s in (0.01, 0.0095, 0.009)]
    found = {within: bears(Objective({"tpot_p95_s": 0.075}, high=64, within=within), *settings) for within in (0, 0.5)}
    assert {within: (each.alternative, each.value) for within, each in found.items()} == {0: (2, 8), 0.5: (0, 6)}


def test_nothing_is_asked_beyond_what_all_may_bear() -> None:
    found = bears(Objective({"tpot_p95_s": 1.0}, high=8), cells("edge_only", 1), cells("cloud_only", 1))
    assert (found.alternative, found.value, found.bounded) == (0, 8, False) and numbers(found) == [1, 2, 4, 8]


def test_what_each_seed_bears_alone_is_told_beside_what_their_mean_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token takes n ms with seed 0 and 2 n ms with seed 1: at 30 ms on average 20 devices, alone 30 and 15."""

    class Simulated:
        def __init__(self, cell: Cell, memory: object) -> None:
            token_s = 0.001 * (1 + cell.seed) * cell.workload.devices
            self.summary = {"answered": 1.0, "tpot_p95_s": token_s}

    monkeypatch.setattr("simulator.run.simulate", Simulated)
    found = bears(Objective({"tpot_p95_s": 0.03}, high=64, within=0.0), cells("cloud_only"))
    tried = {number for number in numbers(found) if isinstance(number, int)}
    assert found.value == 20
    assert found.alone == tuple(max(number for number in tried if number <= most) for most in (30, 15))
