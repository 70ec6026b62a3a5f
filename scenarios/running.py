"""From a scenario and a user's changes to results, figures, and the text that says what came out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scenarios.drawing import Note, draw_all
from scenarios.progress import Progress
from scenarios.scenario import Finding, Job
from scenarios.tables import WIDTH, costs, headline, stands_for
from simulator.findings import SEPARABLE, lines
from simulator.stats import CURVE, axis_of, summarise, with_curves


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
    if axis is not None:
        told = dict.fromkeys(line for finding in job.findings for line in _told(finding, table, axis))
        text += [*(textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in told), SEPARABLE, ""]
    return [*text, stands_for(job.cells)]


def _told(finding: Finding, table: pd.DataFrame, axis: str) -> list[str]:
    left_out = [kind for kind in finding.without if (table["scheme.kind"] == kind).any()]
    kept = table[~table["scheme.kind"].isin(left_out)]
    if kept[CURVE].nunique() < 2:
        return []
    prefix = f"without {', '.join(left_out)}: " if left_out else ""
    return [prefix + line for line in lines(kept, axis, finding.metric)]


def _places(out: Path, figures: Sequence[Path]) -> list[str]:
    drawn = f"Figures: {out / 'figures'}/{{{','.join(dict.fromkeys(path.stem for path in figures))}}}.svg|png"
    return [f"Results: {out}/cells.csv, summary.csv, requests.parquet, rounds.parquet, cells/ID.yaml", drawn]
