"""What a comparison costs on a table of hundreds of columns beside one of a few, and a summary beside its intervals one
by one: what comes after the cells must not grow with the width of their table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from timed_cells import seconds

from simulator.results.comparison_log import recording
from simulator.results.intervals import interval, metrics_of, paired, summarise
from simulator.results.metrics import METRICS
from simulator.results.plain_columns import in_plain_columns

TIMES = 200
PLACES = ("uplink.rate.bps", "models.temperature")


def cells(settings: int, seeds: int, fields: int) -> pd.DataFrame:
    """A table of cells with so many fields of a configuration, texts and numbers in turn, beside all metrics."""
    rng, rows = np.random.default_rng(1), settings * seeds
    names = [f"curve {row // seeds}" for row in range(rows)]
    given = {
        "scheme.kind": names,
        "curve": names,
        "seed": np.tile(np.arange(seeds), settings),
        **dict.fromkeys(PLACES, 1.0),
    }
    given |= {f"uplink.field_{n}": (["word"] * rows if n % 2 else np.ones(rows)) for n in range(fields)}
    return in_plain_columns(pd.DataFrame({**given, **{name: rng.lognormal(size=rows) for name in METRICS}}))


def test_a_comparison_costs_the_same_however_wide_the_table_is(ratio):
    def compared(table: pd.DataFrame) -> Callable[[], object]:
        def work() -> None:
            with recording(PLACES):
                paired(table, "latency_per_token_s", table["curve"] == "curve 0", table["curve"] == "curve 1")

        work()
        return work

    wide, narrow = (compared(cells(12, 8, fields)) for fields in (300, 3))
    found = seconds(wide, TIMES) / seconds(narrow, TIMES)
    meaning = "CPU seconds of a recorded comparison, 300 fields beside the metrics over 3"
    ratio("a comparison, wide table / narrow", found, at_most=1.5, meaning=meaning)


def test_a_summary_costs_less_than_its_intervals_one_by_one(ratio):
    table = cells(100, 8, 150)
    metrics = metrics_of(table)
    values = [part[metrics].to_numpy().T for _, part in table.groupby("curve", sort=False)]
    summarise(table)
    one_by_one = seconds(lambda: [interval(row) for part in values for row in part])
    meaning = "CPU seconds of a summary of 100 settings over those of `interval` for each metric and setting"
    ratio(
        "a summary / its intervals one by one",
        seconds(lambda: summarise(table)) / one_by_one,
        at_most=0.5,
        meaning=meaning,
    )
