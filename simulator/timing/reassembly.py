"""The far end of a link: it puts the packets of a message together and says when it has all of it that will come.

A message of one part is complete when all of its packets are in. One of several parts, a partial round, may end early:
its first part is sent again until it is in, a later one is sent once. The far end knows of a loss what it can see. The
header of each packet tells how many parts there are and how long the next one is; parts leave in order (`Link`).

* A later part is here and the next one is not, on a link that keeps order: that one is lost.
* A timer (t-Reassembly of RLC, TS 38.322): the part after the leading ones has not come `reassembly_s` after the last
  of these came, and the time that it takes on the air at the rate of the part before it, after the silence that a
  duty cycle asks for.
* On a link that reorders nothing but the timer counts, and a part that travelled for longer than `reassembly_s`, by the
  time of sending in its header, counts as lost (a delay budget, TS 23.501).

Why this keeps the output law (I12), whatever losses and delays look at. The length of part n tells of d_1..d_{n-1}
alone, and nothing that is known when its last bit leaves tells of d_n: part n+1, which does, leaves after it. Part n is
heard if it is not lost, came before its timer, and, on a link that reorders, travelled no longer than it may.

* The timer of part n starts with a part before it. Where all of these had left before part n, all of its length is
  known by then. Else the first part has left once more since, part n+1 may have delayed it, and the timer with it; but
  such a timer ends more than `reassembly_s` after part n left. A part that comes later than that, where order is kept,
  came behind one that left after it, which cannot be; where it is not kept, it counts as lost in any case.
* A gap shows when part n+1 came, which tells of d_n, but only for a part n that will never come: it decides when the
  parts before it are judged, not which.
* The number of parts tells of all drafts. It says only when a message is complete. A timer for all that is missing, one
  that any later part starts again, or a gap on a link that reorders would look at d_n, and bend the law.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import simpy

from channels.link.link_config import LinkConfig
from simulator.timing.later import later
from simulator.timing.messages import Fragment, Message


class Reassembly:
    """Hands each message over once: `deliver(message, parts)` is told how many leading parts there are of it."""

    def __init__(self, env: simpy.Environment, config: LinkConfig, deliver: Callable[[Message, int], None]) -> None:
        self._env = env
        self._keeps_order = config.delay.keeps_order
        self._wait_s = config.reassembly_wait_s
        self._overhead_s = config.overhead_s
        self._silence = 1 / config.rate.airtime_share - 1
        self._deliver = deliver

    def take(self, packet: Fragment) -> None:
        """A packet is here, for the first time or again."""
        message = packet.message
        if packet.arrived or self._is_late(packet):
            return
        packet.arrived = True
        message.missing -= 1
        if message.done:
            return
        if not message.missing:
            self._deliver(message, len(message.content))
        elif len(message.content) > 1:
            self._look(message, packet)

    def _is_late(self, packet: Fragment) -> bool:
        return packet.once and not self._keeps_order and self._env.now - packet.sent_s > self._wait_s

    def _look(self, message: Message, packet: Fragment) -> None:
        """After a part has come: is the next one lost, or awaited from now on?"""
        awaited = next(each for each in message.packets if not each.arrived)
        leading = awaited.number
        if not leading:
            return
        if self._keeps_order and leading < len(message.packets) - message.missing:
            self._deliver(message, leading)
        elif packet.number < leading:
            before = message.packets[leading - 1]
            before_s = self._overhead_s + before.bits / before.rate_bps
            on_air_s = self._overhead_s + awaited.bits / before.rate_bps + self._silence * before_s
            later(self._env, self._wait_s + on_air_s, partial(self._give_up, awaited))

    def _give_up(self, awaited: Fragment, _: simpy.Event) -> None:
        if not awaited.arrived and not awaited.message.done:
            self._deliver(awaited.message, awaited.number)
