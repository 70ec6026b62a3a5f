"""The index of a table's values: equal ones are one, whatever their column holds, and rows keep their order."""

import math

import pandas as pd
import pytest

from simulator.results.plain_columns import codes, distinct, in_plain_columns, numbered, rows_alike


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        ([3.0, 1.0, 3.0, math.nan], [0, 1, 0, -1]),
        (["b", None, "a", "b"], [0, -1, 1, 0]),
        ([True, False, True, True], [0, 1, 0, 0]),
        (pd.Series([None, math.nan, pd.NA, 8], dtype=object), [-1, -1, -1, 0]),
        ([["a"], ["a"], None, ["b"]], [0, 0, -1, 1]),
    ],
)
def test_equal_values_have_one_number_and_what_is_missing_has_none(column: list[object], numbers: list[int]) -> None:
    assert codes(pd.Series(column)).tolist() == numbers
    assert len(distinct(pd.Series(column))) == len(set(numbers))


def test_rows_are_alike_where_all_columns_are_and_stand_in_order_of_appearance() -> None:
    table = pd.DataFrame({"a": ["y", "x", "y", "x"], "b": [1.0, math.nan, 1.0, math.nan], "c": 7})
    assert rows_alike([codes(table[name]) for name in table], len(table)) == [[0, 2], [1, 3]]
    assert rows_alike([codes(table["c"])], len(table)) == [[0, 1, 2, 3]] and rows_alike([], 0) == []


def test_rows_of_two_tables_are_alike_whatever_the_types_of_their_columns_and_where_one_lacks_a_column() -> None:
    one = pd.DataFrame({"a": [1, 2], "b": [math.nan, math.nan], "of": [["x"], None]})
    other = pd.DataFrame(
        {"a": [2.0, None, 1.0, 1.0], "c": [None, "z", None, "z"], "of": [None, None, "['x']", "['x']"]}
    )
    mine, theirs = numbered((one, other), ["a", "b", "c", "of"])
    assert mine.tolist() == [0, 1] and theirs.tolist() == [1, 2, 0, 3]


def test_plain_columns_hold_what_the_table_holds() -> None:
    table = pd.DataFrame({"a": ["x", None, "y"], "n": [1, 2, 3], "b": [0.5, math.nan, 1.0], "of": [[1], None, "z"]})
    found = in_plain_columns(table)
    assert found["a"].dtype == object and table["a"].dtype != object
    assert found["a"].tolist()[::2] == ["x", "y"] and found["a"].isna().tolist() == [False, True, False]
    pd.testing.assert_frame_equal(found.drop(columns="a"), table.drop(columns="a"))
    assert len(set(found.dtypes)) == 3
