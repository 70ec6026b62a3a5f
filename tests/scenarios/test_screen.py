"""What a run shows in terminals of several widths: nothing torn, nothing lost in silence, nothing obeyed."""

import io
import re

import pytest

from scenarios.command.run.screen import MOST_ROWS, Screen
from scenarios.findings.text_table import Detail, TableEntry, TableGroup, TextTable

RATES = [f"{10**place} kbit/s" for place in range(7)]


def screen(rows: int = 5, columns: int = 7, name: str = "a scheme of a long name, K = 16", **given: object) -> Screen:
    lines = [
        (f"{name} {row}", [TableEntry(f"{1000 * row + 100:,}", "12.3", "*" if not row else "") for _ in range(columns)])
        for row in range(rows)
    ]
    table = TextTable(
        "", "ms per token", RATES[:columns], (TableGroup("", lines),), ("* lowest",), along="uplink rates"
    )
    parts = {"question": "Which is lowest?", "answer": "The first, by 12%.", "notes": ["--quick"], "base": "Pair sotu."}
    return Screen(
        **{**parts, "table": table, "places": ["results/x"], "details": [Detail("More", ["x" * 80])], **given}
    )


@pytest.fixture
def at(monkeypatch):
    """The screen's text in so many columns."""
    return lambda columns, shown, **how: (monkeypatch.setenv("COLUMNS", str(columns)), shown.text(**how))[1]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(at, columns):
    text = at(columns, screen())
    assert max(map(len, text.splitlines())) <= columns
    shown = len(re.findall("kbit/s", text))
    assert text.count("100 ±12.3 *") == shown and text.count("1,100 ±12.3") == shown
    assert (f"Shown: {shown} of 7 uplink rates; the others:" in text) == (shown < 7)
    assert RATES[0] in text and (columns < 60 or RATES[-1] in text), "the ends of the axis stay"


def test_of_many_rows_the_first_and_the_marked_stay_and_the_others_are_counted(at):
    text = at(120, screen(rows=MOST_ROWS + 5, columns=2))
    assert (
        text.count("±") == 2 * MOST_ROWS
        and f"Shown: {MOST_ROWS} of {MOST_ROWS + 5} rows; the others: --details" in text
    )


def test_the_answer_stands_below_the_question_and_details_only_where_they_are_asked_for(at):
    lines = at(80, screen()).splitlines()
    assert lines[:3] == ["Which is lowest?", "", "  ANSWER  The first, by 12%."] and "More" not in lines
    assert at(80, screen(), detailed=True).splitlines()[-4:] == ["More", "x" * 80, "", "results/x"]


def test_without_a_terminal_it_is_plain_and_100_columns_wide(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.__stdout__", io.StringIO())
    text = screen().text()
    assert "\x1b" not in text and 80 < max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("variable", "value", "codes"),
    [("TERM", "xterm-256color", True), ("TERM", "dumb", False), ("NO_COLOR", "1", False)],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, at, variable, value, codes):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.stdout", Terminal())
    text = at(80, screen())
    assert ("\x1b[32m" in text or "\x1b[1;32m" in text) is codes
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in text.splitlines()) <= 80


def test_a_name_that_a_terminal_would_obey_or_that_looks_like_markup_is_shown(at):
    text = at(120, screen(columns=1, name="\x1b]0;gone\x07[bold red]:smile:", answer="[link=http://x]\x1b[2J"))
    assert "\x1b" not in text and "\\x1b]0;gone\\x07[bold red]:smile:" in text and "[link=http://x]\\x1b[2J" in text
    assert "\x1b" not in screen(name="\x1b[2J").text("csv")
