"""What a run leaves: columns and their meaning, records, accounts of time, metrics, intervals, and
what figures and findings compute alike.

Knows no process: what the timing plane tells it are numbers and stations. `plots` reads this room and no other.
"""

from simulator.results.columns import BREAKDOWN
from simulator.results.metrics import METRICS

__all__ = ["BREAKDOWN", "METRICS"]
