"""When everything happened in a run, recounted from what an observer saw: attempts of packets, and passes.

A message's way through a link and a job's way through the cloud become stretches of time, each in one state. What a
request did at an instant is then a question to a list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, isnan
from typing import NamedTuple

from channels.link.link_config import LinkConfig
from simulator.results.observer import Airing, ServerPass

UPLINK = {
    "queue": "uplink_queue_s",
    "transmit": "uplink_transmit_s",
    "retransmit": "retransmit_s",
    "propagation": "propagation_s",
    "timeout_wait": "timeout_wait_s",
}
DOWNLINK = UPLINK | {"queue": "downlink_queue_s", "transmit": "downlink_s", "retransmit": "downlink_s"}
PARTS = (
    "prompt_uplink_s", "edge_queue_s", "prefill_s", "draft_s", "encode_s", "uplink_queue_s", "uplink_transmit_s",
    "retransmit_s", "propagation_s", "timeout_wait_s", "cloud_queue_s", "cloud_decode_s", "verify_s",
    "downlink_queue_s", "downlink_s",
)  # fmt: skip
"""All that a request may be doing."""


class Stretch(NamedTuple):
    """From one instant to another a round was in a state; `reply`: and its reply on the way."""

    round: int
    state: str
    from_s: float
    to_s: float
    reply: bool = False


@dataclass
class Transfer:
    """A message on a link: put there at an instant, cut into packets, each sent until it arrives."""

    config: LinkConfig
    payload_bits: int
    put_s: float
    airings: Sequence[Airing]
    back_s: float
    """How long an acknowledgement travels."""
    withdrawn_s: float = inf
    """When nobody wanted it any more, though its request went on."""

    @property
    def sizes(self) -> list[int]:
        """The sizes of its packets, bits, headers included."""
        header, mtu = self.config.header_bits, self.config.mtu_bits
        if mtu is None:
            return [self.payload_bits + header]
        room = mtu - header
        return [min(room, self.payload_bits - begun) + header for begun in range(0, max(1, self.payload_bits), room)]

    def attempts(self, packet: int) -> list[Airing]:
        return sorted((each for each in self.airings if each.fragment == packet), key=lambda each: each.attempt)

    def arrives_s(self, packet: int) -> float:
        """Its first arrival; inf where none was seen."""
        return min((each.arrives_s for each in self.attempts(packet) if not isnan(each.arrives_s)), default=inf)

    @property
    def delivered_s(self) -> float:
        return max(self.arrives_s(packet) for packet in range(len(self.sizes)))

    def bits(self, until_s: float) -> int:
        """Put on the air for it until then."""
        sizes = self.sizes
        return sum(sizes[each.fragment] for each in self.airings if each.began_s <= until_s)

    def times_sent(self, until_s: float) -> int:
        return sum(each.began_s <= until_s for each in self.airings)

    def states(self, packet: int) -> list[tuple[str, float, float]]:
        """What a packet did, from its message's coming to its arrival and on."""
        found, since_s = list[tuple[str, float, float]](), self.put_s
        for each in self.attempts(packet):
            found.append(("queue", since_s, each.began_s))
            found.append(("retransmit" if each.attempt else "transmit", each.began_s, each.left_s))
            if not isnan(each.arrives_s):
                return [*found, ("propagation", each.left_s, inf)]
            since_s = each.left_s + self.config.arq.timeout_s
            found.append(("timeout_wait", each.left_s, since_s))
        return [*found, ("queue", since_s, inf)]

    def stretches(self, round_: int, names: dict[str, str], reply: bool = False) -> list[Stretch]:
        """The message does what the first of its packets does that is not acknowledged."""
        found, since_s, over_s = list[Stretch](), self.put_s, self.delivered_s
        for packet in range(len(self.sizes)):
            acked_s = min(over_s, self.arrives_s(packet) + self.back_s)
            for state, from_s, to_s in self.states(packet):
                found.append(Stretch(round_, names[state], max(from_s, since_s), min(to_s, acked_s), reply))
            since_s = max(since_s, acked_s)
        return [each for each in found if each.from_s < each.to_s]


@dataclass
class Visit:
    """A job of a session in the cloud, and the pass that served it, if one did."""

    session: tuple[int, int]
    submitted_s: float
    served: ServerPass | None

    @property
    def done_s(self) -> float:
        """When its pass ended; inf where none did."""
        return inf if self.served is None else self.served.ended_s

    def stretches(self, round_: int, state: str) -> list[Stretch]:
        """A pass that finds nothing cached reads the text, for the first time or again: a prefill."""
        if (served := self.served) is None:
            return [Stretch(round_, "cloud_queue_s", self.submitted_s, inf)]
        _, cached = dict(zip(served.sessions, served.work, strict=True))[self.session]
        return [
            Stretch(round_, "cloud_queue_s", self.submitted_s, served.began_s),
            Stretch(round_, state if cached else "prefill_s", served.began_s, served.ended_s),
        ]

    def left_s(self, withdrawn_s: float) -> float:
        """When it was gone from the cloud, given when nobody wanted it any more: in a pass it stays to the end."""
        under_way = self.served is not None and self.served.began_s <= withdrawn_s <= self.served.ended_s
        return self.done_s if under_way else min(self.done_s, withdrawn_s)


@dataclass
class Times:
    """What one request did when: stretches of rounds that may overlap."""

    stretches: list[Stretch] = field(default_factory=list)

    def spent(self, from_s: float, to_s: float) -> dict[str, float]:
        """Seconds by state. An instant is what the oldest round without a reply on the way does then, or, where all
        have one, the oldest reply."""
        cuts = {from_s, to_s, *(each.from_s for each in self.stretches), *(each.to_s for each in self.stretches)}
        spent: dict[str, float] = {}
        for begin_s, end_s in pairwise(sorted(cut for cut in cuts if from_s <= cut <= to_s)):
            here = [each for each in self.stretches if each.from_s <= begin_s and end_s <= each.to_s]
            assert here, f"nothing is said of {begin_s} to {end_s} s"
            state = min(here, key=lambda each: (each.reply, each.round)).state
            spent[state] = spent.get(state, 0.0) + end_s - begin_s
        return spent
