"""DSSD: ids and the scalars qhat(d) go up; after a rejection p comes down and the edge corrects (arXiv 2507.12000).

The cloud needs no more than qhat(d) to accept d with probability min(1, p(d) / qhat(d)), and the edge needs no more
than p to draw the correction, since it has qhat: the uplink is a few bits a draft, and a rejection costs a vector of V
numbers on the downlink. qhat(d) is a count over ell, so that it crosses exactly: a half float of q(d) would be another
number than the one drawn by, which bends the text, and costs what the count does at ell = 2^16.

In single precision the text follows the verifier's distribution but for the rounding of p, and is that of K-SQS at the
same K and ell, token by token, with the same random numbers. In half precision it is lossy, by what `reply` derives.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from channels.codec import float_distributions
from kinds.tunable import Tunable
from simulator.schemes.acceptance import SplitRejection
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.families import Families
from simulator.schemes.quantizer import LatticeQuantizer
from simulator.schemes.reply import DistributionReply
from simulator.schemes.scalars import Scalars
from simulator.schemes.sparsifiers.by_count import KeepAll, KeepTopK


class Dssd(DraftScheme):
    """Drafted ids and their probabilities up; after a rejection the verifier's whole distribution down."""

    kind: Literal["dssd"] = "dssd"
    k: Annotated[int | None, Tunable(2, 8, 32, None)] = Field(
        8, ge=1, description="K, tokens that a draft is drawn from; at most the vocabulary, null for all of it"
    )
    resolution: Annotated[int, Tunable(20, 100, 400, 4096)] = Field(
        100, ge=1, le=1 << 20, description="ell, the denominator of qhat, of which qhat(d) is sent"
    )
    precision: float_distributions.Precision = Field(
        "single", description="of the floats that p comes down as: 32 V bits, lossless but for rounding; 16 V, lossy"
    )

    def made_of(self) -> Families:
        return Families(
            KeepAll() if self.k is None else KeepTopK(k=self.k),
            LatticeQuantizer(resolution=self.resolution),
            Scalars(),
            acceptance=SplitRejection(),
            reply=DistributionReply(precision=self.precision),
        )
