"""Screen of a finished run on a terminal. A table is folded by columns and never inside a number: of values of the axis
that do not fit, the first, the last and some between them stay. Elsewhere than on a terminal it is plain text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinds.mistakes import Escaped, printable
from scenarios.findings.curve_table import BEST
from scenarios.findings.text_table import Detail, TableEntry, TextTable, screen_width, wrapped, written

MOST_ROWS: Final = 16
"""More rows of a group than these are in the report alone."""
LEAST_NAME: Final = 22
"""Columns that the names of rows may take before columns of numbers are left out for them."""
LEAST: Final = 8
CORNER: Final = 30
"""Columns that the text above the names may take where names are shorter; it goes on below."""
GAP: Final = 2
ANSWER: Final = "ANSWER"


@dataclass(frozen=True)
class Screen:
    """Screen of a run; `places` are lines on where the results are."""

    question: str
    answer: str
    table: TextTable | None
    notes: Sequence[str]
    base: str
    places: Sequence[str]
    details: Sequence[Detail] = ()
    leads: Sequence[tuple[str, str]] = ()
    """Lines right below the answer, each with its word."""
    beside: TextTable | None = None
    """Table below the first one."""
    others: str = "--details"
    """Option that shows the columns and rows that have no room in the tables."""

    def text(self, form: str = "text", *, detailed: bool = False) -> Escaped:
        """The screen for standard output as it is now; in another form than text, the table alone."""
        if form != "text":
            return Escaped("" if self.table is None else printable(written(self.table, form), kept="\n"))
        console = Console(
            width=screen_width(), markup=False, highlight=False, emoji=False,
            soft_wrap=False, color_system="auto" if sys.stdout.isatty() else None,
        )  # fmt: skip
        with console.capture() as capture:
            for part in self._parts(console.width, detailed=detailed):
                console.print(part)
        return Escaped("\n".join(line.rstrip() for line in capture.get().splitlines()))

    def _parts(self, width: int, *, detailed: bool) -> Iterator[Text | Table]:
        if self.question:
            yield _text(self.question, "bold")
            yield Text()
        if self.answer:
            answer = Table.grid(padding=(0, 2, 0, 0))
            answer.add_row(Text(f"  {ANSWER}", "bold green"), _text(self.answer, "bold"))
            for head, line in self.leads:
                answer.add_row(Text(f"  {head}", "bold"), _text(line))
            yield answer
            yield Text()
        legend: list[str] = []
        if self.table is not None:
            heading = self.table.heading
            if heading:
                yield _text(heading)
                yield Text()
            table, legend = folded(self.table, width, self.others)
            yield table
        if self.beside is not None:
            beside, more = folded(self.beside, width, self.others)
            yield Text()
            yield beside
            legend += more
        for note in [*legend, *(self.table.notes if self.table else ()), *self.notes]:
            yield _text(note)
        if self.base:
            yield Text()
            yield _text(self.base, "dim")
        if detailed:
            for each in self.details:
                yield Text()
                yield _text(each.heading, "bold")
                blocks = ["\n\n".join(table.text(width) for table in each.tables)] if each.tables else []
                for line in "\n".join([*blocks, *(wrapped(line, width) for line in each.lines)]).splitlines():
                    yield _text(line)
        yield Text()
        for line in self.places:
            yield _text(line)


def more(out: Path) -> list[str]:
    """Returns a line for each command that shows more of the results in `out`."""
    return [f"more: sqsim report {out}", "more: the same command with --details"]


def folded(table: TextTable, width: int, others: str) -> tuple[Table, list[str]]:
    """The table in `width` columns, and what is to be read below it: the legend, and what was left out."""
    shown = [
        (group.name, [row for at, row in enumerate(group.rows) if at < MOST_ROWS or any(each.marks for each in row[1])])
        for group in table.groups
    ]
    names = [("  " if group else "") + printable(name) for group, rows in shown for name, _ in rows]
    columns = [_aligned(head, [row[i] for _, rows in shown for _, row in rows]) for i, head in enumerate(table.columns)]
    sizes = [max(map(len, column)) for column in columns]
    longest = max(map(len, [*names, *(group for group, _ in shown)]), default=0)
    name_width = min(longest, max(LEAST_NAME, width - sum(sizes) - GAP * len(sizes)))
    kept = _columns_kept(sizes, width - name_width)
    rest = max(LEAST, width - sum(sizes[i] + GAP for i in kept))
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    grid.add_column(
        _text(table.corner), width=min(max(longest, min(len(table.corner), CORNER)), rest), vertical="bottom"
    )
    for i in kept:
        grid.add_column(_text(columns[i][0]), no_wrap=True, vertical="bottom", min_width=sizes[i])
    place = empty = 0
    for group, rows in shown:
        if len(shown) > 1 and all(row[i].value == "-" for _, row in rows for i in kept):
            place, empty = place + len(rows), empty + 1
            continue
        if group:
            grid.add_row(_text(group, "italic"))
        for _, row in rows:
            cells = [_text(columns[i][place + 1], "bold" if BEST in row[i].marks else "") for i in kept]
            grid.add_row(_text(names[place]), *cells)
            place += 1
    hidden = sum(len(group.rows) for group in table.groups) - len(names)
    shown_columns, columns_there = len(kept) - table.beside, len(sizes) - table.beside
    lacking = [f"{shown_columns} of {columns_there} {table.along or 'columns'}"] if len(kept) < len(sizes) else []
    lacking += [f"{len(names)} of {len(names) + hidden} rows"] if hidden else []
    lacking += [f"{len(shown) - empty} of {len(shown)} groups"] if empty else []
    left_out = f"Shown: {', '.join(lacking)}; the others: {others}" if lacking else ""
    return grid, [*_packed(table.legend, width), *([left_out] if left_out else [])]


def _packed(clauses: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for each in clauses:
        if lines and len(lines[-1]) + 3 + len(each) <= width:
            lines[-1] += f"   {each}"
        else:
            lines.append(each)
    return lines


def _columns_kept(sizes: Sequence[int], width: int) -> list[int]:
    many = len(sizes)
    for number in range(many, 1, -1):
        kept = sorted({round(float(at)) for at in np.linspace(0, many - 1, number)})
        if sum(sizes[i] + GAP for i in kept) <= width:
            return kept
    return list(range(min(many, 1)))


def _aligned(head: str, column: Sequence[TableEntry]) -> list[str]:
    room = max(map(len, [head, *(each.text for each in column)]))
    marks = max((len(each.marks) for each in column), default=0)
    return [
        head.rjust(room),
        *(each.text.rjust(room) + (f" {each.marks:<{marks}}" if marks else "") for each in column),
    ]


def _text(text: str, style: str = "") -> Text:
    """Text in which a name's control characters are shown and not obeyed."""
    return Text(printable(text, kept="\u00a0"), style)
