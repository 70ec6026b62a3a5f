"""How many drafts of a round stand where acceptance differs from one stretch of a text to the next, exactly.

A text is cut into stretches of B tokens; in each, a draft stands with the stretch's acceptance a, and a round of L < B
drafts that crosses an edge meets two of them. Within a stretch the starts of rounds are a renewal process with steps
k + 1, P(k) = (1 - a) a^k for k < L and a^L for L; where its first round starts, at one of the tokens 0..L, is how the
last round of the stretch before it ended. That law is the fixed point of the loop in `survival`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kinds.arrays import Floats, Ints

STEP = 2**0.5 - 1
"""From a stretch to the next one, the quantile of its acceptance moves on by this, modulo 1: equidistributed along a
text, so that short runs see nearly the whole mix."""


@dataclass(frozen=True)
class RoundCounts:
    """Where rounds start in a stretch, and what becomes of those that cross its end; M acceptances."""

    acceptances: Floats  # [M]
    drafts: int
    stretch_tokens: int
    renewals: Floats
    """[M, B]: rounds that start d tokens after the start of one, in the same stretch."""
    crossings: Floats
    """[M, M, L + 1, L + 1]: from acceptance i into i', a round that starts m + 1 tokens before the edge makes the next
    one start e tokens after it, with this probability."""

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, acceptances: tuple[float, ...], drafts: int, stretch_tokens: int) -> RoundCounts:
        """For these acceptances. Raises ValueError where a round can span more than two stretches."""
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
        """[M, B]: expected rounds that start at each token of a stretch, from the law [M, L + 1] of its first start."""
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
    """See `RoundCounts.crossings`."""
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
