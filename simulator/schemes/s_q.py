"""S-Q: draw from q, quantize afterwards (arXiv 2507.00605). The biased baseline: its output is not the verifier's law.

The draft is drawn from q restricted to the ids whose count is not zero, since the packet can carry no other.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from simulator.schemes.draft_scheme import Floats, Ids, Proposal
from simulator.schemes.k_sqs import TopKScheme


class SQ(TopKScheme):
    """K-SQS with the two steps in the wrong order."""

    lossless: ClassVar[bool] = False
    kind: Literal["s_q"] = "s_q"

    def drawn_from(self, proposal: Proposal, q: Floats) -> Floats | Ids:
        return np.where(proposal.counts > 0, q[proposal.ids], 0.0)
