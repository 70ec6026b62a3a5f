"""A scheme whose drafts branch: a round is a tree of drafts, in one of the shapes that both ends know beforehand. How
children are drawn is the draw's affair, how a tree is verified the acceptance's, what crosses the air the packets'."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from channels.codec.tree_shape import TreeShape, grown
from kinds.tunable import Tunable
from models.interface import TokenTree
from simulator.cell.descriptions import shown
from simulator.schemes.acceptance import Received
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.sparsifier import State


class BranchingScheme(DraftScheme):
    """A scheme whose drafts branch. A subclass says in which shape."""

    branches: ClassVar[bool] = True
    shaped_by: ClassVar[tuple[str, ...]] = ()
    """The fields beside max_drafts that decide the shape, for errors."""
    max_drafts: Annotated[int, Tunable(1, 2, 3, 4)] = Field(
        4, ge=1, le=1024, description="L_max, levels of the tree: the most drafts that may stand"
    )
    partial: Literal[False] = Field(False, description="never: a tree is one packet")

    @field_validator("partial", mode="before")
    @classmethod
    def _one_packet(cls, value: object) -> object:
        if value:
            raise ValueError("must be False: a tree is one packet")
        return value

    @property
    @abstractmethod
    def shapes(self) -> Sequence[TreeShape]:
        """The shapes of the scheme's trees, one at least. Raises ValueError where one has too many nodes."""

    def shape_on(self, state: State) -> TreeShape:
        """The shape of a round that begins in this state."""
        return self.shapes[0]

    @property
    def drafts(self) -> int:
        return max(shape.nodes for shape in self.shapes)

    @property
    def drafts_a_pass(self) -> int:
        return max(shape.widest for shape in self.shapes)

    @property
    def distributions(self) -> int:
        return max(shape.distributions for shape in self.shapes)

    def checked_shapes(self) -> tuple[TreeShape, ...]:
        """`shapes`. Raises ValueError, in the words of its fields."""
        try:
            return tuple(self.shapes)
        except ValueError as error:
            others = "".join(f", {name} = {shown(getattr(self, name))}" for name in self.shaped_by)
            raise ValueError(f"max_drafts = {self.max_drafts}{others}: make {error}, must be fewer") from None

    @abstractmethod
    def sizes(self, received: Received) -> Sequence[int]:
        """Returns the number of ids from which each node and its siblings were drawn."""

    def tree(self, received: Received) -> TokenTree:
        """Returns the tree of the drafts that the cloud has received."""
        growth = grown(self.shapes[received.shape], self.sizes(received))
        return TokenTree(tuple(received.drafts.tolist()), tuple(growth.parents))
