"""CUBIC (RFC 9438): how the window of a connection follows what the network loses. It counts packets, as Linux does,
where RFC 9002 counts bytes.

The window doubles each round trip up to a threshold (slow start, RFC 5681, 3.1). After a loss at W_max it is
C (t - K)^3 + W_max, t seconds into congestion avoidance, K = cbrt(W_max (1 - beta) / C); never less than Reno's with
the same beta (section 4.3). It shrinks once a round trip (RFC 9002, 7.3.2), grows only while it is what holds packets
back (7.8), and is the initial one at most after a rest of a timeout (RFC 5681, 4.1).
"""

from __future__ import annotations

from math import cbrt, inf
from typing import Final

LEAST: Final = 2.0
"""The least window after a loss, packets (RFC 9002, 7.2; RFC 9438, 4.6)."""
BETA: Final = 0.7
"""Share of the window that a loss leaves (4.6)."""
C: Final = 0.4
"""Growth of the window, packets per second cubed (5.1)."""
SLOPE: Final = 3 * (1 - BETA) / (1 + BETA)
"""Growth of Reno's window per round trip, packets (4.3)."""


class CubicWindow:
    """Number of packets of one connection that may be under way. The names of RFC 9438, section 4, stand in
    parentheses."""

    def __init__(self, initial: float) -> None:
        self.packets = initial
        """The window (cwnd)."""
        self.threshold = inf
        """Slow start ends there (ssthresh)."""
        self._initial = initial
        self._begun_s: float | None = None
        """When congestion avoidance began, what the window rested since left out (t_epoch)."""
        self._most = 0.0  # W_max
        self._before = inf  # cwnd_prior
        self._plateau_s = 0.0  # K
        self._reno = 0.0  # W_est

    def on_ack(self, now_s: float, round_trip_s: float) -> None:
        """A packet is acknowledged that was sent since the last loss, while the window was full."""
        if self.packets < self.threshold:
            self.packets += 1
        else:
            self._avoid(now_s, round_trip_s)

    def on_loss(self) -> None:
        """The first loss of a round trip. One below the last W_max leaves a lower one, so that new flows find room
        (fast convergence, 4.7)."""
        self._before, self._begun_s = self.packets, None
        self._most = self.packets * (1 + BETA) / 2 if self.packets < self._most else self.packets
        self.packets = self.threshold = max(self.packets * BETA, LEAST)

    def on_silence(self) -> None:
        """Begins again from the least window, as nothing comes back."""
        self.on_loss()
        self.packets, self._most = LEAST, 0.0

    def on_rest(self, for_s: float) -> None:
        """Leaves out a time for which the window was not what held packets back."""
        if self._begun_s is not None:
            self._begun_s += for_s

    def on_restart(self) -> None:
        """A packet goes after nothing was under way for a timeout."""
        self.packets = min(self.packets, self._initial)

    def _avoid(self, now_s: float, round_trip_s: float) -> None:
        """Takes an acknowledgement in congestion avoidance."""
        if self._begun_s is None:
            self._begun_s, self._reno = now_s, self.packets
            self._most = max(self._most, self.packets)
            self._plateau_s = cbrt((self._most - self.packets) / C)
        self._reno += (1.0 if self._reno >= self._before else SLOPE) / self.packets
        t_s = now_s - self._begun_s
        if self._cubic(t_s) < self._reno:
            self.packets = max(self.packets, self._reno)
        else:
            target = min(max(self._cubic(t_s + round_trip_s), self.packets), 1.5 * self.packets)
            self.packets += (target - self.packets) / self.packets

    def _cubic(self, t_s: float) -> float:
        """Returns W_cubic."""
        after_s = t_s - self._plateau_s
        return C * after_s * after_s * after_s + self._most
