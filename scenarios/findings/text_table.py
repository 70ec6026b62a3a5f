"""A table for a person: a heading, columns, rows in groups, notes. The terminal folds it to its width, and `written`
gives all of it as CSV, Markdown or LaTeX; a report's page does so in HTML (`command/report/templates`)."""

from __future__ import annotations

import csv
import io
import math
import shutil
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import pandas as pd

WIDTH = 100


def screen_width() -> int:
    """Returns the terminal's columns; WIDTH where there is none, and never less than 40."""
    return max(40, shutil.get_terminal_size((WIDTH, 24)).columns)


def wrapped(line: str, width: int = WIDTH) -> str:
    """A sentence as lines of at most `width` columns, those after the first set in."""
    return textwrap.fill(line, width, subsequent_indent="    ")


@dataclass(frozen=True)
class TableEntry:
    """A number as text with its half-width and its marks, such as `25.0`, `0.3`, `*`; or any other text."""

    value: str
    half_width: str = ""
    marks: str = ""
    order: str = ""
    """The number by which a page sorts, in the words of a script; "" sorts by the text, and stands last of numbers."""

    @property
    def text(self) -> str:
        """`25.0 ±0.3`."""
        return self.value + (f" ±{self.half_width}" if self.half_width else "")


def number(mean: float, half_width: float = math.nan, marks: str = "") -> TableEntry:
    """Three digits of the mean, and the half-width to the same place, or to one digit where that is 0."""
    if not math.isfinite(mean):
        return TableEntry(f"{mean:g}", "", marks)
    place = 2 if not mean else min(4, 2 - math.floor(math.log10(abs(mean))))
    digits = max(0, place)
    half = "" if math.isnan(half_width) else f"{round(half_width, place):,.{digits}f}"
    if half and not float(half.replace(",", "") if math.isfinite(half_width) else 1):
        half = f"{half_width:.1g}"
    return TableEntry(f"{round(mean, place):,.{digits}f}", half, marks)


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
    """Plural name of what the columns are values of: `uplink rates`."""
    beside: int = 0
    """The number of last columns that are no such values."""
    keys: Sequence[str] = ()
    """The columns of results that the names of rows and the columns stand for, by which a page explains them."""

    @classmethod
    def of(cls, heading: str, header: Sequence[str], body: Sequence[Sequence[str]]) -> TextTable:
        """A table of texts, the first of each row its name."""
        rows = [(row[0], [TableEntry(text) for text in row[1:]]) for row in body]
        return cls(heading, header[0], header[1:], (TableGroup("", rows),))

    @property
    def heads(self) -> Sequence[str]:
        """Returns the heads above the names of rows and above each column: without an axis the one column of numbers
        has what is measured, which a screen shows in the corner."""
        if "" not in self.columns:
            return [self.corner, *self.columns]
        return ["scheme", *(column or self.corner for column in self.columns)]

    def text(self, width: int = WIDTH) -> str:
        """The heading, line by line, and all columns, in blocks of at most `width` columns."""
        body: list[list[str]] = []
        for group in self.groups:
            body += [[group.name, *("" for _ in self.columns)]] if group.name else []
            body += [[name, *(_marked(each) for each in row)] for name, row in group.rows]
        heading = "\n".join(wrapped(line, width) for line in self.heading.splitlines())
        text = f"{heading}\n\n{_aligned([self.corner, *self.columns], body, width)}".lstrip("\n")
        return "\n".join([text, *(wrapped(each, width) for each in (*self.legend, *self.notes))])


def rows_along(table: pd.DataFrame, axis: str | None) -> list[tuple[object, pd.DataFrame]]:
    """The rows at each value of the axis: numbers ascending, names in order of appearance."""
    if axis is None:
        return [(None, table)]
    return list(table.groupby(axis, sort=bool(pd.api.types.is_numeric_dtype(table[axis]))))


def _aligned(header: list[str], body: list[list[str]], width: int) -> str:
    """Columns padded to their widest entry, first to the left, others to the right; blocks of at most `width`."""
    # By hand: tabulate and rich make no blocks, pandas' to_string does but leaves one space here and two there.
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    blocks: list[list[int]] = [[]]
    used = widths[0]
    for i in range(1, len(header)):
        if blocks[-1] and used + 2 + widths[i] > width:
            blocks.append([])
            used = widths[0]
        blocks[-1].append(i)
        used += 2 + widths[i]
    return "\n\n".join(
        "\n".join(
            "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in block)]).rstrip()
            for row in [header, *body]
        )
        for block in blocks
    )


@dataclass(frozen=True)
class Detail:
    """Block that a run prints besides its first table: tables, then lines."""

    heading: str
    lines: Sequence[str] = ()
    tables: Sequence[TextTable] = ()


def written(table: TextTable, form: str) -> str:
    """The whole table in one of FORMATS, without folding."""
    return FORMATS[form](table)


def _csv(table: TextTable) -> str:
    """A column for each of numbers, half-widths and marks, where a column has any; numbers without separators."""
    rows = [(group.name, name, row) for group in table.groups for name, row in group.rows]
    out = io.StringIO()
    grouped = any(group for group, *_ in rows)
    parts: list[tuple[str, Callable[[TableEntry], str]]] = [
        ("", lambda entry: _plain(entry.value)), (" ±", lambda entry: _plain(entry.half_width)),
        (" mark", lambda entry: entry.marks),
    ]  # fmt: skip
    there = [[part for part in parts if not part[0] or any(part[1](row[i]) for *_, row in rows)]
             for i in range(len(table.columns))]  # fmt: skip
    writer = csv.writer(out, lineterminator="\n")
    corner, *columns = table.heads
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

    lines = [line(table.heads), "|---|" + "---:|" * len(table.columns)]
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
    """Returns the table for LaTeX with the packages booktabs and textcomp. Marks stand outside the column, so that
    numbers are aligned."""

    def plain(text: str) -> str:
        return "".join(_LATEX.get(letter, letter) for letter in text)

    def line(cells: Sequence[str], marks: Sequence[str] = ()) -> str:
        beside = [rf"\rlap{{\textsuperscript{{{plain(mark)}}}}}" if mark else "" for mark in ("", *marks)]
        whole = (plain(cell) + mark for cell, mark in zip_longest(cells, beside, fillvalue=""))
        return " & ".join(whole) + r" \\"

    columns = len(table.columns)
    lines = [rf"\begin{{tabular}}{{l{'r' * columns}}}", r"\toprule", line(table.heads), r"\midrule"]
    for place, group in enumerate(table.groups):
        lines += [r"\midrule"] if place and group.name else []
        lines += [rf"\multicolumn{{{columns + 1}}}{{l}}{{{line([group.name])[:-3]}}} \\"] if group.name else []
        lines += [line([name, *(each.text for each in row)], [each.marks for each in row]) for name, row in group.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    below = [*table.legend, *table.notes]
    return "\n".join([*lines, *([r"\par " + line(["; ".join(below)])[:-3]] if below else [])])


FORMATS: Final[dict[str, Callable[[TextTable], str]]] = {"csv": _csv, "markdown": _markdown, "latex": _latex}
"""Writers of a table for another program."""
