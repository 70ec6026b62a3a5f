"""What decodings save that run side by side: CPU seconds of a cut of the main scenario, its schemes, a few seeds
and a request of each.

One process each: one decoding after another, and side by side, as in workers. Forward passes are distinguished from the
rest (softmax, codec, events); the tables must be the same bytes.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from models.bundled.smollm2 import SmolLM2

SEEDS = 2
AT_A_TIME = 12
"""All of them; the whole scenario has some more in each task."""
ROOT = Path(__file__).resolve().parents[2]
WAYS = {"alone": 1, "side by side": AT_A_TIME}


@pytest.mark.skipif(SmolLM2.available() is not None, reason="no smollm2 here")
def test_what_the_main_scenario_costs_side_by_side(capsys, ratio):
    spent = {}
    for way, at_a_time in WAYS.items():
        command = [sys.executable, __file__, str(at_a_time)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        spent[way] = json.loads(ran.stdout.splitlines()[-1])
    assert len({told["tables"] for told in spent.values()}) == 1
    with capsys.disabled():
        for way, told in spent.items():
            print(f"\n{way}: {told['passes_s']:.1f} s of forward passes, {told['all_s']:.1f} s in all", end="")
    alone, shared = (spent[way] for way in WAYS)
    meaning = "CPU seconds of a cut of latency_vs_bandwidth"
    ratio("side by side / one by one: passes", shared["passes_s"] / alone["passes_s"], at_most=1 / 3, meaning=meaning)
    ratio("side by side / one by one: in all", shared["all_s"] / alone["all_s"], meaning=meaning)


def measure(at_a_time: int) -> dict[str, float | str]:
    """CPU seconds of the forward passes and of all, and a hash of the tables."""
    from models.packed_passes import ForwardPass
    from models.shared_passes import together
    from scenarios.command.run.run_plan import Changes, plan_of
    from scenarios.latency_vs_bandwidth import SCENARIO
    from simulator import run, simulate
    from simulator.decoding import decoder
    from simulator.decoding.memory import Memory

    plan = plan_of(SCENARIO, Changes(seeds=SEEDS, settings={"workload.requests": 1}))
    cells = list({cell.decoding_id: cell for cell in plan.cells}.values())
    passes_s = Timed(ForwardPass, "alone"), Timed(sys.modules["models.packed_passes"], "packed")
    loaded = decoder.load(cells[0].models.pair)
    if at_a_time == 1:
        run.predecode = lambda *_: None  # else the requests of each cell are decoded side by side
    else:
        assert loaded.drafter.shared.packs and loaded.verifier.shared.packs  # type: ignore[attr-defined]
    simulate(cells[0], memory=Memory())  # compiles what is compiled
    for each in passes_s:
        each.spent_s = 0.0
    start = time.process_time()
    calls = [partial(simulate, cell, memory=Memory()) for cell in cells]
    found = dict(together(calls, at_a_time))
    all_s = time.process_time() - start
    tables = hashlib.sha256("".join(found[place].rounds.to_csv() for place in range(len(cells))).encode())
    return {"passes_s": sum(each.spent_s for each in passes_s), "all_s": all_s, "tables": tables.hexdigest()}


class Timed:
    """Adds up the CPU seconds of a function that it takes the place of."""

    def __init__(self, owner: object, name: str) -> None:
        self.spent_s = 0.0
        function = getattr(owner, name)

        def timed(given: object) -> object:
            start = time.process_time()
            made = function(given)
            self.spent_s += time.process_time() - start
            return made

        setattr(owner, name, timed)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
