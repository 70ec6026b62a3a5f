"""A table as a CSV file: a spreadsheet runs nothing that is in it, and what is read back is what was written."""

from pathlib import Path

import pandas as pd

from simulator.results.csv_file import read_csv, with_texts, write_csv

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "'=quoted already", "-"]
PLAIN = ["k_sqs k=16", "-0.5", "+7", "-inf", "a=b", "'quoted'"]


def test_no_text_begins_as_a_formula_numbers_stand_and_the_table_is_read_back(tmp_path: Path) -> None:
    texts = [*FORMULAS, *PLAIN]
    table = pd.DataFrame({"=name": texts, "number": [-1.5] * len(texts), 64.0: texts})
    written = pd.read_csv(write_csv(table, tmp_path / "table.csv"), dtype=str)
    assert list(written.columns) == ["'=name", "number", "64.0"]
    assert list(written["'=name"]) == [f"'{text}" for text in FORMULAS] + PLAIN
    assert set(written["number"]) == {"-1.5"}
    back = read_csv(tmp_path / "table.csv")
    assert list(back["=name"]) == texts and list(back["number"]) == [-1.5] * len(texts)


def test_a_column_of_whole_numbers_some_of_which_are_missing_is_written_as_it_is(tmp_path: Path) -> None:
    table = pd.DataFrame({"bits": pd.Series([None, 300, None], dtype=object), "name": ["a", "=b", "c"]})
    assert write_csv(table, tmp_path / "table.csv").read_text() == "bits,name\n,a\n300,'=b\n,c\n"


def test_what_a_terminal_obeys_is_escaped(tmp_path: Path) -> None:
    path = write_csv(
        pd.DataFrame({"name": ["\x1b[2Jgone", "\x9b31m", "a\tb"], "lacks": [None, float("nan"), 1]}), tmp_path / "t"
    )
    assert path.read_text() == "name,lacks\n\\x1b[2Jgone,\n\\x9b31m,\na\\tb,1.0\n"


def test_a_text_that_stands_many_times_is_looked_at_once() -> None:
    seen = list[str]()
    table = pd.DataFrame({"name": ["a", "b", None, "a"] * 100, "list": [["a"], "c", 1, None] * 100, "n": range(400)})
    found = with_texts(table, lambda text: seen.append(text) or text.upper())  # type: ignore[func-returns-value]
    assert sorted(seen) == ["a", "b", "c"]
    assert found["name"].fillna("-").tolist()[:4] == ["A", "B", "-", "A"]
    assert found["list"].tolist()[:3] == [["a"], "C", 1]
    assert table["name"].tolist()[0] == "a"
