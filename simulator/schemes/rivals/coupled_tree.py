"""Trees of ids alone, coupled by shared randomness: `coupled` with a list of drafts in place of one.

At each node the edge sends the first arrivals of its race argmin e_i / q_i, with the exponentials e of that text
position; the cloud runs its own, argmin e_i / p_i, and goes down to the winner where it is among them (list coupling:
Rowan, Phan, Khisti, arXiv 2506.05632, whose drafts come of a race each; here all come of one). The committed text is
the verifier's own race, as in `coupled`, whatever the tree, the drafter and the link.

The ids are coded by what the race leaves open, siblings as a set (`channels.codec.id_tree`). In the tables, `drafted`
and `verified` are as in `tree`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from channels.codec import id_tree, wire
from channels.codec.id_tree import IdTreeFormat
from channels.codec.tree_shape import MOST_NODES, TreeShape
from channels.uniforms import Uniforms
from kinds.arrays import Ints
from kinds.tunable import Tunable
from simulator.schemes.acceptance import Coupling, Received
from simulator.schemes.branching import BranchingScheme, require_one_stands
from simulator.schemes.code import Packets, Tokens, certain
from simulator.schemes.draw import RequestUniforms, SharedRace
from simulator.schemes.families import Families
from simulator.schemes.quantizer import Exact
from simulator.schemes.sparsifier import KeepAll
from simulator.schemes.token_ids import TokenIds, ids_of, unshared


@dataclass(frozen=True)
class IdTreePackets:
    """Packets of trees of raced ids: drafts are nodes, breadth first."""

    form: IdTreeFormat
    shared: Callable[[], Uniforms] = unshared
    """The random numbers of the request's races, by text position."""

    @property
    def format(self) -> wire.Format:
        """The format of prompts and replies: accepted is the number of the node that was reached, from 1."""
        return self.form.replies

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return id_tree.encode(ids_of(drafts), self.form, context, self._race(context))

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        return [certain(token) for token in id_tree.decode(payload, self.form, context, self._race(context))]

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return id_tree.tree_bits(ids_of(drafts), self.form, context, self._race(context))

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        return id_tree.largest_tree_bits(ids_of(drafts), self.form, context, self._race(context))

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return id_tree.bound_tree_bits(len(sizes), self.form)

    def _race(self, context: Tokens) -> wire.Race:
        shared, first = self.shared(), len(context)
        return lambda level: shared.words(self.form.form.vocabulary, first + level)


class CoupledTree(BranchingScheme):
    """The drafted ids of a tree, and nothing of the distributions."""

    kind: Literal["coupled_tree"] = "coupled_tree"
    shaped_by: ClassVar[tuple[str, ...]] = ("nodes", "widths")
    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")
    nodes: Annotated[int, Tunable(4, 8, 12, 16, 24, 32)] = Field(
        12, ge=1, le=MOST_NODES, description="ids that a round sends: those most likely to be asked for"
    )
    hits: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.373, 0.134, 0.077, 0.048, 0.03, 0.025, 0.02, 0.02),
        min_length=1,
        description="how likely the verifier's token is each of a node's children, the earliest first; so many at most",
    )
    widths: tuple[Annotated[int, Field(ge=1, le=MOST_NODES)], ...] | None = Field(
        None,
        min_length=1,
        description="children of a node, by level, the last for all levels below; null: by `nodes` and `hits`",
    )

    @model_validator(mode="after")
    def _one_child_stands(self) -> Self:
        require_one_stands("hits", self.hits)
        return self

    def made_of(self) -> Families:
        return Families(KeepAll(), Exact(), TokenIds(token="raced"), SharedRace(), acceptance=Coupling())

    @cached_property
    def shape(self) -> TreeShape:
        if self.widths is None:
            return TreeShape.likeliest_nodes(self.hits, self.nodes, self.max_drafts)
        return TreeShape.by_level(self.widths, self.max_drafts)

    def packets(self, vocabulary: int) -> Packets:
        self.families.check()
        return IdTreePackets(IdTreeFormat(wire.Format(vocabulary, resolution=1, max_drafts=1), self.checked_shape()))

    def packets_sharing(self, packets: Packets, uniforms: RequestUniforms) -> Packets:
        assert isinstance(packets, IdTreePackets)
        return replace(packets, shared=lambda: uniforms.shared)

    def sizes(self, received: Received) -> Sequence[int]:
        return [received.vocabulary] * len(received.drafts)
