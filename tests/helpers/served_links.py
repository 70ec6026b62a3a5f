"""Packets through a transmitter without a clock of its own: each joins at its time, and leaves when it is due."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any

from channels.link.rates import Curve
from channels.link.sharing import Sharing
from channels.uniforms import Uniforms


@dataclass(frozen=True, eq=False)
class Sent:
    """A packet, when it comes, and which device it is of."""

    at_s: float
    bits: int
    device: int = 0

    @property
    def index(self) -> tuple[int, int, int]:
        return (self.device, 0, 0)


@dataclass(frozen=True)
class Gone:
    """When the first bit of a packet went out, when the last one had left, and whether it can be read."""

    began_s: float
    left_s: float
    failed: bool


def opened(sharing: object, curve: Curve, seed: int = 0) -> Any:
    """A transmitter of its own over this curve."""
    return Sharing.of(sharing).opener(Uniforms.of(seed, "sharing"))(curve, 0.0)


def gone(
    server: Any, packets: Sequence[Sent], *, until_s: float = inf, withdrawn: Sequence[tuple[float, Sent]] = ()
) -> dict[Sent, Gone]:
    """What becomes of each packet: what comes at the instant of a departure comes first, as the worst of all orders.

    `withdrawn`: when packets are, unless they have started; then none began.
    """
    events: list[tuple[float, Sent, bool]] = [(packet.at_s, packet, True) for packet in packets]
    events += [(time_s, packet, False) for time_s, packet in withdrawn]
    coming = deque(sorted(events, key=lambda event: event[0]))
    left: dict[Sent, Gone] = {}
    while coming or server.present:
        if coming and coming[0][0] <= server.due_s:
            now_s, packet, joins = coming.popleft()
            if joins:
                server.join(packet, now_s)
            else:
                left |= {each: Gone(nan, now_s, True) for each in server.discard([packet])}
        else:
            now_s = server.due_s
            assert now_s < inf, "packets wait for ever"
            if now_s > until_s:
                break
            packet = server.leave(now_s)
            if packet is not None:
                assert packet not in left, "a packet leaves twice"
                left[packet] = Gone(server.began_s, now_s, server.failed)
        while server.start(now_s) is not None:
            pass
    return left
