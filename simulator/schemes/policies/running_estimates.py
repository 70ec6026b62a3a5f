"""Estimates that an edge updates as it goes: the acceptance of drafts, and the time of bits on the link.

Each estimator is a few floats that a policy carries in its state, takes one observation at a time, and forgets slowly:
a mean is plain over its first `memory` observations and exponential from there on, so that it converges on what stays
and follows what changes. None of them sees p, the future, or a draft before it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, log, nan, sqrt
from typing import Final, NamedTuple, Self

from kinds.arrays import Floats
from simulator.schemes.policy import SeenVerdict

DISTRIBUTION_BINS: Final = 8
"""Bins of the collision probability of a distribution."""
PRIOR_ACCEPTANCE: Final = 0.8
"""Acceptance before any verification result."""
PRIOR_DRAFTS: Final = 6.0
"""Drafts for which a coarser estimate counts in a finer one."""
PRIOR_OF_POSITION: Final = 20.0
"""Weight, in drafts, of the operating point's counts at each position."""
MOST_ACCEPTANCE: Final = 0.999
DRAFT_MEMORY: Final = 400.0
"""Drafts over which acceptance is remembered, at one position of one operating point."""
LINK_MEMORY: Final = 200.0
"""Rounds over which what a bit takes is remembered."""
WARM: Final = 6.0
"""Scheduled rounds before what a bit takes is remembered: the delay must be known first."""
BEST_FADES: Final = 0.005
RELAXED: Final = 1.002
"""The factor by which the least time ever seen is raised a round, so that a delay that grows is found out."""


@dataclass(slots=True)
class RunningMean:
    """A mean that forgets; nan of nothing."""

    weight: float = 0.0
    value: float = nan

    def observe(self, value: float, memory: float) -> None:
        """Adds an observation."""
        self.weight = min(self.weight + 1.0, memory)
        self.value = value if self.weight == 1.0 else self.value + (value - self.value) / self.weight

    def known(self, otherwise: float) -> float:
        """The mean, or what stands in for it."""
        return self.value if self.weight else otherwise


def distribution_bin(q: Floats) -> int:
    """0..DISTRIBUTION_BINS - 1 by sum q(x)^2 of q [V]: how probable a draft drawn from q is expected to be."""
    return min(DISTRIBUTION_BINS - 1, int(DISTRIBUTION_BINS * float(q @ q)))


@dataclass(slots=True)
class AcceptanceEstimate:
    """The chance that a draft is accepted once all before it were: of its operating point and position, times that of
    its distribution.

    a(r, n, bin) = a(r, n) m(bin). a(r, n) is accepted / reached, shrunk towards the operating point's, that towards all
    operating points', so survival need not be geometric. m(bin) is drafts accepted with such a distribution / drafts
    expected to be, and averages 1 over the distributions that were looked at; `reached` counts a draft as m(bin), so
    that drawing only from promising distributions does not make a position look better than it is.
    """

    reached: list[list[float]]
    """[operating point][position]: drafts verified, each weighted by what its distribution promised."""
    accepted: list[list[float]]
    expected: list[float] = field(default_factory=lambda: [0.0] * DISTRIBUTION_BINS)
    """[bin]: by operating point and position alone."""
    observed: list[float] = field(default_factory=lambda: [0.0] * DISTRIBUTION_BINS)
    looked: list[float] = field(default_factory=lambda: [0.0] * DISTRIBUTION_BINS)
    """[bin]: distributions seen, whether or not anything was drawn from them."""

    @classmethod
    def empty(cls, rungs: int, positions: int) -> Self:
        """An estimate without data for so many operating points and draft positions; later positions are taken for the
        last."""
        return cls([[0.0] * positions for _ in range(rungs)], [[0.0] * positions for _ in range(rungs)])

    @property
    def positions(self) -> int:
        return len(self.reached[0])

    def of_position(self, rung: int, position: int) -> float:
        """a(operating point, position), positions from 0, whatever its distribution."""
        overall = _shrunk(sum(map(sum, self.accepted)), sum(map(sum, self.reached)), PRIOR_ACCEPTANCE)
        own = _shrunk(sum(self.accepted[rung]), sum(self.reached[rung]), overall)
        place = min(position, self.positions - 1)
        return _shrunk(self.accepted[rung][place], self.reached[rung][place], own, PRIOR_OF_POSITION)

    def doubt(self, rung: int) -> float:
        """The standard deviation of the operating point's acceptance, by the drafts that were verified."""
        own = _shrunk(sum(self.accepted[rung]), sum(self.reached[rung]), PRIOR_ACCEPTANCE)
        return sqrt(own * (1.0 - own) / (sum(self.reached[rung]) + PRIOR_DRAFTS))

    def of_distribution(self, bin_: int) -> float:
        """m(bin)."""
        return self._raw(bin_) / self._average()

    def estimate(self, rung: int, position: int, bin_: int | None) -> float:
        """a(operating point, position) m(bin); without m where the distribution is not known."""
        found = self.of_position(rung, position) * (1.0 if bin_ is None else self.of_distribution(bin_))
        return min(found, MOST_ACCEPTANCE)

    def look(self, bin_: int) -> None:
        """A distribution has been seen."""
        self.looked[bin_] += 1.0

    def observe(self, rung: int, bins: Sequence[int | None], drafted: int, accepted: int) -> None:
        """A round was verified; `bins[n]` is that of the distribution of draft n, None where it was not looked at."""
        for n in range(min(accepted + 1, drafted)):
            place, bin_ = min(n, self.positions - 1), bins[n] if n < len(bins) else None
            hit = float(n < accepted)
            base = self.of_position(rung, n)
            promised = 1.0 if bin_ is None else self.of_distribution(bin_)
            if bin_ is not None:
                keep = min(1.0, DRAFT_MEMORY / (self.expected[bin_] + 1.0))
                self.expected[bin_] = self.expected[bin_] * keep + base
                self.observed[bin_] = self.observed[bin_] * keep + hit
            keep = min(1.0, DRAFT_MEMORY / (self.reached[rung][place] + 1.0))
            self.reached[rung][place] = self.reached[rung][place] * keep + promised
            self.accepted[rung][place] = self.accepted[rung][place] * keep + hit

    def _raw(self, bin_: int) -> float:
        return (self.observed[bin_] + PRIOR_DRAFTS) / (self.expected[bin_] + PRIOR_DRAFTS)

    def _average(self) -> float:
        seen = sum(self.looked)
        if not seen:
            return 1.0
        return sum(looked * self._raw(bin_) for bin_, looked in enumerate(self.looked)) / seen


def _shrunk(accepted: float, reached: float, coarser: float, prior: float = PRIOR_DRAFTS) -> float:
    return min(MOST_ACCEPTANCE, (accepted + prior * coarser) / (reached + prior))


@dataclass(slots=True)
class LinkTimes:
    """Time of a round on the network: y = D + x w, x the bits on the air, w = 1 / rate, which may fade.

    D: y / x on 1 / x by least squares, over rounds whose length was not chosen by what the link showed (of the others
    short ones go with slow links, and the slope would say so), as far as that explains y / x; for the rest the least y.
    w: what is left of y: its mean and variance in time, and its mean squared step from one round to the next, which for
    a departure that dies off over the coherence time tau is 2 variance (1 - exp(-gap / tau)). The best linear forecast
    then is mean + exp(-age / tau) (last - mean).
    """

    count: float = 0.0
    sum_u: float = 0.0
    sum_z: float = 0.0
    sum_uu: float = 0.0
    sum_uz: float = 0.0
    sum_zz: float = 0.0
    """The sums over rounds of u = 1 / x and z = y / x, and of their products (`sum_u` to `sum_zz`)."""
    least_s: float = nan
    observed: float = 0.0
    total_s: float = 0.0
    """Time over which mean and variance are taken."""
    mean: float = 0.0
    variance: float = 0.0
    step: float = 0.0
    """Mean of (w - last)^2."""
    best: float = 0.0
    """The least w, drawn towards the mean by BEST_FADES a round."""
    gap_s: float = 0.0
    """Mean time from one observation to the next."""
    last: float = 0.0
    last_s: float = nan
    """Time at which `last` was sent."""

    def observe(self, sent_s: float, bits: float, network_s: float, scheduled: bool) -> None:
        """A round sent then with so many bits on the air was so long in the network."""
        y = max(0.0, network_s)
        self.least_s = y if not self.observed else min(y, self.least_s * RELAXED)
        if scheduled:
            u, z = 1.0 / bits, y / bits
            keep = min(1.0, LINK_MEMORY / (self.count + 1.0))
            for name, value in (("count", 1.0), ("sum_u", u), ("sum_z", z), ("sum_uu", u * u), ("sum_uz", u * z)):
                setattr(self, name, getattr(self, name) * keep + value)
            self.sum_zz = self.sum_zz * keep + z * z
        self._follow(sent_s, max(0.0, y - self.delay_s) / bits)

    def _follow(self, sent_s: float, w: float) -> None:
        self.observed = 1.0 if self.count < WARM else min(self.observed + 1.0, LINK_MEMORY)
        if self.observed == 1.0:
            self.mean = self.best = w
            self.variance = self.total_s = 0.0
        else:
            gap_s, steps = sent_s - self.last_s, self.observed - 1.0
            self.gap_s += (gap_s - self.gap_s) / steps
            self.step += ((w - self.last) ** 2 - self.step) / steps
            self.total_s = min(self.total_s + gap_s, LINK_MEMORY * self.gap_s)
            share = gap_s / self.total_s if self.total_s > 0 else 1.0
            off = w - self.mean
            self.mean += share * off
            self.variance = (1.0 - share) * (self.variance + share * off * off)
            self.best = min(w, self.best + BEST_FADES * (self.mean - self.best))
        self.last, self.last_s = w, sent_s

    @property
    def delay_s(self) -> float:
        """D."""
        if not self.observed and not self.count:
            return 0.0
        n = max(self.count, 1.0)
        var_u, var_z = self.sum_uu / n - (self.sum_u / n) ** 2, self.sum_zz / n - (self.sum_z / n) ** 2
        if self.count < 3 or var_u <= 1e-9 * self.sum_uu / n or var_z <= 0:
            return self.least_s
        both = self.sum_uz / n - self.sum_u / n * self.sum_z / n
        explained = min(1.0, both * both / (var_u * var_z))
        return min(self.least_s, max(0.0, explained * both / var_u + (1.0 - explained) * self.least_s))

    @property
    def coherence_s(self) -> float:
        """tau; 0 where one round says nothing of the next."""
        kept = 1.0 - self.step / (2.0 * self.variance) if self.variance > 0 else 0.0
        return self.gap_s / -log(min(kept, 1.0 - 1e-9)) if kept > 0 else 0.0

    def per_bit_s(self, now_s: float) -> float:
        """The forecast of w."""
        if not self.observed:
            return 0.0
        kept = exp((self.last_s - now_s) / self.coherence_s) if self.coherence_s else 0.0
        return max(0.0, self.mean + kept * (self.last - self.mean))


STEADY = 1e-12
"""Bits that vary by less than this share of their mean square say nothing of the slope."""


class Estimates(NamedTuple):
    """Sums over rounds with drafts, discounted; a policy's state may begin with them. All 0 before the first."""

    accepted: float = 0.0
    verified: float = 0.0
    rounds: float = 0.0
    drafted: float = 0.0
    bits: float = 0.0
    seconds: float = 0.0
    bits_squared: float = 0.0
    bits_seconds: float = 0.0

    def with_acceptance(self, result: SeenVerdict, weight: float) -> Self:
        """Returns the sums with the acceptance of one more round; those before weigh `weight` of what they did."""
        new = result.accepted + (result.accepted < result.drafted)
        return self._replace(accepted=weight * self.accepted + result.accepted, verified=weight * self.verified + new)

    def time(self, result: SeenVerdict, weight: float) -> Self:
        """Returns the sums with the time of one more round. A request's first round tells nothing: it may have waited
        for the prompt."""
        bits, seconds = float(result.payload_bits), result.answered_s - result.sent_s
        new = (1.0, result.drafted, bits, seconds, bits * bits, bits * seconds)
        return type(self)(*self[:2], *(weight * old + more for old, more in zip(self[2:], new, strict=True)))

    def acceptance(self, prior: float) -> float:
        """The acceptance of a draft that is verified, as if one more had been accepted with probability `prior`."""
        return (self.accepted + prior) / (self.verified + 1.0)

    @property
    def bits_per_draft(self) -> float:
        return self.bits / max(1.0, self.drafted)

    @property
    def s_per_bit(self) -> float:
        """Slope of the line; where bits never varied, or time fell with them, 0. Not so steep that no bits took less
        than no time."""
        spread = self.rounds * self.bits_squared - self.bits**2
        if spread <= STEADY * self.rounds * self.bits_squared:
            return 0.0
        slope = (self.rounds * self.bits_seconds - self.bits * self.seconds) / spread
        return min(max(0.0, slope), self.seconds / self.bits)

    def away_s(self, bits: float) -> float:
        """Returns the time from the sending of a payload of so many bits to the verification result."""
        mean_bits, mean_s = self.bits / self.rounds, self.seconds / self.rounds
        return max(0.0, mean_s + self.s_per_bit * (bits - mean_bits))
