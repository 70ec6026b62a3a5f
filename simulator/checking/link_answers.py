"""Answers of a loss, a rate or a delay about packets that one link sends one after another, made up here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from channels.link.delays import Delay
from channels.link.losses import Loss, PacketIndex
from channels.link.rates import Position, Rate
from channels.uniforms import Uniforms
from kinds import Choice

PACKETS: Final = 120
HORIZON_S: Final = 1e4
_BITS: Final = (160, 1_200, 12_000)
_RATE_BPS: Final = 1e5


def link_answers(part: Choice) -> list[tuple[str, object]]:
    """(method, answer) for each packet, in order, by a process that is made anew under the same uniforms."""
    uniforms = Uniforms.of(0, "check")
    if isinstance(part, Rate):
        return list(_times(part, uniforms))
    if isinstance(part, Delay):
        travel = part.process(uniforms)
        return [("delay_s", travel.delay_s(now_s, index)) for now_s, _, index in _packets()]
    assert isinstance(part, Loss)
    losses = part.process(uniforms.under(0))
    return [("lost", losses.lost(now_s, bits, _RATE_BPS, index)) for now_s, bits, index in _packets()]


def _times(rate: Rate, uniforms: Uniforms) -> Iterator[tuple[str, object]]:
    """Yields the start and the end of each packet, and the bits that the link carries meanwhile."""
    curve = rate.curve(uniforms)
    curve.bound("rate", HORIZON_S)
    position = Position(0.0)
    for now_s, bits, (device, request, round_number, *_) in _packets():
        position = curve.idle(position, max(now_s, position.time_s), (device, request, round_number))
        began_s = position.time_s
        yield "ready_s", curve.ready_s(position, bits)
        position = curve.finish(position, bits)
        yield "finish", position
        if curve.over(position.time_s):
            return
        yield "served_bits", curve.served_bits(began_s, position.time_s)


def _packets() -> Iterator[tuple[float, int, PacketIndex]]:
    """Yields the time at which the last bit of each packet leaves, its bits with its header, and its address."""
    for number in range(PACKETS):
        now_s = 0.013 * number + 0.001 * (number % 7)
        yield now_s, _BITS[number % 3], (number % 2, number // 40, 1 + number // 4, number // 2 % 2, 0)
