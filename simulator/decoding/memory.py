"""What has been decoded once is not decoded again: remembered trees, and model caches that are only filled when needed.

A step of the decoding plane is a pure function of the value it starts from, so its outcome hangs on that value: the
decodings of a request form a tree, and `Memory` keeps the trees by the name of their root. Cells that differ only in
the network then share their forward passes. On the first step that nobody remembers, `ReplayedText` makes all the
passes that were skipped so far, one by one, in the order and the shapes of a live run: the floats, and so the tokens,
of a half-remembered request are those of a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from models.interface import CachedText, Laws, TokenTree
from simulator.decoding.nodes import CloudNode, EdgeNode, Pass, Verified
from simulator.schemes.sparsifier import State

Tokens = tuple[int, ...]
Root = tuple[str, tuple[int, ...], State, Tokens]
"""All that decides the tokens of a request: a description of its setting, (seed, indices), entry state, prompt."""


class Tree:
    """The decodings of one request: where its edge and its cloud start."""

    def __init__(self, prompt: Tokens, state: tuple[float, ...]) -> None:
        self.edge = EdgeNode(1, prompt, state)
        self.cloud = CloudNode(1, prompt)


class Memory:
    """Trees by the description of their root, in this process."""

    def __init__(self) -> None:
        self._trees: dict[Root, Tree] = {}

    def tree(self, root: Root) -> Tree:
        """The tree of this root; a bare one where there was none."""
        tree = self._trees.get(root)
        if tree is None:
            _, _, entry, prompt = root
            tree = self._trees[root] = Tree(prompt, entry)
        return tree


Skipped = EdgeNode | tuple[CloudNode, Verified] | Callable[[], Iterable[Pass]]
"""Passes whose outcome is remembered: those of the drafter that composed a round, that of the verifier that judged one
(and the view after it), or any."""


@dataclass(frozen=True)
class Released:
    """Laws after texts of fewer than so many tokens are asked for no more."""

    tokens: int


@dataclass(frozen=True)
class Grafted:
    """Of the tree that the last pass was over, this path is kept."""

    path: tuple[int, ...]


class ReplayedText:
    """A cached text that lags behind until a law is needed that nobody remembers, then catches up exactly."""

    def __init__(self, open_text: Callable[[], CachedText]) -> None:
        self._open = open_text
        self._text: CachedText | None = None
        self._behind: list[Skipped | Released | Grafted | int] = []
        self._recent: dict[Tokens, Laws] = {}

    def skip(self, passes: Skipped) -> None:
        """Notes passes that need not be made yet."""
        self._behind.append(passes)

    def laws(self, tokens: Tokens, last: int) -> Laws:
        """The `last` trailing laws of `tokens`, float64 [last, V], by a real forward pass."""
        return self._pass(self.catch_up(), tokens, last)

    def tree_laws(self, tokens: Tokens, tree: TokenTree) -> Laws:
        """The laws after `tokens` and after each node of a tree, float64 [N + 1, V], by a real forward pass."""
        return self._pass(self.catch_up(), tokens, tree)

    def known(self, tokens: Tokens) -> Laws:
        """The law [1, V] after `tokens`, of a pass made since the last crop. Makes none itself: KeyError where none
        was."""
        return self._recent[tokens]

    def crop(self, length: int) -> None:
        """Keeps only the first `length` tokens of what is cached."""
        if self._text is None or self._behind:
            self._behind.append(length)
        else:
            self._crop(self._text, length)

    def graft(self, path: tuple[int, ...]) -> None:
        """Of the tree that the last pass was over, keeps this path in what is cached, and nothing else."""
        grafted = Grafted(path)
        if self._text is None or self._behind:
            self._behind.append(grafted)
        else:
            self._graft(self._text, grafted)

    def release(self, tokens: int) -> None:
        """The first `tokens` tokens stand for good, and so does what is cached behind them: the laws within them may
        go."""
        released = Released(tokens)
        if self._text is None or self._behind:
            self._behind.append(released)
        else:
            self._release(released)

    @property
    def cached(self) -> Tokens:
        """What the model really holds, after catching up."""
        return self.catch_up().cached

    def catch_up(self) -> CachedText:
        """Makes the passes that were skipped; the text is then that of a live run."""
        if self._text is None:
            self._text = self._open()
        for skipped in self._behind:
            if isinstance(skipped, int):
                self._crop(self._text, skipped)
            elif isinstance(skipped, Released):
                self._release(skipped)
            elif isinstance(skipped, Grafted):
                self._graft(self._text, skipped)
            else:
                for tokens, asked in _passes(skipped):
                    self._pass(self._text, tokens, asked)
        self._behind.clear()
        return self._text

    def _pass(self, text: CachedText, tokens: Tokens, asked: int | TokenTree) -> Laws:
        if isinstance(asked, int):
            laws = self._recent[tokens] = text.laws(tokens, asked)
            return laws
        laws = text.tree_laws(tokens, asked)
        for node in range(-1, len(asked.tokens)):  # of a node that an earlier pass was over, the law drafted from stays
            self._recent.setdefault((*tokens, *asked.along(asked.path_to(node))), laws[node + 1 : node + 2])
        return laws

    def _graft(self, text: CachedText, grafted: Grafted) -> None:
        text.graft(grafted.path)
        self._recent.clear()

    def _release(self, released: Released) -> None:
        self._recent = {text: laws for text, laws in self._recent.items() if len(text) >= released.tokens}

    def _crop(self, text: CachedText, length: int) -> None:
        text.crop(length)
        self._recent.clear()


def _passes(skipped: Skipped) -> Iterable[Pass]:
    if isinstance(skipped, EdgeNode):
        return skipped.asked()
    if isinstance(skipped, tuple):
        after, verified = skipped
        return [((*verified.text_before(after), *verified.drafts), len(verified.drafts) + 1)]
    return skipped()
