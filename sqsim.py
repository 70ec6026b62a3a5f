"""sqsim from Python: `Cell`, `simulate`, `sweep`, `summarise`, `draw`. Nothing is computed here.

    from sqsim import Cell, simulate
    simulate(Cell()).summary["latency_per_token_s"]

Each name is imported when it is first asked for, so that importing this module costs nothing.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kinds import ConfigError
    from plots import draw
    from simulator.cell.cell import Cell
    from simulator.results.intervals import summarise
    from simulator.results.observer import Observer
    from simulator.run import CellResult, simulate
    from simulator.sweeps.sweep import sweep

__all__ = ["Cell", "CellResult", "ConfigError", "Observer", "draw", "simulate", "summarise", "sweep"]
__version__ = metadata.version("sqsim")

_HOMES: Final = {
    "Cell": "simulator.cell.cell",
    "CellResult": "simulator.run",
    "ConfigError": "kinds",
    "Observer": "simulator.results.observer",
    "draw": "plots",
    "simulate": "simulator.run",
    "summarise": "simulator.results.intervals",
    "sweep": "simulator.sweeps.sweep",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
