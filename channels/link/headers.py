"""What the header of a packet takes on the air: all of its bits, or what a compressor below the two ends leaves of it.

`LinkConfig.header_bits` is the header as the two ends write it: that of the link layer, which nothing here compresses,
then IP, UDP and 96 bits of our own. The fields of those three are here, with their lengths. Repeats are sent above the
compressor: each attempt of a packet is compressed anew, and its timer and its acknowledgement are as without.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Literal, Protocol

from channels.link.rates import MessageIndex
from kinds import Choice
from kinds.mistakes import Rule, is_number

Network = Literal["ipv4", "ipv6"]
NETWORK_FIELDS: Final[Mapping[Network, Mapping[str, int]]] = {
    "ipv4": {
        "version": 4, "header length": 4, "type of service": 8, "total length": 16, "identification": 16, "flags": 3,
        "fragment offset": 13, "time to live": 8, "protocol": 8, "header checksum": 16, "source": 32, "destination": 32,
    },
    "ipv6": {
        "version": 4, "traffic class": 8, "flow label": 20, "payload length": 16, "next header": 8, "hop limit": 8,
        "source prefix": 64, "source interface": 64, "destination prefix": 64, "destination interface": 64,
    },
}  # fmt: skip
"""The bits of each field of a header without options or extensions (RFC 791, RFC 8200)."""
UDP_FIELDS: Final[Mapping[str, int]] = {"source port": 16, "destination port": 16, "length": 16, "checksum": 16}
"""RFC 768."""
OWN_FIELDS: Final[Mapping[str, int]] = {
    "last": 1, "kind": 7, "epoch": 8, "device": 16, "request": 16, "round": 16, "fragment": 8, "named kind": 8,
    "attempt": 16,
}  # fmt: skip
"""Of ours, as two real processes write it: 96 bits."""
OWN_BITS: Final = sum(OWN_FIELDS.values())


def stack_bits(network: Network) -> int:
    """IP, UDP and ours: 320 bits with IPv4, 480 with IPv6."""
    return sum(NETWORK_FIELDS[network].values()) + sum(UDP_FIELDS.values()) + OWN_BITS


class HeaderFlow(Protocol):
    """Compressor and decompressor of what one device sends, or is sent, over a link that loses no order."""

    def join(self) -> tuple[int, int]:
        """Of the attempt that joins the link's queue now: its number among those of the flow, and its header's bits."""
        ...

    def restores(self, number: int) -> bool:
        """Whether the far end can restore the header of the attempt of this number, which has come through: it is
        asked of each of these in their order."""
        ...

    def feedback(self) -> Callable[[], None] | None:
        """What the far end sends back about the attempt that it was asked of last, which is called once that is here;
        None: nothing."""
        ...


class Headers(Choice, family=True):
    """What the header of each packet takes on a link, chosen by `kind`."""

    follows_packet: ClassVar[bool] = True
    """Whether the bits follow from which packet it is. Else they follow from what went before it on its `flow`."""
    method_rules: ClassVar[Mapping[str, Rule]] = {
        name: lambda bits, *_: _whole_bits(bits) for name in ("packet_bits", "largest_bits", "least_bits")
    }

    @abstractmethod
    def packet_bits(self, header_bits: int, index: MessageIndex, fragment: int) -> int:
        """The header of fragment `fragment`, from 0, of the message at (device, request, round), which would be of
        `header_bits`; where it does not follow from these, the largest that it may be."""

    @abstractmethod
    def largest_bits(self, header_bits: int) -> int:
        """The most that it may be of any packet: a part of a partial round must fit beside that."""

    @abstractmethod
    def least_bits(self, header_bits: int) -> int:
        """The least that it may be."""

    @property
    def feedback_bits(self) -> int:
        """What the far end's feedback takes of the reverse link, bits a piece; 0: it sends none."""
        return 0

    def require_fit(self, header_bits: int) -> None:
        """Raises ValueError where a header of so many bits is none that can be compressed so."""

    def flow(self, header_bits: int) -> HeaderFlow | None:
        """A fresh pair of ends for one device; None where the bits follow from the packet."""
        return None


class PlainHeaders(Headers):
    """All of it, in each packet."""

    kind: Literal["plain"] = "plain"

    def packet_bits(self, header_bits: int, index: MessageIndex, fragment: int) -> int:
        return header_bits

    def largest_bits(self, header_bits: int) -> int:
        return header_bits

    def least_bits(self, header_bits: int) -> int:
        return header_bits


def require_stack(kind: str, network: Network, header_bits: int) -> None:
    """Raises ValueError where a header of so many bits does not hold what is compressed."""
    needed_bits = stack_bits(network)
    if header_bits < needed_bits:
        raise ValueError(
            f"headers.kind = {kind}: header_bits = {header_bits} must be {needed_bits} or more, {network} with UDP and "
            f"{OWN_BITS} of ours, and what the link layer adds"
        )


def _whole_bits(bits: object) -> object:
    if not is_number(bits) or bits < 0 or bits != int(bits):
        raise ValueError(f"must return a whole number of bits, 0 or more, got {bits!r}")
    return int(bits)
