"""BBR, version 1: a model of the path in place of losses (Cardwell et al., ACM Queue 14(5), 2016; section numbers are
those of draft-cardwell-iccrg-bbr-congestion-control-00, of 2017).

The model is the rate of the bottleneck, the most that was delivered in 10 round trips, and the round trip without a
queue, the least of 10 s. Packets are paced at a gain times that rate, and a gain times their product, the
bandwidth-delay product, may be under way. Startup doubles the rate each round trip; drain empties the queue that it
left; then the rate is probed in cycles of 8 round trips, and every 10 s the round trip, with 4 packets under way.

How fast packets are delivered is sampled as draft-cheng-iccrg-delivery-rate-estimation-00 says, where a sample taken
while the flow had too little to send may raise the estimate and never lower it. Rates are in packets, as windows are.
The pacer sends single packets (a quantum of 1), and starts from the first round trip as Linux does
(`bbr_init_pacing_rate_from_rtt`), where the draft holds on to a round trip of 1 ms. Left out: what Linux has beyond the
draft (policers, aggregated acknowledgements, a pacing margin of 1%).
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from math import inf, log
from typing import Final, Literal, NamedTuple

from pydantic import Field

from channels.link.arq import UNSEEDED
from channels.link.congestion import Congestion, CongestionWindow, Delivery
from channels.link.rates import ROUNDING_S
from channels.uniforms import Uniforms

HIGH_GAIN: Final = 2 / log(2)
"""The least gain that doubles the rate each round trip (4.1.1.1)."""
CYCLE: Final = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""The gains of a cycle, about a round trip each (4.3.3)."""
LEAST: Final = 4.0
"""BBRMinPipeCwnd, packets."""
QUANTA: Final = 3
"""The packets under way beyond a bandwidth-delay product, for what the two ends and the pacer hold (4.2.3.2)."""
FIRST_ROUND_TRIP_S: Final = 0.001
"""What paces the first packets (4.2.1)."""


class Bbr(Congestion):
    """BBR version 1 (Cardwell et al., 2016): paces packets at the rate that the bottleneck has shown, and keeps about
    one bandwidth-delay product under way."""

    kind: Literal["bbr"] = "bbr"
    rate_rounds: int = Field(10, ge=1, le=100, description="Round trips whose best delivery rate counts.")
    round_trip_window_s: float = Field(
        10.0, gt=0, description="How long the least round trip counts before it is probed, seconds; inf: for ever."
    )
    probe_s: float = Field(
        0.2, ge=0, le=10, description="The least time with 4 packets under way for that probe, seconds."
    )

    def window(self, initial: float, uniforms: Uniforms = UNSEEDED) -> BbrWindow:
        return BbrWindow(self, initial, uniforms)


class SendState(NamedTuple):
    """What a packet keeps of the moment at which it was sent."""

    delivered: int
    delivered_s: float
    first_sent_s: float
    is_limited: bool


class DeliveryRate:
    """Samples the rate at which packets are delivered (draft-cheng-iccrg-delivery-rate-estimation-00, 3.2, 3.3)."""

    def __init__(self) -> None:
        self.delivered = 0
        """C.delivered, packets."""
        self._delivered_s = self._first_sent_s = 0.0
        self._limited_until = 0
        """Once so many are delivered, what was sent while there was too little is (C.app_limited); 0: it is."""

    def on_send(self, now_s: float, under_way: int) -> SendState:
        """A packet goes."""
        if not under_way:
            self._delivered_s = self._first_sent_s = now_s
        return SendState(self.delivered, self._delivered_s, self._first_sent_s, bool(self._limited_until))

    def on_limited(self, under_way: int) -> None:
        """There is too little to send."""
        self._limited_until = max(self.delivered + under_way, 1)

    def on_delivery(self, sent: SendState, sent_s: float, now_s: float) -> tuple[int, float]:
        """A packet is acknowledged. Returns how many were since it was sent, and in how long, seconds: what it took to
        send them or to hear of them, whichever is longer."""
        self.delivered += 1
        self._delivered_s, self._first_sent_s = now_s, sent_s
        if self.delivered > self._limited_until:
            self._limited_until = 0
        return self.delivered - sent.delivered, max(sent_s - sent.first_sent_s, now_s - sent.delivered_s)


class MaxFilter:
    """The largest value of the last rounds, 0 before there is one."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._falling: deque[tuple[int, float]] = deque()
        """By round, the values that are larger than all after them."""

    @property
    def largest(self) -> float:
        return self._falling[0][1] if self._falling else 0.0

    def take(self, round_number: int, value: float) -> None:
        """Takes a value of this round, and forgets those that are too old beside it."""
        while self._falling and self._falling[-1][1] <= value:
            self._falling.pop()
        self._falling.append((round_number, value))
        while self._falling[0][0] <= round_number - self._rounds:
            self._falling.popleft()


class Phase(Enum):
    """What BBR is at (3.4)."""

    STARTUP = "finds the rate"
    DRAIN = "drains the queue that startup has left"
    PROBE_RATE = "keeps the pipe full, and looks for more in cycles"
    PROBE_ROUND_TRIP = "has next to nothing under way, to see the round trip without a queue"


class BbrWindow(CongestionWindow):
    """One connection's (section 4; the names there stand in parentheses)."""

    def __init__(self, bbr: Bbr, initial: float, uniforms: Uniforms) -> None:
        super().__init__(initial)
        self._bbr, self._initial, self._uniforms = bbr, initial, uniforms
        self.phase = Phase.STARTUP
        self.pace_s = FIRST_ROUND_TRIP_S / (HIGH_GAIN * initial)
        self.round_trip_s = inf  # RTprop
        self._round_trip_stamp_s = inf
        self._rates = MaxFilter(bbr.rate_rounds)
        self._sampler = DeliveryRate()
        self._round = self._round_ends = 0  # round_count, next_round_delivered
        self._full_rate, self._full_rounds = 0.0, 0
        self._is_filled = False
        self._cycle, self._cycles, self._cycle_s = 0, 0, 0.0
        self._saved, self._recovers, self._conserves = 0.0, False, False
        self._lost = 0
        self._restarts = False  # idle_restart
        self._probed_s, self._probed_round = inf, False  # probe_rtt_done_stamp, probe_rtt_round_done

    @property
    def rate(self) -> float:
        """BtlBw, packets per second."""
        return self._rates.largest

    @property
    def _pacing_gain(self) -> float:
        gains = {Phase.STARTUP: HIGH_GAIN, Phase.DRAIN: 1 / HIGH_GAIN, Phase.PROBE_RATE: CYCLE[self._cycle]}
        return gains.get(self.phase, 1.0)

    @property
    def _window_gain(self) -> float:
        return {Phase.PROBE_RATE: 2.0, Phase.PROBE_ROUND_TRIP: 1.0}.get(self.phase, HIGH_GAIN)

    def on_send(self, now_s: float, under_way: int) -> SendState:
        sent = self._sampler.on_send(now_s, under_way)
        if not under_way and sent.is_limited:
            self._restarts = True
            if self.phase is Phase.PROBE_RATE:
                self._pace(1.0)
        return sent

    def on_limited(self, under_way: int) -> None:
        self._sampler.on_limited(under_way)

    def on_loss(self) -> None:
        """Recovery begins: for a round trip a packet goes for each that is delivered (4.2.3.4)."""
        self._save()
        self._recovers = self._conserves = True
        self._round_ends = self._sampler.delivered
        self.packets = 0.0

    def on_lost(self, packets: int, under_way: int) -> None:
        self._lost += packets
        self.packets = max(self.packets - packets, self._conserves * under_way + 1.0)

    def on_silence(self, least: float) -> None:
        self._save()
        self._recovers, self._conserves = True, False
        self.packets = least

    def on_delivery(self, delivery: Delivery) -> None:
        now_s, sent = delivery.now_s, delivery.mark
        assert isinstance(sent, SendState)
        delivered, interval_s = self._sampler.on_delivery(sent, delivery.sent_s, now_s)
        begins = sent.delivered >= self._round_ends
        if begins:
            self._round += 1
            self._round_ends = self._sampler.delivered
            self._conserves = False
        # Of a packet sent again, and in less than a round trip: what is acknowledged is an attempt before.
        certain = delivery.round_trip_s is not None or interval_s >= self.round_trip_s - ROUNDING_S
        if interval_s > 0 and certain:
            rate = delivered / interval_s
            if rate >= self.rate or not sent.is_limited:
                self._rates.take(self._round, rate)
        if begins and not sent.is_limited:
            self._check_full()
        self._advance(delivery)
        self._check_round_trip(delivery, begins)
        self._pace(self._pacing_gain)
        self._resize(delivery)
        self._lost = 0

    def _inflight(self, gain: float) -> float:
        """BBRInflight, packets."""
        return gain * self.rate * self.round_trip_s + QUANTA if self.round_trip_s < inf else self._initial

    def _check_full(self) -> None:
        """The pipe is full once three rounds have not brought a quarter more (4.3.2.2)."""
        if self._is_filled:
            return
        if self.rate >= 1.25 * self._full_rate:
            self._full_rate, self._full_rounds = self.rate, 0
        else:
            self._full_rounds += 1
            self._is_filled = self._full_rounds >= 3

    def _advance(self, delivery: Delivery) -> None:
        """To the next gain of the cycle, or phase (4.3.3, 4.3.4.4)."""
        now_s, under_way = delivery.now_s, delivery.under_way
        if self.phase is Phase.PROBE_RATE:
            gain, before = CYCLE[self._cycle], under_way + 1 + self._lost
            is_long = now_s - self._cycle_s > self.round_trip_s
            if gain > 1:
                goes_on = is_long and (self._lost or before >= self._inflight(gain))
            else:
                goes_on = is_long or (gain < 1 and before <= self._inflight(1.0))
            if goes_on:
                self._cycle, self._cycle_s = (self._cycle + 1) % len(CYCLE), now_s
        if self.phase is Phase.STARTUP and self._is_filled:
            self.phase = Phase.DRAIN
        if self.phase is Phase.DRAIN and under_way <= self._inflight(1.0):
            self._probe_rate(now_s)

    def _probe_rate(self, now_s: float) -> None:
        """At a gain drawn from all but 0.75, which would leave the pipe empty (4.3.4.3)."""
        drawn = int(self._uniforms.uniform(self._cycles) * (len(CYCLE) - 1))
        self.phase, self._cycle, self._cycle_s = Phase.PROBE_RATE, (len(CYCLE) - drawn) % len(CYCLE), now_s
        self._cycles += 1

    def _check_round_trip(self, delivery: Delivery, begins: bool) -> None:
        """The least round trip, and the probe for it (4.1.2, 4.3.5)."""
        now_s, seen_s, under_way = delivery.now_s, delivery.round_trip_s, delivery.under_way
        expired = now_s > self._round_trip_stamp_s + self._bbr.round_trip_window_s
        if seen_s is not None and (seen_s <= self.round_trip_s + ROUNDING_S or expired):
            if self.round_trip_s == inf and seen_s > 0:
                self.pace_s = seen_s / (HIGH_GAIN * self._initial)
            self.round_trip_s = seen_s if expired else min(seen_s, self.round_trip_s)
            self._round_trip_stamp_s = now_s
        if expired and not self._restarts and self.phase is not Phase.PROBE_ROUND_TRIP:
            self._save()
            self.phase, self._probed_s = Phase.PROBE_ROUND_TRIP, inf
        self._restarts = False
        if self.phase is not Phase.PROBE_ROUND_TRIP:
            return
        self._sampler.on_limited(under_way)
        if self._probed_s == inf:
            if under_way <= LEAST:
                self._probed_s, self._probed_round = now_s + self._bbr.probe_s, False
                self._round_ends = self._sampler.delivered
            return
        self._probed_round |= begins
        if self._probed_round and now_s > self._probed_s:
            self._round_trip_stamp_s = now_s
            self.packets = max(self.packets, self._saved)
            if self._is_filled:
                self._probe_rate(now_s)
            else:
                self.phase = Phase.STARTUP

    def _pace(self, gain: float) -> None:
        """Never slower than before until the pipe is full (4.2.1)."""
        if self.rate > 0:
            pace_s = 1 / (gain * self.rate)
            if self._is_filled or pace_s < self.pace_s:
                self.pace_s = pace_s

    def _save(self) -> None:
        kept = self._recovers or self.phase is Phase.PROBE_ROUND_TRIP
        self._saved = max(self._saved, self.packets) if kept else self.packets

    def _resize(self, delivery: Delivery) -> None:
        """The window (4.2.3)."""
        if self._recovers and not delivery.recovering:
            self._recovers = self._conserves = False
            self.packets = max(self.packets, self._saved)
        if self._conserves:
            self.packets = max(self.packets, delivery.under_way + 1.0)
        else:
            most = self._inflight(self._window_gain)
            if self._is_filled:
                self.packets = min(self.packets + 1, most)
            elif self.packets < most or self._sampler.delivered < self._initial:
                self.packets += 1
            self.packets = max(self.packets, LEAST)
        if self.phase is Phase.PROBE_ROUND_TRIP:
            self.packets = min(self.packets, LEAST)
