"""From a scenario and a user's changes to results, figures, and the text that says what came out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scenarios.command.derived_axis import along
from scenarios.command.drawing import CAPACITY, Note, draw_all
from scenarios.command.printed_tables import WIDTH, bearing, costs, headline, overloads, stands_for
from scenarios.command.progress import Progress
from scenarios.command.run_plan import RunPlan
from scenarios.command.searching import FOUND, Search
from simulator.results.findings import SEPARABLE
from simulator.results.intervals import summarise
from simulator.sweeps.crews import crew_of
from simulator.sweeps.store import SEARCH


def run(plan: RunPlan, out: Path, workers: int, cluster: str | None, *, overwrite: bool, quiet: bool) -> str:
    """Sweeps the plan's cells into `out` and draws its figures there; returns the summary for a person.

    With an objective the cells swept are those at the largest number of devices that meets it.
    """
    from simulator import sweep

    search = None if plan.objective is None else Search(plan.cells, plan.objective, out)
    with Progress(quiet) as progress:
        cells = plan.cells
        if search is not None:
            cells = search.cells(crew_of(workers, cluster), overwrite=overwrite, progress=progress)
        keep = () if search is None else (SEARCH,)
        table = sweep(cells, out, workers, cluster, overwrite=overwrite, keep=keep, progress=progress)
    computed = along(cells, plan.axis)
    table = table.assign(**computed)
    summary = summarise(table)
    if search is not None:
        summary = search.beside(summary)
        summary.to_csv(out / CAPACITY, index=False)
        search.write()
    hidden = () if search is None else (search.field, *FOUND)
    note = Note(plan.name, plan.axis, plan.figures, hidden, {name: summary[name].tolist() for name in computed})
    note.write(out)
    (summary, axis), (table, _) = note.curved(summary), note.curved(table)
    figures = list(draw_all(summary, axis, note.figures, out / "figures"))
    return "\n".join(
        [*plan.notes, *_report(plan, table, summary, axis), "", *_places(out, figures, search is not None)]
    )


def _report(plan: RunPlan, table: pd.DataFrame, summary: pd.DataFrame, axis: str | None) -> list[str]:
    text = [headline(summary, axis), ""] if plan.objective is None else [bearing(summary, axis, plan.objective), ""]
    text += [costs(summary), ""]
    told = dict.fromkeys(line for question in plan.findings for line in question.told(table, axis))
    if told:
        text += [*(textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in told), SEPARABLE, ""]
    text += [textwrap.fill(line, WIDTH, subsequent_indent="    ") for line in overloads(summary, axis)]
    return [*text, stands_for(plan.cells)]


def _places(out: Path, figures: Sequence[Path], searched: bool) -> list[str]:
    drawn = f"Figures: {out / 'figures'}/{{{','.join(dict.fromkeys(path.stem for path in figures))}}}.svg|png"
    also = f"{CAPACITY}, tried.csv, " if searched else ""
    return [f"Results: {out}/{also}cells.csv, summary.csv, requests.parquet, rounds.parquet, cells/ID.yaml", drawn]
