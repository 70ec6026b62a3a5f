"""Results of a run: columns, records, accounts of time, metrics, intervals, and the computations that figures and
findings share. `plots` reads this room and no other."""

from simulator.results.column_names import BREAKDOWN
from simulator.results.metrics import METRICS

__all__ = ["BREAKDOWN", "METRICS"]
