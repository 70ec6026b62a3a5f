"""Preview of a run: its number of cells, its approximate time, and the results that exist already."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kinds import ConfigError
from kinds.files import read_note
from scenarios.command.options import RunOptions
from scenarios.command.run.choosing import Choosing, Precision, by_setting, to_show, tried_values
from scenarios.command.run.run_plan import Changes, RunPlan, plan_of
from scenarios.command.scenario import Scenario
from scenarios.findings.wording import counted
from simulator.cell.cell import Cell
from simulator.results.result_directory import MANIFEST, SEARCH, TUNING, begun_parts, entries
from simulator.sweeps.meter import works
from simulator.sweeps.store import identity

CORES = 2
"""The machine that scenarios state their minutes for has so many."""


def dry_run(plan: RunPlan, options: RunOptions, scenario: Scenario | None) -> str:
    """Returns a few lines about a plan that would run with these options."""
    out = options.out
    tuning = None if plan.tune is None else _Tuning(plan, plan.cells)
    if options.overwrite and read_note(out / MANIFEST).get("finished"):
        there = [f"Remembered: nothing; --overwrite removes the results in {out}, and all is run"]
    else:
        there = _remembered(plan, tuning, out)
    return "\n".join([*plan.notes, *_cells(plan, tuning), *there, _time(plan, tuning, options.workers, scenario)])


class _Tuning:
    """Race by which schemes choose. It is made once: to draw its settings can take seconds."""

    def __init__(self, plan: RunPlan, cells: Sequence[Cell]) -> None:
        assert plan.tune is not None
        self.choosing = Choosing(cells, plan.tune, plan.precision)
        self.tuner = self.choosing.tuner() if plan.objective is None else None
        # What is certainly tried: a race begins with it, a search tries no other settings.
        searched = self.choosing.sought() if self.tuner is None else ()
        trials = [cell for place in searched for cells in place.alternatives for cell in cells]
        self.trials = trials if self.tuner is None else self.tuner.first()


def _cells(plan: RunPlan, tuning: _Tuning | None) -> list[str]:
    settings = len(by_setting(plan.cells))
    decodings = len({cell.decoding_id for cell in plan.cells})
    seeds = len({cell.seed for cell in plan.cells})
    size = f"{counted(settings, 'setting')} x {counted(seeds, 'seed')}"
    most = len(plan.cells) if tuning is None else tuning.choosing.most_shown()
    chosen = "" if most == len(plan.cells) else f", and up to {most - len(plan.cells):,} more at what schemes choose"
    lines = [f"Cells: {len(plan.cells):,}, {size}{chosen}; {decodings:,} to be decoded, the rest timed"]
    if tuning is not None:
        more = " to begin with" if plan.objective is None else ""
        lines.append(f"Before them: {len(tuning.trials):,} trials{more}, by which each scheme chooses:")
        lines += [f"  {line}" for line in tried_values(tuning.choosing.places)]
    if plan.objective is not None:
        given = plan.objective
        lines.append(f"Before them: a search for {given.field} from {given.low} to {given.high:,} in each setting")
    if plan.precision is not None:
        lines.append(f"After them: more seeds until half-widths are below {100 * plan.precision:g}%")
    return lines


def _remembered(plan: RunPlan, tuning: _Tuning | None, out: Path) -> list[str]:
    """Returns lines on the part of this run that `out` holds, as far as its cells are known before a race has ended."""
    study, lines, cells = plan.scenario.study, list[str](), plan.cells
    try:
        if plan.objective is not None:
            lines += [f"Trials: {_of_search(out / TUNING)}"] if tuning is not None else []
            return [*lines, f"Remembered: {_of_search(out)}"]
        if tuning is not None and (race := tuning.tuner) is not None:
            lines.append(f"Trials: {_of_sweep(tuning.trials, f'{study}, {race.rule}', out / TUNING)}")
            tried = out / TUNING / "cells.parquet"
            if tried.is_file() and not race.more(pd.read_parquet(tried)):
                cells = to_show(tuning.choosing.choices(race.outcomes()))
        grown = "" if plan.precision is None else f", {Precision(cells, plan.headline, plan.precision).rule}"
        return [*lines, f"Remembered: {_of_sweep(cells, f'{study}{grown}', out)}"]
    except ConfigError as error:
        return [f"Remembered: cannot be told yet ({error})"]


def _of_sweep(cells: Sequence[Cell], requested: str, folder: Path) -> str:
    manifest = read_note(folder / MANIFEST)
    if "identity" not in manifest:
        strangers = not manifest and bool(entries(folder))
        return f"nothing; {folder} holds something else" if strangers else f"nothing in {folder}"
    if manifest.get("identity") != identity(cells, requested):
        return f"nothing; {folder} holds other results: name another --out or add --overwrite"
    if manifest.get("finished"):
        return f"all of it, in {folder}: nothing is run again"
    done = len(begun_parts(folder))
    return f"{done} of {len(cells)} cells, in {folder}: the run goes on from there"


def _of_search(out: Path) -> str:
    found = read_note(out / SEARCH).get("found")
    if found == {}:
        return f"nothing whole in {out}; the run goes on from what was simulated there"
    if not isinstance(found, dict) or not found:
        strangers = out.is_dir() and any(path.name in (MANIFEST, SEARCH) for path in out.iterdir())
        return f"nothing{f'; {out} holds other results' if strangers else f' in {out}'}"
    return f"{len(found)} settings were found in {out}; they count where the search is the same"


def _time(plan: RunPlan, tuning: _Tuning | None, workers: int, scenario: Scenario | None) -> str:
    if scenario is None:
        return "Time: of a cell from a file nothing is known beforehand"
    whole = plan_of(
        scenario, Changes(seeds=1)
    )  # its seeds have equal work, and to check the cells of all takes seconds
    cores = os.cpu_count() or 1
    at_once = max(1, min(workers, cores, len(plan.cells)))
    work = _work(plan.cells) + (0.0 if tuning is None else _work(tuning.trials))
    minutes = scenario.minutes * work / _stated(whole, scenario.seeds) * CORES / at_once
    same = {cell.models.pair.kind for cell in plan.cells} == {cell.models.pair.kind for cell in whole.cells}
    text = f"{minutes:.0f} min" if minutes >= 2 else f"{max(1, 60 * minutes):.0f} s"
    doubt = "" if same else ", which are of another model pair"
    by = counted(workers, "worker") + (f" on {counted(cores, 'core')}" if workers > cores else "")
    return f"Time: about {text} with {by}, from the {scenario.minutes:g} min that the scenario states{doubt}"


def _stated(plan: RunPlan, seeds: int) -> float:
    """The work of a plan's cells on so many seeds, and of its trials: those of one place of a scheme for all where
    nothing but links and clocks differ, since they try as many settings."""
    alike: dict[tuple[str, str, str], list[Cell]] = {}
    for cells in by_setting(plan.cells):
        cell = cells[0]
        key = (cell.scheme.model_dump_json(), cell.models.model_dump_json(), cell.workload.model_dump_json())
        alike.setdefault(key, []).append(cell)
    places = alike.values() if plan.tune is not None else ()
    return seeds * _work(plan.cells) + sum(len(each) * _work(_Tuning(plan, each[:1]).trials) for each in places)


def _work(cells: Sequence[Cell]) -> float:
    return sum(works(cells).values())
