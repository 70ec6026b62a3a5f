"""A gateway: users share its drafter's passes, each as long as a batch of them takes, and nothing else changes."""

from collections import deque
from typing import Any

import pytest
from cells import cell, link
from plants import ran

from simulator import Cell
from simulator.decoding.memory import Memory

TICK = 2.0**-12
BASE, PER_SEQUENCE, PER_TOKEN, PER_CACHED = 20 * TICK, 4 * TICK, 2 * TICK, TICK / 64
"""Powers of two, so that sums of times are exact."""
ASKED = {"kind": "closed", "requests": 2, "prompt_tokens": 8, "output_tokens": 20}
MEMORY = Memory()
SCHEMES: dict[str, dict[str, Any]] = {
    "waits": {"kind": "k_sqs"},
    "ahead": {"kind": "k_sqs", "depth": 1},
    "prepared": {"kind": "coupled", "prepared": 2},
    "sent ahead": {"kind": "k_sqs", "prepared": 2, "prepared_at": "cloud"},
    "the cloud starts": {"kind": "k_sqs", "cloud_first": True},
    "parts": {"kind": "k_sqs", "partial": True},
    "a policy that looks": {"kind": "composed", "policy": "entropy_exit"},
    "a tree": {"kind": "coupled_tree", "nodes": 6},
    "alone": {"kind": "edge_only"},
}

CUT = ("ahead", "prepared", "sent ahead")
"""Those whose results end work that is void: a pass of a gateway is not cut, and its end is waited for."""
TIMED = ("the cloud starts", "parts")
"""Those in which time decides tokens."""


def affine(sequences: int = 1) -> dict[str, object]:
    """The latency model of a pass, or of a pass of one of so many sequences alike that share it."""
    return {
        "kind": "affine", "base_s": BASE, "per_sequence_s": sequences * PER_SEQUENCE,
        "per_token_s": sequences * PER_TOKEN, "per_cached_token_s": sequences * PER_CACHED,
    }  # fmt: skip


def made(scheme: object, edge: dict[str, object], users: int, **fields: Any) -> Cell:
    """Users with lanes and servers of their own, and one text, unless `fields` say otherwise."""
    way = {"sharing": "own", "arq": "selective_repeat"}
    asked = ASKED | {"devices": users, "distinct": 1}
    cloud = {"servers": users, "batching": "none", "latency": {"kind": "constant", "per_pass_s": 64 * TICK}}
    edge = {"encode_s_per_draft": TICK / 4, **edge}
    tree = {"workload": asked, "edge": edge, "cloud": cloud, "uplink": link(2.0**17, 8 * TICK, **way),
            "downlink": link(2.0**20, 8 * TICK, **way)}  # fmt: skip
    return cell(scheme, **(tree | fields))


@pytest.mark.parametrize("drafts_per_pass", [1, 2])
@pytest.mark.parametrize("name", SCHEMES)
def test_users_in_step_take_what_a_batch_of_all_takes(name: str, drafts_per_pass: int) -> None:
    """Four users alike are never out of step, so each pass is of four sequences, on processors of their own as long."""
    if drafts_per_pass > 1 and name in ("prepared", "sent ahead"):
        return  # refused
    scheme, block = SCHEMES[name], {"drafts_per_pass": drafts_per_pass}
    shared = ran(made(scheme, {"latency": affine(), "gateway": "continuous"} | block, 4), MEMORY).result
    own = ran(made(scheme, {"latency": affine(4)} | block, 4), MEMORY).result
    if name in CUT:
        waits_s = shared.requests["edge_queue_s"]
        assert (waits_s > 0).all() and not own.requests["edge_queue_s"].any()
        assert (shared.requests["latency_s"] - waits_s).tolist() == pytest.approx(own.requests["latency_s"].tolist())
        return
    for mine, theirs in ((shared.rounds, own.rounds), (shared.requests, own.requests)):
        assert mine.drop(columns="cell").equals(theirs.drop(columns="cell"))
    assert name != "alone" or shared.summary["edge_busy"] == pytest.approx(own.summary["edge_busy"])


@pytest.mark.parametrize("cap", [1, 2, 3])
def test_passes_of_users_out_of_step_are_those_of_a_plain_loop(cap: int) -> None:
    """Three users on links without a rate, so that a round is out for the same time whenever it is sent."""
    way = {"sharing": "own", "arq": "selective_repeat"}
    run = ran(
        made({"kind": "k_sqs", "max_drafts": 3}, {"latency": affine(), "gateway": {"kind": "waiting", "cap": cap}}, 3,
             workload=ASKED | {"devices": 3, "requests": 1},
             uplink=link(float("inf"), 8 * TICK, **way), downlink=link(float("inf"), 8 * TICK, **way)),
        MEMORY,
    )  # fmt: skip
    rounds = {each.device: deque(each.rounds) for each in run.requests}
    text = dict.fromkeys(rounds, ASKED["prompt_tokens"])
    cached, left = dict.fromkeys(rounds, 0), {user: mine[0].drafted for user, mine in rounds.items()}
    waiting, now_s, answered = [(0.0, user) for user in rounds], 0.0, 0
    while waiting:
        now_s = max(now_s, min(waiting)[0])
        batch = [user for come_s, user in sorted(waiting) if come_s <= now_s][:cap]
        waiting = [each for each in waiting if each[1] not in batch]
        now_s += BASE + sum(
            PER_SEQUENCE + PER_TOKEN * (text[user] - cached[user]) + PER_CACHED * cached[user] for user in batch
        )
        for user in batch:
            cached[user], text[user], left[user] = text[user], text[user] + 1, left[user] - 1
            if left[user]:
                waiting.append((now_s, user))
                continue
            this = rounds[user].popleft()
            assert this.sent_s == now_s + this.drafted * TICK / 4
            answered += 1
            text[user] += this.committed - this.drafted
            cached[user] = min(cached[user], text[user] - 1)
            if rounds[user]:
                left[user] = rounds[user][0].drafted
                waiting.append((this.answered_s, user))
    assert answered == sum(len(each.rounds) for each in run.requests)


def test_without_batching_passes_are_made_in_turn_and_waiting_is_time_in_the_queue_of_the_edge() -> None:
    """Two answers of a model alone: each token of one waits for a token of the other."""
    edge = {"latency": {"kind": "constant", "per_pass_s": BASE}, "gateway": "none"}
    first, second = ran(made("edge_only", edge, 2, workload=ASKED | {"devices": 2, "requests": 1}), MEMORY).requests
    assert (first.spent.edge_queue_s, second.spent.edge_queue_s) == (19 * BASE, 20 * BASE)


@pytest.mark.parametrize("name", [name for name in SCHEMES if name not in TIMED])
def test_no_token_depends_on_a_gateway_whatever_is_lost_or_given_up(name: str) -> None:
    """I12 holds at a gateway, since it holds without one: each answer is the same."""
    asked = ASKED | {"devices": 3, "absences": {"kind": "scheduled", "away": [(0, 0.2, 0.3)]}}
    lossy = link(1e5, 0.01, loss={"kind": "bernoulli", "probability": 0.3})
    edge = {"latency": affine(), "gateway": {"kind": "waiting", "cap": 2}}
    quiet = ran(made(SCHEMES[name], {"latency": affine()}, 3, workload=ASKED | {"devices": 3}), MEMORY).texts
    run = ran(made(SCHEMES[name], edge, 3, workload=asked, uplink=lossy, downlink=lossy), MEMORY)
    answered = [each for each in run.requests if each.outcome == "answered"]
    assert len(run.requests) > len(answered) > 0 and all(
        tuple(each.tokens) == quiet[each.device, each.number] for each in answered
    )
