"""From a scenario and a user's changes to results, figures, and the text that says what came out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from kinds import ConfigError
from scenarios.command.choosing import TUNING, Choosing, Chosen, beside, choices_table, summarised, to_show
from scenarios.command.derived_axis import along
from scenarios.command.drawing import BESIDE, CAPACITY, Note, draw_all
from scenarios.command.precision import Precision
from scenarios.command.printed_tables import WIDTH, bearing, chosen_table, costs, headline, overloads, stands_for
from scenarios.command.progress import Progress
from scenarios.command.run_plan import RunPlan
from scenarios.command.searching import FOUND, Search
from simulator.cell.cell import Cell
from simulator.results.columns import BEST, FIXED, SETTING
from simulator.results.findings import SEPARABLE
from simulator.results.intervals import summarise
from simulator.studies import SIMULATION
from simulator.sweeps.crews import crew_of
from simulator.sweeps.store import SEARCH, make_way


@dataclass(frozen=True)
class Means:
    """What a run may use, and what it may replace."""

    out: Path
    workers: int
    cluster: str | None = None
    overwrite: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Shown:
    """What there is to tell: cells tables with curves, their summary, the column they run along."""

    table: pd.DataFrame
    summary: pd.DataFrame
    axis: str | None
    choices: pd.DataFrame | None = None


def run(plan: RunPlan, means: Means) -> str:
    """Sweeps the plan's cells into `out` and draws its figures there; returns the summary for a person.

    With an objective the cells swept are those at the largest number of devices that meets it; with choices, those that
    each scheme chose and those of the grid.
    """
    with Progress(means.quiet) as progress:
        if plan.objective is not None:
            return _searched(plan, means, progress)
        choices = None if plan.best is None else _chosen(plan, means, progress)
        cells = plan.cells if choices is None else to_show(choices)
        metric = (plan.headlines or RunPlan.headlines)[0]
        precision = Precision(cells, metric, plan.precision) if plan.precision is not None else None
        table = _swept(plan, means, progress, cells, precision)
    seeds = range(table["seed"].nunique())
    if precision is not None:
        cells = precision.at(seeds, cells)
        choices = choices and [replace(each, cells=tuple(precision.at(seeds, each.cells))) for each in choices]
    notes = [*plan.notes, *([precision.told(table)] if precision is not None else [])]
    return _told(plan, means.out, cells, table, choices, notes)


def _swept(
    plan: RunPlan, means: Means, progress: Progress, cells: Sequence[Cell], precision: Precision | None
) -> pd.DataFrame:
    from simulator import sweep

    keep = (TUNING,) if plan.best is not None else ()
    return sweep(
        cells, means.out, means.workers, means.cluster, overwrite=means.overwrite, keep=keep, progress=progress,
        asking=plan.study, growth=precision,
    )  # fmt: skip


def _chosen(plan: RunPlan, means: Means, progress: Progress) -> list[Chosen]:
    """What each setting chooses, by trials in a directory of their own."""
    from simulator import sweep

    assert plan.best is not None
    choosing = Choosing(plan.cells, plan.best)
    folder = means.out / TUNING
    if not folder.is_dir():
        make_way(means.out, means.overwrite)
    created, progress_of = not means.out.exists(), progress.part("tuning")
    try:
        trials = sweep(
            choosing.trials(), folder, means.workers, means.cluster, overwrite=means.overwrite, progress=progress_of
        )
    except ConfigError:
        if created and means.out.is_dir() and not any(means.out.iterdir()):
            means.out.rmdir()
        raise
    return choosing.choices(trials)


def _told(
    plan: RunPlan,
    out: Path,
    cells: Sequence[Cell],
    table: pd.DataFrame,
    choices: Sequence[Chosen] | None,
    notes: Sequence[str],
) -> str:
    """Writes note, summary and figures of a finished sweep; returns what there is to say."""
    by_id = {cell.id: cell for cell in cells}
    computed = along([by_id[cell] for cell in table["cell"]], plan.axis)
    table = table.assign(**computed)
    if choices is None:
        summary = summarise(table)
        shown_at = {name: summary[name].tolist() for name in computed}
        note = Note(plan.name, plan.axis, plan.figures, plan.hidden, shown_at, told=plan.told)
        (summary, axis), (table, _) = note.curved(summary), note.curved(table)
        shown = Shown(table, summary, axis)
    else:
        over = tuple(plan.best.over) if plan.best else ()
        told = [name for name in plan.told if name not in over]
        note = Note(plan.name, plan.axis, plan.figures, (*plan.hidden, *over), told=told)
        axis = note.curved(table)[1]
        table = beside(table, choices, lambda rows: note.curved(rows)[0])
        summary = summarised(table)
        summary.to_csv(out / BESIDE, index=False)
        shown = Shown(table, summary, axis, choices_table(choices, table))
    return "\n".join([*notes, *_report(plan, cells, shown, note, out)])


def _searched(plan: RunPlan, means: Means, progress: Progress) -> str:
    """`run` with an objective."""
    from simulator import sweep

    assert plan.objective is not None
    search = Search(plan.cells, plan.objective, means.out)
    cells = search.cells(crew_of(means.workers, means.cluster), overwrite=means.overwrite, progress=progress)
    table = sweep(
        cells, means.out, means.workers, means.cluster, overwrite=means.overwrite, keep=(SEARCH,), progress=progress
    )
    computed = along(cells, plan.axis)
    table = table.assign(**computed)
    summary = search.beside(summarise(table))
    summary.to_csv(means.out / CAPACITY, index=False)
    search.write()
    note = Note(
        plan.name, plan.axis, plan.figures, (search.field, *FOUND),
        {name: summary[name].tolist() for name in computed}, told=plan.told,
    )  # fmt: skip
    (summary, axis), (table, _) = note.curved(summary), note.curved(table)
    return "\n".join([*plan.notes, *_report(plan, cells, Shown(table, summary, axis), note, means.out)])


def _report(plan: RunPlan, cells: Sequence[Cell], shown: Shown, note: Note, out: Path) -> list[str]:
    """Tables, findings, what is overloaded, what the run stands for, and where all is; writes note and figures."""
    wrapped = partial(textwrap.fill, width=WIDTH, subsequent_indent="    ")
    found = [line for question in plan.findings if (line := question.told(shown.table, shown.axis))]
    replace(note, findings=found).write(out)
    for each in plan.tables:
        if not (rows := each.rows(shown.table)).empty:
            rows.to_csv(out / f"{each.name}.csv", index=False)
    figures = list(draw_all(shown.summary, shown.axis, note.figures, out / "figures"))
    best = shown.summary if shown.choices is None else shown.summary[shown.summary[SETTING] == BEST]
    text = [*_tables(plan, shown, best)]
    if found:
        text += [*map(wrapped, found), SEPARABLE, ""]
    text += map(wrapped, overloads(best, shown.axis))
    assumed = [wrapped(f"Assumed: {plan.assumed}")] if plan.assumed else []
    clock = plan.study == SIMULATION
    return [*text, *assumed, stands_for(cells, clock=clock), "", *_places(plan, out, figures)]


def _tables(plan: RunPlan, shown: Shown, best: pd.DataFrame) -> Iterator[str]:
    """Each with an empty line after it."""
    if plan.objective is not None:
        yield from (bearing(best, shown.axis, plan.objective), "")
    else:
        yield from (line for metric in plan.headlines for line in (headline(best, shown.axis, metric), ""))
    if plan.headlines and shown.choices is not None and plan.best is not None:
        fixed = shown.summary[shown.summary[SETTING] == FIXED]
        yield from (chosen_table(shown.choices, shown.axis, plan.best), "")
        yield from ("As the grid gives them: " + headline(fixed, shown.axis, plan.headlines[0]), "")
    if plan.headlines and (table := costs(best)):
        yield from (table, "")
    for each in plan.tables:
        yield from (text, "") if (text := each.printed(shown.table)) else ()


def _places(plan: RunPlan, out: Path, figures: Sequence[Path]) -> list[str]:
    also = f"{CAPACITY}, tried.csv, " if plan.objective is not None else f"{BESIDE}, " if plan.best is not None else ""
    also += "".join(f"{each.name}.csv, " for each in plan.tables if (out / f"{each.name}.csv").is_file())
    tables = ", requests.parquet, rounds.parquet" if (out / "requests.parquet").is_file() else ""
    drawn = f"Figures: {out / 'figures'}/{{{','.join(dict.fromkeys(path.stem for path in figures))}}}.svg|png"
    return [f"Results: {out}/{also}cells.csv, summary.csv{tables}, cells/ID.yaml", drawn]
