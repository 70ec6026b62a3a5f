"""What a run leaves: columns, records, accounts of time, metrics, intervals, and what figures and findings compute
alike. `plots` reads this room and no other."""

from simulator.results.columns import BREAKDOWN
from simulator.results.metrics import METRICS

__all__ = ["BREAKDOWN", "METRICS"]
