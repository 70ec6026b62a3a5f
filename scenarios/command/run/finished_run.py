"""What a finished run leaves and says: note, tables, findings and figures, and the summary that a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow.parquet as pq

from scenarios.command.derived_axis import along, axes_of
from scenarios.command.fairness import compared_alike, question
from scenarios.command.report.drawing import draw_all
from scenarios.command.result_folder import BESIDE, CAPACITY, NOTE, Note
from scenarios.command.run.choosing import Chosen, beside, choices_table, doubts, fields_told
from scenarios.command.run.printed_tables import bearing, chosen_table, costs, overloads, stands_for, unsettled
from scenarios.command.run.run_plan import RunPlan
from scenarios.command.scenario import Tune
from scenarios.findings import findings_file
from scenarios.findings.aligned_columns import wrapped
from scenarios.findings.findings_file import FINDINGS, Answered
from scenarios.findings.headline_table import headline
from scenarios.findings.question import PREFIX as ANSWER
from scenarios.findings.rejections import beyond_chance
from scenarios.findings.sentences.limits import one_setting
from scenarios.findings.sentences.lowest import lossy_apart
from scenarios.findings.wording import DISTINGUISHABLE
from simulator.cell.cell import Cell
from simulator.results.columns import CHOSEN, CURVE, FIXED, SETTING
from simulator.results.csv_file import write_csv
from simulator.results.intervals import summarise, summarise_curves
from simulator.results.lossy_schemes import marked, with_lossy
from simulator.results.result_directory import own_folder, record
from simulator.results.trace import SUFFIX, trace_path
from simulator.results.unanswered_requests import complete
from simulator.results.units import title
from simulator.schemes.draft_scheme import DraftScheme
from simulator.studies import SIMULATION
from simulator.sweeps.parts import ROUNDS
from simulator.sweeps.store import CELL_FILES


@dataclass(frozen=True)
class FinishedRun:
    """The cells of a plan that were simulated, their table and its summary, both with curves, and the column that the
    curves run along. `choices`: what schemes chose, None where there was nothing to choose."""

    plan: RunPlan
    out: Path
    cells: Sequence[Cell]
    table: pd.DataFrame
    summary: pd.DataFrame
    axis: str | None
    choices: Sequence[Chosen] | None
    note: Note

    @classmethod
    def of(
        cls, plan: RunPlan, out: Path, cells: Sequence[Cell], table: pd.DataFrame, choices: Sequence[Chosen] | None,
        searched: Sequence[str] = (),
    ) -> Self:  # fmt: skip
        """Gives a table of the cells its curves and its summary; writes that of a search or of choices. `searched`: the
        columns that a search has found, and what it has changed."""
        scenario, by_id = plan.scenario, {cell.id: cell for cell in cells}
        computed = along(
            [by_id[cell] for cell in table["cell"]], [scenario.axis, *axes_of([scenario.answer, *scenario.findings])]
        )
        table = with_lossy(table.assign(**computed), {cell.id: cell.scheme.lossless for cell in cells})
        over = tuple(dict.fromkeys(path for each in choices or () for path in each.values))
        hidden, told = (*searched, *scenario.hidden, *over), [name for name in plan.told if name not in over]
        note = Note(
            scenario.name,
            scenario.axis,
            scenario.figures,
            hidden,
            dict.fromkeys(computed, ()),
            told=told,
            labels=plan.labels,
        )
        if choices is None:
            plain = summarise(table)
            (summary, axis), (table, _) = note.curved(plain), note.curved(table)
        else:
            axis = note.curved(table)[1]
            table = beside(table, choices, lambda rows: note.curved(rows)[0])
            plain = summary = summarise_curves(table)
        if searched or choices is not None:
            write_csv(plain, out / (CAPACITY if searched else BESIDE))
        note = replace(note, computed={name: plain[name].tolist() for name in computed})
        return cls(plan, out, cells, table, summary, axis, choices, note)

    @property
    def chosen(self) -> pd.DataFrame:
        """The summary of what schemes chose; all of it where there is nothing to choose."""
        return self.summary if self.choices is None else self.summary[self.summary[SETTING] == CHOSEN]

    @property
    def fixed(self) -> pd.DataFrame:
        """The summary of what the grid gave to all, beside what they chose."""
        return self.summary.iloc[:0] if self.choices is None else self.summary[self.summary[SETTING] == FIXED]

    @cached_property
    def stands_for(self) -> list[str]:
        """What models and clocks stand for, a line each."""
        return stands_for(self.cells, clock=self.plan.scenario.study == SIMULATION).splitlines()

    @property
    def assumed(self) -> list[str]:
        """What the scenario assumes, a line or none."""
        return [f"Assumed: {self.plan.scenario.assumed}"] if self.plan.scenario.assumed else []

    def report(self, notes: Sequence[str]) -> str:
        """Writes note, findings, tables and figures; returns the question, tables, findings, the answer, what is
        overloaded, what the run stands for, and where all is."""
        scenario, out = self.plan.scenario, self.out
        found, answer = self._findings()
        remarks = self._remarks()
        seeds = int(self.table["seed"].nunique())
        about = {"scenario": scenario.name, "question": scenario.summary, "axis": self.axis, "seeds": seeds}
        findings_file.write(out, {**about, "remarks": [*remarks, *self.assumed, *self.stands_for]}, [*found, *answer])
        lines = [*(each.line for each in found), *(f"{ANSWER}{each.line}" for each in answer)]
        replace(self.note, findings=lines).write(out)
        tables = [(out / f"{each.name}.csv", each.rows(self.table)) for each in scenario.tables]
        made = [write_csv(rows, path) for path, rows in tables if not rows.empty]
        figures = list(draw_all(self.summary, self.axis, self.note.figures, own_folder(out, "figures"), self.table))
        made += [out / name for name in (NOTE, FINDINGS, CAPACITY, BESIDE)] + figures
        record(out, [*made, *(trace_path(out / CELL_FILES, cell.id) for cell in self.cells)])
        requested = question(scenario.summary, scenario.left_out)
        text = [*([wrapped(f"Question: {requested}"), ""] if scenario.summary else []), *notes, *self._tables()]
        text += [wrapped(each.line) for each in found]
        text += [DISTINGUISHABLE] if any("no difference seen" in each.line for each in found) else []
        text += [*(wrapped(f"{ANSWER}{each.line}") for each in answer), ""] if found or answer else []
        text += map(wrapped, [*remarks, *self.assumed, *self.stands_for])
        text += [wrapped(f"Note: {line}") for line in self.plan.warnings]
        return "\n".join([*text, "", *self._places(figures)])

    def _findings(self) -> tuple[list[Answered], list[Answered]]:
        """What the scenario's questions find, a line each, lossy schemes by themselves; and the answer, if it asks."""
        table, axis, metric = marked(self.table), self.axis, self.plan.headline
        scenario = self.plan.scenario
        lines = list(findings_file.answered(scenario.findings, table, axis, scenario.answer))
        answer = [each for each in lines if each.is_answer]
        comparable = self.plan.objective is None and metric in table.columns
        lossy = partial(lossy_apart, complete(table), axis, metric if comparable else None)
        lines += findings_file.compared("lossy", metric, table, axis, lossy)
        if scenario.summary and not answer:
            answer = [Answered("none", metric, "none, there is nothing to compare", (), is_answer=True)]
        return [each for each in lines if not each.is_answer], answer

    def _remarks(self) -> list[str]:
        """What to know of the settings chosen, of how schemes were compared, of what is overloaded or unsettled."""
        scenario, tune = self.plan.scenario, self.plan.tune
        fixed = self.plan.fixed
        chosen = tune is not None and self.choices is not None
        lines = doubts(self.choices or (), self.table, self.axis, tune.metric if tune else "") if chosen else []
        lines += compared_alike(self.cells, tune or (Tune(fixed) if fixed else None), scenario.left_out)
        full = overloads(self.chosen, self.axis)
        # Without headlines there are too many curves to name those that are merely busy.
        lines += [line for line in full if scenario.headlines or line.startswith("Overloaded")]
        return [*lines, *unsettled(self.chosen), *self._rejections()]

    def _rejections(self) -> list[str]:
        """A line where rejections are not what TV(qhat, p) says; schemes that race or branch are left out."""
        if not (self.out / ROUNDS).is_file():
            return []
        table = marked(self.table)
        names = dict(zip(table["cell"], table[CURVE], strict=True))
        looked = {
            cell.id: -(-cell.workload.total // (cell.workload.distinct or cell.workload.total))
            for cell in self.cells
            if all(isinstance(each.scheme, DraftScheme) and each.scheme.rejects for each in cell.classes)
        }
        summed = ("verified", "unjudged", "accepted", "tv_qhat")
        rounds = pq.read_table(self.out / ROUNDS, columns=["cell", *summed])
        sums = rounds.group_by("cell").aggregate([(name, "sum") for name in summed]).to_pandas().set_index("cell")
        line = beyond_chance(sums.set_axis(summed, axis=1), names, looked)
        return [line] if line else []

    def _tables(self) -> Iterator[str]:
        """The printed tables, each with an empty line after it."""
        plan, headlines = self.plan, self.plan.scenario.headlines
        tables = list(self._measured(self.chosen))
        if headlines and self.choices is not None and plan.tune is not None:
            chosen = choices_table(self.choices, self.table)
            tables.append(chosen_table(chosen, self.axis, self._chosen_by(plan.tune, self.choices)))
            rows, given = self.fixed, ""
            if plan.objective is not None:
                rows, given = one_setting(self.fixed, self.chosen)
            tables.append(f"As the grid gives them{given and f', {given}'}: {next(self._measured(rows))}")
        tables += [costs(self.chosen)] if headlines else []
        tables += [each.printed(self.table) for each in plan.scenario.tables]
        yield from (line for text in tables if text for line in (text, ""))

    def _chosen_by(self, tune: Tune, choices: Sequence[Chosen]) -> str:
        """How the settings were chosen, and among what."""
        objective = self.plan.objective
        least = f"least {title(tune.metric)}" if objective is None else f"most {title(objective.field)}"
        tried = [each.outcome.tried for each in choices if each.values]
        seeds = max(each.outcome.seeds for each in choices)
        many = f"{min(tried)} to {max(tried)}" if min(tried) < max(tried) else f"{min(tried)}"
        heading = (
            f"Chosen by {least} in a race of {many} settings each, on {seeds} other seed{'s' if seeds > 1 else ''}:"
        )
        return "\n".join(map(wrapped, [heading, *fields_told([each.alternatives for each in choices])]))

    def _measured(self, rows: pd.DataFrame) -> Iterator[str]:
        """A table of what was searched for, or one a headline."""
        if self.plan.objective is not None:
            yield bearing(rows, self.axis, self.plan.objective)
        else:
            yield from (headline(rows, self.axis, metric) for metric in self.plan.scenario.headlines)

    def _places(self, figures: Sequence[Path]) -> list[str]:
        """The directory and what is in it, then the figures if there are any."""
        out, plan = self.out, self.plan
        also = f"{CAPACITY}, tried.csv, " if plan.objective is not None else f"{BESIDE}, " if plan.tune else ""
        also += "".join(f"{each.name}.csv, " for each in plan.scenario.tables if (out / f"{each.name}.csv").is_file())
        tables = ", requests.parquet, rounds.parquet" if (out / "requests.parquet").is_file() else ""
        names = ",".join(dict.fromkeys(path.stem for path in figures))
        drawn = [f"Figures: {out / 'figures'}/{{{names}}}.svg|png"] if names else []
        traces = f", {CELL_FILES}/ID{SUFFIX}" if any((out / CELL_FILES).glob(f"*{SUFFIX}")) else ""
        files = f"{also}cells.csv, summary.csv{tables}, findings.json, {CELL_FILES}/ID.yaml{traces}"
        return [f"Results: {out}/{files}", *drawn]
