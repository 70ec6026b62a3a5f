"""The ends of intervals: those of a positive quantity on a logarithmic axis never reach 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kinds.arrays import Floats


def ends(means: npt.ArrayLike, halves: npt.ArrayLike, logarithmic: bool) -> tuple[Floats, Floats]:
    """Lower and upper ends of intervals mean ± half-width [n]; nan where there is no half-width, or it is 0.

    On a logarithmic axis they are mean * exp(±half / mean), the interval of ln(mean) by the delta method. On another
    they end at 0 at the latest: what is drawn so is never below it.
    """
    mean, half = np.asarray(means, dtype=np.float64), np.asarray(halves, dtype=np.float64)
    half = np.where(half > 0, half, np.nan)
    if logarithmic:
        share = np.exp(half / np.where(mean > 0, mean, np.nan))
        return mean / share, mean * share
    return np.maximum(mean - half, 0.0), mean + half


def whiskers(means: npt.ArrayLike, halves: npt.ArrayLike, logarithmic: bool) -> Floats:
    """Lengths below and above the means [2, n], as `errorbar` takes them."""
    low, high = ends(means, halves, logarithmic)
    mean = np.asarray(means, dtype=np.float64)
    return np.array([mean - low, high - mean])
