"""Policies are asked in time, see what an edge sees, and what they decide is remembered, never who decided."""

import math
from typing import Literal

import pytest
from cells import cell, link

from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.schemes.policy import (
    DRAFT,
    SEND,
    Action,
    DraftRound,
    EdgeView,
    FixedLength,
    Policy,
    PolicyState,
    SeenVerdict,
    Wait,
)

VIEWS: list[EdgeView] = []
ONE = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}


class ByRoundTime(Policy):
    """Long rounds while rounds are quick, one draft where the last one was slow."""

    kind: Literal["by_round_time_in_tests"] = "by_round_time_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        VIEWS.append(view)
        slow = bool(state) and state[0] > 0.3
        return (SEND if view.drafts and slow else DRAFT), state

    def learn(self, verdict: SeenVerdict, state: PolicyState) -> PolicyState:
        return (verdict.answered_s - verdict.sent_s,)


class Pausing(Policy):
    """Waits before each round, then drafts one."""

    kind: Literal["pausing_in_tests"] = "pausing_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        if view.drafts:
            return SEND, ()
        return (DRAFT, ()) if state else (Wait(view.now_s + 0.25), (1.0,))


class AtOnce(Policy):
    """Decides each round when it begins, with its length."""

    kind: Literal["at_once_in_tests"] = "at_once_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return DraftRound(min(3, view.most_drafts)), state


class OneAsked(Policy):
    """As `fixed_length`, but asked step by step."""

    kind: Literal["one_asked_in_tests"] = "one_asked_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return DRAFT, state


class OneAfterTheFirst(FixedLength):
    """Below a policy that plans its rounds, and with a rule of its own."""

    kind: Literal["one_after_the_first_in_tests"] = "one_after_the_first_in_tests"

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return (SEND if view.drafts and view.verdicts else DRAFT), state


class Renamed(OneAfterTheFirst):
    """With the rule that it inherits."""

    kind: Literal["renamed_in_tests"] = "renamed_in_tests"


class PlansAgain(OneAfterTheFirst):
    """With a plan of its own, which saves the question."""

    kind: Literal["plans_again_in_tests"] = "plans_again_in_tests"

    def plan(self, most_drafts: int) -> int:
        return min(2, most_drafts)


def made(policy: object, bps: float = 1e5, **fields: object) -> Cell:
    return cell({"kind": "composed", "sparsifier": {"kind": "top_k", "k": 4}, "policy": policy}, bps, **fields)


def test_what_a_policy_decides_at_one_rate_is_not_taken_for_another() -> None:
    """Two rates share their memory, in either order, and each gives what it gives alone."""
    policy = "by_round_time_in_tests"
    alone = {bps: simulate(made(policy, bps), memory=Memory()).rounds for bps in (5e2, 1e6)}
    assert alone[1e6]["drafted"].mean() > 3 > 1.5 > alone[5e2]["drafted"].mean()
    for order in ((5e2, 1e6), (1e6, 5e2)):
        memory = Memory()
        for bps in order:
            assert simulate(made(policy, bps), memory=memory).rounds.equals(alone[bps]), (order, bps)


def test_a_round_asked_step_by_step_is_the_round_drafted_at_once() -> None:
    """The fast path of a policy that never looks is the general one, round by round and second by second."""
    planned, asked = (simulate(made(policy), memory=Memory()) for policy in ("fixed_length", "one_asked_in_tests"))
    assert FixedLength().plan(5) == 5 and OneAsked().plan(5) is None
    for one, other in ((asked.rounds, planned.rounds), (asked.requests, planned.requests)):
        assert one.drop(columns="cell").equals(other.drop(columns="cell"))


@pytest.mark.parametrize(("policy", "drafted"), [(OneAfterTheFirst, (8, 1)), (Renamed, (8, 1)), (PlansAgain, (2, 2))])
def test_a_rule_below_a_policy_that_plans_is_asked(policy: type[Policy], drafted: tuple[int, int]) -> None:
    rounds = simulate(made(policy.model_fields["kind"].default, workload=ONE), memory=Memory()).rounds
    assert tuple(rounds["drafted"].iloc[:2]) == drafted


@pytest.mark.parametrize("partial", [False, True])
def test_a_round_that_is_decided_at_once_has_as_many_drafts(partial: bool) -> None:
    scheme = {"kind": "composed", "policy": "at_once_in_tests", "partial": partial}
    rounds = simulate(cell(scheme, workload=ONE), memory=Memory()).rounds
    assert len(rounds) > 5 and set(rounds["drafted"].iloc[:-2]) == {3}


def test_a_policy_sees_time_bits_and_verdicts() -> None:
    VIEWS.clear()
    rounds = simulate(made("by_round_time_in_tests", 1e4, workload=ONE), memory=Memory()).rounds
    seen = {len(view.verdicts): view for view in reversed(VIEWS)}  # the first view of each round
    for number in range(1, len(rounds)):
        view = seen[number]
        row = rounds.iloc[number - 1]
        told = view.verdicts[-1]
        assert (told.drafted, told.accepted, told.payload_bits) == tuple(
            row[["drafted", "accepted", "payload_bits"]].astype(int)
        )
        assert (told.sent_s, told.answered_s) == (row["sent_s"], row["answered_s"])
        assert view.now_s >= row["answered_s"] and view.link.acked_bits > 0
        bits = rounds.iloc[:number]["uplink_bits"].sum()
        assert view.link.acked_bits >= bits > 0 and view.link.timeouts == 0
        assert view.link.round_trip_s == pytest.approx(row["uplink_bits"] / 1e4 + 0.04)
    first = VIEWS[0]
    assert first.verdicts == () and math.isnan(first.link.round_trip_s) and first.drafts == ()


def test_a_pause_is_charged_where_the_table_says_and_frees_the_processor() -> None:
    result = simulate(made("pausing_in_tests", workload={**ONE, "prompt_at_cloud": True}), memory=Memory())
    rounds, request = len(result.rounds), result.requests.iloc[0]
    assert request["edge_queue_s"] == pytest.approx(0.25 * rounds)
    assert result.summary["edge_busy"] * request["latency_s"] == pytest.approx(rounds * (0.005 + 1e-4))
    assert (result.rounds["drafted"] == 1).all()


def test_a_run_that_ends_within_a_round_counts_the_passes_that_had_ended() -> None:
    slow = {"latency": {"kind": "constant", "per_pass_s": 1.0}}
    cut = cell("k_sqs", edge=slow, workload={**ONE, "horizon_s": 2.5}, uplink=link(1e5))
    rounds = simulate(cut, memory=Memory()).rounds
    assert rounds["edge_passes"].tolist() == [2]
