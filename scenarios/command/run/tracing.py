"""What `sqsim run --trace` leaves beside the results: a trace of every cell, also of those simulated before.

A line on stderr says where cells are simulated again for it, and which traces do not tell their whole run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kinds import ConfigError
from scenarios.command.run.run_options import RunOptions
from simulator.cell.cell import Cell
from simulator.results.trace import MOST_HEARD
from simulator.studies import SIMULATION
from simulator.sweeps.meter import OnProgress
from simulator.sweeps.store import CELL_FILES
from simulator.sweeps.tracing import cut_traces, trace_again, without_trace


def require_simulation(study: str) -> None:
    """Raises ConfigError where nothing happens in time that a trace could tell."""
    if study != SIMULATION:
        raise ConfigError(f"trace: this scenario asks the study {study!r}, in which no request is served in time")


def complete_traces(cells: Sequence[Cell], options: RunOptions, progress: OnProgress) -> None:
    """Where traces are asked for: has each cell's beside its results, once those are; tells what there is to know."""
    if not options.trace:
        return
    folder = options.out.resolve() / CELL_FILES
    missing = without_trace(cells, folder)
    if missing:
        told = f"{len(missing)} of {len(cells)} cells have no whole trace"
        print(f"sqsim: trace: {told}; they run once more for it, the tables stay", file=sys.stderr, flush=True)
        trace_again(missing, folder, options.pool(), progress)
    cut = cut_traces(cells, folder)
    if cut:
        path, at_s = cut[0]
        others = len(cut) - 1
        more = f"; so {'is 1 other' if others == 1 else f'are {others} others'}" if others else ""
        told = f"{CELL_FILES}/{path.name} ends at {at_s:.6g} s, after {MOST_HEARD} spans, packets and passes"
        print(f"sqsim: trace: cut: {told}{more}", file=sys.stderr, flush=True)
