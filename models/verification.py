"""The rule of acceptance: which drafts a verifier accepts, and what it draws in place of a rejected one, so that the
output follows its own distribution exactly.

`verify` is speculative decoding (Leviathan et al. 2023, Chen et al. 2023): accept draft d_n with probability
min(1, p_n(d_n) / qhat_n(d_n)); at the first rejection draw the correction from max(0, p_n - qhat_n), renormalized over
the whole vocabulary; if nothing is rejected draw the bonus from p_{L+1}. `couple` is Daliri, Musco, Suresh
(arXiv 2408.07978): both ends run the same exponential race, so a draft is accepted iff it is the verifier's own token.

`verify_block` is block verification (Sun et al., arXiv 2403.10444, Algorithm 2): drafts are accepted by what those
behind them allow. With w_0 = 1, for n = 1..L and qhat_{n+1} the distribution of the draft behind d_n,

    w_n = min(1, w_{n-1} p_n(d_n) / qhat_n(d_n)),                                                              (1)
    m_n = sum over x of max(0, w_n p_{n+1}(x) - qhat_{n+1}(x)),                                                (2)
    h_n = m_n / (m_n + 1 - w_n) for n < L,   h_L = w_L,                                                        (3)

each n has a draw that is a success with probability h_n. The drafts up to the last success are accepted, none without
one; behind tau < L of them the correction is drawn from max(0, w_tau p_{tau+1} - qhat_{tau+1}), renormalized.

Why the text follows p: given d_1..d_n, n or more are accepted with probability w_n. It is so at n = L by (3); before,
by (1) the expectation of w_{n+1} over d_{n+1} is sum_x min(w_n p_{n+1}, qhat_{n+1}) = w_n - m_n, and by (3)
w_n - m_n + (1 - w_n + m_n) h_n = w_n. So m_n is the probability that exactly n are, and x follows n or more of them
with probability min(w_n p_{n+1}(x), qhat_{n+1}(x)) + max(0, w_n p_{n+1}(x) - qhat_{n+1}(x)) = w_n p_{n+1}(x). This asks
of the end L only that whether draft n + 1 was received is known from d_1..d_n and from what is independent of all later
drafts: a budget, parts that are lost and rounds drafted ahead end a block, and never by its last draft. In no position
that is reached a draft is rejected with more than TV(qhat, p), and no fewer drafts are accepted on average than by
`verify`; a block of one draft is verified as `verify` does, to the last bit.

`verify_tree` is `verify` over drafts that branch. Siblings are drawn one after another from one qhat, each without
those before it (`draw_children`), and verified in the order drawn (SpecInfer, arXiv 2305.09781; without replacement
Sequoia, arXiv 2402.12374). Sibling k is a draft from qhat_k verified against p_k:

    accept c_k with probability min(1, p_k(c_k) / qhat_k(c_k)), else
    p_{k+1} = norm(max(0, p_k - qhat_k)),   qhat_{k+1} = norm(qhat_k without c_k),         p_1 = p, qhat_1 = qhat.

Where c_k is accepted, its own children are next; where none of the siblings is, the correction is drawn from what is
left of p. Each step turns a draw from qhat_k into one from p_k, given all that was rejected before it: the committed
tokens follow p exactly, whatever the shape of the tree, as long as whether a node is drawn never depends on the token
it would be.

Shapes: L drafts, V token ids; position n = 0..L-1 verifies draft n, position L is the bonus. All rules ask for a target
distribution only where they reach it: `reject_along`, `block_along`, `race_along` and `verify_tree` take a function, so
that whoever verifies need not hold the distributions as rows. A draft that is accepted costs O(1), of a block a pass
over V, a correction or bonus a pass or two. A distribution that is 0 on most of V is a `SparseDistribution`; what is
computed of it is to the last bit what its dense form gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from kinds.arrays import Floats, Ints
from models.interface import TokenTree

DistributionAfter = Callable[[tuple[int, ...]], Floats]
"""The target distribution p [V] after the committed text and these drafts of the round."""
DistributionAtNode = Callable[[int], Floats]
"""A distribution [V] after the text and the path to this node; -1 is the text alone."""
UNDRAWN: Final = -1
"""The token of a verification result whose correction is for somebody else to draw."""


class SparseDistribution(NamedTuple):
    """A distribution over `vocabulary` ids that is positive on few of them: `ids` int64 [K], ascending, and their
    probabilities [K]."""

    vocabulary: int
    ids: Ints
    probabilities: Floats


AnyDistribution = Floats | SparseDistribution
"""A distribution over V ids, float64 [V], or by the ids on which it is positive."""


@dataclass(frozen=True)
class Verdict:
    """Decision of a verification: `accepted` leading drafts are accepted, then `token`, the correction or bonus,
    follows; `UNDRAWN` if the verifier does not draw it."""

    accepted: int
    token: int

    @property
    def drawn(self) -> bool:
        """True if the token is known."""
        return self.token != UNDRAWN


class TreeVerdict(NamedTuple):
    """The result on a tree: the nodes of `path`, root first, are accepted; then `token` follows."""

    path: tuple[int, ...]
    token: int


def verify(p: Floats, drafts: Ints, qhat: Floats, uniforms: Floats) -> Verdict:
    """Verifies drafts d_n drawn from qhat_n against the target distributions p_n, by rejection.

    p [L+1, V] and qhat [L, V] hold distributions as rows; drafts [L]; uniforms [L+1] in [0, 1). Draft n is accepted iff
    uniforms[n] * qhat_n(d_n) < p_n(d_n); uniforms[L] draws the correction or bonus token by inverse CDF in token-id
    order. L = 0 is plain sampling from p. P(reject n | reached) = TV(qhat_n, p_n).

    A rejection proves that p_n < qhat_n somewhere, so in exact arithmetic the residual has mass TV(qhat_n, p_n) > 0.
    Where rounding leaves it none (distributions equal to the last bit, an event of probability about 1e-16), p_n is
    drawn from. Raises ValueError when the shapes disagree.
    """
    _require_rows(p, drafts, qhat, uniforms)
    return reject_along(lambda prefix: p[len(prefix)], drafts, qhat, uniforms)


def verify_block(p: Floats, drafts: Ints, qhat: Floats, uniforms: Floats) -> Verdict:
    """Verifies drafts d_n drawn from qhat_n against the target distributions p_n, as a block (module docstring).

    Arguments, shapes and errors are those of `verify`: uniforms[n] is the draw of (3) behind draft n, uniforms[L] draws
    the correction or bonus token by inverse CDF in token-id order.
    """
    _require_rows(p, drafts, qhat, uniforms)
    return block_along(lambda prefix: p[len(prefix)], drafts, qhat, uniforms)


def block_along(
    distribution_after: DistributionAfter, drafts: Ints, qhat: Floats | Sequence[AnyDistribution], uniforms: Floats
) -> Verdict:
    """`verify_block` where the target distributions are a function of the drafts before them, which is asked for behind
    all drafts only if all are accepted. Shapes are not checked."""
    line, chances, u = tuple(drafts.tolist()), chances_of(drafts, qhat).tolist(), float(uniforms[-1])
    p, weight = distribution_after(()), 1.0
    accepted, target = 0, p
    for n, (token, chance) in enumerate(zip(line, chances, strict=True), 1):
        joint = weight * float(p[token])
        if n == len(line):
            if accepts(uniforms[n - 1], chance, joint):
                return Verdict(n, inverse_cdf(distribution_after(line), u))
            break
        weight = 1.0 if joint >= chance else joint / chance
        p = distribution_after(line[:n])
        mass = float(_beyond(weight * p, qhat[n]).sum())
        if accepts(uniforms[n - 1], mass + 1.0 - weight, mass):
            accepted, target = n, weight * p
    return Verdict(accepted, correction(target, qhat[accepted], u) if line else inverse_cdf(p, u))


def reach_by_rejection(ratios: Floats) -> Floats:
    """Returns the probabilities that n or more drafts are accepted by `verify`, n = 1..L, given the drafts and the
    ratios p_n(d_n) / qhat_n(d_n), float64 [L]."""
    reach: Floats = np.minimum(1.0, ratios).cumprod()
    return reach


def reach_by_block(ratios: Floats) -> Floats:
    """Returns the same by `verify_block`, of n given d_1..d_n alone: the w_n of (1)."""
    weights = itertools.accumulate(ratios, lambda weight, ratio: min(1.0, weight * ratio), initial=1.0)
    return np.array([*weights][1:])


def reject_along(
    distribution_after: DistributionAfter, drafts: Ints, qhat: Floats | Sequence[AnyDistribution], uniforms: Floats
) -> Verdict:
    """`verify` where the target distributions are a function of the drafts before them. Shapes are not checked."""
    accepted, p = _stop(distribution_after, drafts, chances_of(drafts, qhat), uniforms)
    u = float(uniforms[-1])
    return Verdict(accepted, correction(p, qhat[accepted], u) if accepted < len(drafts) else inverse_cdf(p, u))


def chances_of(drafts: Ints, qhat: Floats | Sequence[AnyDistribution]) -> Floats:
    """The qhat_n(d_n), float64 [L]."""
    return np.array([probability(row, token) for row, token in zip(qhat, drafts.tolist(), strict=True)])


def stop_along(distribution_after: DistributionAfter, drafts: Ints, chances: Floats, uniforms: Floats) -> Verdict:
    """`reject_along` by whoever knows chances [L], the qhat_n(d_n), and nothing else of qhat: the same drafts are
    accepted, and the same bonus token follows, but a correction is left `UNDRAWN`."""
    accepted, p = _stop(distribution_after, drafts, chances, uniforms)
    return Verdict(accepted, UNDRAWN if accepted < len(drafts) else inverse_cdf(p, float(uniforms[-1])))


def _stop(distribution_after: DistributionAfter, drafts: Ints, chances: Floats, uniforms: Floats) -> tuple[int, Floats]:
    """Returns the number of leading drafts that are accepted, and the target distribution after them."""
    line = tuple(drafts.tolist())
    for n, token in enumerate(line):
        p = distribution_after(line[:n])
        if not accepts(uniforms[n], chances[n], p[token]):
            return n, p
    return len(line), distribution_after(line)


def accepts(uniform: float, chance: float, target: float) -> bool:
    """True if a draft of probability `chance` = qhat(d) is accepted against `target` = p(d): with min(1, p / qhat)."""
    return uniform * chance < target


def correction(p: Floats, qhat: AnyDistribution, u: float) -> int:
    """Returns the token that replaces a rejected draft: u drawn from the `residual`."""
    return inverse_cdf(residual(p, qhat), u)


def residual(p: Floats, qhat: AnyDistribution) -> Floats:
    """Weights max(0, p - qhat) [V] that the correction is drawn from, of mass TV(qhat, p); p where rounding leaves
    none."""
    beyond = _beyond(p, qhat)
    return beyond if beyond.max() > 0 else p


def _beyond(p: Floats, qhat: AnyDistribution) -> Floats:
    """max(0, p - qhat) [V]."""
    if not isinstance(qhat, SparseDistribution):
        return np.maximum(p - qhat, 0.0)
    beyond = p.copy()
    beyond[qhat.ids] = np.maximum(p[qhat.ids] - qhat.probabilities, 0.0)
    return beyond


def output_distribution(p: Floats, qhat: Floats, drawn: Floats, corrected: Floats | None = None) -> Floats:
    """The distribution of the token that a position commits under `verify`, given that it is reached, rows [n, V].

    Its draft is drawn from `drawn` [n, V], accepted with probability min(1, p / qhat), and replaced from
    max(0, corrected - qhat) otherwise; `corrected` is p unless given. It is p where drawn is qhat and corrected is p.
    """
    if corrected is None and (drawn is qhat or np.array_equal(drawn, qhat)):
        return p
    corrected = p if corrected is None else corrected
    ratio = np.minimum(1.0, np.divide(p, qhat, out=np.ones_like(p), where=qhat > 0))
    kept = drawn * ratio
    beyond = np.maximum(0.0, corrected - qhat)
    mass = beyond.sum(axis=1, keepdims=True)
    correction = np.divide(beyond, mass, out=corrected.copy(), where=mass > 0)
    distribution: Floats = kept + (1.0 - kept.sum(axis=1, keepdims=True)) * correction
    return distribution


def couple(p: Floats, drafts: Ints, exponentials: Floats) -> Verdict:
    """Verifies drafts by the race both ends run: draft n is accepted iff it is `race(p_n, exponentials[n])`. p [L+1,
    V], drafts [L], exponentials [L+1, V] of unit rate, indexed by text position. Raises ValueError when the shapes
    disagree."""
    _require_shapes(p, drafts, exponentials, p.shape)
    return race_along(lambda prefix: p[len(prefix)], drafts, lambda target, n: race(target, exponentials[n]))


def race_along(distribution_after: DistributionAfter, drafts: Ints, winner: Callable[[Floats, int], int]) -> Verdict:
    """`couple` where the target distributions are a function of the drafts before them, and winner(p_n, n) is whom the
    race at position n picks. Shapes are not checked."""
    line = tuple(drafts.tolist())
    for n, draft in enumerate(line):
        token = winner(distribution_after(line[:n]), n)
        if token != draft:
            return Verdict(n, token)
    return Verdict(len(line), winner(distribution_after(line), len(line)))


def race_tree(
    distribution_after: DistributionAtNode, tree: TokenTree, winner: Callable[[Floats, int], int]
) -> TreeVerdict:
    """Walks down a tree by a race of one's own: at each node to the child that is winner(p, level), p [V] the target
    distribution there and level that of its children, from 0. Where no child is, the winner is the token that follows.

    So the committed text is that of the races on p, whatever the tree has: a list of drafts in place of the one of
    `couple` (Rowan, Phan and Khisti, arXiv 2506.05632).
    """
    path: tuple[int, ...] = ()
    while True:
        node = path[-1] if path else -1
        token = winner(distribution_after(node), len(path))
        child = next((each for each in tree.children(node) if tree.tokens[each] == token), None)
        if child is None:
            return TreeVerdict(path, token)
        path = (*path, child)


def verify_tree(
    distribution_after: DistributionAtNode, tree: TokenTree, qhat: DistributionAtNode, uniforms: Floats
) -> TreeVerdict:
    """Verifies a tree whose siblings were drawn without replacement from qhat, in the order of their nodes.

    `distribution_after(node)` is the target p [V] after a node, `qhat(node)` the distribution [V] that its children
    were drawn from; each is asked only along the accepted path, qhat only where there are children. uniforms [N + 1] in
    [0, 1): uniforms[i] decides node i, uniforms[N] draws the correction or bonus by inverse CDF in token-id order. A
    tree of one branch is verified as `verify` does its line, to the last bit. Raises ValueError on another number of
    uniforms, and on a sibling that cannot have been drawn after those before it.
    """
    if uniforms.shape != (len(tree.tokens) + 1,):
        raise ValueError(f"uniforms have shape {uniforms.shape}: {(len(tree.tokens) + 1,)} expected")
    path: tuple[int, ...] = ()
    while True:
        node = path[-1] if path else -1
        children, weights = tree.children(node), distribution_after(node)
        tokens = [tree.tokens[child] for child in children]
        turns = sibling_turns(weights, qhat(node), tokens) if children else ()
        for child, token, (p, q) in zip(children, tokens, turns, strict=True):
            if accepts(uniforms[child], q[token], p[token]):
                path = (*path, child)
                break
        else:
            return TreeVerdict(path, inverse_cdf(residual(p, q) if children else weights, float(uniforms[-1])))


def sibling_turns(p: Floats, qhat: Floats, tokens: Sequence[int]) -> Iterator[tuple[Floats, Floats]]:
    """Yields p_k and qhat_k [V] of each sibling in turn. Raises ValueError where qhat leaves one no mass."""
    for k, token in enumerate(tokens):
        if k:
            left, rest = residual(p, qhat), qhat.copy()
            rest[tokens[k - 1]] = 0.0
            if not rest[token] > 0:
                raise ValueError(f"token {token} cannot have been drawn after its siblings: qhat leaves it no mass")
            p, qhat = left / left.sum(), rest / rest.sum()
        yield p, qhat


def draw_children(counts: Floats | Ints, width: int, uniforms: Floats) -> tuple[int, ...]:
    """Up to `width` places of counts [K], drawn without replacement, each by inverse CDF among what remains.

    Fewer where fewer have a positive count. uniforms [width or more] in [0, 1): the k-th draws the k-th child, the
    first exactly as a single draft is drawn. Raises ValueError on too few uniforms.
    """
    if len(uniforms) < width:
        raise ValueError(f"{len(uniforms)} uniforms: {width} expected, one a child")
    remaining = counts.copy()
    children: list[int] = []
    for u in uniforms[: min(width, np.count_nonzero(counts))].tolist():
        children.append(inverse_cdf(remaining, u))
        remaining[children[-1]] = 0
    return tuple(children)


def inverse_cdf(weights: Floats | Ints, u: float) -> int:
    """The first index i with weights[0] + ... + weights[i] > u * total: i is drawn with probability weights[i] / total.

    weights [V], non-negative, not all zero, of any total (integer counts are summed exactly); u in [0, 1). An index of
    zero weight is never returned, not even where u * total rounds up to the total. Raises ValueError on no mass.
    """
    cumulative = np.cumsum(weights)
    total = cumulative[-1]
    if not total > 0:
        raise ValueError("weights have no mass: nothing to draw")
    index = int(np.searchsorted(cumulative, u * total, side="right"))
    if index < len(cumulative):
        return index
    return int(np.searchsorted(cumulative, total, side="left"))


def race(distribution: Floats | Ints, exponentials: Floats) -> int:
    """argmin_i exponentials[i] / distribution[i] over the tokens of positive weight, lowest id first: a draw from
    `distribution` [V], which need not be normalized."""
    return int(np.argmin(_race_times(distribution, exponentials)))


def arrivals(distribution: Floats, exponentials: Floats, number: int) -> tuple[int, ...]:
    """Returns the tokens that arrive first, second, ... in a `race`: so many different ones, at most V. Those of no
    weight come last, the lowest id first.

    With d = TV(p, q), the winner on p is among the first w on q with probability (1 - d) (1 - (d / (1 + d))^w) at
    least: given that x wins on p, the number of those ahead of it on q is at most Poisson in the order of
    distributions, of a mean proportional to x's time, hence w or more with probability at most (1 - c_x)^w, where
    p_x c_x = 1 / sum_y max(p_y / p_x, q_y / q_x) is that x wins both (w = 1: Daliri, Musco, Suresh) and
    c_x >= min(1, q_x / p_x) / (1 + d). Equality where p and q share all but one token of p and countless ones of q.
    """
    times = _race_times(distribution, exponentials)
    last = np.partition(times, number - 1)[number - 1]
    first = np.flatnonzero(times <= last)
    return tuple(first[np.argsort(times[first], kind="stable")][:number].tolist())


def _race_times(distribution: Floats | Ints, exponentials: Floats) -> Floats:
    times = np.full(len(distribution), np.inf)
    with np.errstate(over="ignore"):  # over a probability next to nothing the time is inf, and loses
        np.divide(exponentials, distribution, out=times, where=distribution > 0)
    return times


def total_variation(p: Floats, q: Floats) -> Floats:
    """TV(p, q) = sum |p - q| / 2 along the last axis: [..., V] and [..., V] give [...]."""
    apart = np.asarray(p - q)
    distance: Floats = 0.5 * np.abs(apart, out=apart).sum(axis=-1)
    return distance


def probability(distribution: AnyDistribution, token: int) -> float:
    """Returns the probability that a distribution gives to an id."""
    if not isinstance(distribution, SparseDistribution):
        return float(distribution[token])
    at = int(distribution.ids.searchsorted(token))
    there = at < distribution.ids.size and distribution.ids[at] == token
    return float(distribution.probabilities[at]) if there else 0.0


def dense(distribution: AnyDistribution) -> Floats:
    """A distribution as float64 [V]."""
    if not isinstance(distribution, SparseDistribution):
        return distribution
    row = np.zeros(distribution.vocabulary)
    row[distribution.ids] = distribution.probabilities
    return row


def distance(p: Floats, q: AnyDistribution, scratch: Floats | None = None) -> float:
    """TV(p, q) of p [V] and another distribution: `total_variation` to the last bit. `scratch` [V] is overwritten:
    where there are many distances, new memory for each costs more than they do."""
    apart = np.empty_like(p) if scratch is None else scratch
    if isinstance(q, SparseDistribution):
        apart[:] = p
        apart[q.ids] = np.abs(p[q.ids] - q.probabilities)
    else:
        np.abs(np.subtract(p, q, out=apart), out=apart)
    return 0.5 * float(apart.sum())


def entropy_bits(distribution: Floats, scratch: Floats | None = None) -> float:
    """-sum distribution log2 distribution of a distribution [V]. `scratch` [V] is overwritten."""
    whole = distribution.min() > 0
    positive = distribution if whole else distribution[distribution > 0]
    logs = np.log2(positive, out=scratch if whole else None)
    logs *= positive
    return -float(logs.sum())


def _require_rows(p: Floats, drafts: Ints, qhat: Floats, uniforms: Floats) -> None:
    _require_shapes(p, drafts, uniforms, (len(drafts) + 1,))
    if qhat.shape != (len(drafts), p.shape[1]):
        raise ValueError(f"qhat has shape {qhat.shape}: [L, V] = {(len(drafts), p.shape[1])} expected")


def _require_shapes(p: Floats, drafts: Ints, noise: Floats, noise_shape: tuple[int, ...]) -> None:
    if drafts.ndim != 1 or p.ndim != 2 or p.shape[0] != len(drafts) + 1:
        raise ValueError(f"p has shape {p.shape} for drafts of shape {drafts.shape}: [L+1, V] and [L] expected")
    if noise.shape != noise_shape:
        raise ValueError(f"randomness has shape {noise.shape}: {noise_shape} expected")
