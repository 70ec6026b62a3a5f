"""Rejections beside what is expected of them: the bound as it is shown, and whether they are beyond chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from scenarios.findings.wording import called, listed

BEYOND: Final = 5.0
"""Standard deviations, a false alarm in 2 million: rejections less the sum of TV(qhat, p) are a martingale."""
LEAST_VARIANCE: Final = 1e-6
"""The variance taken where all TV are 0 but for rounding."""
BOUND: Final = "rejection_bound"
"""The metric: a bound on the expected rejections per draft."""
BOUND_NOTE: Final = "a rate may lie above it by chance; a bound above 1 says nothing: shown as 1"


def beyond_chance(sums: pd.DataFrame, curves: Mapping[str, str], copies: Mapping[str, int]) -> str:
    """The curves of which a cell's rejections are more than BEYOND standard deviations from the sum of TV(qhat, p) over
    its verified drafts, each with its farthest cell; "" where none is.

    sums: by cell, the columns verified, accepted and tv_qhat added up over its rounds. curves: the name of
    each cell's curve. copies: of the cells to look at, how many requests share text and random numbers.
    """
    farthest = dict[str, tuple[float, str]]()
    for cell, row in sums[(sums["verified"] > 0) & sums.index.isin([*copies])].iterrows():
        curve, expected = curves[str(cell)], row["tv_qhat"]
        rejected = row["verified"] - row["accepted"]
        variance = max(LEAST_VARIANCE, expected * (1 - expected / row["verified"]))  # the sum of TV (1 - TV), at most
        apart = abs(rejected - expected) / np.sqrt(copies[str(cell)] * variance)
        if apart > max(BEYOND, farthest.get(curve, (0.0, ""))[0]):
            rates = f"{rejected / row['verified']:.2f} a verified draft, expected {expected / row['verified']:.2f}"
            farthest[curve] = apart, f"{called(curve)} {rates} ({apart:.2g} sd)"
    why = "drafts are not accepted as in speculative sampling, or not drawn from qhat"
    heading = f"Rejections differ from the sum of TV(qhat, p) beyond chance ({why})"
    return listed(heading, [line for _, line in farthest.values()])
