"""Draft lengths and shares of one uplink, chosen together for the users of a cell, after Multi-SPIN (arXiv 2606.04581).

Read of the paper: its abstract. It splits a band among users by frequency (`channels.link.sharing.Bands`), verifies all
in one batch, and maximises the sum of accepted tokens a second, once with one draft length for all and once with a
length for each; shares then favour users with slow processors and channels in the one case, and with high acceptance in
the other. What follows is our own derivation from that.

A round begins for all at once. User i drafts L_i tokens, t_i s each, and sends h_i + L_i b_i bits at its share w_i of a
band that would carry R_i bits a second for it alone. The batch is verified when all of them are there, so that a round
takes

    T = tau + rest_s,   tau = max_i L_i t_i + (h_i + L_i b_i) / (w_i R_i),

and commits sum_i N_i(L_i) tokens, N_i(L) = (1 - a_i^(L + 1)) / (1 - a_i). At given lengths tau is least where all end
together, w_i = (h_i + L_i b_i) / (R_i (tau - L_i t_i)), and the shares sum to 1, which has one root tau. One length is
found by trying all. Lengths of their own begin there, and those of one or two users change by one, the change that
gains most first, until none gains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from kinds import ConfigError


@dataclass(frozen=True)
class User:
    """A user of the cell."""

    acceptance: float
    """a, the chance that a draft is accepted if it is verified; below 1."""
    draft_s: float
    rate_bps: float
    """The rate of the whole band, at this user's channel."""
    draft_bits: float
    round_bits: float = 0.0
    """The bits of a round beside its drafts: headers."""

    def tokens(self, length: int) -> float:
        """N, the tokens that a round of so many drafts is expected to commit."""
        return (1 - self.acceptance ** (length + 1)) / (1 - self.acceptance)

    def bits(self, length: int) -> float:
        return self.round_bits + length * self.draft_bits


@dataclass(frozen=True)
class Split:
    """What each user drafts a round and has of the band, and what comes of it."""

    lengths: tuple[int, ...]
    shares: tuple[float, ...]
    round_s: float
    tokens_per_s: float
    """The goodput of all users together."""


def equal_shares(users: Sequence[User], length: int, rest_s: float) -> Split:
    """One length and equal shares: what knows nothing of how users differ."""
    shares = (1 / len(users),) * len(users)
    tau_s = max(
        length * user.draft_s + user.bits(length) / (share * user.rate_bps)
        for user, share in zip(users, shares, strict=True)
    )
    return _split(users, (length,) * len(users), shares, tau_s + rest_s)


def at_lengths(users: Sequence[User], lengths: Sequence[int], rest_s: float) -> Split:
    """The best shares at these lengths. Raises ConfigError for users that no band serves."""
    from scipy.optimize import brentq  # here: who reads a split's classes does without

    if not users or any(
        not (user.rate_bps > 0 and user.bits(1) > 0 and 0 <= user.acceptance < 1 and user.draft_s >= 0)
        for user in users
    ):
        raise ConfigError("users: one or more, of rate_bps and bits above 0, draft_s from 0, acceptance from 0 below 1")
    drafted_s = [length * user.draft_s for user, length in zip(users, lengths, strict=True)]
    alone_s = [user.bits(length) / user.rate_bps for user, length in zip(users, lengths, strict=True)]

    def shares(tau_s: float) -> list[float]:
        return [alone / (tau_s - drafted) for alone, drafted in zip(alone_s, drafted_s, strict=True)]

    latest = max(range(len(users)), key=drafted_s.__getitem__)
    ends_s = [drafted_s[latest] + (1 + off) * s for off, s in ((-1e-9, alone_s[latest]), (1e-9, sum(alone_s)))]
    tau_s = float(brentq(lambda tau_s: sum(shares(tau_s)) - 1, *ends_s, xtol=1e-12))
    return _split(users, lengths, shares(tau_s), tau_s + rest_s)


def same_length(users: Sequence[User], longest: int, rest_s: float) -> Split:
    """One length for all, 1..longest, and the shares for it."""
    return max((at_lengths(users, (length,) * len(users), rest_s) for length in range(1, longest + 1)), key=_goodput)


def own_lengths(users: Sequence[User], longest: int, rest_s: float) -> Split:
    """A length for each, 1..longest, and the shares for them."""
    best = same_length(users, longest, rest_s)
    ones = [(place, step) for place in range(len(users)) for step in (-1, 1)]
    while True:
        found = max((at_lengths(users, each, rest_s) for each in _changed(best.lengths, ones, longest)), key=_goodput)
        if found.tokens_per_s <= best.tokens_per_s * (1 + 1e-12):
            return best
        best = found


def _goodput(split: Split) -> float:
    return split.tokens_per_s


def _changed(lengths: Sequence[int], ones: Sequence[tuple[int, int]], longest: int) -> Iterator[tuple[int, ...]]:
    """These lengths, and those after one or two such steps that keep within 1..longest."""
    for steps in chain([()], combinations(ones, 1), combinations(ones, 2)):
        changed = list(lengths)
        for place, step in steps:
            changed[place] += step
        if all(1 <= length <= longest for length in changed):
            yield tuple(changed)


def _split(users: Sequence[User], lengths: Sequence[int], shares: Sequence[float], round_s: float) -> Split:
    tokens = sum(user.tokens(length) for user, length in zip(users, lengths, strict=True))
    return Split(tuple(lengths), tuple(shares), round_s, tokens / round_s)
