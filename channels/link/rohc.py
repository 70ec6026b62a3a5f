"""Robust header compression (ROHC, RFC 5795), profile 2 of RFC 3095 for UDP over IP, in its unidirectional mode.

The compressor numbers the attempts of a flow. No field of our IP and UDP headers changes but in step with that number,
so its state is a matter of counting: `repeats` IR packets with the whole context (sections 5.3.1 and 5.7.7), then SO
packets, UO-0, which carry the last four bits of the number and a CRC; after `refresh_packets` from the start IR again,
and after each `dynamic_refresh_packets` between (FO) `repeats` IR-DYN packets, with what may change. Our own 96 bits
are payload to profile 2 and go as they are.

The decompressor restores nothing before its first IR. Of a UO-0 it finds the number if that lies 1 to 14 above the last
one that it restored (W-LSB, section 4.5.1; p = 1 for four bits, section 5.7: from -1 to 14). After a longer run of
losses the CRC fails, and it discards packets until an IR-DYN or an IR. To its sender, which learns nothing of it, such
a packet is lost: its timer runs out.

Left out: feedback, so modes O and R; refreshes by time; a wrong number that the CRC of three bits lets pass (one in
eight), and repair of the number by the clock (5.3.2.2.4); several contexts on one channel. A packet that is withdrawn
before its turn has taken a number, and is to the far end a loss.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from channels.link.headers import OWN_BITS, HeaderFlow, Headers, Network, require_stack, stack_bits
from channels.link.rates import MessageIndex

_START_BITS: Final = 24
"""Type, profile and CRC of an IR or IR-DYN packet, with the CID 0 of a small space in no octet (5.2.3, 5.2.4)."""
_STATIC_BITS: Final[dict[Network, int]] = {"ipv4": 80 + 32, "ipv6": 288 + 32}
"""IP's part of the static chain and UDP's two ports (5.7.7.3, 5.7.7.4, 5.7.7.5)."""
_DYNAMIC_BITS: Final[dict[Network, int]] = {"ipv4": 48 + 32, "ipv6": 24 + 32}
"""IP's part of the dynamic chain, an empty list of extensions in one octet, and UDP's checksum with the number of 16
bits that profile 2 adds (5.7.7.3 to 5.7.7.5, 5.11.1)."""
_UO_0_BITS: Final = 8
"""The type in one bit, the number's last four and a CRC of three (5.7.1)."""
CHECKSUM_BITS: Final = 16
REACH: Final = 14
"""How far above the last number restored four bits reach."""

PacketType = Literal["IR", "IR-DYN", "UO-0"]


class Rohc(Headers):
    """Contexts that packets build up at the far end, and refreshes of them: profile 2, without feedback (RFC 3095)."""

    kind: Literal["rohc"] = "rohc"
    follows_packet: ClassVar[bool] = False
    network: Network = Field(
        "ipv4", description="What lies below UDP; header_bits holds it: 320 bits with IPv4, 480 with IPv6, or more."
    )
    udp_checksum: bool = Field(
        True, description="Whether UDP's checksum is used, and so sent in each packet; with IPv6 it must be."
    )
    repeats: int = Field(
        3,
        ge=1,
        le=1_000,
        description="Packets by which each IR or IR-DYN is said again, since nobody confirms it (optimistic approach).",
    )
    refresh_packets: int = Field(
        256,
        ge=1,
        le=1_000_000,
        description="After so many packets of a device the whole context is sent again; RFC 3095 leaves it open.",
    )
    dynamic_refresh_packets: int = Field(
        64,
        ge=1,
        le=1_000_000,
        description="After so many, between, the part of it that may change; RFC 3095 leaves it open.",
    )

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if self.network == "ipv6" and not self.udp_checksum:
            raise ValueError("udp_checksum = False: must be true with network = ipv6")
        for name in ("refresh_packets", "dynamic_refresh_packets"):
            if (every := getattr(self, name)) <= self.repeats:
                raise ValueError(f"{name} = {every}: must be more than repeats, {self.repeats}")
        return self

    def require_fit(self, header_bits: int) -> None:
        require_stack(self.kind, self.network, header_bits)

    def packet_type(self, number: int) -> PacketType:
        """What the compressor makes of the attempt of this number."""
        place = number % self.refresh_packets
        if place < self.repeats:
            return "IR"
        return "IR-DYN" if place % self.dynamic_refresh_packets < self.repeats else "UO-0"

    def type_bits(self, header_bits: int, made: PacketType) -> int:
        """The header of a packet of this type."""
        if made == "UO-0":
            compressed = _UO_0_BITS + CHECKSUM_BITS * self.udp_checksum
        else:
            static_bits = _STATIC_BITS[self.network] if made == "IR" else 0
            compressed = _START_BITS + static_bits + _DYNAMIC_BITS[self.network]
        return header_bits - stack_bits(self.network) + compressed + OWN_BITS

    def packet_bits(self, header_bits: int, index: MessageIndex, fragment: int) -> int:
        return self.largest_bits(header_bits)

    def largest_bits(self, header_bits: int) -> int:
        return self.type_bits(header_bits, "IR")

    def least_bits(self, header_bits: int) -> int:
        return self.type_bits(header_bits, "UO-0")

    def flow(self, header_bits: int) -> HeaderFlow:
        return RohcFlow(self, header_bits)


class RohcFlow:
    """The two ends of one flow."""

    def __init__(self, config: Rohc, header_bits: int) -> None:
        self._config = config
        self._header_bits = header_bits
        self._joined = 0
        self._has_static = False
        """The far end has seen an IR."""
        self._restored = -1
        """The number that it restored last."""

    def join(self) -> tuple[int, int]:
        """The number of the attempt that joins now, and its header's bits."""
        number, self._joined = self._joined, self._joined + 1
        return number, self._config.type_bits(self._header_bits, self._config.packet_type(number))

    def restores(self, number: int) -> bool:
        """Whether the far end restores the header of this attempt, which has come through."""
        made = self._config.packet_type(number)
        if made == "IR":
            self._has_static = True
        elif not self._has_static or (made == "UO-0" and number - self._restored > REACH):
            return False
        self._restored = number
        return True
