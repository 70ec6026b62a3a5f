"""DSSD without its downlink: after a rejection candidates come down, of which the edge takes the first that it can.

Ours, after DSSD (arXiv 2507.12000): ids and the scalars qhat(d) go up as there, and in place of p, 32 V bits, the cloud
sends points below the graph of p, each as an id and a height in whole counts, coded by the prior. The edge, which alone
has qhat, takes the first that is not below it: exact rejection sampling of the residual, without approximation and
without a number of the edge's own (`models.verification.candidates_below` has the proof, `reply.CandidateReply` the
protocol).

What it costs, on 300 and 160 positions of the verifier's own text on the bundled pairs at ell = 100, K null: 1.9
candidates a rejection on `sotu` and 1.6 on `smollm2`, where plain rejection sampling takes 2.4 and 1.9, which are 1
over the shares rejected; some 10 and 14 bits each; of four candidates all fail after 7% and 2% of the rejections, which
takes another round trip. So qhat may be of all of V for next to nothing: with `k` null drafts are accepted as those of
`dense`, and cost what an id and a count do. By its place among the candidates the edge tells which it has taken.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kinds.tunable import Tunable
from simulator.schemes.families import Families
from simulator.schemes.reply import CandidateReply
from simulator.schemes.rivals.dssd import SplitScheme
from simulator.schemes.scalars import Scalars


class DssdCandidates(SplitScheme):
    """Drafted ids and their probabilities up; after a rejection candidates for the correction down."""

    kind: Literal["dssd_candidates"] = "dssd_candidates"
    k: Annotated[int | None, Tunable(2, 8, 32, None)] = Field(
        None, ge=1, description="K, tokens that a draft is drawn from; at most the vocabulary, null for all of it"
    )
    candidates: Annotated[int, Tunable(1, 2, 4, 8)] = Field(
        8, ge=1, le=256, description="m, candidates that come down at once; where all fail, another round trip"
    )

    def made_of(self) -> Families:
        return self.answering(CandidateReply(candidates=self.candidates), Scalars(token="coded"))
