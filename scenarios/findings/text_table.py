"""A table for a person: a heading, columns, rows in groups, notes. The terminal folds it to its width, and `written`
gives all of it as CSV, Markdown or LaTeX."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import pandas as pd

from scenarios.findings.aligned_columns import WIDTH, aligned, rows_along
from simulator.results.columns import CURVE
from simulator.results.units import quantity, title


@dataclass(frozen=True)
class TableEntry:
    """A number as text with its half-width and its marks, such as `25.0`, `0.3`, `*`; or any other text."""

    value: str
    half_width: str = ""
    marks: str = ""

    @property
    def text(self) -> str:
        """`25.0 ±0.3`."""
        return self.value + (f" ±{self.half_width}" if self.half_width else "")


@dataclass(frozen=True)
class TableGroup:
    """Rows that are ranked with each other, each a name and an entry a column; a name of the group where several."""

    name: str
    rows: Sequence[tuple[str, Sequence[TableEntry]]]


@dataclass(frozen=True)
class TextTable:
    """`corner` stands above the names of rows; `legend` says what marks mean, a clause each, `notes` what else changes
    how the table is read."""

    heading: str
    corner: str
    columns: Sequence[str]
    groups: Sequence[TableGroup]
    legend: Sequence[str] = ()
    notes: Sequence[str] = ()
    along: str = ""
    """What the columns are values of, in the plural: `uplink rates`."""
    beside: int = 0
    """The number of last columns that are no such values."""

    @classmethod
    def of(cls, heading: str, header: Sequence[str], body: Sequence[Sequence[str]]) -> TextTable:
        """A table of texts, the first of each row its name."""
        rows = [(row[0], [TableEntry(text) for text in row[1:]]) for row in body]
        return cls(heading, header[0], header[1:], (TableGroup("", rows),))

    @classmethod
    def by_curve(
        cls, heading: str, table: pd.DataFrame, axis: str | None, text: Callable[[pd.Series[float]], str]
    ) -> TextTable:
        """A row per value of the axis, a column per curve: the `text` of the row of the table that they have."""
        names = list(dict.fromkeys(table[CURVE]))
        body = []
        for at, part in rows_along(table, axis):
            found = {str(row[CURVE]): text(row) for _, row in part.iterrows()}
            body.append(["" if axis is None else quantity(at, axis), *(found.get(name, "-") for name in names)])
        return cls.of(heading, ["" if axis is None else title(axis), *names], body)

    def text(self, width: int = WIDTH) -> str:
        """The heading, line by line, and all columns, in blocks of at most `width` columns."""
        body: list[list[str]] = []
        for group in self.groups:
            body += [[group.name, *("" for _ in self.columns)]] if group.name else []
            body += [[name, *(_marked(each) for each in row)] for name, row in group.rows]
        heading = "\n".join(textwrap.fill(line, width) for line in self.heading.splitlines())
        text = f"{heading}\n\n{aligned([self.corner, *self.columns], body, width)}".lstrip("\n")
        return "\n".join([text, *(textwrap.fill(each, width) for each in (*self.legend, *self.notes))])


def written(table: TextTable, form: str) -> str:
    """The whole table in one of FORMATS, without folding."""
    return FORMATS[form](table)


def _headed(table: TextTable) -> tuple[str, Sequence[str]]:
    """What stands above the names of rows and above the columns: without an axis the one column of numbers has what is
    measured, which a screen shows in the corner."""
    if "" not in table.columns:
        return table.corner, table.columns
    return "scheme", [column or table.corner for column in table.columns]


def _rows(table: TextTable) -> list[tuple[str, str, Sequence[TableEntry]]]:
    return [(group.name, name, row) for group in table.groups for name, row in group.rows]


def _csv(table: TextTable) -> str:
    """A column for each of numbers, half-widths and marks, where a column has any; numbers without separators."""
    rows, out = _rows(table), io.StringIO()
    grouped = any(group for group, *_ in rows)
    parts: list[tuple[str, Callable[[TableEntry], str]]] = [
        ("", lambda entry: _plain(entry.value)), (" ±", lambda entry: _plain(entry.half_width)),
        (" mark", lambda entry: entry.marks),
    ]  # fmt: skip
    there = [[part for part in parts if not part[0] or any(part[1](row[i]) for *_, row in rows)]
             for i in range(len(table.columns))]  # fmt: skip
    writer = csv.writer(out, lineterminator="\n")
    corner, columns = _headed(table)
    heads = [column + ending for column, found in zip(columns, there, strict=True) for ending, _ in found]
    writer.writerow([*(["group"] if grouped else []), corner, *heads])
    for group, name, row in rows:
        entries = [give(entry) for entry, found in zip(row, there, strict=True) for _, give in found]
        writer.writerow([*([group] if grouped else []), name, *entries])
    return out.getvalue().rstrip("\n")


def _plain(text: str) -> str:
    bare = text.replace(",", "")
    return bare if bare.replace(".", "", 1).isdigit() else text


def _markdown(table: TextTable) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(_for_markdown, cells)) + " |"

    corner, columns = _headed(table)
    lines = [line([corner, *columns]), "|---|" + "---:|" * len(columns)]
    for group in table.groups:
        lines += [line([group.name, *("" for _ in table.columns)])] if group.name else []
        lines += [line([name, *map(_marked, row)]) for name, row in group.rows]
    below = "; ".join([*table.legend, *table.notes])
    return "\n".join([*lines, *(["", _for_markdown(below)] if below else [])])


def _for_markdown(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "\\|*_<>`[]" else letter for letter in text)


def _marked(entry: TableEntry) -> str:
    return entry.text + (f" {entry.marks}" if entry.marks else "")


_LATEX: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "±": r"$\pm$", "•": r"$\bullet$", "†": r"\dag", "‡": r"\ddag", "ℓ": r"$\ell$", "β": r"$\beta$", "₁": r"$_1$",
    "η": r"$\eta$", "α": r"$\alpha$", "µ": r"\textmu{}", "≥": r"$\geq$", "|": r"\textbar{}", "–": "--",
}  # fmt: skip


def _latex(table: TextTable) -> str:
    """For the packages booktabs and textcomp. Marks stand outside the column, so that numbers are aligned."""

    def plain(text: str) -> str:
        return "".join(_LATEX.get(letter, letter) for letter in text)

    def line(cells: Sequence[str], marks: Sequence[str] = ()) -> str:
        beside = [rf"\rlap{{\textsuperscript{{{plain(mark)}}}}}" if mark else "" for mark in ("", *marks)]
        whole = (plain(cell) + mark for cell, mark in zip_longest(cells, beside, fillvalue=""))
        return " & ".join(whole) + r" \\"

    columns, (corner, heads) = len(table.columns), _headed(table)
    lines = [rf"\begin{{tabular}}{{l{'r' * columns}}}", r"\toprule", line([corner, *heads]), r"\midrule"]
    for place, group in enumerate(table.groups):
        lines += [r"\midrule"] if place and group.name else []
        lines += [rf"\multicolumn{{{columns + 1}}}{{l}}{{{line([group.name])[:-3]}}} \\"] if group.name else []
        lines += [line([name, *(each.text for each in row)], [each.marks for each in row]) for name, row in group.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    below = [*table.legend, *table.notes]
    return "\n".join([*lines, *([r"\par " + line(["; ".join(below)])[:-3]] if below else [])])


FORMATS: Final[dict[str, Callable[[TextTable], str]]] = {"csv": _csv, "markdown": _markdown, "latex": _latex}
"""How a table is written for another program."""
