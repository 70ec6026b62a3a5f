"""Static context header compression (SCHC, RFC 8724): both ends hold the same rules, and a packet carries the ID of a
rule and the bits of its fields that the rule does not know.

The rules are those of one device (RFC 8724, section 5): its own addresses, ports and number are their target values.
For IPv6 and UDP they follow section 10, for IPv4 they are ours in the same spirit. What kind of message it is, and
whether it is the last packet, tells the ID: there is a set of rules for each such pair. So what is sent of our own 96
bits is the low bits of request, round and fragment, whose high bits must be 0 (the MSB operator and the LSB action,
sections 7.3 and 7.4); the first rule that matches is taken. A packet that none matches goes uncompressed behind an ID
of its own (section 7.2). The context is static: none is built up, none can be lost, and a packet that arrives is
restored, whatever was lost before it. SCHC's own fragmentation (section 8) is left out: our packets are cut to the MTU
above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from channels.link.headers import (
    NETWORK_FIELDS,
    OWN_FIELDS,
    UDP_FIELDS,
    Headers,
    Network,
    require_stack,
    stack_bits,
)
from channels.link.rates import SECOND, MessageIndex
from kinds import Part

Action = Literal["not sent", "computed"]
NETWORK_ACTIONS: Final[Mapping[Network, Mapping[str, Action]]] = {
    "ipv6": {
        "version": "not sent",  # 10.1
        "traffic class": "not sent",  # 10.2
        "flow label": "not sent",  # 10.3
        "payload length": "computed",  # 10.4
        "next header": "not sent",  # 10.5
        "hop limit": "not sent",  # 10.6
        "source prefix": "not sent",  # 10.7.1
        "source interface": "not sent",  # 10.7.2
        "destination prefix": "not sent",
        "destination interface": "not sent",
    },
    "ipv4": {
        "version": "not sent",
        "header length": "not sent",
        "type of service": "not sent",
        "total length": "computed",
        "identification": "not sent",  # without a meaning where nothing is fragmented: RFC 6864, section 4.1
        "flags": "not sent",
        "fragment offset": "not sent",
        "time to live": "not sent",
        "protocol": "not sent",
        "header checksum": "computed",
        "source": "not sent",
        "destination": "not sent",
    },
}
"""What each rule does with each field of IP."""
UDP_CHECK_BITS: Final = UDP_FIELDS["checksum"]
KINDS: Final = 13
"""Kinds of messages, simulated or between two real processes, each the last of its packets or not."""


class SchcRule(Part):
    """How many low bits of each field of ours are sent; the high ones must be 0, or the rule does not match."""

    request: int = Field(ge=0, le=16, description="Bits sent of the 16 of the request's number.")
    round: int = Field(ge=0, le=16, description="Bits sent of the 16 of the round's number.")
    fragment: int = Field(ge=0, le=8, description="Bits sent of the 8 of the packet's number in its message.")

    @property
    def residue_bits(self) -> int:
        """Without the UDP checksum. The other fields of ours are not sent: last and both kinds are told by the rule's
        ID, the device is the context's, the epoch is 0 until a real cloud has restarted, and the attempt is ignored,
        since the emulated link alone reads it."""
        return self.request + self.round + self.fragment

    def matches(self, request: int, round_: int, fragment: int) -> bool:
        return not (request >> self.request or round_ >> self.round or fragment >> self.fragment)

    @property
    def matches_all(self) -> bool:
        """Whether it sends these fields whole."""
        return (self.request, self.round, self.fragment) == tuple(OWN_FIELDS[name] for name in type(self).model_fields)


class Schc(Headers):
    """Rules that both ends hold: the ID of one, and what it does not know. No context is built up or lost."""

    kind: Literal["schc"] = "schc"
    network: Network = Field(
        "ipv4", description="What lies below UDP; header_bits holds it: 320 bits with IPv4, 480 with IPv6, or more."
    )
    rule_id_bits: int = Field(
        8,
        ge=0,
        le=32,
        description="Bits of a rule's ID in front of each packet; 0: the link layer's header holds it, as LoRaWAN's "
        "FPort does (RFC 9011, section 5.1).",
    )
    word_bits: Literal[1, 8] = Field(
        8, description="The link layer's word: what is left of a header is padded to whole ones (RFC 8724, section 9)."
    )
    l2_check_bits: int = Field(
        32,
        ge=0,
        le=1_024,
        description="Bits of the link layer's own check of each packet; UDP's checksum is sent where it has fewer than "
        "16 (RFC 8724, section 10.11).",
    )
    rules: tuple[SchcRule, ...] = Field(
        (
            SchcRule(request=4, round=8, fragment=4),
            SchcRule(request=8, round=12, fragment=4),
            SchcRule(request=16, round=16, fragment=8),
        ),
        max_length=8,
        description="The rules, of which the first that matches is taken; what none matches goes uncompressed: "
        "nothing, with the last of the defaults, which sends the three fields whole.",
    )

    @model_validator(mode="after")
    def _ids_are_enough(self) -> Self:
        needed = 2 * KINDS * len(self.rules) + 1
        if self.rule_id_bits and needed > 1 << self.rule_id_bits:
            raise ValueError(
                f"rule_id_bits = {self.rule_id_bits}: must be 0 or {needed.bit_length()} or more, for {needed} IDs"
            )
        return self

    def require_fit(self, header_bits: int) -> None:
        require_stack(self.kind, self.network, header_bits)

    @property
    def checksum_bits(self) -> int:
        """What is sent of UDP's checksum: it is computed where the link layer's own check is as strong."""
        return 0 if self.l2_check_bits >= UDP_CHECK_BITS else UDP_CHECK_BITS

    @property
    def uncompressed_bits(self) -> int:
        """Of a packet that no rule matches: an ID and all of IP, UDP and ours."""
        return self._padded(self.rule_id_bits + stack_bits(self.network))

    @cached_property
    def _by_rule(self) -> tuple[tuple[SchcRule, int], ...]:
        """Each rule, and the ID, residue and padding of a packet that it matches."""
        return tuple(
            (rule, self._padded(self.rule_id_bits + rule.residue_bits + self.checksum_bits)) for rule in self.rules
        )

    def _padded(self, bits: int) -> int:
        return -(-bits // self.word_bits) * self.word_bits

    def packet_bits(self, header_bits: int, index: MessageIndex, fragment: int) -> int:
        _, request, round_ = index
        below_bits = header_bits - stack_bits(self.network)
        round_ = round_ % SECOND if round_ > 0 else 0  # a frame of no round has 0 in its place
        for rule, bits in self._by_rule:
            if rule.matches(request, round_, fragment):
                return below_bits + bits
        return below_bits + self.uncompressed_bits

    def _any_bits(self) -> list[int]:
        """What a packet may take in place of IP, UDP and ours."""
        found = [bits for _, bits in self._by_rule]
        return found if any(rule.matches_all for rule in self.rules) else [*found, self.uncompressed_bits]

    def largest_bits(self, header_bits: int) -> int:
        return header_bits - stack_bits(self.network) + max(self._any_bits())

    def least_bits(self, header_bits: int) -> int:
        return header_bits - stack_bits(self.network) + min(self._any_bits())


assert all(NETWORK_ACTIONS[name].keys() == fields.keys() for name, fields in NETWORK_FIELDS.items())
