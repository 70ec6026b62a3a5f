"""The far end of a link: it puts the packets of a message together and knows when it has all of it that will come.

A whole message is complete when all of its packets are in. One in parts, a partial round, may end early: its first part
and its last packet are sent again until they are in, those between are sent once. Parts leave in order (`Link`). The
header of each packet says which part it is, when its last bit left, and whether it is the last: the edge marks a
part where it knew it before the draft was drawn (the most drafts of the round, or one over the budget), else by a bare
header behind the last part, once it knows. The far end hands over the leading parts that are in as soon as it knows
that the part after them will not come.

* The last packet is in, and all before it: nothing is missing.
* Where packets keep their order, a later packet is here: the missing part, which left before it, is lost.
* Where they overtake each other, `reassembly_s` has passed since the last packet left: a part that travels for longer
  counts as lost wherever it is (a delay budget, TS 23.501), and all parts left before the last packet.

No timer of the far end runs against a part, so none has to know how long the edge drafts: where the last packet is
lost its sender's timer sends it again.

Why this keeps the output distribution (I12), whatever losses and delays look at. Draft n of a round is verified if
parts 1 to n are in when the round is handed over. Part 1 always is. A last part always is where those before it are:
that it is the last was known before d_n was drawn. A part n between them is in if it came through at its one attempt
and, on a link that reorders, travelled no longer than it may. This is decided when its last bit leaves, by when that
is, by its length and by random numbers of its own; it is handed over only when all such parts before the missing one
have come. So it is enough that nothing depends on d_n before the last bit of part n has left.

* Its length depends on d_1..d_{n-1} alone (`DraftScheme.encode_parts`), and it is put on the link when draft n is drawn
  and encoded. What the edge does next depends on d_n: whether it makes another pass, how long it waits, when its
  processor is free, what it puts on the link. All of that comes after part n was put. On a link that serves first come,
  first served, nothing that is put later changes when part n leaves; on others part n + 1 joins the queue when part n
  has left, and a device serves one request at a time (`Equipped.check_concurrency`).
* Retransmissions of the first part that join before part n do so by what was put before part n.
* When a round is handed over, and so when it is verified and answered, depends on its drafts, and may: it decides what
  happens to later rounds, whose drafts are drawn afterwards by random numbers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from channels.link.link_config import LinkConfig
from simulator.timing.event_loop import delay_until
from simulator.timing.messages import Fragment, Message


class Reassembly:
    """Hands each message over once: `deliver(message, parts)` gets the number of its leading parts."""

    def __init__(self, config: LinkConfig, deliver: Callable[[Message, int], None]) -> None:
        self._keeps_order = config.delay.keeps_order
        self._longest_s = config.longest_travel_s
        self._deliver = deliver

    def take(self, packet: Fragment) -> None:
        """A packet is here, for the first time or again."""
        message = packet.message
        if packet.arrived or (packet.once and self._is_late(packet)):
            return
        packet.arrived = True
        if message.done:
            return
        if message.in_parts:
            self._look(message)
            return
        message.missing -= 1
        if not message.missing:
            self._deliver(message, len(message.content))

    def _is_late(self, packet: Fragment) -> bool:
        return not self._keeps_order and packet.sender.transmitter.clock.now - packet.sent_s > self._longest_s

    def _look(self, message: Message) -> None:
        """After a packet has come: will the first one that is missing still come?"""
        packets, clock = message.packets, message.packets[0].sender.transmitter.clock
        leading = _leading(message)
        if not leading:
            return
        ended = not message.open and packets[-1].arrived
        if self._keeps_order:
            known = ended or any(each.arrived for each in packets[leading:])
        else:
            known = ended and (leading == len(packets) or packets[-1].sent_s + self._longest_s <= clock.now)
        if known:
            self._deliver(message, leading)
        elif ended:
            wait_s = delay_until(clock.now, packets[-1].sent_s + self._longest_s)
            clock.later(wait_s, partial(self._give_up, message))

    def _give_up(self, message: Message, _: object) -> None:
        if not message.done:
            self._deliver(message, _leading(message))


def _leading(message: Message) -> int:
    """How many of its packets are in, up to the first that is not."""
    return next((each.number for each in message.packets if not each.arrived), len(message.packets))
