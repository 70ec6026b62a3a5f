"""`sqsim recommend`: which scheme and parameters, for a link, a pair, hardware and a number of devices?

Some two hundred settings, and those next to the best of them, race on the same seeds, those clearly worse are stopped
early; the best of each kind are then measured on other seeds, the same for all, an ordinary sweep in the same
directory. The race keeps what it has simulated in `search.json`: the same command, with a larger budget too, goes on
from there, and prints the same once all is there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd

from kinds.files import atomically, read_note, write_note
from scenarios.command.options import RunOptions
from scenarios.command.progress_bar import ProgressBar
from scenarios.command.recommend.recommendation import LEAST_SEEDS, RECOMMENDED, Recommendation
from scenarios.command.recommend.tried_schemes import Wish, wish
from scenarios.command.recommend.turning import SEEDS, Turn, turns
from scenarios.command.report.drawing import draw_all
from scenarios.command.result_folder import BESIDE, NOTE, Note
from scenarios.findings import findings_file
from scenarios.findings.findings_file import FINDINGS
from simulator import sweep
from simulator.cell.cell import Cell, claims, prepare_pairs
from simulator.cell.settings import expand
from simulator.results.column_names import ATTAINMENT
from simulator.results.csv_file import write_csv
from simulator.results.intervals import of_all_devices
from simulator.results.lossy_schemes import with_lossy
from simulator.results.result_directory import SEARCH, claim, make_way, own_folder, record, release
from simulator.studies import SIMULATION
from simulator.sweeps.lock import only_writer
from simulator.sweeps.parts import Rows, written
from simulator.sweeps.store import begin_again, holds, identity
from simulator.tuning.draft_lengths import SHOWN
from simulator.tuning.racing import Trials, entrants, race
from simulator.tuning.trials import KEPT, Row

KEEP_S = 2.0
"""Time between two notes of what has come. If a race is killed the tasks under way are lost, but not what they have
decoded: it is on disk, and only timed again."""
TRIED = "tried.csv"
FIGURE = "recommendation"


@dataclass
class RaceEvaluations:
    """Results of the race's cells, by their ids; kept in `out` under the name of all that they depend on."""

    wish: Wish
    options: RunOptions
    progress: ProgressBar
    rows: dict[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kept_s = 0.0
        aim = self.wish.aim
        self._names = list(dict.fromkeys([aim.metric, *KEPT, *SHOWN, ATTAINMENT, *aim.limits]))
        self._identity = identity(self.wish.settings, f"recommend {self.wish.aim.metric}")

    def open(self) -> None:
        """Reads what there is. Raises ConfigError where `out` holds something else."""
        note = read_note(self.options.out / SEARCH)
        if note.get("identity") == self._identity and isinstance(note.get("tried"), dict):
            self.rows = {cell: dict(zip(self._names, row, strict=True)) for cell, row in note["tried"].items()}
        else:
            make_way(self.options.out, self.options.overwrite)

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """The cells that are still to be simulated."""
        return [cell for cell in cells if cell.id not in self.rows]

    def __call__(self, cells: Sequence[Cell], what: str) -> Mapping[str, Row]:
        """Simulates those of the cells that are missing; all rows so far."""
        if new := self.missing(cells):
            reported = self.progress.part(what) if what else None
            try:
                sweep(new, None, self.options.workers, self.options.cluster, progress=reported, heard=self._take)
            finally:
                if self.rows:
                    self._keep()
        return self.rows

    def _take(self, rows: Rows) -> None:
        """Takes the row of a cell that has ended, of all its devices; keeps what there is now and then."""
        (row,) = of_all_devices(pd.DataFrame(rows), self.wish.aim.metric)[["cell", *self._names]].to_dict("records")
        self.rows[str(row["cell"])] = {name: float(row[name]) for name in self._names}
        if time.monotonic() - self._kept_s >= KEEP_S:
            self._keep()

    def _keep(self) -> None:
        tried = {cell: [row[name] for name in self._names] for cell, row in self.rows.items()}
        with written(self.options.out):
            claim(self.options.out, SEARCH)
            write_note(self.options.out / SEARCH, {"identity": self._identity, "tried": tried})
        self._kept_s = time.monotonic()


def run(options: argparse.Namespace) -> str:
    """Races, measures, writes; returns what there is to say. Raises ConfigError, one line."""
    run_options = RunOptions.typed(options, "recommend")
    made = recommended(wish(options), run_options)
    if options.json:
        return json.dumps(made.plain(run_options.out), indent=1, allow_nan=False)
    return made.screen(run_options.out).text(detailed=options.details)


def recommended(requested: Wish, options: RunOptions) -> Recommendation:
    """Races, measures and writes; returns what came of it. Raises ConfigError, and leaves no new directory then
    in which nothing has been simulated."""
    with only_writer(options.out), ProgressBar(options.quiet) as progress, ExitStack() as at_the_end:
        at_the_end.callback(release, options.out)
        prepare_pairs(requested.settings)
        if options.overwrite:
            begin_again(options.out)
        evaluations = RaceEvaluations(requested, options, progress)
        evaluations.open()
        trials = Trials(evaluations, requested.budget.trials)
        raced = entrants(requested.places, requested.aim, requested.budget, trials)
        groups = race(raced.settings, requested.aim, requested.budget, trials)
        finalists = [[group.settings[place] for place in group.best_of_kinds(evaluations.rows)] for group in groups]
        table = _measured([cell for each in finalists for cell in each], requested, options, progress)
        made = Recommendation(requested, raced, groups, evaluations.rows, finalists, table)
        made = replace(made, turns=_turns(made, trials))
    return _written(made, options)


def _turns(made: Recommendation, trials: Trials) -> Sequence[Turn]:
    """Returns the points at which the answer turns against its rival; () if there is no rival, no quantity to change,
    or no interval."""
    rival, best = made.rival, made.best
    if rival is None or made.seeds < LEAST_SEEDS:
        return ()
    aim = made.wish.aim

    def affordable(cells: Sequence[Cell]) -> bool:
        return sum(max(1, cell.workload.devices // best.workload.devices) for cell in cells) <= trials.left

    trying = partial(trials, what="where it turns")
    return turns(best, rival, aim.metric, aim.higher, min(SEEDS, made.seeds), trying, affordable)


def _measured(finalists: Sequence[Cell], wish: Wish, options: RunOptions, progress: ProgressBar) -> pd.DataFrame:
    """The best of each kind on the seeds that are shown, the same for all."""
    cells = [at for cell in finalists for at in expand(cell, {"seed": [cell.seed + n for n in range(wish.seeds)]})]
    # To overwrite here: what else may be there is an earlier answer of this very race, which had another budget.
    table = sweep(
        cells, options.out, options.workers, options.cluster, overwrite=not holds(options.out, cells, SIMULATION),
        keep=(SEARCH,), progress=progress.part("best of each kind"), failed=progress.failed,
    )  # fmt: skip
    return with_lossy(of_all_devices(table, wish.aim.metric), {cell.id: claims(cell) for cell in cells})


def _written(made: Recommendation, options: RunOptions) -> Recommendation:
    out = options.out
    write_csv(made.tried, out / TRIED)
    write_csv(made.summary, out / BESIDE)
    atomically(out / RECOMMENDED, partial(Path.write_text, data=made.best.to_yaml(), encoding="utf-8"))
    findings_file.write(out, made.about(), made.findings())
    note = Note("recommend", None, (FIGURE,), told=made.fields)
    note.write(out)
    to = own_folder(out, "figures")
    figures = list(draw_all(made.summary, None, note, to, None, "", made.base))
    record(out, [*(out / name for name in (TRIED, BESIDE, RECOMMENDED, FINDINGS, NOTE)), *figures], options.started_s)
    return made
