"""The largest number that holds, against thresholds that are known; and which station limits it: that is found by
removing it, not by where most jobs are."""

from dataclasses import replace

import pandas as pd
import pytest
from cells import link
from hypothesis import given
from hypothesis import strategies as st

from scenarios.command.run.printed_tables import fullest
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.sweeps.search import (
    STATIONS,
    Capacity,
    Evaluations,
    Objective,
    Search,
    SearchedSetting,
    capacities,
    largest,
    relieved,
    stations,
)
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


@pytest.mark.parametrize(
    ("low", "high", "within", "start"), [(0, 5, 0.0, None), (6, 5, 0.0, None), (1, 5, -0.1, None), (2, 5, 0.0, 6)]
)
def test_nonsense_is_refused(low: int, high: int, within: float, start: int | None) -> None:
    with pytest.raises(ValueError, match="must be"):
        largest(lambda n: True, low, high, within, start)


WORK = {
    "kind": "closed", "requests": 1, "prompt_tokens": 2, "output_tokens": 8, "prompt_at_cloud": True, "distinct": 1,
}  # fmt: skip
PAIR = {"kind": "synthetic", "size": 32, "contexts": 4}


def made(
    scheme: object, pass_s: float = 0.0, draft_s: float = 0.0, bps: float = float("inf"), **fields: object
) -> Cell:
    """Delays are none: what a token takes is the work of stations alone."""
    return Cell.from_fields(
        {
            "models": {"pair": PAIR}, "workload": WORK, "scheme": scheme, "uplink": link(bps, 0.0),
            "downlink": link(float("inf"), 0.0),
            "edge": {"latency": {"kind": "constant", "per_pass_s": draft_s}, "encode_s_per_draft": 0.0},
            "cloud": {"batching": "none", "latency": {"kind": "constant", "per_pass_s": pass_s}},
            **fields,
        }
    )  # fmt: skip


def cells(scheme: str, seeds: int = 2, per_pass_s: float = 0.01) -> list[Cell]:
    return [made(scheme, per_pass_s, seed=seed) for seed in range(seeds)]


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


@pytest.mark.parametrize(("ttft_s", "limit"), [(10.0, "tpot_p95_s"), (0.033, "ttft_s")])
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


def test_what_each_seed_bears_alone_is_reported_beside_what_their_mean_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token takes n ms with seed 0 and 2 n ms with seed 1: at 30 ms on average 20 devices, alone 30 and 15."""

    class Simulated:
        def __init__(self, cell: Cell, memory: object) -> None:
            token_s = 0.001 * (1 + cell.seed) * cell.workload.devices
            self.named = {"answered": 1.0, "tpot_p95_s": token_s}

    monkeypatch.setattr("simulator.run.simulate", Simulated)
    found = bears(Objective({"tpot_p95_s": 0.03}, high=64, within=0.0), cells("cloud_only"))
    tried = {number for number in numbers(found) if isinstance(number, int)}
    assert found.value == 20
    assert found.alone == tuple(max(number for number in tried if number <= most) for most in (30, 15))


def found(cell: Cell, limit_s: float, high: int = 64, metric: str = "tpot_p95_s") -> Capacity:
    objective = Objective({metric: limit_s}, high=high, within=0.0)
    ((_, capacity),) = capacities({0: Search([[cell]], relieved=True)}, objective, ALONE)
    assert isinstance(capacity, Capacity)
    return capacity


def test_the_only_work_there_is_limits() -> None:
    """n devices take turns at passes of 10 ms; relieved, none waits for another, up to twice 8."""
    of = found(made("cloud_only", pass_s=0.01), 0.075)
    assert (of.value, of.relief) == (7, {"cloud": 16})
    assert of.limited_by == ("cloud",)


def test_the_station_that_is_always_busy_and_has_most_jobs_need_not_limit() -> None:
    """A cloud that takes all who wait into one pass is busy as long as anybody asks, and bears any number."""
    for pass_s, bps, limit_s in ((0.05, 2e4, 0.1), (0.1, 5e4, 0.11)):
        batching = {"batching": "waiting", "latency": {"kind": "constant", "per_pass_s": pass_s}}
        of = made({"kind": "k_sqs", "max_drafts": 4}, bps=bps, cloud=batching)
        capacity = found(of, limit_s)
        there = pd.Series(simulate(of.with_({"workload.devices": capacity.value})).summary)
        assert fullest(there) == "cloud" and capacity.limited_by == ("uplink",)
        assert capacity.relief["uplink"] > 1.4 * capacity.value > capacity.relief["cloud"]
    assert there["cloud_queue"] > there["uplink_queue"]


def test_two_stations_each_of_which_holds_up_the_other_are_no_limit_alone() -> None:
    """A token waits for the device's drafts and for the cloud's pass: within less than either, nobody is served."""
    of = made({"kind": "k_sqs", "max_drafts": 1}, pass_s=0.02, draft_s=0.02)
    capacity = found(of, 0.004)
    assert (capacity.value, capacity.limits, capacity.limited_by) == (0, ("tpot_p95_s",), ())


def test_stations_within_a_tenth_of_the_most_are_named_and_none_that_serves_no_more() -> None:
    capacity = Capacity(8, True, (), (8,), 0, 8, (), {"uplink": 12, "cloud": 12, "edge": 8})
    assert capacity.limited_by == ("uplink", "cloud")
    assert replace(capacity, relief={"uplink": 8, "cloud": 8}).limited_by == ()
    assert replace(capacity, relief={}).limited_by == ()
    assert replace(capacity, relief={"uplink": 20, "cloud": 18}).limited_by == ("uplink",)


def test_where_none_is_served_and_where_nothing_fails() -> None:
    none = found(made("cloud_only", pass_s=0.01), 0.007)
    assert (none.value, none.limited_by) == (0, ("cloud",))
    assert found(made("cloud_only"), 1.0, high=4).relief == {}


def test_memory_is_relieved_apart_from_the_servers_work() -> None:
    """A server that holds one request at a time keeps the others waiting for their first token."""
    of = made("cloud_only", pass_s=0.001, cloud={
        "batching": "waiting", "latency": {"kind": "constant", "per_pass_s": 0.001}, "kv_tokens": 11,
    })  # fmt: skip
    capacity = found(of, 0.02, metric="ttft_s")
    assert set(capacity.relief) >= {"cloud", "cloud memory"}
    assert capacity.relief["cloud memory"] > capacity.value


@pytest.mark.parametrize(
    ("scheme", "passed"),
    [
        ("edge_only", ["edge"]),
        ("cloud_only", ["uplink", "cloud", "cloud memory", "downlink"]),
        ("k_sqs", list(STATIONS)),
    ],
)
def test_only_stations_that_requests_pass_are_relieved_and_one_at_a_time(scheme: str, passed: list[str]) -> None:
    fields = {"loss": {"kind": "bernoulli", "probability": 0.1}, "rate": {"kind": "constant", "bps": 1e4}}
    fleet = [{"count": 1}, {"count": 1, "edge": {"latency": "constant"}, "uplink": fields}]
    cell = Cell.from_fields({"scheme": scheme, "workload": WORK | {"devices": 2}, "fleet": fleet})
    assert stations(cell) == passed
    for station in passed:
        other = relieved(cell, station)
        assert other.decoding_id == cell.decoding_id or station in ("edge", "uplink", "downlink")
        changed = {"edge": ("edge",), "uplink": ("uplink",), "downlink": ("downlink",)}.get(station, ("cloud",))
        for part in ("edge", "uplink", "downlink", "cloud"):
            assert (getattr(other, part) != getattr(cell, part)) == (part in changed)
        assert (other.kv_tokens is None) == (station == "cloud memory")
    if "uplink" in passed:
        second = relieved(cell, "uplink").classes[1].uplink
        assert second.loss.kind == "none" and second.rate.fastest_bps == float("inf")


def test_where_no_relief_serves_more_each_serves_what_was_served_before() -> None:
    """Numbers between what is served and the least that failed were never asked for, and count for nobody."""

    class AsMany(Evaluations):
        def summary(self, cell: Cell, relieved: str = "") -> dict[str, float]:
            return {"answered": 1.0, "tpot_p95_s": float(cell.workload.devices)}

    memory = Memory()
    setting = SearchedSetting([made("cloud_only")], Objective({"tpot_p95_s": 1000.0}), AsMany(memory, None, []))
    assert setting.holds(990) and not setting.holds(1008)
    assert set(setting.relief().values()) == {990} and setting.relief().keys() == {*stations(made("cloud_only"))}


def test_a_limit_may_be_of_one_class_of_devices_while_another_grows() -> None:
    """Each device of n waits n passes of 10 ms a token, whichever class it is in: a limit of the phones' is met by as
    many meters as make the sum 5, however long the meters would wait."""
    fleet = {"phones": {"count": 2}, "meters": {"count": 1}}
    mine = made("cloud_only", 0.01, fleet=fleet, percentiles=["tpot_p90_s"])
    objective = Objective({"phones.tpot_p90_s": 0.055, "meters.tpot_s": 9.0}, "fleet.meters.count", high=16, within=0.0)
    found = bears(objective, [mine])
    assert (found.value, found.limits) == (3, ("phones.tpot_p90_s",))
    assert {row["fleet.phones.count"] for row in found.tried} == {2}
