"""Lower bounds on the bits of a draft, each with its proof and with what it bounds; no code of this project is in them.

Notation: p is the verifier's next-token distribution, q the drafter's, qhat the one that the drafted token d is drawn
from, TV total variation, V the vocabulary, n = K - 1. Bits are of uniquely decodable packets: a packet whose end a
frame tells for nothing may be shorter than the entropy H of what it says by log2(e (H + 1)) (Alon and Orlitsky 1994).

**The draw** (`LeastBits`): mean bits over known distributions, for every code and every receiver, even one that runs
the drafter itself. It holds where d is drawn with randomness of the edge's own and the output distribution is p.

1. The receiver learns d from the packet M and from Z, all that it holds besides, of which the edge's draw is
   independent: E |M| >= H(M | Z) >= H(d | Z) >= H(d | Z, qhat) = E H(qhat).
2. A draft drawn from qhat is in the output with probability at most sum min(p, qhat) = 1 - TV(qhat, p), whatever the
   rule of acceptance: given the text before, the output token is distributed as p. So R, the probability of a
   rejection, is at least TV(qhat, p).
3. Of all r with TV(r, p) <= R the one of least entropy is r*: R taken from the smallest of p and added to the largest
   (all of it on one token where R >= 1 - max p). Proof: any j tokens J have r(J) <= min(1, p(J) + R)
   <= min(1, P_j + R), P_j the sum of the j largest of p; for r* the sum of the j largest is min(1, P_j + R). So r*
   majorizes each r, and entropy is Schur-concave.
4. Over drafts i with mean rejection R the bound is the least mean of H(r*_i(R_i)) under mean R_i <= R. For every slope
   s >= 0 it is at least mean_i min_t [H(r*_i(t)) + s t] - s R (weak duality), and the largest of these over any set of
   slopes is a lower bound. Between two t at which a token is used up, H(r*(t)) is a sum of -x log2 x with x linear in
   t, so concave, and its minimum with a linear term is at an end: only the t that leave the k likeliest need be tried.

Steps 3 and 4 use nothing of p but that it is a distribution: with q in its place they bound the bits by TV(qhat, q).

**The description** (`covering_bits`): the largest packet, for a receiver that knows which K tokens matter and nothing
of their probabilities. A code that reaches every q on them within TV D has a packet of at least log2 N bits, N the
covering number of the simplex, whatever its mean over distributions met in practice, which may be smaller.

1. The ball {x : sum x = 0, sum of the positive x <= D} has C(2n, n) D^n times the volume of the simplex: with s of K
   coordinates positive, and t their sum, its volume is that of t times an (s-1)-simplex and t times a (K-s-1)-simplex,
   integrated over t: D^n (K - 2)! / ((s - 1)! (K - s - 1)!) simplices; summed over the C(K, s) choices and over s,
   sum_s C(K, s) C(K - 2, s - 1) = C(2K - 2, K - 1) (Vandermonde). It is the difference body of the simplex, D times.
2. N balls of that volume that cover the simplex number at least 1 / (C(2n, n) D^n), wherever their centres are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from kinds.arrays import Floats, Ints

_SLOPES: Final[Floats] = np.geomspace(0.25, 2.0**20, 96)
"""Bits that one rejection fewer is worth; any set of them gives a bound."""
_LOG2_E: Final = math.log2(math.e)


def covering_bits(size: int, distance: float) -> float:
    """log2 of 1 / (C(2n, n) D^n), n = size - 1, at least 0: bits of the largest packet of any code that describes every
    distribution on `size` known tokens within total variation `distance`."""
    if distance <= 0:
        return math.inf if size > 1 else 0.0
    n = size - 1
    log2_ball = (math.lgamma(2 * n + 1) - 2 * math.lgamma(n + 1)) * _LOG2_E  # C(2n, n)
    return max(0.0, -n * math.log2(distance) - log2_ball)


@dataclass(frozen=True, eq=False)
class LeastBits:
    """The least mean bits of a draft over known distributions, as a function of the mean probability of rejection."""

    levels: Floats  # [S] mean over the distributions of min_t [H(r*(t)) + slope t]

    @classmethod
    def of(cls, distributions: Iterable[Floats]) -> Self:
        """Returns the bound for one or more distributions [V]: p at the drafts' places for a bound by TV(qhat, p), q by
        TV(qhat, q)."""
        levels = [_least(p) for p in distributions]
        return cls(np.mean(levels, axis=0))

    @classmethod
    def over(cls, parts: Sequence[Self], weights: Sequence[float]) -> Self:
        """Returns the bound for the distributions of all parts, so many of each."""
        return cls(np.average([part.levels for part in parts], axis=0, weights=weights))

    def at(self, rejected: float) -> float:
        """Bits, for a mean total variation within 0 and 1."""
        return max(0.0, float((self.levels - _SLOPES * rejected).max()))


def _least(p: Floats) -> Floats:
    """min_t [H(r*(t)) + slope t] of one distribution, for each slope."""
    entropy, moved = least_entropies(p)
    best: Floats = np.array([(entropy + slope * moved).min() for slope in _SLOPES])
    return best


def least_entropies(p: Floats) -> tuple[Floats, Floats]:
    """The entropy [V] of p where all but its k = 1, ..., V likeliest tokens were moved to the likeliest one, and how
    much was moved [V]: the least entropy at that total variation from p."""
    ordered = np.sort(p[p > 0])[::-1]
    ordered = ordered / ordered.sum()
    moved = np.maximum(1.0 - np.cumsum(ordered), 0.0)
    rest = np.concatenate([[0.0], np.cumsum(-ordered[1:] * np.log2(ordered[1:]))])
    first = np.minimum(ordered[0] + moved, 1.0)
    entropy: Floats = rest - first * np.log2(first)
    return entropy, moved


def match_probability(q: Floats, p: Floats) -> float:
    """P(both ends of a race with shared exponentials draw the same token), q and p [V]:
    sum_i 1 / sum_j max(q_j / q_i, p_j / p_i) (Daliri et al., arXiv 2408.07978), in V log V steps."""
    both = (q > 0) & (p > 0)
    ratio = np.divide(q, p, out=np.full(len(q), np.inf), where=p > 0)
    order: Ints = np.argsort(ratio, kind="stable")
    before = np.cumsum(p[order])  # of ratios up to here p_j / p_i is the larger of the two
    after = q.sum() - np.cumsum(q[order])
    kept = both[order]
    one, other = q[order][kept], p[order][kept]
    return float((1.0 / (before[kept] / other + np.maximum(after[kept], 0.0) / one)).sum())
