"""How far the simulated system is from the real one, from a table of the study `validation`: a row a cell."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Final

import pandas as pd

from simulator.results.columns import BREAKDOWN

SYSTEM: Final = "system"
REAL, SIMULATED = "real", "simulated"
COMPARED: Final = (
    "latency_per_token_s",
    "latency_per_token_p50_s",
    "latency_per_token_p90_s",
    "latency_per_token_p99_s",
    "ttft_s",
)
OTHER_ANSWERS: Final = "other_answers"


def errors(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row a cell, in order: `cell`, and of each quantity NAME `NAME_real`, `NAME_simulated`, `NAME_error`: the mean
    over its seeds of both, and how far the simulated one is above the real one, as a share of
    that, nan where that is 0; `other_answers` in all. `names`: columns that tell cells apart
    but for the seed."""
    if SYSTEM not in table.columns:
        return pd.DataFrame()
    rows = []
    for key, part in table.groupby(list(names), sort=False, dropna=False):
        told = dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True))
        means = {system: part[part[SYSTEM] == system].mean(numeric_only=True) for system in (REAL, SIMULATED)}
        row: dict[str, object] = dict(told)
        for name in (*COMPARED, *(each for each in BREAKDOWN if each in part.columns)):
            real, simulated = (float(means[system][name]) for system in (REAL, SIMULATED))
            error = simulated / real - 1 if real else nan
            row |= {f"{name}_real": real, f"{name}_simulated": simulated, f"{name}_error": error}
        row[OTHER_ANSWERS] = int(part[part[SYSTEM] == REAL][OTHER_ANSWERS].sum())
        rows.append(row)
    return pd.DataFrame(rows)
