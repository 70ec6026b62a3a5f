"""The cloud decodes by itself while the policy says so: cloud_only's text and pace, for a count of two bytes."""

from itertools import pairwise
from typing import Any, ClassVar, Literal

import pytest
import tables_pair
from cells import HEADER_BITS, busy, cell, link
from plants import Ran, ran
from remembered import assert_remembered_as_decoded

from kinds import ConfigError
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results import BREAKDOWN
from simulator.schemes.policy import (
    DRAFT,
    SEND,
    Action,
    CloudDecodes,
    DraftOne,
    DraftRound,
    EdgeView,
    Policy,
    PolicyState,
    SeenCloud,
    SeenVerdict,
    Wait,
)

ONE: dict[str, Any] = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}
VERDICTS: dict[int, SeenVerdict] = {}
"""What a policy has learned, by how much it had learned before: a call that is repeated to see whether it is pure falls
on its own place."""
HEARD: list[tuple[float, SeenCloud]] = []
"""What views told of the cloud at the time that a round began, when the last one was answered."""


class CloudAlone(Policy):
    """Never drafts: so many tokens at a time, of those that remain."""

    kind: Literal["cloud_alone_in_tests"] = "cloud_alone_in_tests"
    at_a_time: int = 1000

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        return CloudDecodes(min(self.at_a_time, view.remaining_tokens)), state

    def learn(self, verdict: SeenVerdict, state: PolicyState) -> PolicyState:
        VERDICTS[len(state)] = verdict
        return (*state, 0.0)


class Alternating(Policy):
    """A round that is looked at, some tokens of the cloud's own, a round decided at once; on one operating point after
    another."""

    looks_at_law: ClassVar[bool] = True
    hears_cloud: ClassVar[bool] = True
    kind: Literal["alternating_in_tests"] = "alternating_in_tests"
    alone: int = 3
    least: float = 0.2

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        turn = int(state[0]) if state else 0
        if view.verdicts and not view.drafts:
            HEARD.append((view.verdicts[-1].answered_s, view.cloud))
        if view.distribution is not None:
            return (DRAFT if view.distribution.max() > self.least else SEND), state
        if view.drafts:
            return DRAFT, state
        after = (turn + 1.0,)
        if turn % 3 == 1 and self.alone:
            return CloudDecodes(min(self.alone, view.remaining_tokens)), after
        if turn % 3 == 2:
            return DraftRound(min(3, view.most_drafts), turn % view.rungs), after
        return DraftOne(turn % view.rungs), after


class Deaf(Alternating):
    """The same, but hears nothing."""

    hears_cloud: ClassVar[bool] = False
    kind: Literal["deaf_in_tests"] = "deaf_in_tests"  # type: ignore[assignment]


class Once(Policy):
    """Answers with what it is told to, in the place it is told to."""

    kind: Literal["once_in_tests"] = "once_in_tests"
    action: str
    after_drafts: int = 0

    def next(self, view: EdgeView, state: PolicyState) -> tuple[Action, PolicyState]:
        actions = {
            "nothing": CloudDecodes(0),
            "too much": CloudDecodes(view.remaining_tokens + 1),
            "late": CloudDecodes(1),
            "a rung": DraftOne(1),
            "long": DraftRound(view.most_drafts + 1),
            "empty": SEND,
            "the past": Wait(view.now_s),
        }
        return (DRAFT if len(view.drafts) < self.after_drafts else actions[self.action]), state


def made(policy: object, scheme: str = "composed", **fields: Any) -> Cell:
    return cell({"kind": scheme, "policy": policy}, **({"workload": ONE} | fields))


@pytest.mark.parametrize("at_a_time", [1, 5, 1000])
def test_the_text_is_that_of_the_cloud_alone_token_by_token(at_a_time: int) -> None:
    alone = ran(made({"kind": "cloud_alone_in_tests", "at_a_time": at_a_time}))
    assert alone.texts == ran(cell("cloud_only", workload=ONE)).texts
    assert (alone.result.rounds["drafted"] == 0).all() and (alone.result.rounds["committed"] == 1).all()
    assert alone.result.summary["tv_output"] == 0


def test_all_at_once_it_is_as_quick_as_streaming_but_for_the_start() -> None:
    """The prefill, which streaming shares with its first token, and the count's way up; then a token a pass."""
    both = made("cloud_alone_in_tests"), cell("cloud_only", workload=ONE)
    alone, streamed = (simulate(each, memory=Memory()).requests.iloc[0] for each in both)
    assert alone["tpot_s"] == pytest.approx(streamed["tpot_s"], rel=1e-9)
    acknowledged_s, count_s, prefill_s = 0.02, 0.02 + (HEADER_BITS + 16) / 1e5, 0.02
    late_s = max(acknowledged_s + count_s, prefill_s)  # the count follows the prompt's acknowledgement
    assert alone["ttft_s"] - streamed["ttft_s"] == pytest.approx(late_s, abs=1e-4)
    assert alone["cloud_decode_s"] == pytest.approx(24 * 0.02) and alone["verify_s"] == 0


def test_a_count_costs_two_bytes_and_the_tokens_after_it_nothing() -> None:
    VERDICTS.clear()
    rounds = simulate(made({"kind": "cloud_alone_in_tests", "at_a_time": 12}), memory=Memory()).rounds
    asked = [16 if n % 12 == 0 else 0 for n in range(24)]
    assert rounds["payload_bits"].tolist() == asked
    assert rounds["uplink_bits"].tolist() == [bits and bits + HEADER_BITS for bits in asked]
    learned = [VERDICTS[place] for place in sorted(VERDICTS)]
    assert [seen.payload_bits for seen in learned] == asked
    gaps = [after.sent_s - before.answered_s for before, after in pairwise(learned)]
    assert gaps[:11] == [0.0] * 11 and learned[0].sent_s == rounds["sent_s"][0]
    assert all(seen.answered_s - seen.sent_s == pytest.approx(0.02) for seen in learned[1:12])


def test_a_reply_that_tells_of_the_cloud_is_three_bytes_longer() -> None:
    told, plain = (
        simulate(made(policy), memory=Memory()).rounds for policy in ("alternating_in_tests", "deaf_in_tests")
    )
    assert told["reply_bits"].eq(plain["reply_bits"] + 24).all()
    assert told["downlink_bits"].eq(plain["downlink_bits"] + 24).all()


def test_what_a_reply_tells_is_how_long_the_cloud_had_the_round() -> None:
    """Beside the table's own times, of three devices before one server: within half a step of the scale."""
    HEARD.clear()
    rounds = simulate(busy({"kind": "composed", "policy": "alternating_in_tests"}), memory=Memory()).rounds
    had_s = {row.answered_s: row.verified_s - row.received_s for row in rounds.itertuples() if row.round > 1}
    pairs = [(cloud, had_s[at]) for at, cloud in HEARD if at in had_s]
    assert len(pairs) > 10 and any(cloud.queue_s > 0.005 for cloud, _ in pairs)
    for cloud, expected_s in pairs:
        assert cloud.queue_s + cloud.serve_s == pytest.approx(expected_s, rel=0.028, abs=1e-3)
        assert cloud.batch == 1


def test_it_works_for_devices_that_hear_only_after_sending() -> None:
    listening = {"listens": "after_sending"}
    down = link(1e5, arq={"kind": "stop_and_wait", "timeout_s": 9.0}, **listening)
    up = link(2e4, arq={"kind": "stop_and_wait", "timeout_s": 9.0})
    deaf = ran(made("cloud_alone_in_tests", downlink=down, uplink=up))
    assert deaf.texts == ran(made("cloud_alone_in_tests")).texts


def test_a_run_that_is_remembered_is_the_run_that_was_decoded() -> None:
    """In whichever order policies that stop elsewhere fill the memory, and half of it from others' rounds."""
    policies: list[object] = [
        "alternating_in_tests",
        {"kind": "alternating_in_tests", "least": 0.3, "alone": 0},
        "fixed_length",
    ]
    cells = [busy({"kind": "rungs", "policy": policy}) for policy in policies]
    assert_remembered_as_decoded(cells)


@pytest.mark.parametrize("scheme", ["composed", "rungs", "coupled"])
def test_time_adds_up_where_all_actions_take_turns(scheme: str) -> None:
    fields = {"kind": "composed", "policy": "alternating_in_tests"}
    if scheme == "coupled":
        fields |= {"sparsifier": "all", "quantizer": "exact", "code": "ids", "draw": "shared_race"}
        fields |= {"acceptance": "coupling", "budget_bits": None}
    else:
        fields["kind"] = scheme
    run = ran(busy(fields))
    rounds, requests = run.result.rounds, run.result.requests
    assert requests[list(BREAKDOWN)].sum(axis=1).to_numpy() == pytest.approx(requests["latency_s"].to_numpy(), rel=1e-9)
    assert (rounds["committed"] == rounds["accepted"] + 1).all()
    assert set(rounds["drafted"]) > {0, 3} and (rounds["edge_passes"] > rounds["drafted"]).any()
    if scheme == "coupled":
        assert run.texts == ran(busy(fields | {"policy": "fixed_length"})).texts


def test_it_ends_with_the_answer() -> None:
    fields: dict[str, Any] = {
        "models": {"pair": tables_pair.Tables().kind},
        "workload": ONE | {"requests": 8, "stop_at_eos": True},
    }
    alone, streamed = ran(made("cloud_alone_in_tests", **fields)), ran(cell("cloud_only", **fields))
    assert alone.texts == streamed.texts
    assert any(len(text) < 24 for text in alone.texts.values())


@pytest.mark.parametrize(
    ("action", "after_drafts", "told"),
    [
        ("nothing", 0, "tokens = 0: must be 1..24"),
        ("too much", 0, "tokens = 25: must be 1..24"),
        ("late", 1, "in a round that has drafts"),
        ("a rung", 0, r"rung = 1: must be 0\.\.0"),
        ("long", 0, r"length = 9: must be 1\.\.8"),
        ("empty", 0, "without a draft"),
        ("the past", 0, "must be later than now"),
    ],
)
def test_what_is_out_of_place_is_told_in_one_line(action: str, after_drafts: int, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        simulate(made({"kind": "once_in_tests", "action": action, "after_drafts": after_drafts}), memory=Memory())
    assert "\n" not in str(caught.value)


def under_load(policy: object, devices: int, memory: Memory) -> Ran:
    """Passes whose time is in their tokens, so that drafts that are not accepted take it from others."""
    asked = {**ONE, "devices": devices, "prompt_at_cloud": True, "distinct": 4}
    clock = {"kind": "affine", "base_s": 0.01, "per_token_s": 0.01}
    scheme = policy if policy == "cloud_only" else {"kind": "composed", "policy": policy}
    return ran(cell(scheme, workload=asked, uplink=link(1e6), cloud={"batching": "waiting", "latency": clock}), memory)


def test_above_a_batch_the_cloud_streams_and_below_it_nothing_changes() -> None:
    """One device drafts as ever. Twelve draft no more once a reply tells the load, and have more tokens a second than
    if all went on, fewer than if the cloud had streamed from the start."""
    memory, limit = Memory(), {"kind": "drafts_by_load", "schedule": [[3, 0]], "tokens": 8}
    few = {name: under_load(policy, 1, memory) for name, policy in (("limit", limit), ("fixed", "fixed_length"))}
    assert (few["limit"].result.rounds["drafted"] > 0).all() and few["limit"].texts == few["fixed"].texts
    many = {
        name: under_load(policy, 12, memory)
        for name, policy in (("limit", limit), ("fixed", "fixed_length"), ("cloud", "cloud_only"))
    }
    drafted = many["limit"].result.rounds.groupby(["device", "request"])["drafted"]
    assert (drafted.agg(lambda each: (each > 0).sum()) <= 2).all() and (drafted.first() > 0).all()
    rates = {name: run.result.summary["tokens_per_s"] for name, run in many.items()}
    assert 1.3 * rates["fixed"] < rates["limit"] and 0.6 < rates["limit"] / rates["cloud"] < 1, rates
