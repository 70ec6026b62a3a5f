"""Many sites beside the same sites simulated one by one in this process, and the memory that more of them take.

Rounds are remembered texts of a synthetic pair, so that what is timed is the simulation, the writing of partitions and
Dask. `SQSIM_SCALE=full` runs 1,000 sites of 100 devices on two workers; without it, 48 of 50.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

import pytest

from kinds.files import read_note
from simulator import Cell, simulate
from simulator.decoding.memory import Memory
from simulator.results.result_directory import MANIFEST, PARTITIONS
from simulator.sites.many_sites import sites
from simulator.sites.site_draws import Sites

pytest.importorskip("distributed", reason="needs the extra sqsim[cluster]")
FULL = os.environ.get("SQSIM_SCALE") == "full"
SITES, DEVICES = (1_000, 100) if FULL else (48, 50)
ALONE = 10
"""Sites that are simulated without Dask too."""


def study() -> Sites:
    own = {"sharing": "own", "delay": {"kind": "constant", "delay_s": 0.02}}
    base = {
        "models": {"pair": {"kind": "synthetic", "size": 256}},
        "workload": {
            "kind": "closed", "devices": DEVICES, "requests": 1, "prompt_tokens": 16, "output_tokens": 32,
            "distinct": 1_000 if FULL else 100, "distinct_seed": 0,
        },
        "uplink": {"rate": {"kind": "constant", "bps": 1e5}, **own},
        "downlink": {"rate": {"kind": "constant", "bps": 1e7}, **own},
        "cloud": {"servers": DEVICES // 4},
    }  # fmt: skip
    vary = {"uplink.rate.bps": {"kind": "lognormal", "median": 1e5, "sigma": 0.5}, "cloud.servers": [15, 25, 40]}
    return Sites.of(Cell.from_fields(base), SITES, vary)


def test_many_sites_cost_what_each_costs_alone_and_no_more_memory(tmp_path: Path, ratio) -> None:
    given, memory = study(), Memory()
    for index in range(ALONE):  # which decodes, and is not timed
        simulate(given.site(index), memory=memory)
    start = time.process_time()
    alone = sum(int(simulate(given.site(index), memory=memory).requests["rounds"].sum()) for index in range(ALONE))
    alone_s = time.process_time() - start
    sites(given, tmp_path / "out", workers=2)
    found = read_note(tmp_path / "out" / MANIFEST)["sites"]
    notes = [read_note(path) for path in sorted((tmp_path / "out").glob(f"{PARTITIONS}/*/files.json"))]
    mib = sum(path.stat().st_size for path in (tmp_path / "out").glob("**/*.parquet")) / 2**20
    print(
        f"\n{found['sites']} sites, {found['devices']} devices, {found['rounds']} rounds in "
        f"{found['simulated_s']:.0f} s, {found['cpu_s']:.0f} CPU s of workers: {found['rounds'] / found['cpu_s']:.0f} "
        f"rounds/CPU s, alone {alone / alone_s:.0f}; summary {found['summary_s']:.1f} s; {mib:.1f} MiB of tables; "
        f"peak of a worker {found['worker_peak_mib']:.0f} MiB, of client and scheduler {found['client_peak_mib']:.0f}",
        file=sys.stderr,
    )
    later = statistics.median(note["cpu_s"] / note["rounds"] for note in notes[len(notes) // 2 :])  # all is loaded
    cost = later / (alone_s / alone)
    ratio("many sites / a site alone", cost, at_most=1.5, meaning="CPU seconds of workers a round")
    first, last = (max(note["peak_mib"] for note in part) for part in (notes[: len(notes) // 4], notes))
    ratio("memory after all sites / after a quarter", last / first, at_most=1.1, meaning="peak of a worker")
