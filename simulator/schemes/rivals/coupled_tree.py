"""Trees of ids alone, coupled by shared randomness: `coupled` with a list of drafts in place of one.

At each node the edge sends the first arrivals of its race argmin e_i / q_i, with the exponentials e of that text
position; the cloud runs its own, argmin e_i / p_i, and goes down to the winner where it is among them (list coupling:
Rowan, Phan, Khisti, arXiv 2506.05632, whose drafts come of a race each; here all come of one). The committed text is
the verifier's own race, as in `coupled`, whatever the tree, the drafter and the link.

A tree is one packet. A round that is drafted ahead of a tree's result follows the tree's first path, the likeliest of
its leaves: to draft on from all of them is a deeper tree.

The ids are coded by what the race leaves open, siblings as a set (`channels.codec.id_tree`). In the tables, `drafted`
and `verified` are as in `tree`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from channels.codec import id_tree, wire
from channels.codec.id_tree import IdTree, IdTreeFormat
from channels.codec.tree_shape import MOST_NODES, TreeShape
from channels.uniforms import Uniforms
from kinds.arrays import Floats, Ints
from kinds.tunable import Tunable
from simulator.schemes.acceptance import Coupling, Received, received
from simulator.schemes.branching import BranchingScheme
from simulator.schemes.code import Packets, Tokens, certain
from simulator.schemes.draw import RequestUniforms, SharedRace
from simulator.schemes.families import Families
from simulator.schemes.policy import FixedLength, Policy
from simulator.schemes.quantizer import Exact
from simulator.schemes.sparsifier import State
from simulator.schemes.sparsifiers.by_count import KeepAll
from simulator.schemes.token_ids import TokenIds, ids_of, unshared

Nodes = Annotated[int, Field(ge=1, le=MOST_NODES)]
NODES: Final = Tunable(4, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class IdTreePackets:
    """Packets of trees of raced ids: drafts are nodes, breadth first."""

    form: IdTreeFormat
    shared: Callable[[], Uniforms] = unshared
    """The random numbers of the request's races, by text position."""
    shape: int = 0
    """The shape that trees are written in; they are read in any."""

    @property
    def format(self) -> wire.Format:
        """The format of prompts and replies: accepted is the number of the node that was reached, from 1."""
        return self.form.replies

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return id_tree.encode(self._tree(drafts), self.form, context, self._race(context))

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        return [certain(token) for token in self.decode_tree(payload, context).tokens]

    def decode_tree(self, payload: bytes, context: Tokens) -> IdTree:
        """The drafts of a packet, and the shape of their tree. Raises CodecError."""
        return id_tree.decode(payload, self.form, context, self._race(context))

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return id_tree.tree_bits(self._tree(drafts), self.form, context, self._race(context))

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        return id_tree.largest_tree_bits(self._tree(drafts), self.form, context, self._race(context))

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return id_tree.bound_tree_bits(len(sizes), self.shape, self.form)

    def _tree(self, drafts: Sequence[wire.Draft]) -> IdTree:
        return IdTree(ids_of(drafts), self.shape)

    def _race(self, context: Tokens) -> wire.Race:
        shared, first = self.shared(), len(context)
        return lambda level: shared.words(self.form.form.vocabulary, first + level)


class CoupledTree(BranchingScheme):
    """The drafted ids of a tree, and nothing of the distributions."""

    kind: Literal["coupled_tree"] = "coupled_tree"
    shaped_by: ClassVar[tuple[str, ...]] = ("nodes", "widths")
    budget_bits: int | None = Field(None, ge=1, description="B, most payload bits a round may send; null for no limit")
    nodes: Annotated[Nodes | Annotated[tuple[Nodes, ...], Field(min_length=1, max_length=16)], NODES] = Field(
        12,
        description="ids that a round sends, those most likely to be asked for; several: the policy chooses, each an "
        "operating point",
    )
    hits: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.373, 0.134, 0.077, 0.048, 0.03, 0.025, 0.02, 0.02),
        min_length=1,
        description="how likely the verifier's token is each of a node's children, the earliest first; so many at most",
    )
    widths: tuple[Nodes, ...] | None = Field(
        None,
        min_length=1,
        description="children of a node, by level, the last for all levels below; null: by `nodes` and `hits`",
    )
    policy: Policy = Field(FixedLength(), description="levels of a round, and under which operating point it is")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if sum(self.hits) > 1 + 1e-9:
            raise ValueError(f"hits = {list(self.hits)}: must sum to at most 1, one child stands")
        if self.widths is not None and isinstance(self.nodes, tuple):
            raise ValueError(
                f"widths = {list(self.widths)}: must be null where `nodes` has several shapes to choose from"
            )
        return self

    def made_of(self) -> Families:
        return Families(
            KeepAll(), Exact(), TokenIds(token="raced"), SharedRace(), policy=self.policy, acceptance=Coupling()
        )

    @cached_property
    def shapes(self) -> Sequence[TreeShape]:
        if self.widths is not None:
            return (TreeShape.by_level(self.widths, self.max_drafts),)
        several = self.nodes if isinstance(self.nodes, tuple) else (self.nodes,)
        return tuple(TreeShape.likeliest_nodes(self.hits, each, self.max_drafts) for each in several)

    @property
    def rungs(self) -> int:
        return len(self.shapes)

    def packets(self, vocabulary: int) -> Packets:
        self.families.check()
        self._check_serving()
        if not (self.plans or self.policy.decides_rounds):
            message = "decides draft by draft, and a tree needs one that decides on whole rounds"
            raise ValueError(f"policy = {self.policy.kind!r}: {message}")
        form = wire.Format(vocabulary, resolution=1, max_drafts=1)
        return IdTreePackets(IdTreeFormat(form, self.checked_shapes()))

    def packets_sharing(self, packets: Packets, uniforms: RequestUniforms) -> Packets:
        assert isinstance(packets, IdTreePackets)
        return replace(packets, shared=lambda: uniforms.shared)

    def packets_on(self, packets: Packets, state: State) -> Packets:
        assert isinstance(packets, IdTreePackets)
        return replace(packets, shape=int(state[0])) if state else packets

    # The state is the operating point of the open round, where there are several.

    def entry(self, last: State | None) -> State:
        return (0.0,) if self.rungs > 1 else ()

    def on_rung(self, state: State, rung: int) -> State:
        return (float(rung),) if self.rungs > 1 else ()

    def shape_on(self, state: State) -> TreeShape:
        return self.shapes[int(state[0]) if state else 0]

    def advance(self, q: Floats, state: State) -> State:
        return state

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        return self.entry(None)

    def decode_parts(self, parts: Sequence[bytes], packets: Packets, context: Sequence[int]) -> Received:
        assert isinstance(packets, IdTreePackets)
        (part,) = parts
        tokens, shape = packets.decode_tree(part, context)
        return replace(received([certain(token) for token in tokens], packets.format.vocabulary), shape=shape)

    def sizes(self, received: Received) -> Sequence[int]:
        return [received.vocabulary] * len(received.drafts)
