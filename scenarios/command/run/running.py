"""From a scenario and a user's changes to results, figures, and the text that says what came out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from scenarios.command.derived_axis import along, axes_of
from scenarios.command.fairness import compared_alike, question
from scenarios.command.progress import Progress
from scenarios.command.report.drawing import BESIDE, CAPACITY, NOTE, Note, draw_all
from scenarios.command.run.choosing import (
    Choosing,
    Chosen,
    beside,
    choices_table,
    doubts,
    fields_told,
    to_show,
)
from scenarios.command.run.means import Means
from scenarios.command.run.precision import Precision
from scenarios.command.run.printed_tables import bearing, chosen_table, costs, overloads, stands_for, unsettled
from scenarios.command.run.run_plan import RunPlan
from scenarios.command.run.searching import Search, settings_of_search
from scenarios.command.run.tracing import complete_traces, require_simulation
from scenarios.command.run.written_files import written
from scenarios.command.scenario import Tune
from scenarios.findings import findings_file
from scenarios.findings.aligned_columns import WIDTH
from scenarios.findings.findings_file import FINDINGS, Answered
from scenarios.findings.headline_table import headline
from scenarios.findings.lowest import lossy_apart
from scenarios.findings.question import PREFIX as ANSWER
from scenarios.findings.rejections import beyond_chance
from scenarios.findings.sentences import DISTINGUISHABLE
from simulator.cell.cell import Cell, prepare_pairs
from simulator.results.best_settings import one_setting
from simulator.results.columns import CHOSEN, CURVE, FIXED, SEARCHED, SETTING
from simulator.results.compared import Plain
from simulator.results.csv_file import write_csv
from simulator.results.intervals import summarise, summarise_curves
from simulator.results.lossy import marked, with_lossy
from simulator.results.result_directory import SEARCH, TUNING, claim, make_way, own_folder, record, release
from simulator.results.trace_file import trace_path
from simulator.results.unanswered import complete
from simulator.results.units import title
from simulator.schemes.draft_scheme import DraftScheme
from simulator.studies import SIMULATION
from simulator.sweeps.lock import only_writer
from simulator.sweeps.meter import works
from simulator.sweeps.parts import ROUNDS
from simulator.sweeps.store import CELL_FILES, begin_again, holds


@dataclass(frozen=True)
class Shown:
    """What there is to tell: cells tables with curves, their summary, the column they run along."""

    table: pd.DataFrame
    summary: pd.DataFrame
    axis: str | None
    choices: Sequence[Chosen] | None = None

    @property
    def chosen(self) -> pd.DataFrame:
        """The summary of what schemes chose; all of it where there is nothing to choose."""
        return self.summary if self.choices is None else self.summary[self.summary[SETTING] == CHOSEN]

    @property
    def fixed(self) -> pd.DataFrame:
        """The summary of what the grid gave to all, beside what they chose."""
        return self.summary.iloc[:0] if self.choices is None else self.summary[self.summary[SETTING] == FIXED]


def run(plan: RunPlan, means: Means) -> str:
    """Sweeps the plan's cells into `out` and draws its figures there; returns the summary for a person.

    With choices the cells swept are those that each scheme chose and those of the grid; with an objective each is at
    the largest number of devices that meets it.
    """
    if means.trace:
        require_simulation(plan.study)
    with only_writer(means.out):
        if means.overwrite:
            prepare_pairs(plan.cells)
            begin_again(means.out)
        try:
            told = _ran(plan, means)
        finally:
            release(means.out)
        record(means.out, (), means.started_s)
        return told


def _ran(plan: RunPlan, means: Means) -> str:
    with Progress(means.quiet) as progress:
        if plan.objective is not None:
            return _searched(plan, means, progress)
        choices = None if plan.tune is None else _chosen(plan, means, progress)
        cells = plan.cells if choices is None else to_show(choices)
        metric = (plan.headlines or RunPlan.headlines)[0]
        precision = Precision(cells, metric, plan.precision) if plan.precision is not None else None
        table = _swept(plan, means, progress, cells, precision)
        seeds = range(table["seed"].nunique())
        if precision is not None:
            cells = precision.at(seeds, cells)
            choices = choices and [replace(each, cells=tuple(precision.at(seeds, each.cells))) for each in choices]
        complete_traces(cells, means, progress.part("tracing"))
    notes = [*plan.notes, *([precision.told(table)] if precision is not None else [])]
    return _told(plan, means.out, cells, table, choices, notes)


def _swept(
    plan: RunPlan, means: Means, progress: Progress, cells: Sequence[Cell], precision: Precision | None
) -> pd.DataFrame:
    from simulator import sweep

    keep = (TUNING,) if plan.tune is not None else ()
    return sweep(
        cells, means.out, means.workers, means.cluster, overwrite=means.overwrite, keep=keep, progress=progress,
        failed=progress.failed, asking=plan.study, growth=precision, trace=means.trace,
    )  # fmt: skip


def _chosen(plan: RunPlan, means: Means, progress: Progress) -> list[Chosen]:
    """What each setting chooses, by a race in a directory of its own."""
    from simulator import sweep

    assert plan.tune is not None
    choosing = Choosing(plan.cells, plan.tune, plan.precision)
    tuner = choosing.tuner()
    folder, trying = _tuning(means), tuner.first()
    overwrite = means.overwrite and not holds(folder, trying, f"{SIMULATION}, {tuner.rule}")
    told = progress.part("tuning")
    shown = sum(works(plan.cells).values()) * choosing.most_shown() / len(plan.cells)
    progress.then("tuning", shown / sum(works(trying).values()))
    table = sweep(
        trying, folder, means.workers, means.cluster, overwrite=overwrite, progress=told, failed=progress.failed,
        growth=tuner,
    )  # fmt: skip
    left = tuner.more(table)  # what was read back from a race that had ended is all that it asks for
    assert not left, "a race is still under way"
    return choosing.choices(tuner.outcomes())


def _tuning(means: Means) -> Path:
    """The folder of the trials."""
    folder = means.out / TUNING
    if not folder.is_dir():
        make_way(means.out, means.overwrite)
        claim(means.out, TUNING)
    return folder


def _told(
    plan: RunPlan,
    out: Path,
    cells: Sequence[Cell],
    table: pd.DataFrame,
    choices: Sequence[Chosen] | None,
    notes: Sequence[str],
    searched: Sequence[str] = (),
) -> str:
    """Writes note, summary and figures of a finished sweep; returns what there is to say. `searched`: the columns that
    a search has found, and what it has changed."""
    hidden = (*searched, *plan.hidden)
    by_id = {cell.id: cell for cell in cells}
    computed = along([by_id[cell] for cell in table["cell"]], [plan.axis, *axes_of(plan.findings)])
    table = with_lossy(table.assign(**computed), {cell.id: cell.scheme.lossless for cell in cells})
    if choices is None:
        summary = summarise(table)
        shown_at = {name: summary[name].tolist() for name in computed}
        note = Note(plan.name, plan.axis, plan.figures, hidden, shown_at, told=plan.told)
        if searched:
            write_csv(summary, out / CAPACITY)
        (summary, axis), (table, _) = note.curved(summary), note.curved(table)
        shown = Shown(table, summary, axis)
    else:
        over = tuple(dict.fromkeys(path for each in choices for path in each.values))
        told = [name for name in plan.told if name not in over]
        note = Note(plan.name, plan.axis, plan.figures, (*hidden, *over), dict.fromkeys(computed, ()), told=told)
        axis = note.curved(table)[1]
        table = beside(table, choices, lambda rows: note.curved(rows)[0])
        summary = summarise_curves(table)
        note = replace(note, computed={name: summary[name].tolist() for name in computed})
        write_csv(summary, out / (CAPACITY if searched else BESIDE))
        shown = Shown(table, summary, axis, choices)
    return _report(plan, cells, shown, note, out, notes)


def _searched(plan: RunPlan, means: Means, progress: Progress) -> str:
    """`run` with an objective."""
    from simulator import sweep

    assert plan.objective is not None
    choices, starts = (None, dict[str, int]()) if plan.tune is None else _chosen_by_search(plan, means, progress)
    cells = plan.cells if choices is None else to_show(choices)
    keep = (TUNING,) if choices is not None else ()
    search = Search(settings_of_search(cells, starts), plan.objective, means.out, keep)
    search.found(means.crew(), overwrite=means.overwrite, progress=progress, failed=progress.failed)
    found = search.cells()
    shown = list(found.values())
    table = sweep(
        shown, means.out, means.workers, means.cluster, overwrite=means.overwrite, keep=(SEARCH, *keep),
        progress=progress, failed=progress.failed, trace=means.trace,
    )  # fmt: skip
    complete_traces(shown, means, progress.part("tracing"))
    search.write()
    choices = choices and [replace(each, searched=found) for each in choices]
    columns = (plan.objective.field, *SEARCHED)
    return _told(plan, means.out, shown, search.beside(table), choices, plan.notes, columns)


def _chosen_by_search(plan: RunPlan, means: Means, progress: Progress) -> tuple[list[Chosen], dict[str, int]]:
    """What each setting chooses, the alternative that bears most on seeds that are not shown; and by the ids of cells
    where the search on those that are shown is to start."""
    assert plan.tune is not None and plan.objective is not None
    choosing = Choosing(plan.cells, plan.tune)
    search = Search(choosing.sought(), plan.objective, _tuning(means))
    told = progress.part("tuning")
    found = search.found(means.crew(), overwrite=means.overwrite, progress=told, failed=progress.failed)
    search.write()
    chosen = choosing.found(found)
    starts = {
        cells[0].id: max(borne, plan.objective.low)
        for each, best in chosen
        if best is not None
        for cells, borne in ((each.fixed(), best.first), (each.chosen(), best.value))
    }
    return [each for each, _ in chosen], starts


def _report(plan: RunPlan, cells: Sequence[Cell], shown: Shown, note: Note, out: Path, notes: Sequence[str]) -> str:
    """The question, tables, findings, the answer, what is overloaded, what the run stands for, and where all is; writes
    note and figures."""
    wrapped = partial(textwrap.fill, width=WIDTH, subsequent_indent="    ")
    found, answer = _said(plan, replace(shown, table=marked(shown.table)))
    remarks = [
        *_doubts(plan, shown),
        *compared_alike(cells, plan.tune or (Tune(plan.fixed) if plan.fixed else None), plan.left_out),
        *_overloads(plan, shown),
        *unsettled(shown.chosen),
        *_rejections(cells, marked(shown.table), out),
    ]
    findings_file.write(out, _about(plan, cells, shown, remarks), [*found, *answer])
    replace(note, findings=[each.line for each in (*found, *answer)]).write(out)
    tables = [(out / f"{each.name}.csv", each.rows(shown.table)) for each in plan.tables]
    made = [write_csv(rows, path) for path, rows in tables if not rows.empty]
    figures = list(draw_all(shown.summary, shown.axis, note.figures, own_folder(out, "figures")))
    made += [out / name for name in (NOTE, FINDINGS, CAPACITY, BESIDE)] + figures
    record(out, [*made, *(trace_path(out / CELL_FILES, cell.id) for cell in cells)])
    text = [*([wrapped(f"Question: {question(plan.question, plan.left_out)}"), ""] if plan.question else []), *notes]
    text += _tables(plan, shown)
    text += [wrapped(each.line) for each in found]
    text += [DISTINGUISHABLE] if any("distinguishable" in each.line for each in found) else []
    text += [*(wrapped(each.line) for each in answer), ""] if found or answer else []
    text += map(wrapped, remarks)
    text += [wrapped(f"Assumed: {plan.assumed}")] if plan.assumed else []
    text += map(wrapped, stands_for(cells, clock=plan.study == SIMULATION).splitlines())
    text += [wrapped(f"Note: {line}") for line in plan.warnings]
    return "\n".join([*text, "", *written(plan, out, figures)])


def _said(plan: RunPlan, shown: Shown) -> tuple[list[Answered], list[Answered]]:
    """What the plan's questions find, a line each, lossy schemes by themselves; and the answer, where there is a
    question."""
    said = list(findings_file.answered(plan.findings, shown.table, shown.axis))
    answer = [each for each in said if each.line.startswith(ANSWER)]
    metric = (plan.headlines or RunPlan.headlines)[0]
    whole, comparable = complete(shown.table), plan.objective is None and metric in shown.table.columns
    lossy = partial(lossy_apart, whole, shown.axis, metric if comparable else None)
    said += findings_file.compared("lossy", metric, shown.table, shown.axis, lossy)
    if plan.question and not answer:
        answer = [Answered("none", metric, f"{ANSWER}none, there is nothing to compare", ())]
    return [each for each in said if not each.line.startswith(ANSWER)], answer


def _about(plan: RunPlan, cells: Sequence[Cell], shown: Shown, remarks: Sequence[str]) -> dict[str, Plain]:
    """What stands before the findings in their file."""
    remarks = [*remarks, *([f"Assumed: {plan.assumed}"] if plan.assumed else [])]
    remarks += stands_for(cells, clock=plan.study == SIMULATION).splitlines()
    seeds = int(shown.table["seed"].nunique())
    return {"scenario": plan.name, "question": plan.question, "axis": shown.axis, "seeds": seeds, "remarks": remarks}


def _rejections(cells: Sequence[Cell], table: pd.DataFrame, out: Path) -> list[str]:
    """A line where rejections are not what TV(qhat, p) says; of schemes that race or branch it says nothing of them."""
    if not (out / ROUNDS).is_file():
        return []
    names = dict(zip(table["cell"], table[CURVE], strict=True))
    looked = {
        cell.id: -(-cell.workload.total // (cell.workload.distinct or cell.workload.total))
        for cell in cells
        if all(isinstance(each.scheme, DraftScheme) and each.scheme.rejects for each in cell.classes)
    }
    summed = ("verified", "unjudged", "accepted", "tv_qhat")
    rounds = pq.read_table(out / ROUNDS, columns=["cell", *summed])
    sums = rounds.group_by("cell").aggregate([(name, "sum") for name in summed]).to_pandas().set_index("cell")
    line = beyond_chance(sums.set_axis(summed, axis=1), names, looked)
    return [line] if line else []


def _doubts(plan: RunPlan, shown: Shown) -> list[str]:
    """What to know of the settings chosen."""
    if plan.tune is None or shown.choices is None:
        return []
    return doubts(shown.choices, shown.table, shown.axis, plan.tune.metric)


def _overloads(plan: RunPlan, shown: Shown) -> list[str]:
    """Without headlines there are too many curves to name those that are merely busy."""
    return [line for line in overloads(shown.chosen, shown.axis) if plan.headlines or line.startswith("Overloaded")]


def _tables(plan: RunPlan, shown: Shown) -> Iterator[str]:
    """Each with an empty line after it."""
    yield from (line for text in _measured(plan, shown.chosen, shown.axis) for line in (text, ""))
    if plan.headlines and shown.choices is not None and plan.tune is not None:
        chosen = choices_table(shown.choices, shown.table)
        yield from (chosen_table(chosen, shown.axis, _chosen_by(plan, plan.tune, shown.choices)), "")
        yield from (_as_given(plan, shown), "")
    if plan.headlines and (table := costs(shown.chosen)):
        yield from (table, "")
    for each in plan.tables:
        yield from (text, "") if (text := each.printed(shown.table)) else ()


def _chosen_by(plan: RunPlan, tune: Tune, choices: Sequence[Chosen]) -> str:
    """How the settings were chosen, and among what."""
    least = f"least {title(tune.metric)}" if plan.objective is None else f"most {title(plan.objective.field)}"
    tried = [each.outcome.tried for each in choices if each.values]
    seeds = max(each.outcome.seeds for each in choices)
    many = f"{min(tried)} to {max(tried)}" if min(tried) < max(tried) else f"{min(tried)}"
    heading = f"Chosen by {least} in a race of {many} settings each, on {seeds} other seed{'s' if seeds > 1 else ''}:"
    wrapped = partial(textwrap.fill, width=WIDTH, subsequent_indent="    ")
    return "\n".join([wrapped(heading), *map(wrapped, fields_told([each.alternatives for each in choices]))])


def _as_given(plan: RunPlan, shown: Shown) -> str:
    """The first table of what the grid gives to all."""
    rows, given = shown.fixed, ""
    if plan.objective is not None:
        rows, given = one_setting(shown.fixed, shown.chosen)
    return f"As the grid gives them{given and f', {given}'}: {next(_measured(plan, rows, shown.axis))}"


def _measured(plan: RunPlan, rows: pd.DataFrame, axis: str | None) -> Iterator[str]:
    """A table of what was searched for, or one a headline."""
    if plan.objective is not None:
        yield bearing(rows, axis, plan.objective)
    else:
        yield from (headline(rows, axis, metric) for metric in plan.headlines)
