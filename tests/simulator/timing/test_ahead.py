"""Rounds drafted ahead, in time: what overlaps, what a rejection voids, and what no network may change."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cells import cell
from plants import ran

from simulator import Cell
from simulator.decoding.memory import Memory
from simulator.results.requests import Request

Text = tuple[tuple[int, ...], tuple[tuple[float, ...], ...]]
ASKED = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14}
SCHEMES: dict[str, dict[str, Any]] = {
    "k_sqs": {"kind": "k_sqs", "k": 4, "max_drafts": 3},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True},
    "half_top_k": {"kind": "half_top_k", "max_drafts": 3},
    "coupled": {"kind": "coupled", "max_drafts": 3},
}
MEMORY = Memory()


def text(request: Request) -> Text:
    """The tokens of an answer, and all that was judged on the way to it."""
    judged = [each for each in request.rounds if not each.flushed]
    return tuple(request.tokens), tuple(
        (each.round, each.drafted, each.accepted, each.committed, each.payload_bits, each.nll) for each in judged
    )


@cache
def quiet(scheme: str, depth: int) -> dict[tuple[int, int], Text]:
    """What each request says when nothing goes wrong."""
    requests = ran(cell(SCHEMES[scheme] | {"depth": depth}, workload=ASKED), MEMORY).requests
    assert all(each.outcome == "answered" for each in requests)
    return {(each.device, each.number): text(each) for each in requests}


def faulty_link(rng: np.random.Generator) -> dict[str, Any]:
    pick = rng.choice
    delay = {"kind": "jitter", "delay_s": 0.01, "jitter_s": 0.03, "reorder": True}
    return {
        "rate": {"kind": "constant", "bps": float(pick([5e3, 3e4, 1e6, np.inf]))},
        "loss": {"kind": "bernoulli", "probability": float(pick([0.0, 0.0, 0.3, 0.5]))},
        "delay": delay if rng.random() < 0.3 else {"kind": "constant", "delay_s": float(pick([0.0, 0.02]))},
        "arq": {
            "kind": str(pick(["stop_and_wait", "selective_repeat"])),
            "timeout_s": 0.1,
            "max_attempts": [None, 1, 3][rng.integers(3)],
            "ack_loss": {"kind": "bernoulli", "probability": float(pick([0.0, 0.3]))},
            "ack_bits": int(pick([0, 0, 112])),
        },
        "mtu_bits": [None, 400][rng.integers(2)],
        "sharing": str(pick(["fifo", "round_robin", "own"])),
        "access_s": float(pick([0.0, 0.01])),
    }


def faulty(number: int) -> tuple[str, int, Cell]:
    """Random cell `number`: its scheme, its depth, and all that may go wrong."""
    rng = np.random.default_rng((13, number))
    scheme, depth, servers = list(SCHEMES)[number % len(SCHEMES)], int(rng.integers(1, 4)), int(rng.integers(1, 3))
    down = {"kind": "random", "mean_there_s": 1.0, "mean_away_s": 0.2}
    workload = ASKED | {
        "deadline_s": [None, None, 0.6, 2.0][rng.integers(4)],
        "absences": ["none", "none", down][rng.integers(3)],
        "horizon_s": [1.0, 3e3, 3e3][rng.integers(3)],
        "think_s": 0.05,
    }
    cloud = {
        "servers": servers,
        "routing": str(rng.choice(["shared", "round_robin", "affinity"])),
        "batching": ["none", "waiting", "continuous"][rng.integers(3)],
        "kv_tokens": [None, 40][rng.integers(2)],
        "admission": str(rng.choice(["evict", "whole_request"])),
        "failures": ["none", down][rng.integers(2)],
        "latency": {"kind": "affine", "base_s": 0.01, "per_token_s": 0.001},
    }
    fields = {"workload": workload, "cloud": cloud, "uplink": faulty_link(rng), "downlink": faulty_link(rng)}
    edge = {"latency": {"kind": "constant", "per_pass_s": float(rng.choice([0.0, 0.004, 0.02]))}}
    return scheme, depth, cell(SCHEMES[scheme] | {"depth": depth}, edge=edge, **fields)


def same_tables(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.to_csv(index=False) == other.to_csv(index=False)


def check_faulty(number: int) -> pd.DataFrame:
    """Whatever happens: the run's own checks hold, tokens are those of the quiet run, remembered is as live."""
    scheme, depth, made = faulty(number)
    live, remembered = ran(made, Memory()), ran(made, MEMORY)
    for run in (live, remembered):
        for request in run.requests:
            tokens, judged = quiet(scheme, depth)[request.device, request.number]
            carried = SCHEMES[scheme].get("carry") and request.number
            if request.outcome == "answered" and not carried:  # what a cut request leaves behind is not the quiet run's
                assert text(request) == (tokens, judged)
    assert same_tables(live.result.rounds, remembered.result.rounds)
    assert same_tables(live.result.requests, remembered.result.requests)
    return live.result.rounds


def test_tokens_are_those_of_the_quiet_run_whatever_goes_wrong() -> None:
    rounds = pd.concat([check_faulty(number) for number in range(8)])
    assert rounds["flushed"].any() and rounds["stale"].any(), "else nothing of note has happened"


@pytest.mark.slow
@pytest.mark.parametrize("number", range(8, 208))
def test_tokens_are_those_of_the_quiet_run_in_many_more_cells(number: int) -> None:
    check_faulty(number)
