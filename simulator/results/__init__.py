"""Results of a run: columns, records, accounts of time, metrics, intervals, and the computations that figures and
findings share. `plots` reads this room and no other."""

from simulator.results.columns import BREAKDOWN
from simulator.results.metrics import METRICS

__all__ = ["BREAKDOWN", "METRICS"]
