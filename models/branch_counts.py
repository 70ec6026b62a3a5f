"""Fan-out of prepared rounds: the number of corrections for which the edge drafts while a round is out, by the number
of drafts that may be accepted.

A branch is a number of accepted drafts j and a token that follows them. With an acceptance a of each draft the round
ends at j < L with probability P_j = (1 - a) a^j, and P_L = a^L. If the F-th guess of a token misses with a
probability that falls as F^-r, the most hits of all ways to share out the branches come of F_j proportional to
P_j^(1 / (1 + r)): Saguaro's geometric fan-out (Kumar, Dao, May, "Speculative Speculative Decoding", arXiv 2603.03251).
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import Literal

from pydantic import Field

from kinds import Choice


class FanOut(Choice, family=True):
    """Shares out the branches that the edge prepares. It knows lengths alone: never a draft, or what comes of it."""

    @abstractmethod
    def widths(self, drafts: int, branches: int) -> tuple[int, ...]:
        """[L + 1] The number of tokens to prepare for behind 0, ..., L accepted drafts, `branches` in all at most."""


class Geometric(FanOut):
    """Fan-out in proportion to a power of the probability that the round ends there."""

    kind: Literal["geometric"] = "geometric"
    acceptance: float = Field(0.75, gt=0, lt=1, description="a, the acceptance of a draft that the rule assumes")
    power: float = Field(
        1.0,
        ge=0,
        le=100,
        description="r of the miss probability F^-r; 0: in proportion to the probabilities themselves",
    )

    def widths(self, drafts: int, branches: int) -> tuple[int, ...]:
        return _shared_out(self.acceptance, self.power, drafts, branches)


@lru_cache(maxsize=1024)
def _shared_out(acceptance: float, power: float, drafts: int, branches: int) -> tuple[int, ...]:
    """Whole numbers by highest averages: each branch goes where the share per branch is then largest."""
    ends = [*((1 - acceptance) * acceptance**j for j in range(drafts)), acceptance**drafts]
    shares, widths = [chance ** (1 / (1 + power)) for chance in ends], [0] * (drafts + 1)
    for _ in range(branches):
        widths[max(range(drafts + 1), key=lambda j: shares[j] / (widths[j] + 1))] += 1
    return tuple(widths)
