"""An axis that no field holds: a property of a part, such as `uplink.loss.mean_loss`, which each kind computes. It
stands in place of the part's own fields, which then tell no curves apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.cell.cell import Cell

DECIMALS = 9
"""Kinds that reach one value by different sums meet there."""


def axes_of(questions: Sequence[object]) -> Iterator[str]:
    """The columns that questions of a scenario run along in place of its axis."""
    for question in questions:
        if isinstance(over := getattr(question, "over", None), str):
            yield over


def along(cells: Sequence[Cell], axes: Iterable[str | None]) -> dict[str, list[float]]:
    """{axis: its value in each cell}, without an axis that is a field of a cell, or that a part gives no number for."""
    return {name: values for axis in axes if axis is not None for name, values in _along(cells, axis).items()}


def _along(cells: Sequence[Cell], axis: str) -> dict[str, list[float]]:
    path, _, name = axis.rpartition(".")
    parts: list[object] = list(cells)
    for step in path.split("."):
        parts = [getattr(part, step, None) for part in parts]
    if any(name in getattr(type(part), "model_fields", {}) for part in parts):
        return {}
    values = [getattr(part, name, None) for part in parts]
    found = [round(float(value), DECIMALS) for value in values if isinstance(value, int | float)]
    return {axis: found} if len(found) == len(values) else {}


def sources(columns: Iterable[str], axis: str | None) -> tuple[str, ...]:
    """The columns that such an axis stands in place of."""
    part = (axis or "").rpartition(".")[0]
    return tuple(name for name in columns if name.startswith(f"{part}.") and not name.endswith(".kind"))
