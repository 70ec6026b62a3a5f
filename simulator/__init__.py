"""The simulator: a cell in, tables out.

from simulator import Cell, simulate
simulate(Cell()).summary["latency_per_token_s"]
"""

from kinds import ConfigError
from simulator.config import Cell
from simulator.run import CellResult, simulate
from simulator.sweep import sweep

__all__ = ["Cell", "CellResult", "ConfigError", "simulate", "sweep"]
