"""Where everything is that a run has written, as its last lines tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scenarios.command.report.drawing import BESIDE, CAPACITY
from scenarios.command.run.run_plan import RunPlan
from simulator.results.trace_file import SUFFIX
from simulator.sweeps.store import CELL_FILES


def written(plan: RunPlan, out: Path, figures: Sequence[Path]) -> list[str]:
    """The directory and what is in it, then the figures if there are any."""
    also = f"{CAPACITY}, tried.csv, " if plan.objective is not None else f"{BESIDE}, " if plan.tune is not None else ""
    also += "".join(f"{each.name}.csv, " for each in plan.tables if (out / f"{each.name}.csv").is_file())
    tables = ", requests.parquet, rounds.parquet" if (out / "requests.parquet").is_file() else ""
    names = ",".join(dict.fromkeys(path.stem for path in figures))
    drawn = [f"Figures: {out / 'figures'}/{{{names}}}.svg|png"] if names else []
    traces = f", {CELL_FILES}/ID{SUFFIX}" if any((out / CELL_FILES).glob(f"*{SUFFIX}")) else ""
    return [f"Results: {out}/{also}cells.csv, summary.csv{tables}, findings.json, {CELL_FILES}/ID.yaml{traces}", *drawn]
