"""The cloud begins while the edge reads the prompt: times add up, texts end, faults and busy processors change no
answer, and what cannot be served so is refused."""

from typing import Any

import pytest
import tables_pair
from cells import HEADER_BITS, busy, cell, link
from decodings import resolved
from plants import AirWatch, ran, ran_once
from remembered import assert_remembered_as_decoded

from simulator import Cell, simulate
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode, Tokens
from simulator.results import BREAKDOWN
from simulator.results.observer import JOINS

FIRST = {"cloud_first": True}
K_SQS: dict[str, Any] = {"kind": "k_sqs", "k": 4, "max_drafts": 3} | FIRST
COUPLED: dict[str, Any] = {"kind": "coupled", "max_drafts": 3} | FIRST
GOODPUT: dict[str, Any] = {"kind": "composed", "policy": {"kind": "goodput", "learning_rounds": 1}} | FIRST
SCHEMES = [
    K_SQS, COUPLED, GOODPUT, K_SQS | {"partial": True}, {"kind": "c_sqs"} | FIRST,
    K_SQS | {"depth": 1}, {"kind": "c_sqs", "carry": True, "max_drafts": 2, "depth": 2} | FIRST,
    {"kind": "dssd"} | FIRST, {"kind": "tree"} | FIRST, {"kind": "rungs", "policy": GOODPUT["policy"]} | FIRST,
]  # fmt: skip
READS_S = 0.01
READING: dict[str, Any] = {"latency": {"kind": "affine", "base_s": 0.005, "per_token_s": READS_S}}
ONE: dict[str, Any] = {"kind": "closed", "requests": 1, "prompt_tokens": 8, "output_tokens": 24}


def lossy(scheme: object, **edge: Any) -> Cell:
    """Three devices on lossy links and one server."""
    return busy(scheme).with_({"edge": READING | edge})


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: "-".join(map(str, scheme.values())))
def test_i11_i9_time_and_tokens_add_up(scheme: dict[str, Any]) -> None:
    result = simulate(lossy(scheme), memory=Memory())
    rounds, requests = result.rounds, result.requests
    assert requests[list(BREAKDOWN)].sum(axis=1).to_numpy() == pytest.approx(requests["latency_s"].to_numpy(), rel=1e-9)
    kept = rounds[~rounds["flushed"]]
    followed = kept["committed"] == kept["accepted"]  # by a round that was drafted ahead
    assert (kept["committed"] == kept["accepted"] + ~followed).all() and (requests["output_tokens"] == 16).all()
    assert (followed.any() and rounds["flushed"].any()) == bool(scheme.get("depth"))
    begun = rounds[rounds["round"] <= 2]
    assert (begun["drafted"] == 0).all() and (begun["payload_bits"] == 0).all() and (rounds["drafted"] > 0).any()
    assert result.summary["tv_output"] < 1e-6 and (requests["hidden_draft_s"] > 0).all()


@pytest.mark.parametrize(
    "scheme",
    [
        K_SQS | {"depth": 2},
        *(pytest.param(each, marks=pytest.mark.slow) for each in (K_SQS, GOODPUT, {"kind": "tree"} | FIRST)),
    ],
    ids=str,
)
def test_i6_a_run_that_is_remembered_is_the_run_that_was_decoded(scheme: dict[str, Any]) -> None:
    """Beside runs in which the edge reads in another time, and joins after other tokens; and beside plain ones."""
    others = [{}, {"per_token_s": 0.02}]
    cells = [lossy(scheme, latency=READING["latency"] | other) for other in others]
    cells.append(lossy({**scheme, "cloud_first": False}))
    assert_remembered_as_decoded(cells)


def test_an_answer_that_ends_before_the_edge_has_read_is_cloud_only_in_all_but_name() -> None:
    for more in ({}, {"stop_at_eos": True}):
        fields: dict[str, Any] = {
            "workload": ONE | {"requests": 4} | more,
            "edge": {"latency": {"kind": "constant", "per_pass_s": 9.0}},
        }
        fields |= {"models": {"pair": tables_pair.Tables().kind}} if more else {}
        first, alone = (ran(cell(scheme, **fields)) for scheme in (K_SQS, "cloud_only"))
        assert first.texts == alone.texts
        assert [each.latency_s for each in first.requests] == [each.latency_s for each in alone.requests]
        assert first.result.summary["edge_busy"] == pytest.approx(1.0, rel=0.1), "it reads as long as the answer comes"
        assert not (first.result.rounds["drafted"] > 0).any()


def test_i7_a_join_costs_a_header_and_is_no_round_s() -> None:
    watch = AirWatch()
    run = ran(cell(COUPLED, workload=ONE, edge=READING), watch=watch)
    up = [each for each in watch.airings if each.link == "uplink"]
    (join,) = (each for each in up if each.address[2] > JOINS)
    begun = int((run.result.rounds["drafted"] == 0).sum())
    assert join.bits == HEADER_BITS and 1 < join.round <= begun
    of_rounds = run.result.rounds["uplink_bits"].sum()
    assert sum(each.bits for each in up) == of_rounds + up[0].bits + join.bits


@pytest.mark.parametrize("cloud_s", [0.012, 0.03])
def test_requests_side_by_side_take_turns_at_reading_and_drafting(cloud_s: float) -> None:
    """Whoever waits for the processor when it is its turn to draft is charged for that; answers are the verifier's."""
    asked = {"kind": "poisson", "rate_per_s": 50, "requests": 6, "prompt_tokens": 8, "output_tokens": 12}
    cloud = {"batching": "none", "latency": {"kind": "constant", "per_pass_s": cloud_s}, "servers": 6}
    runs = [
        ran(cell(COUPLED, workload=asked, edge=READING | {"concurrency": places}, cloud=cloud, uplink=link(1e6, 0.001)))
        for places in (1, 2, 6)
    ]
    for run in runs:
        assert run.texts == runs[0].texts
        busy_s = run.result.summary["edge_busy"] * max(each.finish_s for each in run.requests)
        requests = run.result.requests
        worked_s = requests["draft_s"].sum() + requests["encode_s"].sum() + requests["hidden_draft_s"].sum()
        assert busy_s >= worked_s - 1e-9
    requests = runs[2].result.requests
    alone = requests["draft_s"] == 0
    assert alone.any() and (requests[alone]["edge_queue_s"] == 0).all(), "it waits behind the cloud"
    assert requests["edge_queue_s"].sum() > 0


def test_i10_the_drafters_cache_holds_what_was_read_of_the_text() -> None:
    """On the model's own cache, after each token; and the books agree with it."""
    held = set[int]()

    def check(request: RequestDecoding, after: EdgeNode, tokens: Tokens) -> None:
        cached = request.drafter.cached
        assert after.committed[: len(cached)] == cached and len(cached) == after.cached, "I10: what a cache holds"
        held.add(len(cached))

    with resolved(check):
        ran(lossy(K_SQS))
    assert {0, 8} < held, "nothing, then the prompt, then more"


def test_it_works_for_devices_that_hear_only_after_sending() -> None:
    arq = {"kind": "stop_and_wait", "timeout_s": 9.0}
    deaf = cell(
        COUPLED,
        workload=ONE,
        edge=READING,
        downlink=link(1e5, arq=arq, listens="after_sending"),
        uplink=link(2e4, arq=arq),
    )
    assert ran(deaf).requests[0].tokens == ran(cell(COUPLED, workload=ONE)).requests[0].tokens


FAULTS: dict[str, Any] = {
    "an outage": {"uplink": {"rate": {"kind": "trace", "points": ((0, 3e4), (0.11, 0), (0.6, 3e4))}}},
    "the downlink is away": {"downlink": {"rate": {"kind": "trace", "points": ((0, 3e4), (0.1, 0), (0.6, 3e4))}}},
    "a deadline": {"workload": {"deadline_s": 0.25}},
    "absences": {"workload": {"absences": {"kind": "scheduled", "away": [(0, 0.1, 0.3)]}}},
    "the prompt is there": {"workload": {"prompt_at_cloud": True}},
    "losses": {
        "uplink": {"loss": {"kind": "bernoulli", "probability": 0.5}},
        "downlink": {"loss": {"kind": "bernoulli", "probability": 0.5}},
    },
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_changes_an_answer(fault: str) -> None:
    """A coupled answer is the verifier's own, however many tokens the cloud began with: so it is here, as far as it
    came, and those that nobody gave up came to their end. Of plain rounds the fault schedules show it."""
    asked = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 12}
    quiet = ran_once(cell(COUPLED, workload=asked)).texts
    made = cell(_composed(GOODPUT["policy"]), workload=asked, edge=READING).with_(
        {f"{part}.{name}": value for part, fields in FAULTS[fault].items() for name, value in fields.items()}
    )
    outcomes = set[str]()
    for each in ran(made).requests:
        outcomes.add(each.outcome)
        assert tuple(each.tokens) == quiet[each.device, each.number][: len(each.tokens)]
        assert len(each.tokens) == 12 or each.outcome != "answered"
    assert (outcomes == {"answered"}) == (fault not in ("a deadline", "absences"))


def _composed(policy: object) -> dict[str, Any]:
    parts = {"sparsifier": "all", "quantizer": "exact", "code": "ids", "draw": "shared_race", "acceptance": "coupling"}
    return {"kind": "composed", "policy": policy, "budget_bits": None, **parts, **FIRST}


def test_a_device_that_leaves_all_to_the_cloud_is_as_quick_as_the_cloud_alone() -> None:
    """`goodput` that has learned that drafting does not pay here never joins again, and never stops the cloud."""
    asked = {"kind": "closed", "requests": 4, "prompt_tokens": 8, "output_tokens": 24}
    down = link(1e7, 0.09, arq="selective_repeat")
    slow: dict[str, Any] = {"uplink": link(1e4, 0.09), "downlink": down, "workload": asked, "edge": READING}
    first, plain, alone = (
        simulate(cell(scheme, **slow), memory=Memory()).requests["latency_s"]
        for scheme in (GOODPUT, GOODPUT | {"cloud_first": False}, "cloud_only")
    )
    assert first[0] > 2 * alone[0], "it has tried to draft"
    assert first[1:].to_numpy() == pytest.approx(alone[1:].to_numpy(), rel=1e-3), "replies tell of the cloud"
    assert (plain[1:] > 1.2 * alone[1:]).all(), "a count goes up first, and the prompt is read before it"
