"""`findings.json` of a result directory: the question, its answer, each finding, and the numbers behind them.

    {"scenario": ..., "question": ..., "axis": ..., "seeds": ..., "remarks": [...],
     "answer": ..., "answer_comparisons": [...], "confidence": 0.95,
     "findings": [{"asked": "Lowest", "metric": ..., "line": ..., "comparisons": [
        {"metric": ..., "unit": ..., "first": CURVE, "second": CURVE, "where": {COLUMN: VALUE},
         "first_mean": ..., "second_mean": ..., "relative": true, "difference": ..., "low": ..., "high": ...,
         "n": SEEDS, "separable": true | false | null}, ...]}, ...]}

`difference` is exp(mean ln(first / second)) - 1, paired by seed; first - second in the metric's unit where not
`relative`, as where a value is 0. `low` and `high` are the ends of its interval, null of one seed, as `separable`,
whether they leave out 0, then is. Where a curve passes another there is `crossing` in place of means.
`answer` is one breath, "" where there is none.
`base` says in one line whose numbers they are; `table` is the table of the screen (`text_table.TextTable`), which
`sqsim table` writes; `details` are the other tables of `sqsim run --details`: a `heading`, `tables` and `lines`.
`remarks` are the other sentences printed: what is overloaded, what is assumed, what models and clocks stand for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import ConfigDict, ValidationError

from kinds import ConfigError, Part, first_error
from kinds.files import atomically, read_text
from scenarios.findings.question import Question, ask, ask_in_one_breath
from scenarios.findings.text_table import Detail, TextTable
from scenarios.findings.wording import rows_of
from simulator.results.column_names import SETTING
from simulator.results.intervals import CONFIDENCE, varying
from simulator.results.plain_values import Plain
from simulator.results.result_directory import checked

FINDINGS = "findings.json"


@dataclass(frozen=True)
class Answered:
    """Sentence that answers one question, and the comparisons made for it."""

    asked: str
    metric: str
    line: str
    comparisons: Sequence[dict[str, Plain]]
    is_answer: bool = False
    """True if it answers the scenario's question in one breath; others are findings beside it."""


def answered(
    questions: Sequence[Question], table: pd.DataFrame, axis: str | None, answer: Question | None = None
) -> Iterator[Answered]:
    """The questions that this table of cells with curves answers, each with its numbers; `answer` last."""
    fields = places(table, axis)
    for question in questions:
        yield from compared(question.name, question.metric, table, fields, partial(ask, question, table, axis))
    if answer is not None:
        breath = partial(ask_in_one_breath, answer, table, axis)
        for found in compared(answer.name, answer.metric, table, fields, breath):
            yield replace(found, is_answer=True)


def places(table: pd.DataFrame, axis: str | None) -> list[str]:
    """The columns that tell where a comparison holds: those that vary, the schemes' own apart."""
    return [name for name in varying(table) if name == axis or not name.startswith(("scheme.", SETTING))]


def compared(
    asked: str, metric: str, table: pd.DataFrame, fields: Sequence[str], report: Callable[[], str]
) -> Iterator[Answered]:
    """Yields the result of `report`, with its comparisons, by `places`; nothing where that is "". A
    question about a field that no cell has is answered by that."""
    try:
        line = report()
    except KeyError as error:
        field = error.args[0]
        if not isinstance(field, str) or "." not in field or field in table.columns:
            raise
        line = f"Not answered ({asked} by {metric}): no cell here has the field {field}"
    if line:
        rows = rows_of([line])
        yield Answered(asked, metric, line, [each for row in rows if (each := row.numbers(fields))])


def write(folder: Path, about: Mapping[str, Plain], found: Sequence[Answered]) -> None:
    """Writes the file into a result directory; `about`: what stands before the answer and the findings."""
    answer = next((each for each in found if each.is_answer), None)
    content = {
        **about,
        "answer": answer.line if answer else "",
        "answer_comparisons": answer.comparisons if answer else [],
        "confidence": CONFIDENCE,
        "findings": [
            {
                "asked": each.asked,
                "metric": each.metric,
                "line": each.line,
                "comparisons": each.comparisons,
            }
            for each in found
            if not each.is_answer
        ],
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    atomically(folder / FINDINGS, partial(Path.write_text, data=text))


def read(folder: Path) -> dict[str, Plain]:
    """Returns the contents of a result directory's findings file; {} if it has none. Raises ConfigError if it cannot be
    read."""
    if not (folder / FINDINGS).exists():
        return {}
    path = checked(folder, FINDINGS)
    text = read_text(path)
    try:
        _Found.model_validate_json(text)
        found: dict[str, Plain] = json.loads(text)
        tables_of(found)
    except ValidationError as error:
        where, _, allowed = first_error(error)
        raise ConfigError(f"{path}: not written by this program, {where}: {allowed}") from None
    return found


def tables_of(found: Mapping[str, Plain]) -> tuple[TextTable | None, list[Detail]]:
    """The table of the screen in what was `read`, and the other ones under their headings."""
    return (given := _Tables.model_validate(found)).table, list(given.details or ())


_Number = float | Literal["inf", "-inf"] | None


class _Read(Part):
    """The fields that are used of what is read back: a stranger may have written them."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Difference(_Read):
    metric: str
    first: str
    second: str
    where: dict[str, float | str | bool | None]
    first_mean: _Number
    second_mean: _Number
    relative: bool
    difference: _Number
    low: _Number
    high: _Number
    n: int
    separable: bool | None


class _Crossing(_Read):
    crossing: _Number


class _Finding(_Read):
    metric: str
    line: str
    comparisons: list[_Difference | _Crossing]


class _Tables(Part):
    model_config = ConfigDict(extra="ignore")
    details: list[Detail] | None = None
    table: TextTable | None = None


class _Found(_Read):
    base: str | None = None
    question: str | None = None
    answer: str | None = None
    answer_comparisons: list[_Difference | _Crossing] | None = None
    remarks: list[str] | None = None
    findings: list[_Finding] | None = None
