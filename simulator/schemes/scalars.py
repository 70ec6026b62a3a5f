"""Packets where the edge corrects: of each draft its id and qhat(d), behind the correction that the cloud lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from channels.codec import draft_scalars, wire
from kinds.arrays import Ints
from simulator.schemes.code import Code, EqualPackets, Load, Packets, Tokens
from simulator.schemes.quantizer import LatticeCounts


class Scalars(Code):
    """The drafted ids, and of each qhat(d) = count / ell as its count: ceil(log2 V) and ceil(log2 ell) bits."""

    only_scalars: ClassVar[bool] = True
    kind: Literal["scalars"] = "scalars"

    def packets(self, load: Load) -> Packets:
        quantizer = load.quantizer
        if not isinstance(quantizer, LatticeCounts):
            message = "carries counts that sum to the resolution, as quantizer 'lattice' has them"
            raise ValueError(f"code = {self.kind!r}: {message}, not those of {quantizer.kind!r}")
        return ScalarPackets(wire.Format(load.vocabulary, quantizer.resolution, load.max_drafts))


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
class BehindCorrection:
    """Packets behind the correction that the edge drew in the round before, in whole bytes; it ends their context."""

    packets: Packets
    correction: int

    @property
    def format(self) -> wire.Format:
        return self.packets.format

    @property
    def header_bits(self) -> int:
        """Number of bits that the correction takes."""
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


def decode_behind(payload: bytes, packets: Packets, context: Tokens) -> tuple[int, Sequence[wire.Draft]]:
    """The correction that a payload begins with, and the drafts behind it. Raises CodecError."""
    size = draft_scalars.token_bytes(packets.format)
    correction = draft_scalars.decode_token(payload[:size], packets.format)
    return correction, packets.decode(payload[size:], (*context, correction))
