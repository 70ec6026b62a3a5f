"""The simulator: a cell in, tables out.

    from simulator import Cell, simulate
    simulate(Cell()).summary["latency_per_token_s"]

Each is imported when it is first asked for: figures and findings read `simulator.results` and nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from kinds import ConfigError

if TYPE_CHECKING:
    from simulator.cell.cell import Cell
    from simulator.run import CellResult, simulate
    from simulator.sweeps.sweep import sweep

__all__ = ["Cell", "CellResult", "ConfigError", "simulate", "sweep"]

_LATER = {
    "Cell": "simulator.cell.cell", "CellResult": "simulator.run", "simulate": "simulator.run",
    "sweep": "simulator.sweeps.sweep",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
