"""`sqsim recommend`: which scheme and parameters, for a link, a pair, hardware and a number of devices?

Each scheme chooses its own setting by the race that scenarios have (`simulator.tuning`), and those chosen are compared
on the race's seeds; the best of each kind are then measured on other seeds, the same for all, an ordinary sweep in the
same directory. The trials have a result directory of their own, `tuning/`: the same command goes on from there, and
prints the same once all is there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from pathlib import Path

import pandas as pd

from kinds import ConfigError
from kinds.files import atomically
from scenarios.command.options import RunOptions
from scenarios.command.progress_bar import ProgressBar
from scenarios.command.recommend.recommendation import LEAST_SEEDS, RECOMMENDED, Recommendation
from scenarios.command.recommend.tried_schemes import Wish, wish
from scenarios.command.recommend.turning import SEEDS, Turn, turns
from scenarios.command.report.drawing import draw_all
from scenarios.command.result_folder import BESIDE, NOTE, Note
from scenarios.command.run.running import trials
from scenarios.findings import findings_file
from scenarios.findings.findings_file import FINDINGS
from simulator import sweep
from simulator.cell.cell import Cell, claims, prepare_pairs
from simulator.cell.settings import expand
from simulator.results.csv_file import write_csv
from simulator.results.intervals import of_all_devices
from simulator.results.lossy_schemes import with_lossy
from simulator.results.result_directory import TUNING, claim, own_folder, record, release
from simulator.studies import SIMULATION
from simulator.sweeps.lock import only_writer
from simulator.sweeps.store import begin_again, holds
from simulator.tuning.successive_halving import Outcome, Tuner, rows_of
from simulator.tuning.trials import Row, Rows, SeededCell

TURNING = "turning"
"""The folder of the runs that say where the answer turns: a result directory inside the recommendation's."""
FIGURE = "recommendation"


class SchemesRace:
    """Race of schemes, a `sweeps.Growth`: each chooses its setting, then all that were chosen run on the same seeds,
    none of which is shown."""

    def __init__(self, requested: Wish) -> None:
        self._wish = requested
        self._tuner = Tuner(requested.places, requested.aim, requested.budget)
        self._chosen: list[SeededCell] = []

    @property
    def rule(self) -> str:
        """Returns the rule of the choice, in words."""
        return f"{self._tuner.rule}; those chosen on the same seeds"

    def first(self) -> list[Cell]:
        """The cells to begin with."""
        return self._tuner.first() or self._compared()

    def more(self, table: pd.DataFrame) -> list[Cell]:
        """The cells that the race asks for next, none of them in the table."""
        known = set(table["cell"])
        return self._tuner.more(table) or [cell for cell in self._compared() if cell.id not in known]

    def _compared(self) -> list[Cell]:
        """The setting that each scheme has chosen, on the seeds of the last look."""
        if not self._chosen:
            for place, outcome in zip(self._wish.places, self._tuner.outcomes(), strict=True):
                cell = place.at(outcome.values)
                assert cell is not None
                self._chosen.append(SeededCell(cell))
        return [cell for each in self._chosen for cell in each.on(self._wish.budget.looks[-1])]

    def outcomes(self) -> list[Outcome]:
        """Returns the choice of each scheme."""
        return self._tuner.outcomes()

    def finalists(self, rows: Rows) -> list[list[Cell]]:
        """Returns the best setting of each kind of scheme, the first of the race first, lossless ones and lossy ones
        apart. Raises ConfigError if none can be ranked."""
        aim = self._wish.aim
        ranked, out = list[tuple[bool, tuple[float, float], Cell]](), ""
        for chosen in self._chosen:
            cells = chosen.on(self._wish.budget.looks[-1])
            unfit = next(filter(None, (aim.unfit(cell, rows[cell.id]) for cell in cells)), "")
            out = out or unfit
            if not unfit:
                ranked.append((not chosen.cell.scheme.lossless, aim.rank(cells, rows), chosen.cell))
        if not ranked:
            raise ConfigError(f"metric = {aim.metric}: of no setting here, each is out: {out}")
        best = dict[str, tuple[bool, Cell]]()
        for lossy, _, cell in sorted(ranked, key=lambda each: each[:2]):
            best.setdefault(cell.scheme.kind, (lossy, cell))
        return [[cell for _, cell in group] for _, group in groupby(best.values(), lambda each: each[0])]


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
        prepare_pairs(place.cell for place in requested.places)
        if options.overwrite:
            begin_again(options.out)
        race = SchemesRace(requested)
        tried = trials(race, race.first(), options, progress)
        finalists, outcomes = race.finalists(rows_of(tried, requested.aim)), race.outcomes()
        table = _measured([cell for each in finalists for cell in each], requested, options, progress)
        made = Recommendation(requested, outcomes, finalists, table)
        made = Recommendation(requested, outcomes, finalists, table, _turns(made, len(tried), options, progress))
    return _written(made, options)


def _turns(made: Recommendation, tried: int, options: RunOptions, progress: ProgressBar) -> Sequence[Turn]:
    """Returns the points at which the answer turns against its rival; () if there is no rival, no quantity to change,
    or no interval. `tried`: the number of trials that the race has taken of the budget."""
    rival, best, aim = made.rival, made.best, made.wish.aim
    if rival is None or made.seeds < LEAST_SEEDS:
        return ()

    def trying(cells: Sequence[Cell]) -> Mapping[str, Row]:
        claim(options.out, TURNING)
        table = sweep(
            cells, options.out / TURNING, options.workers, options.cluster, progress=progress.part("where it turns"),
            failed=progress.failed, overwrite=not holds(options.out / TURNING, cells, SIMULATION),
        )  # fmt: skip
        return rows_of(table, aim)

    return turns(best, rival, aim.metric, aim.higher, min(SEEDS, made.seeds), trying, made.wish.trials - tried)


def _measured(finalists: Sequence[Cell], wish: Wish, options: RunOptions, progress: ProgressBar) -> pd.DataFrame:
    """The best of each kind on the seeds that are shown, the same for all."""
    cells = [at for cell in finalists for at in expand(cell, {"seed": [cell.seed + n for n in range(wish.seeds)]})]
    # To overwrite here: what else may be there is an earlier answer to this very question, of other seeds.
    table = sweep(
        cells, options.out, options.workers, options.cluster, overwrite=not holds(options.out, cells, SIMULATION),
        keep=(TUNING,), progress=progress.part("best of each kind"), failed=progress.failed,
    )  # fmt: skip
    return with_lossy(of_all_devices(table, wish.aim.metric), {cell.id: claims(cell) for cell in cells})


def _written(made: Recommendation, options: RunOptions) -> Recommendation:
    out = options.out
    write_csv(made.summary, out / BESIDE)
    atomically(out / RECOMMENDED, partial(Path.write_text, data=made.best.to_yaml(), encoding="utf-8"))
    findings_file.write(out, made.about(), made.findings())
    note = Note("recommend", None, (FIGURE,), told=made.fields)
    note.write(out)
    to = own_folder(out, "figures")
    figures = list(draw_all(made.summary, None, note, to, None, "", made.base))
    record(out, [*(out / name for name in (BESIDE, RECOMMENDED, FINDINGS, NOTE)), *figures], options.started_s)
    return made
