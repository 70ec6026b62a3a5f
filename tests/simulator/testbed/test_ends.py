"""Both ends of a cell in real time, without a network: they say what the simulator says, whatever happens to them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cells import cell
from mail import Texts, World
from plants import ran

from models import packed_passes
from simulator import Cell
from simulator.testbed.journal import Came, Closed, Computed, Flushed, Judged, Passed

ASKED = {"kind": "closed", "devices": 3, "requests": 2, "prompt_tokens": 8, "output_tokens": 14, "think_s": 0.001}
SOTU = {"models": {"pair": "sotu"}}
SCHEMES: dict[str, dict[str, Any]] = {
    "cloud_only": {"kind": "cloud_only"},
    "colocated": {"kind": "colocated", "max_drafts": 3},
    "dense": {"kind": "dense", "max_drafts": 3},
    "k_sqs": {"kind": "k_sqs", "k": 4, "max_drafts": 3},
    "c_sqs": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True},
    "coupled": {"kind": "coupled", "max_drafts": 3},
    "tree": {"kind": "tree"},
    "dssd": {"kind": "dssd"},
    "one ahead": {"kind": "k_sqs", "k": 4, "max_drafts": 3, "depth": 1},
    "two ahead": {"kind": "c_sqs", "initial": 0.05, "max_drafts": 2, "carry": True, "depth": 2},
}


def asked(scheme: str, **fields: Any) -> Cell:
    return cell(SCHEMES[scheme], **{"workload": ASKED, "cloud": {"batching": "waiting"}} | fields)


@cache
def simulated(scheme: str) -> Texts:
    return said(asked(scheme))


def said(of: Cell) -> Texts:
    return {(each.device, each.number): tuple(each.tokens) for each in ran(of).requests}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_ends_say_what_the_simulator_says(scheme: str, tmp_path: Path) -> None:
    assert World(asked(scheme), tmp_path).run() == simulated(scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_letters_that_overtake_one_another_change_no_token(scheme: str, tmp_path: Path) -> None:
    assert World(asked(scheme), tmp_path, delay_s=0.004).run() == simulated(scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kills", [(1,), (2, 3), (5, 6, 14), (9, 16, 25)])
def test_a_cloud_that_is_killed_and_begins_anew_changes_no_token(
    scheme: str, kills: tuple[int, ...], tmp_path: Path
) -> None:
    world = World(asked(scheme), tmp_path, delay_s=0.002, kills=kills, luck=len(kills))
    assert world.run() == simulated(scheme)


@pytest.mark.parametrize("scheme", ["k_sqs", "tree", "colocated", "two ahead"])
@pytest.mark.slow
def test_language_models_say_what_the_simulator_says(scheme: str, tmp_path: Path) -> None:
    few = asked(scheme, workload=ASKED | {"requests": 1}, **SOTU)
    assert World(few, tmp_path).run() == said(few)
