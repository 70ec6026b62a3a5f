"""Packets where the edge corrects: of each draft its id and qhat(d), behind the correction that the cloud lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pydantic import Field

from channels.codec import draft_scalars, wire
from kinds.arrays import Ints
from simulator.schemes.code import Code, EqualPackets, Load, Packets, Tokens
from simulator.schemes.quantizer import LatticeCounts


class Scalars(Code):
    """The drafted ids, and of each qhat(d) = count / ell as its count: ceil(log2 V) and ceil(log2 ell) bits, or
    coded."""

    only_scalars: ClassVar[bool] = True
    kind: Literal["scalars"] = "scalars"
    token: Literal["flat", "coded"] = Field(
        "flat",
        description="ids, counts and the correction in a fixed number of bits each; coded: an id at -log2 of its prior "
        "chance, a count by how likely its id was",
    )

    def packets(self, load: Load) -> Packets:
        quantizer = load.quantizer
        if not isinstance(quantizer, LatticeCounts):
            message = "carries counts that sum to the resolution, as quantizer 'lattice' has them"
            raise ValueError(f"code = {self.kind!r}: {message}, not those of {quantizer.kind!r}")
        format = wire.Format(load.vocabulary, quantizer.resolution, load.max_drafts)
        return ScalarPackets(format) if self.token == "flat" else CodedScalarPackets(format)


@dataclass(frozen=True)
class ScalarPackets(EqualPackets):
    """Packets of ids and scalars."""

    format: wire.Format

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return draft_scalars.encode(drafts, self.format)

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        return draft_scalars.decode(payload, self.format)

    def bits(self, drafts: int) -> int:
        return draft_scalars.packet_bits(drafts, self.format)


@dataclass(frozen=True)
class CodedScalarPackets:
    """Packets of ids, each at about -log2 of the prior's distribution, and scalars; `owed`: the correction that they
    begin with, which ends the context that they are given."""

    format: wire.Format
    owed: draft_scalars.Owed | None = None

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return draft_scalars.encode_coded(drafts, self.format, self._before(context), self.owed)

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        correction, offered = (None, None) if self.owed is None else self.owed
        found, drafts = draft_scalars.decode_coded(payload, self.format, self._before(context), offered)
        if found != correction:
            raise wire.CodecError(f"correction {found}: is {correction}")
        return drafts

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return draft_scalars.coded_bits(drafts, self.format, self._before(context), self.owed)

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        before = self._before(context)
        return draft_scalars.largest_coded_bits(drafts, support[counts > 0], self.format, before, self.owed)

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return draft_scalars.bound_coded_bits(len(sizes), self.format, self.owed)

    def _before(self, context: Tokens) -> Tokens:
        return context if self.owed is None else context[:-1]


@dataclass(frozen=True)
class BehindCorrection:
    """Packets behind the correction that the edge drew in the round before, in whole bytes; it ends their context."""

    packets: Packets
    correction: int

    @property
    def format(self) -> wire.Format:
        return self.packets.format

    @property
    def header_bits(self) -> int:
        """What the correction takes."""
        return 8 * draft_scalars.token_bytes(self.format)

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return draft_scalars.encode_token(self.correction, self.format) + self.packets.encode(drafts, context)

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        found, drafts = decode_behind(payload, self.packets, context[:-1])
        if found != self.correction:
            raise wire.CodecError(f"correction {found}: is {self.correction}")
        return drafts

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return self.header_bits + self.packets.length_bits(drafts, context)

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        return self.header_bits + self.packets.largest_bits(drafts, support, counts, context)

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return self.header_bits + self.packets.bound_bits(sizes)


def behind(packets: Packets, correction: int, offered: tuple[int, ...]) -> Packets:
    """These packets behind a correction, for which these ids were offered; (): any."""
    if isinstance(packets, CodedScalarPackets):
        return replace(packets, owed=draft_scalars.Owed(correction, offered))
    return BehindCorrection(packets, correction)


def decode_behind(
    payload: bytes, packets: Packets, context: Tokens, offered: tuple[int, ...] = ()
) -> tuple[int, Sequence[wire.Draft]]:
    """The correction that a payload begins with, and the drafts behind it. Raises CodecError."""
    if isinstance(packets, CodedScalarPackets):
        found, drafts = draft_scalars.decode_coded(payload, packets.format, context, offered)
        assert found is not None
        return found, drafts
    size = draft_scalars.token_bytes(packets.format)
    correction = draft_scalars.decode_token(payload[:size], packets.format)
    return correction, packets.decode(payload[size:], (*context, correction))
