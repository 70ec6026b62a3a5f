"""Robust header compression (ROHC, RFC 5795), profile 2 of RFC 3095 for UDP over IP, in its modes U and O.

The compressor numbers the attempts of a flow. No field of our IP and UDP headers changes but in step with that number,
so its state is a matter of counting: `repeats` IR packets with the whole context (sections 5.3.1 and 5.7.7), then SO
packets, UO-0, which carry the last four bits of the number and a CRC; after `refresh_packets` from the start IR again,
and after each `dynamic_refresh_packets` between (FO) `repeats` IR-DYN packets, with what may change. Our own 96 bits
are payload to profile 2 and go as they are.

The decompressor restores nothing before its first IR. Of a UO-0 it finds the number if that lies 1 to 14 above the last
one that it restored (W-LSB, section 4.5.1; p = 1 for four bits, section 5.7: from -1 to 14). After a longer run of
losses the CRC fails, and it discards packets until an IR-DYN or an IR. To the sender of its repeats such a packet is
lost: its timer runs out.

In mode U that is all. In mode O (section 5.4) the decompressor answers each IR and IR-DYN that it restores (ACK), and
each packet that it cannot (NACK, or STATIC-NACK before its first IR), by a packet of its own on the reverse link. From
the first answer on the compressor refreshes nothing unasked: an ACK ends its repeats, a NACK brings IR-DYN, a
STATIC-NACK IR packets, unless it is about a packet from before it began to send these.

Left out: mode R; refreshes by time; a wrong number that the CRC of three bits lets pass (one in eight), and repair of
the number by the clock (5.3.2.2.4); UOR-2 packets, whose place IR-DYN has; several contexts on one channel. A packet
that is withdrawn before its turn has taken a number, and is to the far end a loss.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
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
_FEEDBACK_BITS: Final = 24
"""Type and size in an octet (5.2.2), and FEEDBACK-2 without options in two (5.7.6.1)."""
REACH: Final = 14
"""How far above the last number restored four bits reach."""

PacketType = Literal["IR", "IR-DYN", "UO-0"]
Feedback = Literal["ACK", "NACK", "STATIC-NACK"]


class Rohc(Headers):
    """Contexts that packets build up at the far end, and refreshes of them or feedback: profile 2 of RFC 3095."""

    kind: Literal["rohc"] = "rohc"
    follows_packet: ClassVar[bool] = False
    network: Network = Field(
        "ipv4", description="What lies below UDP; header_bits holds it: 320 bits with IPv4, 480 with IPv6, or more."
    )
    udp_checksum: bool = Field(
        True, description="Whether UDP's checksum is used, and so sent in each packet; with IPv6 it must be."
    )
    mode: Literal["unidirectional", "optimistic"] = Field(
        "unidirectional",
        description="unidirectional (U): the context is refreshed now and then; optimistic (O): the far end says on "
        "the reverse link what it has and what it lacks, and only that is sent again.",
    )
    repeats: int = Field(
        3,
        ge=1,
        le=1_000,
        description="Packets in a row by which the context, or its part, is told, unless one is confirmed before.",
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

    @property
    def feedback_bits(self) -> int:
        return _FEEDBACK_BITS if self.mode == "optimistic" else 0

    def require_fit(self, header_bits: int) -> None:
        require_stack(self.kind, self.network, header_bits)

    def packet_type(self, number: int) -> PacketType:
        """What the compressor makes of the attempt of this number, as long as it hears of nothing."""
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
        # The compressor.
        self._joined = 0
        self._made: deque[tuple[int, PacketType]] = deque()
        """The attempts whose fate is open, by number."""
        self._tells: tuple[PacketType, int] = "IR", 0
        """What it was asked for, and how many packets of it are still to be sent."""
        self._told_from = 0
        """The number of the first of these."""
        self._is_heard = False
        """Whether any feedback has come: from then on nothing is refreshed unasked."""
        # The decompressor.
        self._has_static = False
        """It has seen an IR."""
        self._restored = -1
        """The number that it restored last."""
        self._feedback: tuple[int, Feedback] | None = None
        """About which attempt it answers what."""

    def join(self) -> tuple[int, int]:
        """The number of the attempt that joins now, and its header's bits."""
        number, self._joined = self._joined, self._joined + 1
        made, left = self._tells
        if left:
            self._tells = made, left - 1
        else:
            made = "UO-0" if self._is_heard else self._config.packet_type(number)
        self._made.append((number, made))
        return number, self._config.type_bits(self._header_bits, made)

    def restores(self, number: int) -> bool:
        """Whether the far end restores the header of this attempt, which has come through."""
        made: PacketType = "UO-0"
        while self._made and self._made[0][0] <= number:  # those before it are lost, or were withdrawn
            _, made = self._made.popleft()
        if made == "IR":
            self._has_static = True
        elif not self._has_static or (made == "UO-0" and number - self._restored > REACH):
            self._feedback = number, "NACK" if self._has_static else "STATIC-NACK"
            return False
        self._feedback = None if made == "UO-0" else (number, "ACK")
        self._restored = number
        return True

    def feedback(self) -> Callable[[], None] | None:
        """What the far end answers to the attempt that it was asked of last, in mode O."""
        if self._feedback is None or not self._config.feedback_bits:
            return None
        return partial(self._hear, *self._feedback)

    def _hear(self, number: int, feedback: Feedback) -> None:
        self._is_heard = True
        if number < self._told_from:
            return
        if feedback == "ACK":
            self._tells = "IR", 0
        else:
            self._tells, self._told_from = (
                ("IR-DYN" if feedback == "NACK" else "IR", self._config.repeats),
                self._joined,
            )
