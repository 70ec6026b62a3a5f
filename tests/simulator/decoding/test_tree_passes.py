"""Passes over trees, remembered or made: which distributions stay, and what is kept of the last one."""

from __future__ import annotations

import numpy as np

from models.interface import Distributions, TokenTree
from simulator.decoding.memory import ReplayedText


class Counting:
    """A text whose distributions tell the number of the pass that gave them, and that notes what is kept."""

    def __init__(self) -> None:
        self.passes = 0
        self.kept: list[tuple[int, ...]] = []

    @property
    def cached(self) -> tuple[int, ...]:
        return ()

    def distributions(self, tokens: tuple[int, ...], last: int) -> Distributions:
        self.passes += 1
        return np.full((last, 2), float(self.passes))

    def tree_distributions(self, tokens: tuple[int, ...], tree: TokenTree) -> Distributions:
        return self.distributions(tokens, len(tree.tokens) + 1)

    def graft(self, path: tuple[int, ...]) -> None:
        self.kept.append(path)

    def crop(self, length: int) -> None:
        raise AssertionError("nothing is cropped here")


TREE = TokenTree((7, 8), (-1, -1))
DEEPER = TokenTree((7, 8, 9), (-1, -1, 1))


def test_a_nodes_distribution_is_that_of_the_pass_that_was_made_for_it() -> None:
    """To the last bit, a later pass over the same node gives another distribution than the one that was drafted
    from."""
    text = Counting()
    replayed = ReplayedText(lambda: text)
    replayed.distributions((1, 2), 1)
    replayed.tree_distributions((1, 2), TREE)
    replayed.tree_distributions((1, 2), DEEPER)
    distributions = [replayed.known((1, 2, *path))[0, 0] for path in ((), (7,), (8,), (8, 9))]
    assert distributions == [1.0, 2.0, 2.0, 3.0]


def test_what_is_skipped_is_made_up_for_in_order() -> None:
    text = Counting()
    replayed = ReplayedText(lambda: text)
    replayed.skip(lambda: [((1, 2), 1), ((1, 2), TREE)])
    replayed.graft((1,))
    assert (text.passes, text.kept) == (0, [])
    replayed.tree_distributions((1, 2, 8), TREE)
    assert (text.passes, text.kept) == (3, [(1,)])
    replayed.graft(())
    assert text.kept == [(1,), ()]
