"""Acceptance of drafts as it varies along a text, fitted to survival by position or to a mean accepted length.

A text is cut into stretches; within one, each draft is accepted with the same probability a. Survival, P(the first j
drafts of a round are all accepted), is then E[a^j] over **rounds**, and not geometric. Text of low acceptance takes
more rounds, so what is laid out along the text is its share of **tokens**,

    share(a) = round_share(a) (1 + a + ... + a^L) / its sum,            L drafts a round.

Over rounds acceptance is a Beta distribution (16 Gauss nodes, exact for 31 moments). Where survival is known by
position and no Beta distribution comes near, it is a discrete mix by non-negative least squares (the Hausdorff moment
problem); and where survival falls faster than any mix allows, as of a drafter that tires within a round, acceptance
goes round in a short pattern that rounds fall in step with.

At another temperature than was measured only the share of AL - 1 that is kept may be known. Then every acceptance falls
by one factor c, over the same rounds: E[(c a)^j] = c^j E[a^j], so survival after j drafts falls by c^j, the spread of a
keeps its shape, and c is the one at which sum_j c^j E[a^j] is that share of sum_j E[a^j] (`keep`).

`RoundCounts` is exact. A text is cut into stretches of B tokens; in each, a draft is accepted with the stretch's
acceptance a, and a round of L < B drafts that crosses an edge meets two of them. Within a stretch the starts of rounds
are a renewal process with steps k + 1, P(k) = (1 - a) a^k for k < L and a^L for L; where its first round starts, at one
of the tokens 0..L, is how the last round of the stretch before it ended. That distribution is the fixed point of the
loop in `survival`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from kinds.arrays import Floats, Ints

STEP = 2**0.5 - 1
"""Step of the acceptance's quantile from a stretch to the next one, modulo 1: equidistributed along a text, so that
short runs see nearly the whole mix."""


@dataclass(frozen=True)
class RoundCounts:
    """Starts of rounds within a stretch, and the fate of the rounds that cross its end; M acceptances."""

    acceptances: Floats  # [M]
    drafts: int
    stretch_tokens: int
    renewals: Floats  # [M, B]: rounds that start d tokens after the start of one, in the same stretch
    crossings: Floats
    """[M, M, L + 1, L + 1]: from acceptance i into i', a round that starts m + 1 tokens before the edge makes the next
    one start e tokens after it, with this probability."""

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, acceptances: tuple[float, ...], drafts: int, stretch_tokens: int) -> RoundCounts:
        """Returns the counts for these acceptances. Raises ValueError if a round can span more than two stretches."""
        if drafts >= stretch_tokens:
            raise ValueError(f"a stretch of {stretch_tokens} tokens is too short for rounds of {drafts} drafts")
        a = np.array(acceptances)
        steps = _steps(a, drafts)
        renewals = np.zeros((len(a), stretch_tokens))
        renewals[:, 0] = 1.0
        for d in range(1, stretch_tokens):
            back = min(d, drafts + 1)
            renewals[:, d] = (renewals[:, d - back : d] * steps[:, :back][:, ::-1]).sum(axis=1)
        return cls(a, drafts, stretch_tokens, renewals, _crossings(a, steps, drafts))

    def survival(self, shares: Floats) -> Floats:
        """[L], for these shares [M] of text."""
        drafts, count, size = self.drafts, len(shares), self.stretch_tokens
        follows = _neighbours(shares)  # [M, M]: share of text, by the acceptance of a stretch and of the next
        entry = np.zeros((count, drafts + 1))
        entry[:, 0] = 1.0
        for _ in range(50):
            last = self._starts(entry)[:, ::-1][:, : drafts + 1]  # [M, L + 1]: by distance to the edge
            after = np.einsum("ij,im,ijme->je", follows, last, self.crossings) / shares[:, None]
            done, entry = np.abs(after - entry).max() < 1e-10, after
            if done:
                break
        starts = shares[:, None] * self._starts(entry)
        powers = np.vander(self.acceptances, drafts + 1, increasing=True)
        alive = starts[:, : size - drafts].sum(axis=1) @ powers
        onward = follows / shares[:, None] @ powers  # [M, L + 1]: moments of the next stretch's acceptance
        for here in range(1, drafts + 1):  # drafts of a round that lie before the edge
            both = np.concatenate([powers[:, : here + 1], powers[:, here, None] * onward[:, 1 : drafts + 1 - here]], 1)
            alive = alive + starts[:, size - here] @ both
        survival: Floats = alive[1:] / alive[0]
        return survival

    def _starts(self, entry: Floats) -> Floats:
        """[M, B]: expected rounds that start at each token of a stretch; `entry` [M, L + 1]: its first start."""
        starts = np.zeros_like(self.renewals)
        for first in range(entry.shape[1]):
            starts[:, first:] += entry[:, first, None] * self.renewals[:, : self.stretch_tokens - first]
        return starts


def _steps(a: Floats, drafts: int) -> Floats:
    """[M, L + 1]: P(a round commits 1, ..., L + 1 tokens)."""
    steps = np.vander(a, drafts + 1, increasing=True)
    steps[:, :-1] *= 1 - a[:, None]
    return steps


def _crossings(a: Floats, steps: Floats, drafts: int) -> Floats:
    found = np.zeros((len(a), len(a), drafts + 1, drafts + 1))
    for m in range(drafts + 1):
        here = m + 1  # tokens before the edge
        found[:, :, m, 0] = steps[:, None, m]  # rejected, or full, at the last of them
        if here <= drafts:
            across = _steps(a, drafts - here)  # [M, L - here + 1]
            found[:, :, m, 1 : drafts - here + 2] = (a**here)[:, None, None] * across[None]
    return found


def _neighbours(shares: Floats) -> Floats:
    """[M, M]: the share of quantiles u that lie in part i while u + STEP, modulo 1, lies in part j."""
    edges = np.concatenate([[0.0], np.cumsum(shares)[:-1]])
    cuts = np.sort(np.concatenate([edges, (edges - STEP) % 1.0]))
    widths = np.diff(np.append(cuts, 1.0))
    middles = cuts + widths / 2
    found = np.zeros((len(shares), len(shares)))
    np.add.at(found, (_part(edges, middles), _part(edges, (middles + STEP) % 1.0)), widths)
    return found


def _part(edges: Floats, quantiles: Floats) -> Ints:
    found: Ints = np.searchsorted(edges, quantiles, side="right") - 1
    return found


CONCENTRATION = 3.4 + 0.66
"""alpha + beta where only a mean is known: our fit to Llama-3.3-70B with Llama-3.2-1B."""
NEAR = 0.015
"""A Beta distribution that misses no survival by more is kept: figures have two digits, and noise."""
_NODES = 16


class AlongText(Protocol):
    """Acceptance at each place of a text: a pure function of the position and of where the text starts, in [0, 1)."""

    def acceptance(self, start: float, position: int) -> float:
        """P(a draft from the drafter's own distribution is accepted at this position of the text)."""
        ...

    def survival(self, drafts: int) -> Floats:
        """[drafts]: P(the first 1, 2, ... drafts of a round are all accepted), over the rounds of long texts."""
        ...

    def thinned(self, factor: float, drafts: int) -> AlongText:
        """Every acceptance times `factor`, in [0, 1], over the same rounds of so many drafts."""
        ...


def accepted_length(along: AlongText, drafts: int) -> float:
    """AL, tokens that a round commits, its correction or bonus token included."""
    return 1 + float(along.survival(drafts).sum())


@dataclass(frozen=True)
class Stretches:
    """Acceptances by their share of the text, each for a stretch at a time."""

    acceptances: tuple[float, ...]  # ascending, in [0, 1]
    shares: tuple[float, ...]  # of tokens, positive, sum 1
    stretch_tokens: int

    @cached_property
    def _ends(self) -> Floats:
        return np.cumsum(self.shares)[:-1]

    def acceptance(self, start: float, position: int) -> float:
        quantile = (start + position // self.stretch_tokens * STEP) % 1.0
        return self.acceptances[int(np.searchsorted(self._ends, quantile, side="right"))]

    def survival(self, drafts: int) -> Floats:
        counts = RoundCounts.of(self.acceptances, drafts, self.stretch_tokens)
        return counts.survival(np.array(self.shares))

    def thinned(self, factor: float, drafts: int) -> Stretches:
        acceptances = np.array(self.acceptances)
        round_shares = np.array(self.shares) / _round_tokens(acceptances, drafts)
        return _over_text(factor * acceptances, round_shares, drafts, self.stretch_tokens)


@dataclass(frozen=True)
class Pattern:
    """Acceptances that go round token by token. A rejection sets the next round's place in the pattern."""

    acceptances: tuple[float, ...]

    def acceptance(self, start: float, position: int) -> float:
        size = len(self.acceptances)
        return self.acceptances[(position + int(start * size)) % size]

    def survival(self, drafts: int) -> Floats:
        size = len(self.acceptances)
        alive = np.ones((size, drafts + 1))  # by where a round starts
        moves = np.zeros((size, size))
        for start in range(size):
            alive[start, 1:] = np.cumprod([self.acceptances[(start + n) % size] for n in range(drafts)])
            committed = -np.diff(np.append(alive[start], 0.0))
            np.add.at(moves[start], (start + 1 + np.arange(drafts + 1)) % size, committed)
        balance = np.vstack([moves.T - np.eye(size), np.ones(size)])
        starts = np.linalg.lstsq(balance, np.append(np.zeros(size), 1.0))[0]
        survival: Floats = (starts @ alive)[1:]
        return survival

    def thinned(self, factor: float, drafts: int) -> Pattern:
        return Pattern(tuple(factor * each for each in self.acceptances))


@lru_cache(maxsize=64)
def fit_survival(survival: tuple[float, ...], stretch_tokens: int) -> AlongText:
    """The layout whose rounds of L = len(survival) drafts survive as given by position, as near as any found."""
    given = np.array(survival)
    found: AlongText = _nearest_beta(given, stretch_tokens)
    if missed(found, given) > NEAR:
        found = min(found, _discrete(given, stretch_tokens), key=lambda each: missed(each, given))
    if missed(found, given) > NEAR:
        found = min(found, _pattern(given), key=lambda each: missed(each, given))
    return found


@lru_cache(maxsize=64)
def fit_accepted_length(tokens: float, drafts: int, concentration: float, stretch_tokens: int) -> AlongText:
    """The layout that is a Beta distribution over rounds, of this alpha + beta, and commits so many tokens a round."""
    from scipy.optimize import brentq

    def beta(mean: float) -> Stretches:
        return _beta(concentration * mean, concentration * (1 - mean), drafts, stretch_tokens)

    edge = 1e-3
    mean = brentq(lambda mean: accepted_length(beta(mean), drafts) - tokens, edge, 1 - edge, xtol=1e-7)
    return beta(float(mean))


def keep(along: AlongText, drafts: int, kept: float) -> AlongText:
    """The layout with every acceptance lower by one factor, so that rounds of so many drafts commit
    1 + kept (AL - 1) tokens; `kept` in (0, 1]."""
    from scipy.optimize import brentq

    if kept > 1 - 1e-9:  # to which the factor is found
        return along
    tokens = 1 + kept * (accepted_length(along, drafts) - 1)
    factor = brentq(lambda each: accepted_length(along.thinned(each, drafts), drafts) - tokens, 0, 1, xtol=1e-9)
    return along.thinned(float(factor), drafts)


def missed(along: AlongText, survival: Floats) -> float:
    """The largest difference from these figures, by position."""
    return float(np.abs(along.survival(len(survival)) - survival).max())


def _nearest_beta(given: Floats, stretch_tokens: int) -> Stretches:
    from scipy.optimize import least_squares

    def beta(logs: Floats) -> Stretches:
        alpha, beta = np.exp(logs)
        return _beta(float(alpha), float(beta), len(given), stretch_tokens)

    bounds = np.log(0.02), np.log(200.0)
    start = np.log([2.0, 1.0])
    best = least_squares(lambda logs: beta(logs).survival(len(given)) - given, start, bounds=bounds, diff_step=1e-4)
    return beta(best.x)


def _beta(alpha: float, beta: float, drafts: int, stretch_tokens: int) -> Stretches:
    from scipy.special import roots_jacobi

    nodes, weights = roots_jacobi(_NODES, beta - 1, alpha - 1)
    return _over_text(np.clip((1 + nodes) / 2, 0.0, 1.0), weights, drafts, stretch_tokens)


def _discrete(given: Floats, stretch_tokens: int) -> Stretches:
    """Round shares on a grid. What edges of stretches do is met by aiming beside the figures by what was missed."""
    from scipy.optimize import nnls

    grid, drafts = np.linspace(0.0, 1.0, 101), len(given)
    moments = np.vander(grid, drafts + 1, increasing=True).T  # [L + 1, grid]: 1, a, ..., a^L
    moments[0] *= 1e3  # so that they sum to 1
    aim, tried = given, list[Stretches]()
    for _ in range(6):
        shares, _ = nnls(moments, np.concatenate([[1e3], aim]))
        kept = shares > 1e-9
        tried.append(_over_text(grid[kept], shares[kept], drafts, stretch_tokens))
        aim = aim + given - tried[-1].survival(drafts)
    return min(tried, key=lambda each: missed(each, given))


def _over_text(acceptances: Floats, round_shares: Floats, drafts: int, stretch_tokens: int) -> Stretches:
    shares = round_shares * _round_tokens(acceptances, drafts)
    kept = shares > 1e-12 * shares.sum()
    shares = shares[kept] / shares[kept].sum()
    return Stretches(tuple(acceptances[kept].tolist()), tuple(shares.tolist()), stretch_tokens)


def _round_tokens(acceptances: Floats, drafts: int) -> Floats:
    """Tokens that a round commits, by its acceptance: 1 + a + ... + a^L."""
    tokens: Floats = np.vander(acceptances, drafts + 1).sum(axis=1)
    return tokens


def _pattern(given: Floats) -> Pattern:
    from scipy.optimize import least_squares

    def pattern(logits: Floats) -> Pattern:
        return Pattern(tuple((1 / (1 + np.exp(-logits))).tolist()))

    best: Pattern | None = None
    for start in np.random.default_rng(0).standard_normal((12, len(given))):
        found = least_squares(lambda logits: pattern(logits).survival(len(given)) - given, start, bounds=(-7, 7))
        if best is None or missed(pattern(found.x), given) < missed(best, given):
            best = pattern(found.x)
        if missed(best, given) < 1e-4:
            break
    assert best is not None
    return best
