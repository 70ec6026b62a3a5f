"""The factors of a full factorial, read from its summary: which swept columns vary freely, and the table over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

LENGTH = "scheme.max_drafts"


@dataclass(frozen=True)
class Factorial:
    """`rows` and `columns` are two of the scheme's fields; `across` and `down`, which may be missing, other fields."""

    rows: str
    columns: str
    across: str | None
    down: str | None

    @property
    def names(self) -> list[str]:
        return [name for name in (self.rows, self.columns, self.across, self.down) if name is not None]


def factorial(summary: pd.DataFrame) -> Factorial | None:
    """None where the table is no full factorial of two numbers of the scheme and at most two others."""
    swept = [name for name in summary.columns if "." in str(name) and _varies(summary[name])]
    swept.sort(key=lambda name: name != LENGTH)
    for name in list(swept):  # what follows from the others, as a draft length that was chosen, is no factor
        others = [other for other in swept if other != name]
        if others and not summary.duplicated(others).any():
            swept = others
    of_scheme = [name for name in summary.columns if name in swept and name.startswith("scheme.")]
    others = [name for name in summary.columns if name in swept and name not in of_scheme]
    if len(of_scheme) != 2 or len(others) > 2 or summary[swept].isna().any(axis=None):
        return None
    across, down = (*others, None, None)[:2]
    return Factorial(of_scheme[0], of_scheme[1], across, down)


def chosen_length(summary: pd.DataFrame, found: Factorial) -> str | None:
    """The column of draft lengths, where each setting has one of its own."""
    own = LENGTH in summary.columns and LENGTH not in found.names and summary[LENGTH].nunique() > 1
    return LENGTH if own else None


def values_of(summary: pd.DataFrame, name: str | None) -> Sequence[float | None]:
    """The values of a factor, ascending; one that is none has the value None."""
    return [None] if name is None else sorted(float(value) for value in summary[name].unique())


def part(summary: pd.DataFrame, at: Sequence[tuple[str | None, float | None]]) -> pd.DataFrame:
    """The rows at these values."""
    for name, value in at:
        summary = summary if name is None else summary[summary[name] == value]
    return summary


def _varies(column: pd.Series[float]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and column.nunique() > 1)
