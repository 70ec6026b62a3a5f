"""Columns that a scenario may sweep although no single field holds them: computed from a table's configuration columns.

They stand in place of the columns they are made of: those then tell no curves apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Derived:
    """`value` of a row, made from the columns `of`."""

    of: tuple[str, ...]
    value: Callable[[pd.Series], float | None]


def with_derived(table: pd.DataFrame, axis: str | None) -> pd.DataFrame:
    """The table with the column `axis` if that is a derived one and every row has a value."""
    made = DERIVED.get(axis or "")
    if made is None or axis in table.columns or f"{_part(made)}.kind" not in table.columns:
        return table
    values = [value for _, row in table.iterrows() if (value := made.value(row)) is not None]
    return table.copy().assign(**{str(axis): values}) if len(values) == len(table) else table


def sources(axis: str | None) -> tuple[str, ...]:
    """The columns that the derived column `axis` stands for; () for any other."""
    return DERIVED[axis].of if axis in DERIVED else ()


def _mean_loss(row: pd.Series) -> float | None:
    """The share of packets lost in the long run, to nine digits; None for a kind that is not ours."""
    kind = row["uplink.loss.kind"]
    if kind == "bernoulli":
        return float(row["uplink.loss.probability"])
    if kind != "gilbert_elliott":
        return 0.0 if kind == "none" else None
    bad = row["uplink.loss.to_bad"] / (row["uplink.loss.to_bad"] + row["uplink.loss.to_good"])
    return round(float(bad * row["uplink.loss.loss_bad"] + (1 - bad) * row["uplink.loss.loss_good"]), 9)


def _part(made: Derived) -> str:
    return made.of[0].rpartition(".")[0]


_LOSS = ("probability", "to_bad", "to_good", "loss_bad", "loss_good")
DERIVED: dict[str, Derived] = {"uplink.mean_loss": Derived(tuple(f"uplink.loss.{name}" for name in _LOSS), _mean_loss)}
