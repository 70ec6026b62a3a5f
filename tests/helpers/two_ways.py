"""Both ways of a link between devices and a network, with a log of what is on the air."""

from collections.abc import Callable
from typing import Any

import pytest
import simpy
from links import payload
from plants import AirWatch

from channels.link.link_config import LinkConfig, answer_s
from channels.uniforms import Uniforms
from simulator.results.observer import Together
from simulator.timing.half_duplex import keep_half_duplex
from simulator.timing.link import Link
from simulator.timing.messages import Message
from simulator.timing.receive_windows import ReceiveWindows


class TwoWays:
    """1 kbit/s each way, without delay or headers, unless said otherwise of both ways or of one."""

    def __init__(self, up: dict[str, Any] | None = None, down: dict[str, Any] | None = None, **both: Any) -> None:
        plain: dict[str, Any] = {
            "rate": {"kind": "constant", "bps": 1000},
            "delay": {"kind": "constant", "delay_s": 0},
            "header_bits": 0,
            "arq": {"kind": "stop_and_wait", "timeout_s": 9, "timer_jitter": 0},
        }
        self.env = simpy.Environment()
        self.air = AirWatch()
        self.windows = ReceiveWindows(self.env)
        self.delivered: dict[tuple[str, int, int], float] = {}
        configs = [LinkConfig.model_validate(plain | both | (way or {})) for way in (up, down)]
        watch = Together(self.windows, self.air)
        self.up, self.down = (
            Link(self.env, config, Uniforms.of(0, name), name, lambda _, s=back_s: s, watch)  # type: ignore[misc]
            for config, name, back_s in zip(
                configs, ("uplink", "downlink"), (answer_s(*configs), answer_s(*configs[::-1])), strict=True
            )
        )
        self.up.reverse = lambda _: self.down
        keep_half_duplex(self.env, [(self.up, self.down)])

    def at(self, at_s: float, call: Callable[[], object]) -> None:
        """Does something at that time."""

        def happen(_: simpy.Event) -> None:
            call()

        self.env.timeout(at_s).callbacks.append(happen)

    def put(self, link: Link, at_s: float, device: int, bits: int | list[int], number: int = 0) -> Message:
        """A message of that many bits, or of several parts, at that time."""
        message = Message(
            (device, 0, number), payload(*([bits] if isinstance(bits, int) else bits)), self._deliver(link)
        )
        self.at(at_s, lambda: link.put(message))
        return message

    def run(self, until_s: float | None = None) -> list[tuple[str, int, int, float, float]]:
        """Runs to the end or to a time; returns (link, device, round, first bit, last bit) of attempts, by first bit.
        Counts are checked after each event (I1), areas at the end."""
        while self.env.peek() <= (float("inf") if until_s is None else until_s) and self.env.peek() < float("inf"):
            self.env.step()
            for link in (self.up, self.down):
                assert link.sent == link.delivered + link.lost + link.dropped + link.in_flight
        for link in (self.up, self.down):
            assert link.station.area == pytest.approx(link.station.sojourn_s, abs=1e-9)
        times = [
            (a.link, a.address[0], a.address[2], round(a.began_s, 9), round(a.left_s, 9)) for a in self.air.airings
        ]
        return sorted(times, key=lambda each: each[3:])

    def _deliver(self, link: Link) -> Callable[[Message], None]:
        def deliver(message: Message) -> None:
            key = (link.name, message.index[0], message.index[2])
            assert key not in self.delivered
            self.delivered[key] = round(self.env.now, 9)

        return deliver
