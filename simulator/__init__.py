"""The simulator: a cell in, tables out.

    from simulator import Cell, simulate
    simulate(Cell()).summary["latency_per_token_s"]

`simulate` and `sweep` bring pandas and SimPy with them, so they are imported when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from kinds import ConfigError
from simulator import schemes  # noqa: F401  registers the kinds that a cell can name
from simulator.cell.cell import Cell

if TYPE_CHECKING:
    from simulator.run import CellResult, simulate
    from simulator.sweeps.sweep import sweep

__all__ = ["Cell", "CellResult", "ConfigError", "simulate", "sweep"]

_LATER = {"CellResult": "simulator.run", "simulate": "simulator.run", "sweep": "simulator.sweeps.sweep"}


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
