"""Requests that were not answered: their time is in no mean, so a mean beside them flatters whoever answered fewest.
Such a setting keeps its number, stands beside its share, and is compared with nothing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simulator.results.column_names import BREAKDOWN, CURVE
from simulator.results.intervals import settings_of
from simulator.results.metrics import known
from simulator.results.plain_columns import numbered
from simulator.results.units import unit

ANSWERED = "answered"


def of_answered(metric: str) -> bool:
    """True if a metric is a time, which only answered requests have; service and throughput are of all requests."""
    return (known(metric) is not None or metric in BREAKDOWN) and unit(metric) == "s" and metric != "cloud_s_per_token"


def share(row: pd.Series[float]) -> float:
    """The share of requests that went unanswered in a row of cells or of a summary; 0 where none are asked for."""
    answered = row.get(ANSWERED, math.nan)
    return 0.0 if math.isnan(answered) else 1.0 - float(answered)


def share_left_out(row: pd.Series[float], metric: str) -> float:
    """The share of requests that a row's number of a metric leaves out."""
    return share(row) if of_answered(metric) else 0.0


def with_number(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows that have a number of a metric, or would have one had anything been answered."""
    kept = summary[metric].notna()
    if of_answered(metric) and ANSWERED in summary.columns:
        kept |= summary[ANSWERED] == 0
    return summary[kept]


def unanswered(table: pd.DataFrame) -> pd.Series[bool]:
    """Tells of each row of cells whether in any seed of its setting a request went unanswered."""
    lacking = table[ANSWERED] < 1 if ANSWERED in table.columns else pd.Series(False, index=table.index)
    if not lacking.any():
        return lacking
    (setting,) = numbered([table], [CURVE, *settings_of(table)])
    return pd.Series(np.isin(setting, setting[lacking]), index=table.index)


def complete(table: pd.DataFrame) -> pd.DataFrame:
    """The table of cells without the numbers, not the rows, of metrics of time where requests went unanswered."""
    lacking = unanswered(table)
    times = [name for name in table.columns if of_answered(name)]
    return table.assign(**{name: table[name].where(~lacking) for name in times}) if lacking.any() else table


def had_it_answered(table: pd.DataFrame, curve: str) -> pd.DataFrame:
    """`complete`, but for the numbers of one curve, which stay; where it has none it is the fastest. A question that
    says the same of both has nothing to do with what is left out of that curve."""
    whole, mine = complete(table), table[CURVE] == curve
    stay = {
        name: whole[name].where(~mine, table[name].fillna(table[name].min() / 2))
        for name in table.columns
        if of_answered(name)
    }
    return whole.assign(**stay)


def percent(part: float) -> str:
    """`17%`; never 0% or 100% of what is not."""
    if part >= 1:
        return "100%"
    if part < 0.001:
        return "<0.1%"
    return f"{100 * part:.0f}%" if 0.0995 <= part < 0.995 else f"{min(99.9, 100 * part):.1f}%"
