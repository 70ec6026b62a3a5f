"""Where packets enter a link, and the transmitters behind: one for all devices, or one for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Final

from channels.link.link_config import LinkConfig
from channels.link.rates import Position
from channels.link.retransmission_timeout import TimerJitter
from channels.link.sharing import Fifo, Gate, Own
from channels.uniforms import Uniforms
from simulator.results.station import Station
from simulator.timing.event_loop import LaneClock, OwnClock
from simulator.timing.messages import DeviceSender, Fragment, LinkTransmitter

SHARED: Final = -1
"""The key of the one transmitter of a link that all devices share."""


class DeviceSenders(dict[int, DeviceSender]):
    """The senders of one link by device, and the transmitters behind them, each opened when it is first needed."""

    def __init__(
        self,
        station: Station,
        config: LinkConfig,
        uniforms: Uniforms,
        reverse_delay_s: Callable[[int], float],
        horizon_s: float,
        places: Uniforms | None = None,
        clock: LaneClock | None = None,
        own_clocks: Mapping[int, LaneClock] = {},
    ) -> None:
        """`clock`: of the transmitters of all devices that have none among `own_clocks`."""
        super().__init__()
        gated = config.buffer_packets is not None or config.half_duplex is not None
        self.in_order = type(config.sharing) in (Fifo, Own) and not gated
        """Whether the times of an attempt are known when it joins: no packet overtakes another, or waits for more."""
        self.gate: Gate[Fragment] = Gate()
        """The gate of each transmitter that is opened from now on."""
        self.serve: Callable[[LinkTransmitter, float], None] = _not_gated
        """Has one of them start what its gate lets go."""
        self._station = station
        self._config = config
        self._uniforms = uniforms
        self._reverse_delay_s = reverse_delay_s
        self._horizon_s = horizon_s
        self._clock, self._own_clocks = clock or OwnClock(inf), own_clocks
        self._places = places
        self._transmitters: dict[int, LinkTransmitter] = {}
        self._windows: dict[float, int] = {}
        """By how long an acknowledgement travels back."""
        self._access = Access(config)
        self._opener = config.sharing.opener(uniforms.under(SHARED + 1, 6))  # after the six of `_open`

    def __missing__(self, device: int) -> DeviceSender:
        key = device if self._config.sharing.transmitter_per_device else SHARED
        back_s = self._reverse_delay_s(device)
        transmitter = self._transmitters.get(key)
        if transmitter is None:
            transmitter = self._open(key)
        sender = self[device] = DeviceSender(self._config.arq.sender(self.window(device)), transmitter, back_s)
        return sender

    def window(self, device: int) -> int:
        """The packets that a device may have under way."""
        back_s = self._reverse_delay_s(device)
        window = self._windows.get(back_s)
        if window is None:
            window = self._windows[back_s] = self._config.window_packets(back_s)
        return window

    def air_s(self, now_s: float) -> float:
        """For how long each transmitter has had a packet on the air, all together."""
        return sum(transmitter.air_s(now_s) for transmitter in self._transmitters.values())

    def access_s(self, device: int, now_s: float) -> float:
        """How long a message that a device puts now waits for its grant."""
        sender = self.get(device)
        left_s = -inf if sender is None else sender.arq.left_s
        return self._access.wait_s(device, now_s, now_s if sender is not None and sender.unacked_packets else left_s)

    def _open(self, key: int) -> LinkTransmitter:
        config = self._config
        rate, loss, delay, ack, timers, pauses = (self._uniforms.under(key + 1, purpose) for purpose in range(6))
        curve = config.curve(rate)
        curve.bound(f"{self._station.name}.rate", self._horizon_s)
        if self._places is not None:
            curve.place(self._places)
        clock = self._own_clocks.get(key, self._clock)
        server = None if self.in_order else self._opener(curve, clock.now)
        transmitter = self._transmitters[key] = LinkTransmitter(
            curve=curve,
            clock=clock,
            position=Position(clock.now),
            server=server,
            loss=config.loss.process(loss),
            delay=config.delay.process(delay),
            ack_loss=config.arq.ack_loss.process(ack),
            timers=TimerJitter(config.arq.timer_jitter, timers),
            pauses=TimerJitter(config.arq.timer_jitter, pauses),
            serve=self.serve,
        )
        if server is not None:
            server.gate = self.gate
        self._station.servers = len(self._transmitters)
        return transmitter


def _not_gated(transmitter: LinkTransmitter, _: float) -> None:
    """Does nothing: without a gate nobody asks for it."""


class Access:
    """How long messages of one link's devices wait for their grants before they may queue: longer where a device must
    first get a connection.

    Simplified: only what a device sends keeps its connection; what it receives does so too in LTE and NR. While one
    waits for its connection, its later messages wait for the same one.
    """

    def __init__(self, config: LinkConfig) -> None:
        self._config = config
        self._connected_s: dict[int, float] = {}
        """By device: when its latest message was, or will be, granted."""

    def wait_s(self, device: int, now_s: float, left_s: float) -> float:
        """The wait of a message that a device puts now; `left_s` is when the last bit of its last packet left, -inf if
        none."""
        config = self._config
        if config.idle_after_s is None:
            return config.access_s
        granted_s = self._connected_s.get(device, -inf)
        silent_s = now_s - max(granted_s, left_s)
        idle = silent_s >= config.idle_after_s
        wait_s = config.idle_access_s if idle else max(config.access_s, granted_s - now_s)
        self._connected_s[device] = now_s + wait_s
        return wait_s
