"""The rule of acceptance over a tree of drafts: recursive rejection sampling without replacement.

Siblings are drawn one after another from one qhat, each without those before it, and verified in the order drawn
(SpecInfer, arXiv 2305.09781; without replacement Sequoia, arXiv 2402.12374). Sibling k is a draft from qhat_k verified
against p_k, as `verify` judges one:

    accept c_k with probability min(1, p_k(c_k) / qhat_k(c_k)), else
    p_{k+1} = norm(max(0, p_k - qhat_k)),   qhat_{k+1} = norm(qhat_k without c_k),         p_1 = p, qhat_1 = qhat.

Where c_k stands, its own children are next; where none of the siblings does, the correction is drawn from what is left
of p. Each step turns a draw from qhat_k into one from p_k, given all that was rejected before it: the committed tokens
follow p exactly, whatever the shape of the tree, as long as whether a node is drawn never depends on the token it would
be.

All distributions a tree may ask for come from one pass over its N nodes and the text's missing tokens
(`CachedText.tree_laws`); judging itself is O(V) a sibling, along the accepted path only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kinds.arrays import Floats, Ints
from models.interface import TokenTree
from models.verification import inverse_cdf, residual

DistributionAtNode = Callable[[int], Floats]
"""A distribution [V] after the text and the path to this node; -1 is the text alone."""


class TreeVerdict(NamedTuple):
    """What a verification decides: the nodes of `path`, root first, stand; then `token`, the correction or bonus."""

    path: tuple[int, ...]
    token: int


def verify_tree(
    distribution_after: DistributionAtNode, tree: TokenTree, qhat: DistributionAtNode, uniforms: Floats
) -> TreeVerdict:
    """Judges a tree whose siblings were drawn without replacement from qhat, in the order of their nodes.

    `law_after(node)` is the target p [V] after a node, `qhat(node)` the distribution [V] that its children were drawn
    from; each is asked only along the accepted path, qhat only where there are children. uniforms [N + 1] in [0, 1):
    uniforms[i] decides node i, uniforms[N] draws the correction or bonus by inverse CDF in token-id order. A tree of
    one branch is verified as `verification.verify` judges its line, to the last bit. Raises ValueError on another
    number of uniforms, and on a sibling that cannot have been drawn after those before it.
    """
    if uniforms.shape != (len(tree.tokens) + 1,):
        raise ValueError(f"uniforms have shape {uniforms.shape}: {(len(tree.tokens) + 1,)} expected")
    path: tuple[int, ...] = ()
    while True:
        node = path[-1] if path else -1
        children = tree.children(node)
        weights = distribution_after(node)
        turns = _turns(weights, qhat(node), [tree.tokens[child] for child in children]) if children else ()
        for child, turn in zip(children, turns, strict=True):
            if turn.accepts(uniforms[child]):
                path = (*path, child)
                break
            weights = turn.residual
        else:
            return TreeVerdict(path, inverse_cdf(weights, float(uniforms[-1])))


def draw_children(counts: Ints, width: int, uniforms: Floats) -> tuple[int, ...]:
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


def child_acceptance(p: Floats, qhat: Floats, tokens: Sequence[int]) -> Floats:
    """[w]: P(sibling k is the one that stands | its parent stands), of siblings `tokens` in their order.

    What is missing to 1 is P(all are rejected). p and qhat are distributions [V]. The mean over draws of the siblings
    is Sequoia's acceptance vector, that of the first sibling 1 - TV(p, qhat). Raises ValueError as `verify_tree` does.
    """
    stands = np.zeros(len(tokens))
    reached = 1.0
    for k, turn in enumerate(_turns(p, qhat, tokens)):
        stands[k] = reached * turn.acceptance
        reached *= 1 - turn.acceptance
    return stands


def expected_tokens(tree: TokenTree, stands: Sequence[float]) -> float:
    """Mean tokens that a round commits: 1 + sum over nodes of the product of `stands` along the path to each.

    stands [N]: P(node i stands | its parent stands). Sequoia's F(T), where it depends on a node's rank alone: see
    `by_rank`. Of a line of L drafts of acceptance a: (1 - a^{L+1}) / (1 - a).
    """
    reached: list[float] = []
    for node, parent in enumerate(tree.parents):
        reached.append(stands[node] * (reached[parent] if parent >= 0 else 1.0))
    return 1.0 + sum(reached)


def by_rank(tree: TokenTree, acceptance: Sequence[float]) -> tuple[float, ...]:
    """Returns for each node what an acceptance vector [at least the widest family] says of its rank among its
    siblings."""
    return tuple(acceptance[node - tree.children(parent)[0]] for node, parent in enumerate(tree.parents))


@dataclass(frozen=True, eq=False)
class _Turn:
    """A sibling verified, those before it rejected: its token, the target p [V], the distribution qhat [V] it was drawn
    from."""

    token: int
    p: Floats
    qhat: Floats

    def accepts(self, uniform: float) -> bool:
        return bool(uniform * self.qhat[self.token] < self.p[self.token])

    @property
    def acceptance(self) -> float:
        p, qhat = float(self.p[self.token]), float(self.qhat[self.token])
        return 1.0 if p >= qhat else p / qhat

    @cached_property
    def residual(self) -> Floats:
        """Weights [V], not normalized, of what follows its rejection."""
        return residual(self.p, self.qhat)

    def then(self, token: int) -> _Turn:
        """The next sibling's turn. Raises ValueError where qhat without this one has no mass on it."""
        rest = self.qhat.copy()
        rest[self.token] = 0.0
        if not rest[token] > 0:
            raise ValueError(f"token {token} cannot have been drawn after its siblings: qhat leaves it no mass")
        return _Turn(token, self.residual / self.residual.sum(), rest / rest.sum())


def _turns(p: Floats, qhat: Floats, tokens: Sequence[int]) -> Iterator[_Turn]:
    turn: _Turn | None = None
    for token in tokens:
        turn = turn.then(token) if turn else _Turn(token, p, qhat)
        yield turn
