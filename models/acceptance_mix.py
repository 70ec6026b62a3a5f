"""How often drafts stand, as it differs along a text: fitted to survival by position, or to a mean accepted length.

A text is cut into stretches; within one, each draft stands with the same probability a. Survival, P(the first j drafts
of a round all stand), is then E[a^j] over **rounds**, and not geometric. Text of low acceptance takes more rounds, so
what is laid out along the text is its share of **tokens**,

    share(a) = round_share(a) (1 + a + ... + a^L) / its sum,            L drafts a round.

Over rounds acceptance is a Beta law (16 Gauss nodes, exact for 31 moments). Where survival is known by position and no
Beta law comes near, it is a discrete mix by non-negative least squares (the Hausdorff moment problem); and where
survival falls faster than any mix allows, as of a drafter that tires within a round, acceptance goes round in a short
pattern that rounds fall in step with.

At another temperature than was measured only the share of AL - 1 that is kept may be known. Then every acceptance falls
by one factor c, over the same rounds: E[(c a)^j] = c^j E[a^j], so survival after j drafts falls by c^j, the spread of a
keeps its shape, and c is the one at which sum_j c^j E[a^j] is that share of sum_j E[a^j] (`keep`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from kinds.arrays import Floats
from models.round_counts import STEP, RoundCounts

CONCENTRATION = 3.4 + 0.66
"""alpha + beta of the Beta law that fits Llama-3.3-70B with Llama-3.2-1B: stands where only a mean is known. Ours."""
NEAR = 0.015
"""A Beta law that misses no survival by more is kept: figures are told to two digits, and have noise of their own."""
_NODES = 16


class AlongText(Protocol):
    """Which acceptance a text has where: a pure function of the position and of where the text starts, in [0, 1)."""

    def acceptance(self, start: float, position: int) -> float:
        """P(a draft from the drafter's own law stands at this position of the text)."""
        ...

    def survival(self, drafts: int) -> Floats:
        """[drafts]: P(the first 1, 2, ... drafts of a round all stand), over the rounds of long texts."""
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

    acceptances: tuple[float, ...]
    """Ascending, in [0, 1]."""
    shares: tuple[float, ...]
    """Of tokens, positive, sum 1."""
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
    """The layout whose rounds of L = len(survival) drafts survive as told by position, as near as any found."""
    told = np.array(survival)
    found: AlongText = _nearest_beta(told, stretch_tokens)
    if missed(found, told) > NEAR:
        found = min(found, _discrete(told, stretch_tokens), key=lambda each: missed(each, told))
    if missed(found, told) > NEAR:
        found = min(found, _pattern(told), key=lambda each: missed(each, told))
    return found


@lru_cache(maxsize=64)
def fit_accepted_length(tokens: float, drafts: int, concentration: float, stretch_tokens: int) -> AlongText:
    """The layout that is a Beta law over rounds, of this alpha + beta, and commits so many tokens a round."""
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

    if kept == 1:
        return along
    tokens = 1 + kept * (accepted_length(along, drafts) - 1)
    factor = brentq(lambda each: accepted_length(along.thinned(each, drafts), drafts) - tokens, 0, 1, xtol=1e-9)
    return along.thinned(float(factor), drafts)


def missed(along: AlongText, survival: Floats) -> float:
    """The largest difference from these figures, by position."""
    return float(np.abs(along.survival(len(survival)) - survival).max())


def _nearest_beta(told: Floats, stretch_tokens: int) -> Stretches:
    from scipy.optimize import least_squares

    def beta(logs: Floats) -> Stretches:
        alpha, beta = np.exp(logs)
        return _beta(float(alpha), float(beta), len(told), stretch_tokens)

    bounds = np.log(0.02), np.log(200.0)
    start = np.log([2.0, 1.0])
    best = least_squares(lambda logs: beta(logs).survival(len(told)) - told, start, bounds=bounds, diff_step=1e-4)
    return beta(best.x)


def _beta(alpha: float, beta: float, drafts: int, stretch_tokens: int) -> Stretches:
    """Acceptance over rounds is Beta(alpha, beta)."""
    from scipy.special import roots_jacobi

    nodes, weights = roots_jacobi(_NODES, beta - 1, alpha - 1)
    return _over_text(np.clip((1 + nodes) / 2, 0.0, 1.0), weights, drafts, stretch_tokens)


def _discrete(told: Floats, stretch_tokens: int) -> Stretches:
    """Round shares on a grid. What edges of stretches do is met by aiming beside the figures by what was missed."""
    from scipy.optimize import nnls

    grid, drafts = np.linspace(0.0, 1.0, 101), len(told)
    moments = np.vander(grid, drafts + 1, increasing=True).T  # [L + 1, grid]: 1, a, ..., a^L
    moments[0] *= 1e3  # so that they sum to 1
    aim, tried = told, list[Stretches]()
    for _ in range(6):
        shares, _ = nnls(moments, np.concatenate([[1e3], aim]))
        kept = shares > 1e-9
        tried.append(_over_text(grid[kept], shares[kept], drafts, stretch_tokens))
        aim = aim + told - tried[-1].survival(drafts)
    return min(tried, key=lambda each: missed(each, told))


def _over_text(acceptances: Floats, round_shares: Floats, drafts: int, stretch_tokens: int) -> Stretches:
    shares = round_shares * _round_tokens(acceptances, drafts)
    kept = shares > 1e-12 * shares.sum()
    shares = shares[kept] / shares[kept].sum()
    return Stretches(tuple(acceptances[kept].tolist()), tuple(shares.tolist()), stretch_tokens)


def _round_tokens(acceptances: Floats, drafts: int) -> Floats:
    """Tokens that a round commits, by its acceptance: 1 + a + ... + a^L."""
    tokens: Floats = np.vander(acceptances, drafts + 1).sum(axis=1)
    return tokens


def _pattern(told: Floats) -> Pattern:
    """As many acceptances as drafts: the nearest of a few descents."""
    from scipy.optimize import least_squares

    def pattern(logits: Floats) -> Pattern:
        return Pattern(tuple((1 / (1 + np.exp(-logits))).tolist()))

    best: Pattern | None = None
    for start in np.random.default_rng(0).standard_normal((12, len(told))):
        found = least_squares(lambda logits: pattern(logits).survival(len(told)) - told, start, bounds=(-7, 7))
        if best is None or missed(pattern(found.x), told) < missed(best, told):
            best = pattern(found.x)
        if missed(best, told) < 1e-4:
            break
    assert best is not None
    return best
