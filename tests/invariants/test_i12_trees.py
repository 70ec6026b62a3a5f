"""I12 where drafts branch: the committed text follows the verifier's law, by exact enumeration through the shipped
edge, wire and cloud."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trees import ConformalTree

from models.interface import TokenTree
from simulator.checking.exact import distance, verifier_law
from simulator.checking.exact_tree import TreeEnumeration
from simulator.decoding.nodes import TreeNode
from simulator.schemes.rivals.tree import LikelyTree, MultiCandidate, TreeDrafts, TreeScheme

TOKENS = 3
EXACT = verifier_law((1, 2), TOKENS)


FAST: dict[str, TreeScheme] = {
    "width 2, depth 2": TreeDrafts(k=2, resolution=5, max_drafts=2, widths=(2,), token="flat", code="enumerative"),
    "width 2, depth 2, budget binds": TreeDrafts(k=2, resolution=5, max_drafts=2, widths=(2,), budget_bits=21),
    "likeliest laws": LikelyTree(k=2, resolution=5, max_drafts=2, child_acceptance=(0.5, 0.3), most_laws=2),
    "comb of 2": MultiCandidate(k=2, resolution=5, max_drafts=2, candidates=2),
    "comb of 3, first law over budget": MultiCandidate(k=3, resolution=5, max_drafts=2, candidates=3, budget_bits=8),
    "threshold along the path": ConformalTree(
        widths=(2, 2), max_drafts=2, resolution=4, initial=0.2, step=0.3, target=0.1
    ),
}
WIDE: dict[str, TreeScheme] = {
    "3 at the root, 1 below": TreeDrafts(k=3, resolution=5, max_drafts=2, widths=(3, 1)),
    "comb of 3": MultiCandidate(k=3, resolution=5, max_drafts=2, candidates=3),
    "width 2 of 3, depth 2": TreeDrafts(k=3, resolution=5, max_drafts=2, widths=(2,)),
    "width 3, depth 2, budget binds": TreeDrafts(k=3, resolution=5, max_drafts=2, widths=(3,), budget_bits=40),
}


def follows_the_verifier(scheme: TreeScheme) -> TreeEnumeration:
    enumeration = TreeEnumeration(scheme, TOKENS)
    law = enumeration.law()
    assert enumeration.rounds >= 2
    assert sum(law.values()) == pytest.approx(1.0, abs=1e-12)
    assert distance(law, EXACT) < 1e-12
    return enumeration


@pytest.mark.parametrize("name", FAST)
def test_i12_output_law_is_the_verifiers(name: str) -> None:
    enumeration = follows_the_verifier(FAST[name])
    assert ("budget" in name) == (0 < enumeration.full < enumeration.trees)
    assert "over budget" in name or (enumeration.lengths == 2 and enumeration.late > 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", WIDE)
def test_i12_output_law_is_the_verifiers_of_wide_trees(name: str) -> None:
    enumeration = follows_the_verifier(WIDE[name])
    assert "binds" not in name or 0 < enumeration.full < enumeration.trees
    assert enumeration.lengths == 2


def test_a_law_that_is_dropped_for_the_children_it_drew_bends_the_law() -> None:
    """The control: the last law stays behind if its first child is token 0."""

    def cut(tree: TreeNode) -> TreeNode:
        first = tree.tree.children(tree.tree.parents[-1])[0]
        if tree.tree.tokens[first] or not first:
            return tree
        kept = TokenTree(tree.tree.tokens[:first], tree.tree.parents[:first])
        return replace(tree, drafts=tree.drafts[:first], tree=kept)

    bent = TreeEnumeration(FAST["width 2, depth 2"], TOKENS, cut=cut).law()
    assert distance(bent, EXACT) > 1e-3
