"""Questions that a scenario puts to its finished table of cells, and tables beside them: computed, never typed. What
only one scenario asks is a function in its own file, made a question by `asks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from scenarios.findings.text_table import TextTable
from scenarios.findings.wording import Finding, called, counted, in_one_breath, rows_of, stretches
from simulator.results.column_names import CHOSEN, CLASS, CURVE, SETTING
from simulator.results.intervals import named_without
from simulator.results.unanswered_requests import ANSWERED, complete, had_it_answered, percent, share, unanswered
from simulator.results.units import names_file, quantity, title

Report = Callable[[pd.DataFrame, str | None], str]
LATENCY = "latency_per_token_s"


class Question(Protocol):
    """Anything with an answer; its name is what `findings.json` calls it."""

    @property
    def metric(self) -> str: ...

    @property
    def name(self) -> str: ...

    def report(self, table: pd.DataFrame, axis: str | None) -> str:
        """A sentence, a `Finding` where it is made of comparisons; "" where there is nothing to answer."""
        ...


class Named:
    """A kind of question, which is named after its class."""

    @property
    def name(self) -> str:
        return type(self).__name__


@dataclass(frozen=True)
class OwnQuestion:
    """A function of one scenario as a question."""

    metric: str
    report: Report
    over: str | None = None
    """A column that it runs along in place of the axis."""

    @property
    def name(self) -> str:
        """The function's name, in the spelling of a class."""
        return self.report.__name__.title().replace("_", "")


def asks(metric: str, over: str | None = None) -> Callable[[Report], OwnQuestion]:
    """Makes a function of the table and its axis a question about `metric`, along the column `over`."""
    return lambda report: OwnQuestion(metric, report, over)


@dataclass(frozen=True)
class Table:
    """A table of its own, printed and written beside the results: `rows` are what is written to NAME.csv, from the
    finished table of cells, `printed` is the same for a person, None where there is nothing."""

    name: str
    rows: Callable[[pd.DataFrame], pd.DataFrame]
    printed: Callable[[pd.DataFrame], TextTable | None]


def ask(question: Question, table: pd.DataFrame, axis: str | None) -> str:
    """The answer over what may be compared: settings in which requests went unanswered are left out, and it names them
    where they would have made a difference."""
    line, lacking = _over_complete(question, table, axis)
    left_out = []
    for curve, rows in lacking.items():
        means = rows.groupby(axis or CURVE, sort=False)[[ANSWERED]].mean()
        shares = [share(row) for _, row in means.iterrows()]
        lost = " to ".join(dict.fromkeys(percent(each) for each in (min(shares), max(shares))))
        where = f" {stretches(rows, table[table[CURVE] == curve], axis)}".rstrip()
        left_out.append(f"{called(curve)}{where} ({lost} unanswered)")
    if not left_out:
        return line
    return Finding(f"{line or 'Nothing to compare'}; left out: {', '.join(left_out)}", rows_of([line]))


def ask_in_one_breath(question: Question, table: pd.DataFrame, axis: str | None) -> str:
    """`ask` in at most MOST_WORDS, the first letter a capital: how many schemes have settings left out, not which."""
    line, lacking = _over_complete(question, table, axis)
    note = f"; {counted(len(lacking), 'scheme')} with unanswered requests left out" if lacking else ""
    line = line or ("nothing to compare" if lacking else "")
    return in_one_breath(Finding(line[:1].upper() + line[1:], rows_of([line])), note)


def _over_complete(question: Question, table: pd.DataFrame, axis: str | None) -> tuple[str, dict[str, pd.DataFrame]]:
    """Returns a question's answer on `complete` settings, and, by curve, the rows left out that would have changed
    it."""
    line = question.report(complete(table), axis)
    changing = {}
    for curve, rows in table[unanswered(table)].groupby(CURVE, sort=False):
        if question.report(had_it_answered(table, str(curve)), axis) != line:
            changing[str(curve)] = rows
    return line, changing


def of_setting(table: pd.DataFrame, setting: str = CHOSEN) -> pd.DataFrame:
    """The rows of a setting, `chosen` for each scheme or `fixed` by the grid; all where nothing was chosen."""
    return table[table[SETTING] == setting] if SETTING in table.columns else table


def without(rows: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """The rows of other kinds of schemes."""
    return rows[~rows["scheme.kind"].isin(kinds)]


def parts(table: pd.DataFrame, by: str | None, *, plain: bool = False) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each value of the column `by` in order, with its name: `loss 0.1: `; one without a name where
    there is no such column. Where `plain`, the curves' own names need not repeat it. Without `by` classes of devices
    are kept apart: what they wait is not compared."""
    by = CLASS if by is None and CLASS in table.columns else by
    if by is None or by not in table.columns:
        return [("", table)]
    rows = named_without(table, by) if plain else table
    named = title(by.removesuffix(".kind"))
    return [(f"{named} {in_words(value, by)}: ", part) for value, part in rows.groupby(by, sort=False)]


def in_words(value: object, name: str) -> str:
    """A value of a column as a person reads it: a quantity, a file by its name, a kind as figures call it."""
    return called(value) if isinstance(value, str) and not names_file(name) else quantity(value, name)


def groups(table: pd.DataFrame, by: str) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each value of a column of names, with the name as a person reads it."""
    return [(in_words(value, by), rows) for value, rows in table.groupby(by, sort=False)]


def left_out(rows: pd.DataFrame, kinds: Sequence[str]) -> str:
    """Returns `without a, b` for the kinds of schemes that the rows hold; "" if they hold none."""
    there = [kind for kind in kinds if (rows["scheme.kind"] == kind).any()]
    return f"without {', '.join(map(called, there))}" if there else ""


def curves_of(rows: pd.DataFrame, *kinds: str) -> list[str]:
    """The curves of some kinds of schemes, in order of appearance."""
    return [str(curve) for curve in rows.loc[rows["scheme.kind"].isin(kinds), CURVE].unique()]
