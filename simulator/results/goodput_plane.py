"""Goodput over a plane of limits: the requests per second of which 95 of 100 have their time per output token and 95 of
100 their first token within two limits, for each scheme and device, between simulated arrival rates by interpolation.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from simulator.results.display_names import DisplayNames
from simulator.results.drafting_devices import drafting_devices
from simulator.results.intervals import Interval, interval, scheme_names

TPOT, TTFT, SEED = "tpot_p95_s", "ttft_p95_s", "seed"
TPOT_S: Final = (0.02, 0.03, 0.04, 0.05)
TTFT_S: Final = (0.2, 0.5, 1.0, 2.0)
DEVICES, PERIOD = "workload.devices", "workload.period_s"
OPPONENT: Final = "cloud_only"
IN_CLOUD: Final = (OPPONENT, "colocated")
"""Schemes whose goodput is that of every device, which drafts nothing."""
_NAMES: Final = {"colocated": "co-located"}


class Goodput(NamedTuple):
    """Goodput of one scheme within two limits, by seed."""

    scheme: str
    kind: str
    by_seed: pd.Series[float]
    highest: float
    """The highest rate that was simulated, which the goodput cannot exceed."""

    @property
    def found(self) -> Interval:
        """The mean over seeds, requests per second, with its interval."""
        return interval(self.by_seed.to_numpy(dtype=np.float64))

    @property
    def written(self) -> str:
        """`8.1`, or `12+` if every seed meets the limits at the highest rate, `0` if none does at the lowest."""
        mean = self.found.mean
        return f"{mean:.3g}+" if mean >= self.highest else f"{mean:.2g}" if mean < 10 else f"{mean:.3g}"

    def over(self, other: Goodput) -> Interval:
        """Returns the difference from another scheme's in the same seeds, requests per second."""
        return interval((self.by_seed - other.by_seed).dropna().to_numpy(dtype=np.float64))


class Within(NamedTuple):
    """Goodputs on one device within two limits, highest first."""

    device: str
    tpot_s: float
    ttft_s: float
    schemes: tuple[Goodput, ...]

    def best(self, *, edge: bool) -> Goodput | None:
        """Returns the highest of the schemes that draft at the edge, or of those in the cloud; None without any."""
        return next((each for each in self.schemes if (each.kind not in IN_CLOUD) == edge), None)

    def of(self, kind: str) -> Goodput | None:
        """Returns the goodput of a kind of scheme; None if it is not here."""
        return next((each for each in self.schemes if each.kind == kind), None)

    @property
    def tied(self) -> bool:
        """True if the second is not distinguishable from the first, which serves some."""
        first, *others = self.schemes
        return first.found.mean > 0 and bool(others) and not first.over(others[0]).separable


def plane(cells: pd.DataFrame) -> list[Within]:
    """Returns the goodputs of each device within each pair of limits, [] unless both times and arrival rates are
    known. `cells`: rows of one setting of each scheme."""
    if not {TPOT, TTFT, DEVICES, PERIOD, SEED} <= {*cells.columns}:
        return []
    rows = cells.assign(
        rate=cells[DEVICES] / cells[PERIOD],
        device=drafting_devices(cells),
        scheme=[_NAMES.get(name, DisplayNames().word(name)) for name in scheme_names(cells)],
    )
    cloud = rows["scheme.kind"].isin(IN_CLOUD)
    found = []
    for device in dict.fromkeys(rows["device"][~cloud] if not cloud.all() else rows["device"]):
        here = rows[(rows["device"] == device) & ~cloud]
        curves = [*_curves(rows[cloud].drop_duplicates(["scheme", "rate", SEED])), *_curves(here)]
        for ttft_s, tpot_s in product(TTFT_S, TPOT_S):
            schemes = [
                Goodput(scheme, kind, _by_seed(part, tpot_s, ttft_s), float(part["rate"].max()))
                for scheme, kind, part in curves
            ]
            schemes.sort(key=lambda each: -each.found.mean)
            found.append(Within(str(device), tpot_s, ttft_s, tuple(schemes)))
    return found


def _curves(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for scheme, part in rows.groupby("scheme", sort=False):
        yield str(scheme), str(part["scheme.kind"].iloc[0]), part.sort_values("rate")


def _by_seed(rows: pd.DataFrame, tpot_s: float, ttft_s: float) -> pd.Series[float]:
    found = {seed: min(_reached(part, TPOT, tpot_s), _reached(part, TTFT, ttft_s)) for seed, part in rows.groupby(SEED)}
    return pd.Series(found, dtype=float)


def _reached(rows: pd.DataFrame, metric: str, limit: float) -> float:
    """Returns the rate at which a time first passes a limit, between rates by its logarithm; 0 if it does at the lowest
    rate, the highest rate if it does at none."""
    rates, times = (rows[name].to_numpy(dtype=np.float64) for name in ("rate", metric))
    above = np.flatnonzero(~(times <= limit))
    if not above.size:
        return float(rates[-1])
    place = int(above[0])
    if not place:
        return 0.0
    low, high = np.log(times[place - 1]), np.log(times[place])
    share = (np.log(limit) - low) / (high - low) if np.isfinite(high) else 0.0
    return float(rates[place - 1] + share * (rates[place] - rates[place - 1]))
