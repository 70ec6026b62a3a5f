"""Schemes whose rounds are told in brief: the cloud works out the rest by its own models, or asks for all of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from channels.codec import wire
from kinds.arrays import Floats
from simulator.schemes.acceptance import Received
from simulator.schemes.code import Packets
from simulator.schemes.draft_scheme import DraftScheme, RoundShape

Tokens = tuple[int, ...]
LawsAfter = Callable[[Tokens, int], Floats]
"""laws(drafts, last): the `last` trailing laws [last, V] of the cloud's drafter after the committed text and these."""


class Brief(NamedTuple):
    """What the first payload of a round says."""

    drafts: int
    tokens: Tokens
    """The drafted ids; () where they can be read with the laws only."""
    ids: bytes
    checksum: bytes


class BriefScheme(DraftScheme):
    """The first payload of a round is `encode_parts`'s; the second, where the cloud asks, that of a `DraftScheme`."""

    rounds: ClassVar[RoundShape] = "mirrored"
    drift: float
    """Of the cloud's drafter from the edge's (`models.computed_text`)."""

    @property
    def drafts_in_cloud(self) -> bool:
        return True

    @property
    def sends_qhat(self) -> bool:
        return False

    @property
    def reads_in_turn(self) -> bool:
        """Whether the cloud needs the law of each draft to read its id: its drafter then makes a pass a draft. If not,
        one over the same tokens as the verifier."""
        return False

    def packets(self, vocabulary: int) -> Packets:
        """Of the whole payload."""
        if self.partial:
            raise ValueError("partial = True: must be False, a round is told in brief as a whole")
        if self.depth:
            raise ValueError(f"depth = {self.depth}: must be 0, the cloud may have to ask for a round's whole payload")
        return super().packets(vocabulary)

    @abstractmethod
    def encode_parts(self, drafts: Sequence[wire.Draft], packets: Packets, context: Sequence[int]) -> tuple[bytes, ...]:
        """The brief payload."""

    def encode_whole(self, drafts: Sequence[wire.Draft], packets: Packets, context: Sequence[int]) -> tuple[bytes, ...]:
        return super().encode_parts(drafts, packets, context)

    @abstractmethod
    def decode_brief(self, parts: Sequence[bytes], packets: Packets, context: Sequence[int]) -> Brief:
        """What the cloud gets from the brief payload before its drafter has run. Raises CodecError."""

    @abstractmethod
    def complete(self, brief: Brief, packets: Packets, laws: LawsAfter) -> Received | None:
        """The round, by the cloud's own laws; None where it cannot be had from them."""
