"""What tests type, the run that has ended well which they share, and a note of it changed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from scenarios.command.registry import scenario
from scenarios.command.report.drawing import draw_all
from scenarios.command.result_folder import Note
from scenarios.command.run.run_plan import Changes, RunPlan, plan_of
from simulator.results.result_directory import record

SMALL = (
    "--set=models.pair={kind: synthetic, size: 64, contexts: 8}",
    "--set=workload.requests=1",
    "--set=workload.output_tokens=6",
    "--set=workload.prompt_tokens=4",
    "--workers=1",
)

ONE_MODE = tuple(
    f"--set=scheme.{each}"
    for each in ("acceptance=rejection", "depth=0", "cloud_first=false", "partial=false", "prepared=0")
)
"""How rounds are served and judged is given, and enters no race."""


RUN = (
    "run", "latency_vs_bandwidth", "--quick", "--grid=scheme=cloud_only,edge_only,half_dense,dense,k_sqs",
    "--grid=uplink.rate.bps=1e4,1e6", "--seeds=2", *SMALL,
)  # fmt: skip
"""The run of `finished`: three schemes that choose a setting, one that has none, a lossy one."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended well: its folder and what it printed."""

    out: Path
    stdout: str
    stderr: str


@cache
def whole_plan(name: str) -> RunPlan:
    """The run that a scenario asks for, of one seed."""
    return plan_of(scenario(name), Changes(seeds=1))


def only_latency(summary: pd.DataFrame, axis: str | None, note: Note, folder: Path, *more: Any) -> Iterator[Path]:
    """One figure of four: the others have tests of their own and cost a second each run."""
    latency = [name for name in note.figures if name == "latency"]
    return draw_all(summary, axis, replace(note, figures=latency), folder, *more)


def noted(folder: Path, **fields: object) -> None:
    """Gives a result directory's scenario.json other fields, and the checksum that goes with them."""
    path = folder / "scenario.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    record(folder, [path])
