"""A sparsifier of your own, beside the paper's: which token ids of the drafter's distribution are kept and sent.

    sqsim run latency_vs_bandwidth --quick --set models.pair=sotu --import examples/own_sparsifier.py \
        --grid 'scheme=k_sqs,{kind: composed, sparsifier: {kind: largest_gap, most: 16}}' \
        --grid uplink.rate.bps=1e4,1e6 --seeds 3 --out results/own_sparsifier

Once the file is imported, `largest_gap` is a kind like any other. Whatever is kept, the text still follows the
verifier's distribution: the draft is drawn from exactly the distribution that is sent.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from kinds.arrays import Floats, Ints
from simulator.schemes import Sparsifier


class LargestGap(Sparsifier):
    """The most probable tokens down to the largest drop from one to the next, among the first `most`."""

    kind: Literal["largest_gap"] = "largest_gap"
    most: int = Field(16, ge=1, description="most tokens kept")

    def support(self, q: Floats, state: tuple[float, ...]) -> Ints:
        ranked = np.argsort(-q, kind="stable")[: self.most + 1]  # equal probabilities: the lowest id first
        kept = 1 + int(np.argmax(q[ranked[:-1]] - q[ranked[1:]])) if ranked.size > 1 else 1
        return np.sort(ranked[:kept])  # ids ascend
