"""From a scenario and a user's changes to results, figures, and the text that says what came out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scenarios.drawing import Note, draw_all
from scenarios.progress import Progress
from scenarios.scenario import Job
from scenarios.tables import WIDTH, costs, headline, overloads, stands_for
from simulator.findings import SEPARABLE
from simulator.stats import axis_of, summarise, with_curves


def run(job: Job, out: Path, workers: int, *, overwrite: bool, quiet: bool) -> str:
    """Sweeps the job's cells into `out` and draws its figures there; returns the summary for a person."""
    from simulator import sweep

    with Progress(quiet) as progress:
        table = sweep(job.cells, out, workers, overwrite=overwrite, progress=progress)
    note = Note(job.name, job.axis, tuple(job.figures))
    note.write(out)
    axis = axis_of(table, job.axis)
    table = with_curves(table, axis)
    summary = with_curves(summarise(table), axis)
    figures = list(draw_all(summary, note, out / "figures"))
    return "\n".join([*job.notes, *_report(job, table, summary, axis), "", *_places(out, figures)])


def _report(job: Job, table: pd.DataFrame, summary: pd.DataFrame, axis: str | None) -> list[str]:
    text = [headline(summary, axis), "", costs(summary), ""]
    told = dict.fromkeys(line for question in job.findings for line in question.told(table, axis))
    if told:
        text += [*(textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in told), SEPARABLE, ""]
    text += [textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in overloads(summary, axis)]
    return [*text, stands_for(job.cells)]


def _places(out: Path, figures: Sequence[Path]) -> list[str]:
    drawn = f"Figures: {out / 'figures'}/{{{','.join(dict.fromkeys(path.stem for path in figures))}}}.svg|png"
    return [f"Results: {out}/cells.csv, summary.csv, requests.parquet, rounds.parquet, cells/ID.yaml", drawn]
