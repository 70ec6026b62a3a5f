"""Congestion control: how the window of a transport follows what the network loses, and how fast packets follow each
other. The loss-based kinds are here, `bbr` is in its own file; a window counts packets, as Linux does, where RFC 9002
counts bytes.

A window that follows losses shrinks once a round trip (RFC 9002, 7.3.2), grows only while it is what holds packets back
(7.8), and is the initial one at most after a rest of a timeout (RFC 5681, 4.1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import cbrt, inf
from typing import Final, Literal, NamedTuple

from pydantic import Field

from channels.link.arq import UNSEEDED
from channels.uniforms import Uniforms
from kinds import Choice

LEAST: Final = 2.0
"""The least window after a loss, packets (RFC 9002, 7.2; RFC 9438, 4.6)."""


class Delivery(NamedTuple):
    """A packet under way is acknowledged, and what that shows to be lost is counted out."""

    now_s: float
    sent_s: float
    round_trip_s: float | None
    """None: it was sent more than once (Karn)."""
    number: int
    """Of its latest attempt, in the order of sending."""
    next_number: int
    under_way: int
    """Packets, without it."""
    recovering: bool
    """Whether that attempt was sent before the latest loss of a round trip, or silence, was found."""
    mark: object
    """What `on_send` answered."""


class CongestionWindow:
    """How many packets of one connection may be under way, and how fast they follow each other. A kind answers what it
    needs of the events."""

    pace_s: float = 0.0
    """The least time from a packet to the next; 0: they go as soon as the window lets them."""

    def __init__(self, initial: float) -> None:
        self.packets = initial

    def on_send(self, now_s: float, under_way: int) -> object:
        """An attempt joins the queue, beside so many. Returns what comes back in its `Delivery`."""
        return None

    def on_ack(self, now_s: float, round_trip_s: float) -> None:
        """A packet is acknowledged that was sent since the last loss, while the window was full."""

    def on_delivery(self, delivery: Delivery) -> None:
        """Any packet under way is acknowledged, after `on_ack` and what is lost by it."""

    def on_loss(self) -> None:
        """The first loss of a round trip."""

    def on_lost(self, packets: int, under_way: int) -> None:
        """So many packets are lost, after `on_loss`; `under_way` are left."""

    def on_silence(self, least: float) -> None:
        """Nothing comes back: begins again, from so many packets."""

    def on_limited(self, under_way: int) -> None:
        """Neither window nor pacing, but want of packets is what limits the flow now."""

    def rests(self, for_s: float) -> None:
        """For so long the window was not what held packets back."""

    def on_restart(self, initial: float) -> None:
        """A packet goes after nothing was under way for a timeout."""


class Congestion(Choice, family=True):
    """How the window of a transport answers acknowledgements and losses, chosen by `kind`."""

    @abstractmethod
    def window(self, initial: float, uniforms: Uniforms = UNSEEDED) -> CongestionWindow:
        """A fresh window of so many packets; `uniforms`: its own random numbers."""


class LossBased(Congestion):
    """A window that grows until packets are lost."""

    hystart: bool = Field(
        False,
        exclude_if=lambda on: not on,
        description="Whether the first slow start ends where round trips grow (HyStart++, RFC 9406).",
    )


class NewReno(LossBased):
    """One packet more a round trip, and half the window at a loss (RFC 5681; RFC 9002, 7)."""

    kind: Literal["new_reno"] = "new_reno"

    def window(self, initial: float, uniforms: Uniforms = UNSEEDED) -> CongestionWindow:
        return _RenoWindow(initial, 0.5, hystart=self.hystart)


class Cubic(LossBased):
    """CUBIC (RFC 9438): after a loss at W_max the window is C (t - K)^3 + W_max, t seconds into
    congestion avoidance, K = cbrt(W_max (1 - beta) / C); never less than Reno's with the same beta (section 4.3)."""

    kind: Literal["cubic"] = "cubic"
    beta: float = Field(0.7, gt=0, lt=1, description="Share of the window that a loss leaves (RFC 9438: 0.7).")
    c: float = Field(
        0.4, gt=0, allow_inf_nan=False, description="C, how fast it grows, packets per second cubed (RFC 9438: 0.4)."
    )

    fast_convergence: bool = Field(
        True, description="Whether a loss below the last W_max leaves a lower one, so that new flows find room (4.7)."
    )

    def window(self, initial: float, uniforms: Uniforms = UNSEEDED) -> CongestionWindow:
        return _CubicWindow(initial, self)


class LossBasedWindow(CongestionWindow, ABC):
    """Slow start up to a threshold (RFC 5681, 3.1), and what a kind does then."""

    def __init__(self, initial: float, kept: float, *, hystart: bool) -> None:
        """`kept`: the share of the window that a loss leaves."""
        super().__init__(initial)
        self.threshold = inf
        self._kept = kept
        self._hystart = HyStart() if hystart else None
        self._begun_s: float | None = None
        """When congestion avoidance began, what the window rested since left out (t_epoch of RFC 9438, 4.2)."""

    def on_ack(self, now_s: float, round_trip_s: float) -> None:
        if self.packets < self.threshold:
            self.packets += 1 if self._hystart is None else self._hystart.growth
        else:
            self._avoid(now_s, round_trip_s)

    def on_delivery(self, delivery: Delivery) -> None:
        if self._hystart is not None and self._hystart.ends(delivery):
            self.threshold, self._hystart = self.packets, None

    def on_loss(self) -> None:
        self.packets = self.threshold = max(self.packets * self._kept, LEAST)
        self._hystart = None

    def on_silence(self, least: float) -> None:
        self.on_loss()
        self.packets = least

    def rests(self, for_s: float) -> None:
        if self._begun_s is not None:
            self._begun_s += for_s

    def on_restart(self, initial: float) -> None:
        self.packets = min(self.packets, initial)

    @abstractmethod
    def _avoid(self, now_s: float, round_trip_s: float) -> None:
        """An acknowledgement in congestion avoidance."""


class HyStart:
    """HyStart++ in the first slow start of a connection (RFC 9406, 4.2, 4.3): where the least round trip of a round has
    grown, the window grows by a quarter for 5 rounds, and slow start ends unless it was a false alarm."""

    def __init__(self) -> None:
        self.growth = 1.0
        """Packets for each that is acknowledged."""
        self._last_s = self._least_s = inf  # lastRoundMinRTT, currentRoundMinRTT
        self._baseline_s = inf  # cssBaselineMinRtt
        self._samples = self._end = self._rounds = 0

    def ends(self, delivery: Delivery) -> bool:
        """Takes an acknowledgement. Whether slow start is over."""
        if delivery.number >= self._end:
            self._end = delivery.next_number
            self._last_s, self._least_s, self._samples = self._least_s, inf, 0
            self._rounds += 1
        if delivery.round_trip_s is not None:
            self._least_s = min(self._least_s, delivery.round_trip_s)
            self._samples += 1
        if self._samples >= 8:
            if self._baseline_s < inf:
                if self._least_s < self._baseline_s:
                    self._baseline_s, self.growth = inf, 1.0
            elif self._least_s >= self._last_s + max(0.004, min(self._last_s / 8, 0.016)):
                self._baseline_s, self.growth, self._rounds = self._least_s, 0.25, 0
        return self._baseline_s < inf and self._rounds >= 5


class _RenoWindow(LossBasedWindow):
    def _avoid(self, now_s: float, round_trip_s: float) -> None:
        self.packets += 1 / self.packets


class _CubicWindow(LossBasedWindow):
    """RFC 9438, section 4; the names there stand in parentheses."""

    def __init__(self, initial: float, cubic: Cubic) -> None:
        super().__init__(initial, cubic.beta, hystart=cubic.hystart)
        self._c = cubic.c
        self._yields = cubic.fast_convergence
        self._slope = 3 * (1 - cubic.beta) / (1 + cubic.beta)
        self._most = 0.0  # W_max
        self._before = inf  # cwnd_prior
        self._plateau_s = 0.0  # K
        self._reno = 0.0  # W_est

    def on_loss(self) -> None:
        self._before, self._begun_s = self.packets, None
        yields = self._yields and self.packets < self._most
        self._most = self.packets * (1 + self._kept) / 2 if yields else self.packets
        super().on_loss()

    def on_silence(self, least: float) -> None:
        super().on_silence(least)
        self._most = 0.0

    def _avoid(self, now_s: float, round_trip_s: float) -> None:
        if self._begun_s is None:
            self._begun_s, self._reno = now_s, self.packets
            self._most = max(self._most, self.packets)
            self._plateau_s = cbrt((self._most - self.packets) / self._c)
        self._reno += (1.0 if self._reno >= self._before else self._slope) / self.packets
        t_s = now_s - self._begun_s
        if self._cubic(t_s) < self._reno:
            self.packets = max(self.packets, self._reno)
        else:
            target = min(max(self._cubic(t_s + round_trip_s), self.packets), 1.5 * self.packets)
            self.packets += (target - self.packets) / self.packets

    def _cubic(self, t_s: float) -> float:
        """W_cubic."""
        after_s = t_s - self._plateau_s
        return self._c * after_s * after_s * after_s + self._most
