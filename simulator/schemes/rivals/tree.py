"""Token trees: several drafts a position, and several positions deep, in one payload and one pass of the verifier.

A distribution is sent for the text and for each node that has children, which are drawn from it without replacement;
the cloud verifies them one after the other (`models.verification`), so that the committed text follows the
verifier's distribution (SpecInfer, arXiv 2305.09781; Sequoia, arXiv 2402.12374). The shape is known to both ends, and a
budget cuts the tree breadth first: the deepest distributions, and of a level the last, are dropped, each before
anything is drawn from it. The reply tells which node was reached, and the token after it.

In the tables, `drafted` are the nodes that were sent, each reported with the distribution that it was drawn from, and
`verified` the positions that were verified: distributions along the path that is accepted, whose children were. A
position is accepted where one of them is (`decoding.divergences`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from channels.codec.tree_packet import TreePackets
from channels.codec.tree_shape import MOST_NODES, TreeShape
from kinds.tunable import Tunable
from simulator.schemes.acceptance import Received
from simulator.schemes.branching import BranchingScheme
from simulator.schemes.code import Packets, WirePackets
from simulator.schemes.families import Families
from simulator.schemes.lattice_scheme import LatticeScheme
from simulator.schemes.sparsifiers.by_count import KeepTopK, SupportSize


class TreeScheme(BranchingScheme, LatticeScheme):
    """A scheme whose drafts branch, and carry the distributions that they were drawn from."""

    k: SupportSize = 8

    def made_of(self) -> Families:
        return self.keeping(KeepTopK(k=self.k))

    def packets(self, vocabulary: int) -> Packets:
        families = self.families
        for name, part, only in (
            ("draw", families.draw, "counts"),
            ("acceptance", families.acceptance, "rejection"),
            ("policy", families.policy, "fixed_length"),
        ):
            if part.kind != only:
                raise ValueError(f"{name} = {part.kind!r}: must be {only!r}, the one that is defined for trees")
        (shape,) = self.checked_shapes()
        inner = super().packets(vocabulary)
        if not isinstance(inner, WirePackets):
            raise ValueError(f"code = {families.code.kind!r}: cannot carry a tree, recoded and enumerative can")
        return TreePackets(inner.format, shape)

    @property
    @abstractmethod
    def shape(self) -> TreeShape:
        """The shape of the scheme's trees."""

    @property
    def shapes(self) -> Sequence[TreeShape]:
        return (self.shape,)

    def sizes(self, received: Received) -> Sequence[int]:
        sizes: list[int] = np.count_nonzero(received.qhat, axis=1).tolist()
        return sizes


class TreeDrafts(TreeScheme):
    """K-SQS whose drafts branch: every child of a distribution has a distribution of its own, down to the last
    level."""

    kind: Literal["tree"] = "tree"
    shaped_by = ("widths",)
    widths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=MOST_NODES)], ...], Tunable((1,), (2, 1), (3, 1), (2, 2, 1))
    ] = Field(
        (2, 1),
        min_length=1,
        description="children of a distribution, by its level, the last for all levels below; 1: a line",
    )

    @cached_property
    def shape(self) -> TreeShape:
        return TreeShape.by_level(self.widths, self.max_drafts)


class MultiCandidate(TreeScheme):
    """K-SQS with several candidates a position, drawn from one distribution; the next position follows the first of
    them."""

    kind: Literal["multi_candidate"] = "multi_candidate"
    shaped_by = ("candidates",)
    candidates: Annotated[int, Tunable(1, 2, 3, 4)] = Field(
        3, ge=1, le=1024, description="tokens drawn from the distribution of a position; 1: a line"
    )

    @cached_property
    def shape(self) -> TreeShape:
        return TreeShape.comb(self.candidates, self.max_drafts)
