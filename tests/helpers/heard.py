"""What a cloud hears of a partial round over the shipped uplink, whose parts leave as its drafts are drawn, with losses
and delays that look at what they can."""

from collections.abc import Callable
from functools import cache, partial
from math import inf
from typing import Any, Literal

import simpy
from cells import link

from channels.link.delays import Delay, DelayProcess
from channels.link.link_config import LinkConfig
from channels.link.losses import Loss, LossProcess, NoLoss, PacketIndex
from channels.uniforms import Uniforms
from simulator.timing.event_loop import later
from simulator.timing.link import Link
from simulator.timing.messages import Message

NOTHING_LOST = NoLoss()


class Looking(Loss):
    """Loses a first attempt by its place in the message, by when its last bit leaves, by its bits."""

    kind: Literal["looking_in_tests"] = "looking_in_tests"
    places: tuple[int, ...] = ()
    period_s: float = inf
    share: float = 0.0
    longer_than: float = inf

    def process(self, uniforms: Uniforms) -> LossProcess:
        return self

    def lost(self, now_s: float, bits: int, rate_bps: float, index: PacketIndex) -> bool:
        looks = index[3] in self.places, now_s % self.period_s < self.share * self.period_s, bits > self.longer_than
        return index[4] == 0 and any(looks)


class Dawdling(Delay):
    """Lets a packet that is sent once travel for longer by its place in the message, by when its last bit leaves."""

    kind: Literal["dawdling_in_tests"] = "dawdling_in_tests"
    places: tuple[int, ...] = ()
    period_s: float = inf
    share: float = 0.0
    extra_s: float = 0.1

    @property
    def mean_s(self) -> float:
        return 0.02

    def process(self, uniforms: Uniforms) -> DelayProcess:
        return self

    def delay_s(self, now_s: float, index: PacketIndex) -> float:
        looks = index[3] in self.places, now_s % self.period_s < self.share * self.period_s
        return 0.02 + self.extra_s * (index[3] > 0 and any(looks))


def heard_over(
    loss: Loss = NOTHING_LOST,
    room_bits: int = 64,
    start_s: float = 0.0,
    pass_s: float = 0.031,
    encode_s: float = 0.007,
    **fields: Any,
) -> Callable[[tuple[int, ...], bool], int]:
    """How many leading parts get through the shipped uplink at 1 kbit/s with this loss, of a round that is drafted from
    `start_s` on: each part is put there when its pass and its encoding are over. Where the edge did not know that the
    last one is the last, it says so one pass later."""

    @cache
    def received(parts_bits: tuple[int, ...], foreseen: bool) -> int:
        env = simpy.Environment()
        known = link(1000.0, header_bits=8, mtu_bits=room_bits + 8)
        config = LinkConfig(**{**known, "loss": loss, **fields})
        uplink = Link(env, config, Uniforms.of(0, "tests"), "uplink", lambda _: 0.02)
        first, *others = parts = tuple(bytes(bits // 8) for bits in parts_bits)
        growth = [*others, *([] if foreseen else [b""])]
        through_s = start_s + (len(parts) + (not foreseen)) * pass_s + len(parts) * encode_s
        message = Message((0, 0, 1), (first,), lambda _: None, open=bool(growth))
        later(env, start_s + pass_s + encode_s, partial(_put, uplink, message))
        for number, part in enumerate(growth, 2):
            at_s = start_s + number * (pass_s + encode_s) if part else through_s
            later(env, at_s, partial(_add, uplink, message, part, number == len(growth) + 1))
        env.run()
        return len(message.arrived)

    return received


def _put(link: Link, message: Message, _: simpy.Event) -> None:
    link.put(message)


def _add(link: Link, message: Message, part: bytes, ends: bool, _: simpy.Event) -> None:
    link.add(message, part, ends=ends)
