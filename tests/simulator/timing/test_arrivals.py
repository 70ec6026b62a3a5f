"""Requests: when they come, that each has one end, and which; whole seconds where instants matter."""

import gc
import math
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import PAIR, cell, link
from plants import ran

from simulator import Cell, ConfigError, simulate, sweep
from simulator.decoding.memory import Memory
from simulator.run import COLLECTOR
from simulator.timing.request_process import DecodedRequest, DrivenRequest

FREE = link(inf, delay_s=0.0)
SECOND = {"kind": "constant", "per_pass_s": 1}
SCHEMES = ("k_sqs", "cloud_only", "colocated", "edge_only")


def whole_seconds(scheme: object = "cloud_only", **workload: object) -> Cell:
    """Passes of one second and nothing else: requests of four tokens."""
    asked = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 4, "prompt_at_cloud": True}
    return cell(
        scheme,
        workload=asked | workload,
        edge={"latency": SECOND, "encode_s_per_draft": 0},
        cloud={"batching": "none", "latency": SECOND, "drafter_latency": SECOND},
        uplink=FREE,
        downlink=FREE,
    )


def ends(cell: Cell) -> list[tuple[float, str, float]]:
    """(arrival, outcome, end) of each request, in order of arrival."""
    return [(each.arrival_s, each.outcome, each.finish_s) for each in ran(cell).requests]


def test_in_a_closed_loop_the_next_request_follows_the_answer_and_the_thought() -> None:
    assert ends(whole_seconds(requests=3, think_s=7)) == [
        (0.0, "answered", 4.0), (11.0, "answered", 15.0), (22.0, "answered", 26.0),
    ]  # fmt: skip


def test_poisson_requests_come_whether_or_not_earlier_ones_are_answered() -> None:
    """The same arrivals at any speed; the device takes them in turn."""
    asked = {"kind": "poisson", "requests": 12, "prompt_tokens": 8, "output_tokens": 8, "rate_per_s": 1.0}
    slow, fast = (simulate(cell("k_sqs", bps, workload=asked)).requests for bps in (3e3, 1e7))
    assert slow["arrival_s"].tolist() == fast["arrival_s"].tolist()
    assert (slow["arrival_s"].shift(-1) < slow["finish_s"])[:-1].any()
    begun = slow["arrival_s"] + slow["edge_queue_s"]
    assert begun.to_numpy() == pytest.approx(np.maximum(slow["arrival_s"], slow["finish_s"].shift(fill_value=0.0)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_request_times_out_exactly_when_it_is_late(scheme: str) -> None:
    """At the very instant of the answer either end is right, but one end only, and nothing is left behind."""
    quiet = whole_seconds(scheme, requests=1)
    [(_, _, answered_s)] = ends(quiet)
    assert answered_s == int(answered_s) > 2
    assert ends(whole_seconds(scheme, requests=1, deadline_s=answered_s + 1)) == [(0.0, "answered", answered_s)]
    late = ran(whole_seconds(scheme, requests=3, deadline_s=answered_s - 1))
    assert [(each.outcome, each.finish_s - each.arrival_s) for each in late.requests] == [
        ("timed_out", answered_s - 1)
    ] * 3
    at_once = ran(whole_seconds(scheme, requests=3, deadline_s=answered_s))
    for request in at_once.requests:
        assert request.outcome in ("answered", "timed_out") and request.finish_s - request.arrival_s == answered_s
        assert request.outcome == "timed_out" or len(request.tokens) == 4
    assert len(at_once.requests) == 3 and not at_once.plant.arrivals._pending


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("at_s", [1, 2, 4])
def test_a_deadline_and_a_departure_at_one_instant_end_a_request_once(scheme: str, at_s: int) -> None:
    run = ran(
        whole_seconds(
            scheme,
            kind="poisson",
            requests=4,
            rate_per_s=1e6,
            deadline_s=at_s,
            absences={"kind": "scheduled", "away": [(0, at_s, at_s + 10)]},
        )
    )
    assert len(run.requests) == 4 and not run.plant.arrivals._pending
    assert {each.outcome for each in run.requests} <= {"answered", "timed_out", "abandoned"}


def test_two_ends_at_one_instant_do_not_hit_the_next_request() -> None:
    """Arrivals at 0 and 1: the first is due at 5, the device leaves at 5; both are told in one instant, and the device
    is well when it comes back."""
    run = ran(
        whole_seconds(output_tokens=20, requests=2, deadline_s=5, absences={"kind": "scheduled", "away": [(0, 5, 6)]})
    )
    first, second = run.requests
    assert first.outcome in ("timed_out", "abandoned") and first.finish_s == 5.0
    assert (second.arrival_s, second.outcome, second.finish_s) == (6.0, "timed_out", 11.0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_in_a_closed_loop_an_absence_abandons_and_the_user_resumes_after_it(scheme: str) -> None:
    away = {"kind": "scheduled", "away": [(0, 2, 10), (0, 11, 12)]}
    run = ran(whole_seconds(scheme, requests=3, absences=away))
    assert [(each.arrival_s, each.outcome) for each in run.requests] == [
        (0.0, "abandoned"), (10.0, "abandoned"), (12.0, "answered"),
    ]  # fmt: skip
    assert [each.finish_s for each in run.requests[:2]] == [2.0, 11.0]
    assert all(station.present == 0 for station in run.plant.stations)


def test_in_an_open_loop_what_comes_during_an_absence_is_abandoned_at_once() -> None:
    away = {"kind": "scheduled", "away": [(0, 3, 30)]}
    run = ran(whole_seconds(kind="poisson", requests=30, rate_per_s=0.3, absences=away))
    requests = run.requests
    inside = [each for each in requests if 3 <= each.arrival_s < 30]
    assert inside and all(each.outcome == "abandoned" and each.finish_s == each.arrival_s for each in inside)
    after = [each for each in requests if each.arrival_s >= 30]
    assert after and all(each.outcome == "answered" for each in after)
    assert len(inside) + len(after) < 30


def test_distinct_texts_go_round() -> None:
    """Nine requests share four texts and their random numbers: the fifth is the first over again, whoever asks."""
    asked = {"kind": "closed", "requests": 3, "devices": 3, "prompt_tokens": 8, "output_tokens": 16, "distinct": 4}
    run = ran(cell("k_sqs", workload=asked))
    texts: dict[int, set[tuple[int, ...]]] = {}
    for each in run.requests:
        texts.setdefault((each.device + 3 * each.number) % 4, set()).add((*each.prompt.tokens, *each.tokens))
    assert sorted(texts) == [0, 1, 2, 3] and all(len(same) == 1 for same in texts.values())
    assert len({next(iter(same)) for same in texts.values()}) == 4


def test_at_the_horizon_what_is_unanswered_is_in_flight() -> None:
    assert [outcome for _, outcome, _ in ends(whole_seconds(requests=3, horizon_s=9))] == [
        "answered", "answered", "in_flight",
    ]  # fmt: skip
    result = simulate(whole_seconds(requests=3, horizon_s=9))
    assert result.summary["answered"] == pytest.approx(2 / 3)
    assert np.isnan(result.requests["latency_s"].iloc[2])


def test_a_horizon_before_the_first_request_gives_empty_tables() -> None:
    result = simulate(whole_seconds(kind="poisson", rate_per_s=1e-3, horizon_s=1e-3))
    assert result.requests.empty and result.rounds.empty
    assert np.isnan(result.summary["answered"])


def test_prompts_shorter_than_asked_for_are_refused_in_one_line() -> None:
    asked = {"kind": "closed", "prompt_tokens": 17, "output_tokens": 4}
    with pytest.raises(ConfigError, match=r"^workload\.prompt_tokens = 17: .*16 tokens$"):
        simulate(cell("k_sqs", workload=asked, models={"pair": PAIR | {"prompt_tokens": 16}}))
    talk = asked | {"kind": "conversations", "prompt_tokens": 8, "text_tokens": 500}
    with pytest.raises(ConfigError, match=r"^workload\.text_tokens = 500: must be at most the length of the pair's sh"):
        simulate(cell("k_sqs", workload=talk))


@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", "colocated"])
def test_after_its_end_nothing_of_a_request_goes_on(scheme: str) -> None:
    """Three devices at one server, due before their first pass could end: the pass under way runs on, no other."""
    run = ran(whole_seconds(scheme, devices=3, requests=1, output_tokens=30, deadline_s=9.5, horizon_s=1e3))
    assert {each.outcome for each in run.requests} == {"timed_out"}
    plant, passes = run.plant, run.plant.cloud.passes
    sent = [link.sent for link in plant.links]
    plant.env.run(1e3)
    assert plant.cloud.passes == passes and [link.sent for link in plant.links] == sent
    assert all(station.present == 0 for station in plant.stations)
    assert all(len(each.tokens) < 30 for each in run.requests)


@pytest.mark.parametrize("scheme", ["cloud_only", "edge_only"])
def test_what_happens_at_the_horizon_still_happens(scheme: str) -> None:
    """The answer is there at 4 s, after a chain of events that take no time."""
    assert ends(whole_seconds(scheme, requests=1, horizon_s=4.0)) == [(0.0, "answered", 4.0)]
    [(_, outcome, _)] = ends(whole_seconds(scheme, requests=1, horizon_s=3.999))
    assert outcome == "in_flight"


def test_queues_add_up_whenever_the_clock_starts(tmp_path: Path) -> None:
    """Arrivals stamped in seconds since 1970, and a horizon with requests still there (I4)."""
    start_s = 1.7e9
    lines = ["arrival_s,prompt_tokens,output_tokens", *(f"{start_s + 0.013 * k},4,8" for k in range(60))]
    (tmp_path / "asks.csv").write_text("\n".join(lines))
    asked, memory = {"kind": "arrivals", "path": str(tmp_path / "asks.csv"), "devices": 30}, Memory()
    for tenths in (1, 3, 7, 9, 15, 25):
        made = cell("k_sqs", workload=asked | {"horizon_s": start_s + 0.1 * tenths})
        requests = simulate(made, memory=memory).requests
        assert len(requests) == min(60, math.floor(0.1 * tenths / 0.013) + 1)
        assert (requests["outcome"] == "in_flight").any()


def test_a_cell_without_rounds_has_empty_columns_of_the_same_types(tmp_path: Path) -> None:
    late = cell(
        "k_sqs", workload={"kind": "poisson", "requests": 1, "prompt_tokens": 8, "rate_per_s": 1e-3, "horizon_s": 1e-3}
    )
    usual = cell("k_sqs")
    table = sweep([late, usual], tmp_path / "out")
    assert table["answered"].isna().tolist() == [True, False]
    rounds = pd.read_parquet(tmp_path / "out" / "rounds.parquet")
    assert set(rounds["cell"]) == {usual.id}
    assert simulate(late).rounds.dtypes.equals(simulate(usual).rounds.dtypes)


OWN = {way: link(1e5, sharing="own", arq="selective_repeat") for way in ("uplink", "downlink")}


@pytest.mark.parametrize("links", [{}, OWN], ids=["in events", "timed when it is decoded"])
@pytest.mark.parametrize("scheme", ["k_sqs", "cloud_only", "edge_only", {"kind": "k_sqs", "depth": 1}], ids=str)
def test_a_run_leaves_nothing_to_the_garbage_collector(scheme: object, links: dict[str, Any]) -> None:
    """What a request held goes when it ends, or a large run would keep all of it until a collection."""
    with COLLECTOR.seldom():  # what other tests left is not looked through
        gc.disable()
        try:
            run = ran(cell(scheme, **links))
            left = [each for each in gc.get_objects() if type(each) in (DrivenRequest, DecodedRequest)]
        finally:
            gc.enable()
    assert run.requests and not left, "a request that has ended holds itself"
