"""The answer and the findings of a scenario over its table of cells, at the end of a run or of a result directory."""

from __future__ import annotations

from functools import partial

import pandas as pd

from kinds import ConfigError
from scenarios.command.result_folder import ResultFolder, read_curved_cells
from scenarios.command.scenario import Scenario
from scenarios.findings import findings_file
from scenarios.findings.findings_file import Answered
from scenarios.findings.sentences.lowest import NOT_RUN, lossy_apart, lowest_of_what_ran
from simulator.results.lossy_schemes import marked
from simulator.results.unanswered_requests import complete


def answers(
    scenario: Scenario, table: pd.DataFrame, axis: str | None, metric: str, *, searched: bool
) -> list[Answered]:
    """Returns the findings of the scenario's questions, lossy schemes by themselves, and the answer, if it asks.
    `searched`: cells bear different numbers of devices and are not compared in the metric."""
    table = marked(table)
    lines = list(findings_file.answered((*scenario.findings, *scenario.claims), table, axis, scenario.answer))
    comparable = not searched and metric in table.columns
    lossy = partial(lossy_apart, complete(table), axis, metric if comparable else None)
    lines += findings_file.compared("lossy", metric, table, findings_file.places(table, axis), lossy)
    if scenario.summary and not any(each.is_answer for each in lines):
        text = lowest_of_what_ran(complete(table), axis, metric) if comparable else NOT_RUN
        lines.append(Answered("none", metric, text, (), is_answer=True))
    return lines


def answers_again(scenario: Scenario, found: ResultFolder) -> list[Answered]:
    """`answers` from the tables of a result directory. Raises ConfigError where they are not there."""
    summary, axis = found.curved_summary
    cells = read_curved_cells(found.path, summary)
    if cells is None:
        raise ConfigError(f"{found.path}: no table of cells; its findings cannot be computed")
    metric = (scenario.headlines or Scenario.headlines)[0]
    return answers(scenario, cells, axis, metric, searched=found.searched)
