"""Running of a scenario with a user's changes: results, figures, and the text of the answer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from kinds import ConfigError
from kinds.files import read_note
from kinds.mistakes import Escaped
from scenarios.command.options import RunOptions
from scenarios.command.progress_bar import ProgressBar, aside
from scenarios.command.run.choosing import Choosing, Chosen, Precision, to_show
from scenarios.command.run.finished_run import FinishedRun
from scenarios.command.run.run_plan import Changes, RunPlan, plan_around
from scenarios.command.run.screen import Screen
from scenarios.command.run.searching import CapacitySearch, settings_of_search
from scenarios.command.run.typed_settings import parse_settings
from scenarios.findings.question import Table
from scenarios.validation import comparison, printed_comparison
from simulator import sweep
from simulator.cell.cell import Cell, prepare_pairs
from simulator.results.column_names import SEARCHED
from simulator.results.intervals import of_all_devices
from simulator.results.result_directory import MANIFEST, SEARCH, TUNING, claim, make_way, record, release
from simulator.results.trace import MOST_EVENTS
from simulator.studies import SIMULATION
from simulator.sweeps.lock import only_writer
from simulator.sweeps.meter import OnProgress, works
from simulator.sweeps.store import CELL_FILES, begin_again, holds
from simulator.sweeps.sweep import Growth
from simulator.sweeps.tracing import cut_traces, trace_again, without_trace
from simulator.testbed.calibration.cell_calibration import require_constant_delays
from simulator.testbed.plan import check

REAL, REAL_INDEPENDENT, REAL_ALONE = "real", "real_independent", "real_alone"
WRITING = "tables and figures"
"""The last stage of a run."""
REAL_ASSUMED = (
    "real processes of this machine in real time: passes and coding take what they take here, not what the cell's "
    "clocks say; another run has other times and the same tokens"
)
"""Remarks that a reader of a real run's table must know."""
OWN_LINK_ASSUMED = "; losses, delays and rates are the link's own draws, which --seeds averages"
COMPARISON = Table("real_beside_simulated", comparison, printed_comparison)


def run(plan: RunPlan, options: RunOptions) -> Escaped:
    """Sweeps the plan's cells, those that each scheme chose beside the grid's, or each at the most devices that meet an
    objective, into `out` and draws its figures there; returns the summary for a person."""
    if options.trace and plan.scenario.study != SIMULATION:
        text = f"this scenario asks the study {plan.scenario.study!r}, in which no request is served in time"
        raise ConfigError(f"trace: {text}")
    with only_writer(options.out):
        if options.overwrite:
            prepare_pairs(plan.cells)
            begin_again(options.out)
        try:
            screen = _ran(plan, options)
        finally:
            release(options.out)
        record(options.out, (), options.started_s, options.before_cpu_s)
        return screen.text(options.form, detailed=options.details)


def real(options: argparse.Namespace) -> Escaped:
    """`sqsim real CELL.yaml`: runs a cell as real processes of this machine, over a shaped link, and leaves a
    simulation's tables; returns what to print. Raises ConfigError, one line."""
    settings = parse_settings(options.set)
    changes = Changes(settings, seeds=options.seeds, imports=tuple(options.imports), trust=options.trust)
    plan = plan_around(options.cell, changes)
    for cell in plan.cells:
        check(cell)
    alone, notes = options.alone, list(plan.notes)
    try:
        for cell in () if alone else plan.cells:
            require_constant_delays(cell)
    except ConfigError as error:
        alone = True
        notes.append(f"not compared with a simulation: {error}")
    scenario = replace(plan.scenario, name=f"{plan.scenario.name}_real", study=REAL_ALONE, assumed=REAL_ASSUMED)
    if not alone:
        study = REAL_INDEPENDENT if options.independent else REAL
        scenario = replace(scenario, study=study, tables=(COMPARISON,), headlines=())
        if options.independent:
            scenario = replace(scenario, assumed=REAL_ASSUMED + OWN_LINK_ASSUMED)
    return run(replace(plan, scenario=scenario, notes=notes), RunOptions.typed(options, scenario.name))


def _ran(plan: RunPlan, options: RunOptions) -> Screen:
    with ProgressBar(options.quiet) as progress:
        if plan.objective is not None:
            return _searched(plan, options, progress)
        choices = None if plan.tune is None else _chosen(plan, options, progress)
        cells = plan.cells if choices is None else to_show(choices)
        precision = Precision(cells, plan.headline, plan.precision) if plan.precision is not None else None
        table = _swept(plan, options, progress, cells, precision)
        seeds = range(table["seed"].nunique())
        if precision is not None:
            cells = precision.at(seeds, cells)
            choices = choices and [replace(each, cells=tuple(precision.at(seeds, each.cells))) for each in choices]
        complete_traces(cells, options, progress.part("tracing"))
        progress.part(WRITING)(0, 1, "")
        notes = [*plan.notes, *([precision.text(table)] if precision is not None else [])]
        return FinishedRun.of(plan, options.out, cells, table, choices).screen(notes)


def _swept(
    plan: RunPlan, options: RunOptions, progress: ProgressBar, cells: Sequence[Cell], precision: Precision | None
) -> pd.DataFrame:
    keep = (TUNING,) if plan.tune is not None else ()
    return sweep(
        cells, options.out, options.workers, options.cluster, overwrite=options.overwrite, keep=keep,
        progress=progress.part("runs"), failed=progress.failed, asking=plan.scenario.study, growth=precision,
        trace=options.trace,
    )  # fmt: skip


def _chosen(plan: RunPlan, options: RunOptions, progress: ProgressBar) -> list[Chosen]:
    assert plan.tune is not None
    if not read_note(options.out / TUNING / MANIFEST).get("finished"):
        options.pool().prepare()
    choosing = Choosing(plan.cells, plan.tune, plan.precision)
    tuner = choosing.tuner()
    if trying := tuner.first():  # otherwise each scheme has one valid setting
        shown = sum(works(plan.cells).values()) * choosing.most_shown() / len(plan.cells)
        progress.then("trials", shown / sum(works(trying).values()))
        trials(tuner, trying, options, progress)
    return choosing.choices(tuner.outcomes())


def trials(tuner: Growth, first: Sequence[Cell], options: RunOptions, progress: ProgressBar) -> pd.DataFrame:
    """Tries the settings that a tuner asks for, `first` and on, in a result directory of their own; returns their
    table."""
    folder = _tuning(options)
    overwrite = options.overwrite and not holds(folder, first, f"{SIMULATION}, {tuner.rule}")
    table = sweep(
        first, folder, options.workers, options.cluster, overwrite=overwrite, progress=progress.part("trials"),
        failed=progress.failed, growth=tuner,
    )  # fmt: skip
    left = tuner.more(table)  # what was read back from a race that had ended is all that it asks for
    assert not left, "a race is still under way"
    return table


def _tuning(options: RunOptions) -> Path:
    folder = options.out / TUNING
    if not folder.is_dir():
        make_way(options.out, options.overwrite)
        claim(options.out, TUNING)
    return folder


def _searched(plan: RunPlan, options: RunOptions, progress: ProgressBar) -> Screen:
    assert plan.objective is not None
    choices, starts = (None, dict[str, int]()) if plan.tune is None else _chosen_by_search(plan, options, progress)
    cells = plan.cells if choices is None else to_show(choices)
    keep = (TUNING,) if choices is not None else ()
    search = CapacitySearch(settings_of_search(cells, starts), plan.objective, options.out, keep)
    search.found(options.pool(), overwrite=options.overwrite, progress=progress.part("search"), failed=progress.failed)
    found = search.cells()
    shown = list(found.values())
    table = sweep(  # each class of devices has a row in it, and what was searched for is one number for all
        shown, options.out, options.workers, options.cluster, overwrite=options.overwrite, keep=(SEARCH, *keep),
        progress=progress.part("runs"), failed=progress.failed, trace=options.trace,
    )  # fmt: skip
    complete_traces(shown, options, progress.part("tracing"))
    search.write()
    choices = choices and [replace(each, searched=found) for each in choices]
    columns = (plan.objective.field, *SEARCHED)
    progress.part(WRITING)(0, 1, "")
    table = search.beside(of_all_devices(table, *plan.objective.limits))
    return FinishedRun.of(plan, options.out, shown, table, choices, columns).screen(plan.notes)


def _chosen_by_search(plan: RunPlan, options: RunOptions, progress: ProgressBar) -> tuple[list[Chosen], dict[str, int]]:
    """Returns the choice of each setting, the alternative that supports most on seeds that are not shown; and by the
    ids of cells the number at which the search on the shown seeds is to start."""
    assert plan.tune is not None and plan.objective is not None
    choosing = Choosing(plan.cells, plan.tune)
    search = CapacitySearch(choosing.sought(), plan.objective, _tuning(options))
    tuning = progress.part("trials")
    found = search.found(options.pool(), overwrite=options.overwrite, progress=tuning, failed=progress.failed)
    search.write()
    chosen = choosing.found(found)
    starts = {
        cells[0].id: max(borne, plan.objective.low)
        for each, best in chosen
        if best is not None
        for cells, borne in ((each.fixed(), best.first), (each.chosen(), best.value))
    }
    return [each for each, _ in chosen], starts


def complete_traces(cells: Sequence[Cell], options: RunOptions, progress: OnProgress) -> None:
    """Makes the missing traces beside the results, if traces are asked for, and reports on them."""
    if not options.trace:
        return
    folder = options.out.resolve() / CELL_FILES
    missing = without_trace(cells, folder)
    if missing:
        text = f"{len(missing)} of {len(cells)} cells have no whole trace"
        aside(f"trace: {text}; they run once more for it, the tables stay")
        trace_again(missing, folder, options.pool(), progress)
    cut = cut_traces(cells, folder)
    if cut:
        path, at_s = cut[0]
        others = len(cut) - 1
        more = f"; so {'is 1 other' if others == 1 else f'are {others} others'}" if others else ""
        text = f"{CELL_FILES}/{path.name} ends at {at_s:.6g} s, after {MOST_EVENTS} spans, packets and passes"
        aside(f"trace: cut: {text}{more}")
