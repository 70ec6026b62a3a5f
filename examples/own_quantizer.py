"""A quantizer of your own, beside the paper's lattice: how kept probabilities become the integer counts that are sent.

    sqsim run latency_vs_bandwidth --quick --set models.pair=sotu --import examples/own_quantizer.py \
        --grid 'scheme=k_sqs,{kind: composed, quantizer: {kind: none_lost, resolution: 100}}' \
        --grid uplink.rate.bps=1e4,1e6 --seeds 3 --out results/own_quantizer

Counts that sum to `resolution` cross the air whatever rule chose them. What a quantizer says of itself is how far it
may move a distribution: a draft that it moves farther stops the run. The text follows the verifier's distribution all
the same, for the draft is drawn from exactly the counts that are sent.
"""

from __future__ import annotations

from typing import Literal

from channels.codec import lattice
from kinds.arrays import Floats, Ints
from simulator.schemes import LatticeCounts


class NoneLost(LatticeCounts):
    """One count for each token that was kept, so that none is lost, and the rest to the nearest lattice point."""

    kind: Literal["none_lost"] = "none_lost"

    def quantize(self, mass: Floats) -> Ints:
        if mass.size >= self.resolution:  # there is not one for each
            return lattice.quantize(mass, self.resolution)
        return 1 + lattice.quantize(mass, self.resolution - mass.size)

    def covering_bound(self, size: int) -> float:
        """qhat mixes the uniform distribution, with weight K / ell, with a point of the lattice of ell - K."""
        if size >= self.resolution:
            return lattice.covering_bound(size, self.resolution)
        share = size / self.resolution
        return share * (1 - 1 / size) + (1 - share) * lattice.covering_bound(size, self.resolution - size)
