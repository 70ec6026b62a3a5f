"""A user's class that does not answer the same each time is refused, and nothing that it decided is remembered."""

from pathlib import Path

import pytest

from kinds import ConfigError
from kinds.mistakes import CALLED_TWICE, ImpureError
from simulator import Cell, simulate
from simulator.cell.cell import load_imports
from simulator.decoding.memory import Memory
from simulator.decoding.round_store import RoundStore

BASE = {
    "models": {"pair": {"kind": "synthetic", "size": 16, "entropy_bits": 3.0}},
    "workload": {"kind": "closed", "devices": 1, "requests": 1, "prompt_tokens": 4, "output_tokens": 40},
}
SPARSIFIER = """
import random, time
import numpy as np
from typing import Literal
from simulator.schemes.sparsifier import Sparsifier

COUNT = [0]

class Mine(Sparsifier):
    kind: Literal["NAME"] = "NAME"

    def support(self, q, state):
        COUNT[0] += 1
        likely = np.argsort(-q)
        return np.sort(likely[:BODY])
"""
IMPURE = {
    "numpy": "1 + np.random.randint(8)",
    "random": "1 + random.randrange(8)",
    "a generator": "1 + np.random.default_rng().integers(8)",
    "a clock": "1 + time.perf_counter_ns() % 8",
    "a counter": "1 + COUNT[0] % 8",
}
PURE = {"plain": "3", "a seeded generator": "1 + np.random.default_rng(int(likely[0])).integers(8)"}


def cell(name: str, body: str, folder: Path) -> Cell:
    """With a sparsifier of a user's file."""
    kind = f"{name.replace(' ', '_')}_impure_in_tests"
    path = folder / f"{kind}.py"
    path.write_text(SPARSIFIER.replace("NAME", kind).replace("BODY", body))
    load_imports([path])
    scheme = {"kind": "composed", "sparsifier": kind, "max_drafts": 3}
    return Cell.from_fields({**BASE, "scheme": scheme, "imports": [str(path)]})


@pytest.mark.parametrize("name", IMPURE)
def test_an_impure_class_is_refused_each_time_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    one, memory = cell(name, IMPURE[name], tmp_path), Memory(RoundStore(tmp_path / "rounds.sqlite", 10**8))
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"impure_in_tests.py:12: Mine.support must be pure: .* returned"):
            simulate(one, memory=memory)
    assert not list(RoundStore(tmp_path / "rounds.sqlite", 10**8).entries())


@pytest.mark.parametrize("name", PURE)
def test_a_pure_class_runs_and_its_own_generators_are_its_affair(name: str, tmp_path: Path) -> None:
    one = cell(name, PURE[name], tmp_path)
    once, again = (simulate(one, memory=Memory()).summary for _ in range(2))
    assert once == pytest.approx(again, rel=0, abs=0, nan_ok=True)


LOCAL = """
from typing import Literal
from channels.link.losses import Loss

class Mine(Loss):
    kind: Literal["of_a_local_class_in_tests"] = "of_a_local_class_in_tests"

    def process(self, uniforms):
        class Process:
            def lost(self, now_s, bits, rate_bps, index):
                return uniforms.uniform(*index) < 0.2

        return Process()
"""


def test_a_loss_whose_process_is_of_a_class_made_in_its_method_runs(tmp_path: Path) -> None:
    (tmp_path / "local.py").write_text(LOCAL)
    load_imports([tmp_path / "local.py"])
    made = Cell.from_fields(
        {**BASE, "uplink.loss": "of_a_local_class_in_tests", "imports": [str(tmp_path / "local.py")]}
    )
    once, again = (simulate(made, memory=Memory()).rounds for _ in range(2))
    assert once["uplink_attempts"].max() > 1 and once.equals(again)


def test_who_draws_global_numbers_seldom_and_to_no_effect_is_seen_too(tmp_path: Path) -> None:
    body = f"3 + (COUNT[0] == {2 * CALLED_TWICE + 3} and np.random.random() > 2)"
    one, memory = cell("seldom", body, tmp_path), Memory(RoundStore(tmp_path / "rounds.sqlite", 10**8))
    with pytest.raises(ImpureError, match=r"draws from numpy.random's global numbers"):
        simulate(one, memory=memory)
    assert not list(RoundStore(tmp_path / "rounds.sqlite", 10**8).entries())
