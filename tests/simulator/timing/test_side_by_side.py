"""Requests served side by side on one device: they take turns at its processor, and nothing else changes."""

from typing import Any, Literal

import numpy as np
import pytest
from cells import cell, link
from plants import Ran, ran

from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.schemes.policy import DRAFT, Action, EdgeView, Policy, PolicyState, Wait

ASKED = {"kind": "poisson", "rate_per_s": 50, "requests": 6, "prompt_tokens": 8, "output_tokens": 12}
PASS_S = 0.01
MEMORY = Memory()


def made(concurrency: int, scheme: object = "k_sqs", **fields: Any) -> Cell:
    edge = {"latency": {"kind": "constant", "per_pass_s": PASS_S}, "concurrency": concurrency}
    return cell(scheme, **({"workload": ASKED, "edge": edge} | fields))


def answers(run: Ran) -> dict[int, tuple[str, tuple[int, ...]]]:
    return {each.number: (each.outcome, tuple(each.tokens)) for each in run.requests}


@pytest.mark.parametrize("scheme", ["k_sqs", "edge_only", "cloud_only", {"kind": "c_sqs", "carry": False}])
def test_answers_are_the_same_and_the_processor_works_on_one_thing_at_a_time(scheme: object) -> None:
    """Every run checks that the processor works on one thing at a time; this test checks that its work adds up."""
    runs = [ran(made(places, scheme), MEMORY) for places in (1, 2, 6)]
    assert answers(runs[0]) == answers(runs[1]) == answers(runs[2])
    for run in runs:
        passes = sum(each.edge_passes for request in run.requests for each in request.rounds)
        busy_s = run.result.summary["edge_busy"] * max(each.finish_s for each in run.requests)
        drafts = (
            sum(each.drafted for request in run.requests for each in request.rounds)
            if made(1, scheme).scheme.kind[1:] == "_sqs"
            else 0
        )
        assert busy_s == pytest.approx(passes * PASS_S + drafts * 1e-4, rel=1e-9)


class WaitsInTests(Policy):
    """Half a second before each draft."""

    kind: Literal["waits_in_tests"] = "waits_in_tests"

    def entry(self, last: PolicyState | None) -> PolicyState:
        return (0.0,)

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return (DRAFT, (0.0,)) if state[0] else (Wait(view.now_s + 0.5), (1.0,))


def test_while_a_policy_waits_another_request_drafts() -> None:
    scheme = {"kind": "composed", "max_drafts": 2, "policy": "waits_in_tests"}
    asked = ASKED | {"requests": 2, "rate_per_s": 1e9}
    alone, together = (
        max(each.finish_s for each in ran(made(places, scheme, workload=asked), MEMORY).requests) for places in (1, 2)
    )
    assert together < 0.6 * alone


def test_while_one_waits_for_its_verdict_another_drafts() -> None:
    """A round of 2 drafts takes 20 ms at the device and 120 ms elsewhere: six requests side by side hide nearly all."""
    many = {"arq": "selective_repeat"}  # one packet under way would be one request under way
    far = {"uplink": link(1e9, 0.05) | many, "downlink": link(1e9, 0.05) | many}
    scheme = {"kind": "k_sqs", "max_drafts": 2}
    spans_s = {}
    for places in (1, 2, 6):
        requests = ran(made(places, scheme, **far), MEMORY).requests
        spans_s[places] = max(each.finish_s for each in requests) - min(each.arrival_s for each in requests)
    assert spans_s[2] == pytest.approx(spans_s[1] / 2, rel=0.15) and spans_s[6] < spans_s[2] / 2


def test_turns_go_to_who_came_first_and_waiting_is_time_in_the_queue_of_the_edge() -> None:
    """Two answers of a model alone: each token of one waits for a token of the other."""
    alone = ran(made(2, "edge_only", workload=ASKED | {"requests": 1}), Memory()).requests[0]
    together = ran(made(2, "edge_only", workload=ASKED | {"requests": 2, "rate_per_s": 1e9}), Memory()).requests
    first, second = together
    assert alone.spent.edge_queue_s == 0
    assert first.spent.edge_queue_s == pytest.approx(11 * PASS_S, abs=1e-6)
    assert second.spent.edge_queue_s == pytest.approx(12 * PASS_S, abs=1e-6)
    ends_s = [sorted(each.answered_s for each in request.rounds) for request in together]
    assert np.all(np.diff(np.array(ends_s).T.ravel()) > 0), "they take turns"


@pytest.mark.parametrize("number", range(6))
def test_requests_that_are_given_up_leave_the_processor_to_the_others(number: int) -> None:
    """With deadlines, absences and losses: the run checks itself, and each answer is the quiet run's."""
    rng = np.random.default_rng((31, number))
    asked = ASKED | {
        "devices": 2,
        "deadline_s": [0.3, 0.8][number % 2],
        "absences": ["none", {"kind": "random", "mean_there_s": 0.5, "mean_away_s": 0.1}][number // 2 % 2],
    }
    quiet = answers(ran(made(1, workload=ASKED | {"devices": 2, "rate_per_s": 0.1}), MEMORY))
    lossy = {"kind": "bernoulli", "probability": 0.3}
    run = ran(made(int(rng.integers(2, 5)), workload=asked, uplink=link(1e5, loss=lossy)), Memory())
    assert {each.outcome for each in run.requests} - {"answered"}, "nothing was given up"
    for request in run.requests:
        if request.device == 0 and request.outcome == "answered":
            assert (request.outcome, tuple(request.tokens)) == quiet[request.number]
