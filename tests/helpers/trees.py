"""Schemes whose drafts branch, and what Sequoia (arXiv 2402.12374) expects of a tree, for tests."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from channels.codec.conformal import Rollback
from channels.codec.tree_shape import TreeShape
from kinds.arrays import Floats
from models.interface import TokenTree
from models.verification import sibling_turns
from simulator.schemes.families import Families
from simulator.schemes.rivals.tree import TreeScheme
from simulator.schemes.sparsifiers.conformal import KeepConformal


class ConformalTree(TreeScheme):
    """C-SQS whose drafts branch: its threshold moves along each path."""

    kind: Literal["conformal_tree_in_tests"] = "conformal_tree_in_tests"
    widths: tuple[int, ...]
    target: float
    step: float
    initial: float
    rollback: Rollback = "through_rejection"

    @property
    def shape(self) -> TreeShape:
        return TreeShape.full(self.widths)

    def made_of(self) -> Families:
        rule = self.model_dump(include={"target", "step", "initial", "rollback"})
        return self.keeping(KeepConformal.model_validate(rule))


def child_acceptance(p: Floats, qhat: Floats, tokens: Sequence[int]) -> Floats:
    """[w]: P(sibling k is accepted | its parent is), of siblings `tokens` in their order; p and qhat are [V].

    What is missing to 1 is P(all are rejected). The mean over draws of the siblings is Sequoia's acceptance vector.
    """
    accepted, reached = np.zeros(len(tokens)), 1.0
    for k, (token, (p_k, qhat_k)) in enumerate(zip(tokens, sibling_turns(p, qhat, tokens), strict=True)):
        share = min(1.0, p_k[token] / qhat_k[token])
        accepted[k] = reached * share
        reached *= 1 - share
    return accepted


def expected_tokens(tree: TokenTree, accepted: Sequence[float]) -> float:
    """Mean tokens that a round commits: 1 + sum over nodes of the product of `accepted` [N], P(node i is accepted | its
    parent is), along the path to each: Sequoia's F(T)."""
    reached: list[float] = []
    for node, parent in enumerate(tree.parents):
        reached.append(accepted[node] * (reached[parent] if parent >= 0 else 1.0))
    return 1.0 + sum(reached)


def by_rank(tree: TokenTree, acceptance: Sequence[float]) -> tuple[float, ...]:
    """For each node what an acceptance vector [widest family] says of its rank among its siblings."""
    return tuple(acceptance[node - tree.children(parent)[0]] for node, parent in enumerate(tree.parents))
