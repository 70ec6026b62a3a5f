"""A scheme whose drafts branch: a round is a tree of drafts, in a shape that both ends know before it is drafted.

What is drawn for a node's children is the draw's affair, how a tree is verified the acceptance's, and what crosses the
air the scheme's packets'.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from channels.codec.tree_shape import TreeShape, grown
from kinds.tunable import Tunable
from models.interface import TokenTree
from simulator.cell.descriptions import shown
from simulator.schemes.acceptance import Received
from simulator.schemes.draft_scheme import DraftScheme, RoundShape


class BranchingScheme(DraftScheme):
    """A scheme whose drafts branch. A subclass says in which shape."""

    rounds: ClassVar[RoundShape] = "tree"
    shaped_by: ClassVar[tuple[str, ...]] = ()
    """The fields beside max_drafts that decide the shape, for errors."""
    max_drafts: Annotated[int, Tunable(1, 2, 3, 4)] = Field(
        4, ge=1, le=1024, description="L_max, levels of the tree: the most drafts that may stand"
    )
    partial: Literal[False] = Field(False, description="never: a tree is sent whole")
    depth: Literal[0] = Field(0, description="never: no round is drafted ahead of a tree's verification result")

    @property
    @abstractmethod
    def shape(self) -> TreeShape:
        """The shape of the scheme's trees. Raises ValueError where it has too many nodes."""

    @property
    def drafts(self) -> int:
        return self.shape.nodes

    @property
    def drafts_a_pass(self) -> int:
        return self.shape.widest

    @property
    def distributions(self) -> int:
        return self.shape.distributions

    def checked_shape(self) -> TreeShape:
        """`shape`. Raises ValueError, in the words of its fields."""
        try:
            return self.shape
        except ValueError as error:
            others = "".join(f", {name} = {shown(getattr(self, name))}" for name in self.shaped_by)
            raise ValueError(f"max_drafts = {self.max_drafts}{others}: make {error}, must be fewer") from None

    @abstractmethod
    def sizes(self, received: Received) -> Sequence[int]:
        """By node, how many ids it and its siblings were drawn from."""

    def tree(self, received: Received) -> TokenTree:
        """How the drafts that the cloud has received hang together."""
        return TokenTree(tuple(received.drafts.tolist()), tuple(grown(self.shape, self.sizes(received)).parents))


def require_one_stands(name: str, acceptance: Sequence[float]) -> None:
    """Raises ValueError unless the chances of a node's children to be the one that stands can be so."""
    if sum(acceptance) > 1 + 1e-9:
        raise ValueError(f"{name} = {list(acceptance)}: must sum to at most 1, one child stands")
