"""Finished run: its note, tables, findings and figures, and the summary that a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd
import pyarrow.parquet as pq

from scenarios.command.fairness import compared_alike, excused
from scenarios.command.report.drawing import draw_all
from scenarios.command.result_folder import BESIDE, CAPACITY, NOTE, Note, along, axes_of
from scenarios.command.run.answers import answers
from scenarios.command.run.base_line import base_line
from scenarios.command.run.choosing import Chosen, beside, choices_table, doubts, never_behind, served, tried_values
from scenarios.command.run.printed_tables import (
    assumed_features,
    chosen_table,
    costs,
    none_supported,
    overloaded,
    overloads,
    own_schemes,
    refused_rivals,
    stands_for,
    too_few,
    unsettled,
)
from scenarios.command.run.run_plan import RunPlan
from scenarios.command.run.screen import Screen, more
from scenarios.command.scenario import Tune
from scenarios.findings import findings_file
from scenarios.findings.curve_table import capacity_table, cost_table, curve_table
from scenarios.findings.findings_file import FINDINGS, Answered
from scenarios.findings.question import of_setting
from scenarios.findings.rejections import beyond_chance
from scenarios.findings.sentences.limits import limited, one_setting, within_limits
from scenarios.findings.text_table import Detail, TextTable
from scenarios.findings.wording import DISTINGUISHABLE, counted, in_one_breath, joined, written_limits
from simulator.cell.cell import Cell, claims
from simulator.results.column_names import ALL_CLASSES, ATTAINMENT, CHOICE_SUFFIX, CHOSEN, CURVE, FIXED, SETTING
from simulator.results.csv_file import write_csv
from simulator.results.display_names import DisplayNames
from simulator.results.intervals import of_all_devices, summarise, summarise_curves
from simulator.results.lossy_schemes import marked, with_lossy
from simulator.results.plain_columns import in_plain_columns
from simulator.results.result_directory import own_folder, record
from simulator.results.trace import SUFFIX, trace_path
from simulator.results.units import title
from simulator.schemes.draft_scheme import DraftScheme
from simulator.studies import study
from simulator.sweeps.parts import ROUNDS
from simulator.sweeps.store import CELL_FILES

BESIDE_THE_TABLE = ("Not compared with", "Not tuned", "Not settled", "Codes differ", "Rejections")
"""Beginnings of remarks that change how the table is read."""


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
        lossless = {cell.id: claims(cell) for cell in cells}
        table = in_plain_columns(with_lossy(table.assign(**computed), lossless))
        over = tuple(dict.fromkeys(path for each in choices or () for path in each.values))
        hidden, named = (*searched, *scenario.hidden, *over), [name for name in plan.distinguishing if name not in over]
        note = Note(
            scenario.name,
            scenario.axis,
            scenario.figures,
            hidden,
            dict.fromkeys(computed, ()),
            told=named,
            labels=plan.labels,
        )
        if choices is None:
            plain = summarise(table)
            (summary, axis), (table, _) = note.curved(plain), note.curved(table)
        else:
            axis = note.curved(table)[1]
            if plan.tune is not None:
                of = plan.tune.metric if plan.objective is None else plan.objective.field
                choices = never_behind(choices, table, of, most=plan.objective is not None)
            table = beside(table, choices, lambda rows: note.curved(rows)[0])
            if plan.tune is not None and plan.objective is None and plan.tune.metric in table.columns:
                errors = {cell.id: each.outcome.error for each in choices for cell in each.chosen()}
                error = table["cell"].map(errors).where(table[SETTING] == CHOSEN, 0.0)
                table = table.assign(**{plan.tune.metric + CHOICE_SUFFIX: error})
            plain = summary = summarise_curves(table)
        if searched or choices is not None:
            write_csv(plain, out / (CAPACITY if searched else BESIDE))
        note = replace(note, computed={name: plain[name].tolist() for name in computed})
        return cls(plan, out, cells, table, in_plain_columns(summary), axis, choices, note)

    @cached_property
    def chosen(self) -> pd.DataFrame:
        """The summary of what schemes chose; all of it where there is nothing to choose."""
        return self.summary if self.choices is None else self.summary[self.summary[SETTING] == CHOSEN]

    @cached_property
    def _chosen_by_name(self) -> pd.DataFrame:
        return _named(self.chosen)

    @cached_property
    def _table_by_name(self) -> pd.DataFrame:
        return _named(self.table)

    @property
    def fixed(self) -> pd.DataFrame:
        """The summary of what the grid gave to all, beside what they chose."""
        return self.summary.iloc[:0] if self.choices is None else self.summary[self.summary[SETTING] == FIXED]

    @cached_property
    def stands_for(self) -> list[str]:
        """Returns lines on what models and clocks stand for."""
        return stands_for(self.cells, clock=self._timed)

    @property
    def assumed(self) -> list[str]:
        """Returns the line of the scenario's assumptions, if it has any, and those on rivals that its pairs refuse
        and on features."""
        own = [f"Assumed: {self.plan.scenario.assumed}"] if self.plan.scenario.assumed else []
        return [*own, *refused_rivals(self.cells), *assumed_features(self.cells)]

    def screen(self, notes: Sequence[str]) -> Screen:
        """Writes note, findings, tables and figures; returns the answer, the table, what else there is to know, and
        where all is."""
        scenario, out = self.plan.scenario, self.out
        found, answer = self._findings()
        table = self._table()

        details = self._details(found, notes)
        about = {
            "scenario": scenario.name, "question": scenario.summary, "axis": self.axis,
            "seeds": int(self.table["seed"].nunique()), "base": self._base,
            "remarks": [*self._of_classes, *self._remarks, *self._left_out, *self.assumed, *self.stands_for],
            "table": asdict(table) if table else None,
            "details": [asdict(each) for each in details if each.tables],
        }  # fmt: skip
        findings_file.write(out, about, [*found, *answer])
        self.note.write(out)
        tables = [(out / f"{each.name}.csv", each.rows(self.table)) for each in scenario.tables]
        made = [write_csv(rows, path) for path, rows in tables if not rows.empty]
        line = answer[0].line if answer else ""
        to = own_folder(out, "figures")
        figures = list(draw_all(self.summary, self.axis, self.note, to, self.table, line, self._base))
        made += [out / name for name in (NOTE, FINDINGS, CAPACITY, BESIDE)] + figures
        record(out, [*made, *(trace_path(out / CELL_FILES, cell.id) for cell in self.cells)])
        remarks = [*notes, *self._read_with_care()]
        places = [f"{out}   {counted(len(self.cells), 'run')}", *more(out)]
        if any((out / CELL_FILES).glob(f"*{SUFFIX}")):
            places.append(f"traces: {out / CELL_FILES}/ID{SUFFIX}; as a moving picture: sqsim play {out}")
        return Screen(
            scenario.summary, line, table, remarks, self._base, places,
            [*details, Detail("Files", self._places())], beside=self._cost_table(),
        )  # fmt: skip

    @cached_property
    def _base(self) -> str:
        settings = "one setting for each scheme" if self.table["scheme.kind"].nunique() > 1 else ""
        if self.choices is not None and self.plan.tune is not None:
            seeds = max(each.outcome.seeds for each in self.choices)
            settings = f"each scheme at a setting chosen on {counted(seeds, 'other seed')}"
        return " ".join(filter(None, [base_line(self.cells, settings, timed=self._timed), self.plan.changed]))

    @cached_property
    def _timed(self) -> bool:
        asked = study(self.plan.scenario.study)
        return asked.over_network and asked.deterministic

    def _table(self) -> TextTable | None:
        """The one table of the screen: what was searched for, the first headline, or the scenario's own."""
        scenario = self.plan.scenario
        if self.plan.objective is None and not scenario.headlines:
            own = next(filter(None, (each.printed(self.table) for each in scenario.tables)), None)
            if own is not None or scenario.tables or self.plan.headline not in self.chosen.columns:
                return own
        return self._measured(self.chosen, of_setting(self.table), self.plan.headline)

    def _measured(self, rows: pd.DataFrame, cells: pd.DataFrame, metric: str) -> TextTable | None:
        """Returns the table of the numbers searched for, or else of the metric, from rows of the summary and their
        cells."""
        if (objective := self.plan.objective) is not None:
            return capacity_table(rows, self.axis, objective.field, written_limits(objective.limits))
        return curve_table(rows, cells, self.axis, metric, overloaded(rows), limits=self._limited)

    @property
    def _limited(self) -> bool:
        """True if the table and the answer say which schemes meet the limits that the user typed."""
        return self.plan.limited and self.plan.objective is None and limited(self.chosen)

    def _cost_table(self) -> TextTable | None:
        """Returns the table of a token's costs if power or prices are known; without headlines there are too many
        curves."""
        return cost_table(self.chosen, self.axis) if self.plan.scenario.headlines else None

    def _read_with_care(self) -> Iterator[str]:
        scenario, named = self.plan.scenario, self._chosen_by_name
        yield from self.assumed
        if self.plan.quick:
            yield "--quick: a small version; an answer for a paper takes the whole run"
        yield from filter(None, [served(self.choices or ())])
        yield from self._of_classes
        yield from self._left_out
        yield from (line for line in self._remarks if line.startswith(BESIDE_THE_TABLE))
        if not scenario.headlines:
            yield from (line for line in overloads(named, self.axis) if line.startswith("Overloaded"))
        if replaced := [each for each in self.choices or () if each.behind is not None]:
            kinds = dict.fromkeys(DisplayNames().word(each.cells[0].scheme.kind) for each in replaced)
            yield f"At the grid's own setting where the one chosen was behind it: {joined([*kinds])} (--details)"
        if any(line.startswith("Precision") for line in self.stands_for):
            yield "Acceptance was measured at another weight precision than the times (--details)"

    @cached_property
    def _of_classes(self) -> list[str]:
        """Returns lines on classes whose rows do not name their scheme, and on percentiles of too few requests."""
        names = [*self.plan.scenario.headlines, *self.plan.cells[0].percentiles]
        if self.plan.objective is not None:  # of a class where it says so, else of all devices together
            names = [name if "." in name else f"{ALL_CLASSES}.{name}" for name in self.plan.objective.limits]
        return [*own_schemes(self.cells), *too_few(self.cells, names)]

    @property
    def _left_out(self) -> list[str]:
        left_out = self.plan.scenario.left_out
        return [excused(left_out)] if left_out else []

    def _details(self, found: Sequence[Answered], notes: Sequence[str]) -> list[Detail]:
        lines = [each.line for each in found]
        lines += [DISTINGUISHABLE] if any("no difference seen" in each.line for each in found) else []
        remarks = [*notes, *self._remarks, *(f"Note: {line}" for line in self.plan.warnings)]
        blocks = [
            *self._tables(), Detail("What a token costs", tables=[*filter(None, [self._cost_table()])]),
            Detail("Findings", lines), Detail("To know of the numbers", remarks),
            Detail("What models and times stand for", [*self.assumed, *self.stands_for]),
        ]  # fmt: skip
        return [each for each in blocks if each.lines or each.tables]

    def _findings(self) -> tuple[list[Answered], list[Answered]]:
        """Returns the findings of the scenario's questions, a line each, lossy schemes by themselves; and the answer,
        if it asks."""
        searched = self.plan.objective is not None
        lines = answers(self.plan.scenario, self.table, self.axis, self.plan.headline, searched=searched)
        answer = [each for each in lines if each.is_answer]
        if self._limited:
            line = within_limits(self.chosen, self.axis)
            rest = [replace(each, line=in_one_breath(f"{line}; {_within(each.line)}")) for each in answer]
            answer = rest or [Answered("WithinLimits", ATTAINMENT, line, (), is_answer=True)]
        return [each for each in lines if not each.is_answer], answer

    @cached_property
    def _remarks(self) -> list[str]:
        """Returns remarks on the settings chosen, on the comparison of schemes, and on what is overloaded or
        unsettled."""
        scenario, tune = self.plan.scenario, self.plan.tune
        chosen_rows, rows = self._chosen_by_name, self._table_by_name
        fixed = self.plan.fixed
        chosen = tune is not None and self.choices is not None
        lines = doubts(self.choices or (), rows, self.axis) if chosen else []
        lines += compared_alike(self.cells, tune or (Tune(fixed) if fixed else None), scenario.left_out)
        full = overloads(chosen_rows, self.axis)
        # Without headlines there are too many curves to name those that are merely busy.
        lines += [line for line in full if scenario.headlines or line.startswith("Overloaded")]
        return [*lines, *unsettled(chosen_rows), *self._rejections()]

    def _rejections(self) -> list[str]:
        """A line where rejections are not what TV(qhat, p) says; schemes that race or branch are left out."""
        if not (self.out / ROUNDS).is_file():
            return []
        table = marked(self._table_by_name)
        table = of_all_devices(table)
        names = dict(zip(table["cell"], table[CURVE], strict=True))
        looked = {
            cell.id: -(-cell.requests // (cell.workload.distinct or cell.requests))
            for cell in self.cells
            if all(isinstance(each.scheme, DraftScheme) and each.scheme.rejects for each in cell.classes)
        }
        summed = ("verified", "accepted", "tv_qhat")
        rounds = pq.read_table(self.out / ROUNDS, columns=["cell", *summed])
        sums = rounds.group_by("cell").aggregate([(name, "sum") for name in summed]).to_pandas().set_index("cell")
        shown = sums.index.isin([*names])  # a choice that the grid's own setting replaced has run, too
        line = beyond_chance(sums[shown].set_axis(summed, axis=1), names, looked)
        return [line] if line else []

    def _tables(self) -> Iterator[Detail]:
        plan, headlines, chosen = self.plan, self.plan.scenario.headlines, self._chosen_by_name
        searched = plan.objective is not None
        metrics = [plan.headline] if searched else headlines
        cells = of_setting(self.table)
        found = [self._measured(self.chosen, cells, metric) for metric in metrics]
        none = none_supported(chosen, self.axis, plan.objective) if plan.objective is not None else ()
        yield Detail("Results", [*none], [*filter(None, found)])
        if headlines and self.choices is not None and plan.tune is not None:
            choices = choices_table(self.choices, self._table_by_name)
            heading = self._chosen_by(plan.tune, self.choices)
            yield Detail("Settings chosen", tables=[chosen_table(choices, self.axis, heading)])
            rows, given = one_setting(self.fixed, self.chosen) if searched else (self.fixed, "")
            given = DisplayNames().curve(f"k_sqs {given}").partition(", ")[2] if given else ""
            first = self._measured(rows, of_setting(self.table, FIXED), plan.headline)
            yield Detail(f"As the grid gives them{given and f', {given}'}", tables=[*filter(None, [first])])
        if headlines:
            yield Detail("What each scheme pays", tables=[*filter(None, [costs(chosen)])])
        own = (each.printed(self.table) for each in plan.scenario.tables)
        yield from (Detail("Table", tables=[table]) for table in own if table is not None)

    def _chosen_by(self, tune: Tune, choices: Sequence[Chosen]) -> str:
        objective = self.plan.objective
        least = f"least {title(tune.metric)}" if objective is None else f"most {title(objective.field)}"
        tried = [each.outcome.tried for each in choices if each.values]
        seeds = max(each.outcome.seeds for each in choices)
        many = f"{min(tried)} to {max(tried)}" if min(tried) < max(tried) else f"{min(tried)}"
        heading = f"Chosen by {least} in a race of {many} settings each, on {counted(seeds, 'other seed')}:"
        return "\n".join([heading, *tried_values([each.alternatives for each in choices])])

    def _places(self) -> list[str]:
        out, plan = self.out, self.plan
        also = f"{CAPACITY}, tried.csv, " if plan.objective is not None else f"{BESIDE}, " if plan.tune else ""
        also += "".join(f"{each.name}.csv, " for each in plan.scenario.tables if (out / f"{each.name}.csv").is_file())
        tables = ", requests.parquet, rounds.parquet" if (out / "requests.parquet").is_file() else ""
        names = ",".join(self.note.figures)
        drawn = [f"Figures: {out / 'figures'}/{{{names}}}.svg|png"] if names else []
        traces = f", {CELL_FILES}/ID{SUFFIX}" if any((out / CELL_FILES).glob(f"*{SUFFIX}")) else ""
        files = f"{also}cells.csv, summary.csv{tables}, findings.json, {CELL_FILES}/ID.yaml{traces}"
        return [f"Results: {out}/{files}", *drawn]


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their curves by the names that a person reads, as long as no two share one."""
    names = {str(curve): DisplayNames().curve(str(curve)) for curve in rows[CURVE].unique()}
    given = list(names.values())
    return rows.assign(**{CURVE: [names[curve] if given.count(names[curve]) == 1 else curve for curve in rows[CURVE]]})


def _within(line: str) -> str:
    """A line as it stands behind another: its first letter is small, unless it begins a name such as K-SQS."""
    return line[:1].lower() + line[1:] if line[1:2].islower() else line
