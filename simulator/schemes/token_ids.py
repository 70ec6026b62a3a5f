"""Codes that send the drafted ids and nothing of the distributions, for acceptance that needs no qhat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pydantic import Field

from channels.codec import wire
from channels.uniforms import Uniforms
from kinds.arrays import Ints
from simulator.schemes.code import Code, EqualPackets, Load, Packets, Tokens, certain

Token = Literal["flat", "coded", "raced"]


class TokenIds(Code):
    """Only the drafted ids: for acceptance that needs no qhat.

    Their length may depend on them, even in partial rounds: an id that is all of qhat is a function of q, and where
    both ends race the text is the verifier's own whichever drafts are received.
    """

    carries_law: ClassVar[bool] = False
    kind: Literal["ids"] = "ids"
    token: Token = Field(
        "flat",
        description="ceil(log2 V) bits an id; coded, -log2 of its prior chance; raced, where both ends race, at what "
        "the shared race leaves open",
    )

    def packets(self, load: Load) -> Packets:
        form = wire.Format(load.vocabulary, resolution=1, max_drafts=load.max_drafts)
        return FlatIdPackets(form) if self.token == "flat" else CodedIdPackets(form, self.token == "raced")

    def sharing(self, packets: Packets, shared: Callable[[], Uniforms]) -> Packets:
        return replace(packets, shared=shared) if isinstance(packets, CodedIdPackets) else packets


def unshared() -> Uniforms:
    """Stands for the random numbers of a request outside of one. Raises CodecError."""
    raise wire.CodecError("token = 'raced': must be flat or coded outside of a request, whose race both ends hold")


@dataclass(frozen=True)
class FlatIdPackets(EqualPackets):
    """Packets of token ids, written like a prompt. A draft comes out with all mass on its id."""

    format: wire.Format

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return wire.encode_tokens(ids_of(drafts), self.format)

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        tokens = wire.decode_tokens(payload, self.format)
        if not 1 <= len(tokens) <= self.format.max_drafts:
            raise wire.CodecError(f"{len(tokens)} drafts: a packet holds 1 to {self.format.max_drafts}")
        return [certain(token) for token in tokens]

    def bits(self, drafts: int) -> int:
        return wire.tokens_bits(drafts, self.format)


@dataclass(frozen=True)
class CodedIdPackets:
    """Packets of token ids, each at about -log2 of the prior's distribution after the text before it, flat without a
    prior; or, where both ends race, at what the race that it won leaves open, written and read within a request."""

    format: wire.Format
    raced: bool = False
    shared: Callable[[], Uniforms] = unshared
    """The random numbers of the request's races, by text position."""

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return wire.encode_ids(ids_of(drafts), self.format, context, self._race(context))

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        found = wire.decode_ids(payload, self.format, context, self._race(context))
        return [certain(token) for token in found]

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return wire.ids_bits(ids_of(drafts), self.format, context, self._race(context))

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        if (race := self._race(context)) is not None:
            return wire.largest_raced_bits(ids_of(drafts), self.format, context, race)
        return wire.largest_ids_bits(ids_of(drafts), support[counts > 0], self.format, context)

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return wire.bound_ids_bits(len(sizes), self.format, raced=self.raced)

    def _race(self, context: Tokens) -> wire.Race | None:
        if not self.raced:
            return None
        shared, first = self.shared(), len(context)
        return lambda place: shared.words(self.format.vocabulary, first + place)


def ids_of(drafts: Sequence[wire.Draft]) -> list[int]:
    """The drafted ids."""
    return [draft.token for draft in drafts]
