"""Faults of every kind at once: each request has one end, and those answered carry the tokens of the quiet run.

Each run is checked as `simulate` checks it: I1 to I4, I9 and I11 at its end, I5 and I8 on the way; I6 by a second run,
which remembers nothing; I7 by the packets of every payload and reply, I10 by the books of every round. I12 holds
because tokens are those of the quiet run.
"""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from cells import cell, link
from numpy.random import Generator
from plants import Watch, ran

from simulator import Cell
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import EdgeNode, Tokens, TreeNode
from simulator.results.observer import Airing
from simulator.results.requests import Request
from simulator.results.rounds import Round
from simulator.timing.link import Link

MEMORY = Memory()
"""The memory holds tokens only. A fault changes when, never which, so all schedules share their decoding."""
SCHEMES: dict[str, object] = {
    "coupled": {"kind": "coupled", "max_drafts": 3},
    "k_sqs": "k_sqs",
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "carry": False},  # a request given up would be told from the next
    "parts": {"kind": "k_sqs", "k": 4, "partial": True, "max_drafts": 6},
    "dense": {"kind": "dense", "max_drafts": 3},
    "half_top_k": "half_top_k",
    "dssd": {"kind": "dssd", "max_drafts": 3},
    "cloud_only": "cloud_only",
    "colocated": "colocated",
    "edge_only": "edge_only",
    "joins": {"kind": "coupled", "max_drafts": 3, "cloud_first": True},
    "joins, then ahead": {"kind": "coupled", "max_drafts": 3, "cloud_first": True, "depth": 2},
    "tree joins, then ahead": {"kind": "coupled_tree", "nodes": 6, "cloud_first": True, "depth": 1},
    "tree joins": {"kind": "coupled_tree", "nodes": 6, "cloud_first": True},
}
JOINING = ("joins", "joins, then ahead", "tree joins", "tree joins, then ahead")
"""Those of which time decides the rounds, and no token."""
ASKED = {"kind": "closed", "devices": 3, "requests": 3, "prompt_tokens": 8, "output_tokens": 10}
LONG_S = 3e3
HEARD_S = 300.0
"""By then the cloud knows of each end."""
BURSTS = {"kind": "gilbert_elliott", "to_bad": 0.2, "to_good": 0.3}
Text = tuple[tuple[int, ...], tuple[tuple[float, ...], ...]]


def text(request: Request) -> Text:
    """The tokens of an answer, and all that was decided on the way to it."""
    rounds = request.rounds
    return tuple(request.tokens), tuple(
        (each.drafted, each.accepted, each.committed, each.payload_bits, each.reply_bits, each.nll) for each in rounds
    )


@cache
def quiet(scheme: str) -> dict[tuple[int, int], Text]:
    """What each request says when nothing goes wrong."""
    requests = ran(cell(SCHEMES[scheme], workload=ASKED), MEMORY).requests
    assert all(each.outcome == "answered" for each in requests)
    return {(each.device, each.number): text(each) for each in requests}


ON_AIR: list[dict[str, Any]] = [
    {
        "rate": {"kind": "base_station", "blocks": 4, "distance_m": 500, "coherence_s": 0.01, "shadow": False},
        "mtu_bits": 720,
        "sharing": {"kind": "scheduled", "error_rate": 0.5, "attempts": 2},
    }
]
"""Blocks that are given up: how devices share a link is theirs."""


def one_of(rng: Generator, *choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def faulty_link(rng: Generator) -> dict[str, Any]:
    """Losses, outages, lost acknowledgements, limits, small buffers, fragments, reordering."""
    constant = {"kind": "constant", "bps": one_of(rng, 3e3, 3e4, 1e6, "inf")}
    rate = one_of(
        rng,
        constant,
        {"kind": "random_outages", "rate": {"kind": "constant", "bps": 3e4}, "mean_up_s": 1, "mean_out_s": 0.3},
        {"kind": "trace", "points": ((0, 3e4), (0.1, 0), (0.6, 3e4), (1.0, 0), (1.5, 3e4))},
        {"kind": "trace", "points": ((0, 2e4), (0.2, 0)), "period_s": 0.4},
    )
    losses = ("none", {"kind": "bernoulli", "probability": 0.3}, {"kind": "bernoulli", "probability": 0.5}, BURSTS)
    arq = {
        "kind": one_of(rng, "stop_and_wait", "selective_repeat"),
        "timeout_s": one_of(rng, 0.1, 0.25),
        "timer": one_of(rng, "fixed", "jacobson"),
        "backoff": one_of(rng, 1.0, 2.0),
        "timeout_max_s": 0.8,
        "max_attempts": one_of(rng, None, 1, 3),
        "ack_loss": one_of(rng, *losses),
    }
    delay = one_of(rng, 0.0, 0.02, {"kind": "jitter", "delay_s": 0.01, "jitter_s": 0.02, "reorder": True})
    return {
        "rate": rate,
        "loss": one_of(rng, *losses),
        "delay": delay if isinstance(delay, dict) else {"kind": "constant", "delay_s": delay},
        "arq": arq,
        "mtu_bits": one_of(rng, None, 720),
        "buffer_packets": one_of(rng, None, None, 5),
        "sharing": one_of(rng, "fifo", "round_robin", "own"),
        "access_s": one_of(rng, 0.0, 0.01),
    }


def absences(rng: Generator) -> Any:
    """Of three devices."""
    return one_of(
        rng,
        "none",
        {"kind": "random", "mean_there_s": one_of(rng, 0.5, 3.0), "mean_away_s": 0.3},
        {"kind": "scheduled", "away": [(int(rng.integers(3)), 0.2, 0.9), (0, 1.0, 1.1), (2, 1.3, 1.4)]},
    )


def faulty(number: int) -> tuple[str, Cell]:
    """Schedule `number`: a scheme, and a small cell where much goes wrong."""
    rng = np.random.default_rng((8, number))
    scheme, servers = one_of(rng, *SCHEMES), one_of(rng, 1, 1, 2, 3)
    workload = ASKED | {
        "kind": one_of(rng, "closed", "poisson"),
        "requests": int(rng.integers(1, 4)),
        "deadline_s": one_of(rng, None, None, 0.3, 1.0, 3.0),
        "absences": absences(rng),
        "horizon_s": one_of(rng, 1.0, LONG_S, LONG_S, LONG_S),
    }
    workload |= {"rate_per_s": one_of(rng, 0.5, 5.0)} if workload["kind"] == "poisson" else {"think_s": 0.1}
    cloud = {
        "servers": servers,
        "judge_s": one_of(rng, 0.0, 1e-3),
        "batching": one_of(rng, "none", "waiting", {"kind": "window", "cap": 3, "window_s": 0.03}, "continuous"),
        "token_budget": one_of(rng, None, 3, 12),
        "kv_tokens": one_of(rng, None, 27, 40),
        "admission": ("preempt", "whole_request")[number % 2],
        "latency": {"kind": "affine", "base_s": 0.01, "per_token_s": 0.001},
        "drafter_latency": {"kind": "constant", "per_pass_s": 0.002},
    }
    uplink, downlink = faulty_link(rng), faulty_link(rng)
    if scheme == "parts":
        uplink["mtu_bits"] = one_of(rng, 345, 360, 400)  # a draft or few a packet
        longest_s = one_of(rng, None, 0.05, 0.5)
        uplink["reassembly_s"] = longest_s if uplink["delay"]["kind"] == "jitter" else None
    for way in (uplink, downlink):
        way["arq"]["ack_bits"] = one_of(rng, 0, 0, 112)
    more = np.random.default_rng((29, number))
    if scheme != "parts":
        for way in (uplink, downlink):
            way["header_bits"] = one_of(more, 320, 96, 24)
    edge = {"latency": {"kind": "constant", "per_pass_s": 0.005}, "drafts_per_pass": one_of(more, 1, 1, 2, 3)}
    for way in (uplink, downlink):
        way |= one_of(more, {}, {}, {}, *ON_AIR)
    cloud |= {"kv_block_tokens": one_of(more, 1, 1, 14)}
    if cloud["kv_block_tokens"] > 1 and cloud["kv_tokens"]:
        cloud["kv_tokens"] += cloud["kv_tokens"] % 2 or 2  # 28 or 42
    return scheme, cell(SCHEMES[scheme], workload=workload, cloud=cloud, edge=edge, uplink=uplink, downlink=downlink)


class OnAir(Watch):
    """What each packet of a message put on the air behind its header, how often one went out again after its sender's
    pause, and the acknowledgements that took capacity."""

    def __init__(self, partial: bool) -> None:
        super().__init__()
        self.partial = partial
        self.packets: dict[tuple[str, int, int, int], dict[tuple[int, int], int]] = {}
        self.pauses = 0
        self.acknowledgements = 0

    def on_packet(self, airing: Airing) -> None:
        if airing.fragment < 0:
            self.acknowledgements += 1
            return
        device, request, message = airing.address
        packets = self.packets.setdefault((airing.link, device, request, airing.round), {})
        packet, content_bits = (
            (message, airing.fragment),
            airing.bits - (airing.header_bits or 0),
        )  # of several messages
        assert packets.setdefault(packet, content_bits) == content_bits, "I7: a repeat of another length"
        limit = self.link(airing.link).config.arq.max_attempts
        self.pauses += limit is not None and airing.attempt > 0 and airing.attempt % limit == 0

    def on_round(self, request: Request, round_: Round) -> None:
        """An answered round has crossed both links, or never left its end."""
        if round_.answered_s == round_.answered_s:
            self.check("uplink", request, round_, round_.payload_bits)
            self.check("downlink", request, round_, round_.reply_bits)

    def check(self, name: str, request: Request, round_: Round, bits: float) -> None:
        packets = self.packets.get((name, request.device, request.number, int(round_.round)), {})
        payloads = list(packets.values())
        assert all(size >= 0 for size in payloads) and bits % 8 == 0, "I7"
        if self.partial and name == "uplink":
            assert (round_.round, 0) in packets, "I7"
            assert sum(payloads) <= bits, "I7: packets of a partial round may have stayed behind"
        else:
            sizes = Counter(message for message, _ in packets)
            assert sum(payloads) == bits, "I7"
            assert {*packets} == {(message, each) for message, size in sizes.items() for each in range(size)}, "I7"

    def link(self, name: str) -> Link:
        return next(each for each in self.plant.links if each.name == name)


def verify(number: int, seen: Counter[str]) -> None:
    """Runs a schedule and checks all that holds whatever happens; `seen` counts what did happen."""
    scheme, made = faulty(number)
    on_air = OnAir(partial=scheme == "parts")
    run = ran(made, MEMORY, on_air)
    seen["paused"] += on_air.pauses
    seen["acknowledged"] += on_air.acknowledgements
    plant, requests = run.plant, run.requests
    places = [(each.device, each.number) for each in requests]
    assert len(set(places)) == len(places) <= 3 * made.workload.requests  # type: ignore[attr-defined]
    for each in requests:
        seen[each.outcome] += 1
        if scheme == "parts":  # what is lost decides what is verified: other tokens of the same distribution
            seen["prefix"] += sum(0 < way.verified == way.accepted < way.drafted for way in each.rounds)
        elif each.outcome == "answered" and scheme in JOINING:
            seen["joined"] += any(way.drafted for way in each.rounds) and not each.rounds[0].drafted
            assert text(each)[0] == quiet(scheme)[each.device, each.number][0]
        elif each.outcome == "answered":
            assert text(each) == quiet(scheme)[each.device, each.number], f"request {each.device}/{each.number}"
        else:
            answer = quiet(scheme)[each.device, each.number][0]
            assert tuple(each.tokens) == answer[: len(each.tokens)]
    rows = run.result.requests.set_index(["device", "request"])["output_tokens"]
    assert rows.to_dict() == {(each.device, each.number): len(each.tokens) for each in requests}, "late"
    if made.workload.horizon_s == LONG_S:  # every fault here passes, so every request has its end
        assert not plant.arrivals._pending and all(each.outcome != "in_flight" for each in requests)
        assert all(device.station.present == 0 for device in plant.devices)
        plant.env.run(plant.env.now + HEARD_S)
        held = plant.cloud.pool.reservations
        assert not held.waiting and not held._reserved
    seen["eviction"] += plant.cloud.evictions
    assert made.cloud.admission.preempts or not plant.cloud.evictions
    for way in plant.links:
        seen["lost"] += way.lost
        seen["dropped"] += way.dropped
    if scheme in ("parts", *JOINING) or number % 10 == 0:
        live = ran(made).result
        assert live.rounds.equals(run.result.rounds) and live.requests.equals(run.result.requests), "I6"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What has happened; while it counts, the books of the drafter's cache are watched."""
    resolve = EdgeSession.resolve

    def watched(self: EdgeSession, node: EdgeNode, reply: bytes) -> tuple[EdgeNode, Tokens]:
        after, tokens = resolve(self, node, reply)
        if (
            tokens and node.drafts
        ):  # else the round is still open, and more is wanted of the cloud, or it is the cloud's
            dropped = isinstance(node, TreeNode) and self._promises(node)  # branches that the next round does not go on
            assert 1 <= len(after.committed) - after.cached <= 2 + node.steps * dropped, "I10"
        return after, tokens

    monkeypatch.setattr(EdgeSession, "resolve", watched)
    return Counter()


OUTCOMES = ("answered", "timed_out", "abandoned")
FAULTS = ("eviction", "lost", "dropped", "paused", "prefix", "acknowledged", "joined")


def test_random_fault_schedules(seen: Counter[str]) -> None:
    for number in range(30):
        verify(number, seen)
    assert all(seen[name] >= 2 for name in (*OUTCOMES, *FAULTS)), seen


@pytest.mark.slow
def test_a_thousand_random_fault_schedules(seen: Counter[str]) -> None:
    for number in range(1_000):
        verify(number, seen)
    rarer = {"prefix": 25, "joined": 25, "eviction": 75}
    assert all(seen[name] >= rarer.get(name, 200) for name in (*OUTCOMES, *FAULTS)), seen
    assert seen["in_flight"] > 0


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme not in ("parts", *JOINING)])
def test_half_the_packets_bursts_and_lost_acknowledgements_change_no_token(scheme: str) -> None:
    """Downlink replies of the hosted schemes overtake each other here, and are put in order at the device."""
    half = {"kind": "bernoulli", "probability": 0.5}
    arq = {"kind": "selective_repeat", "timeout_s": 0.05, "ack_loss": half}
    run = ran(
        cell(
            SCHEMES[scheme],
            workload=ASKED,
            uplink=link(3e4, loss=half, arq=arq, mtu_bits=420),
            downlink=link(1e5, loss=BURSTS, arq=arq),
            cloud={"servers": 2, "latency": {"kind": "constant", "per_pass_s": 0.02}},
        ),
        MEMORY,
    )
    assert {(each.device, each.number): text(each) for each in run.requests} == quiet(scheme)
