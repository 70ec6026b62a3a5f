"""Cells on their way to a worker: as plain fields, so that a user's own kinds are imported where they are used, and
beside their ids, which a worker that sees other files than the sweep did does not find again.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

from kinds import ConfigError
from simulator.cell.cell import Cell

Sent = tuple[str, Mapping[str, object]]
"""A cell as it travels: its id and its fields."""


def sent(cell: Cell) -> Sent:
    """The cell as it travels."""
    return cell.id, cell.model_dump()


def received(given: Sent) -> Cell:
    """The cell that was sent. Raises ConfigError where its files are others here, or away."""
    name, fields = given
    cell = Cell.from_fields(dict(fields))
    if cell.id != name:
        files = ", ".join(cell.imports) or "its files"
        raise ConfigError(f"cell = {name}: {files} on {platform.node()} are not those that the sweep began with")
    return cell
