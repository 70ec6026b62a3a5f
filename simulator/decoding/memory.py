"""Memory of decoded rounds: remembered trees, and model caches that are only filled when needed.

`Memory` keeps the trees of requests by the name of their root: cells that differ only in the network share their
passes. On the first step that nobody remembers, `ReplayedText` makes all the passes that were skipped so far, in the
order and shapes of a live run: the floats of a half-remembered request are those of a fresh one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kinds.arrays import read_only
from kinds.mistakes import print_once
from models.interface import CachedText, Distributions, TokenTree
from simulator.decoding.nodes import CloudNode, EdgeNode, Pass, Root, Tokens, Tree, Verified
from simulator.decoding.round_keys import Origin
from simulator.decoding.round_store import Grown, RoundStore
from simulator.decoding.steps import count
from simulator.decoding.tree_bytes import DamagedError, OversizeError, from_bytes, to_bytes

FLUSHED_BYTES = 1 << 26
"""The bytes of compressed trees that are held at one time to be written."""


@dataclass(slots=True)
class _Kept:
    """A tree, and what is known of it on disk."""

    tree: Tree
    pair: str = ""
    key: str = ""
    """"": it stays in the process."""
    steps: int = 0
    """The number of steps that are on disk."""
    checksum: str = ""
    """The checksum of the entry on disk, whose steps are all in the tree."""


class Memory:
    """Trees by the description of their root, in this process and, with a store, on disk: read when first requested,
    written by `flush` where they have grown. Two threads that request one tree take the same steps, and either's
    outcome may stay."""

    def __init__(self, store: RoundStore | None = None) -> None:
        self._store = store
        self._trees: dict[Root, _Kept] = {}
        self._asked: dict[Root, _Kept] = {}
        """Since the last flush, of those that may go to disk."""
        self.predecoded: set[str] = set()
        """The decodings, by `Cell.decoding_id`, that were made in this process before their cells were timed."""
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """The number of trees in this process."""
        return len(self._trees)

    @classmethod
    def here(cls) -> Memory:
        """An empty one on top of the store of this cache folder ($SQSIM_CACHE). Raises ConfigError as that does."""
        return cls(RoundStore.here())

    def tree(self, root: Root, stored: Origin | None = None) -> Tree:
        """The tree of this root; a bare one where there was none. `stored`: its name on disk, None to keep it here."""
        with self._lock:
            kept = self._trees.get(root)
            if kept is None:
                kept = self._trees[root] = self._found(root, stored)
            if kept.key:
                self._asked[root] = kept
            return kept.tree

    def forget(self) -> None:
        """Drops all trees, those that are not written among them: what made them does not make them again."""
        with self._lock:
            self._trees, self._asked = {}, {}
            self.predecoded.clear()

    def flush(self) -> None:
        """Writes the trees that have grown since they were read or written."""
        if self._store is None:
            return
        with self._lock:
            asked, self._asked = self._asked, {}
            grown, size = dict[str, tuple[_Kept, Grown]](), 0
            for kept in asked.values():
                steps = count(kept.tree)
                if steps > kept.steps and (blob := _written(kept.tree)) is not None:
                    grown[kept.key] = kept, Grown(kept.key, kept.pair, blob, kept.checksum)
                    size += len(blob)
                kept.steps = steps
                if size > FLUSHED_BYTES:
                    self._write(self._store, grown)
                    grown, size = {}, 0
            self._write(self._store, grown)

    def _write(self, store: RoundStore, grown: Mapping[str, tuple[_Kept, Grown]]) -> None:
        for key, checksum in store.put_all([each for _, each in grown.values()]).items():
            grown[key][0].checksum = checksum

    def _found(self, root: Root, stored: Origin | None) -> _Kept:
        _, _, entry, prompt = root
        bare = Tree(prompt, entry)
        if self._store is None or stored is None:
            return _Kept(bare)
        kept = _Kept(bare, stored.pair, stored.key(root))
        entry_found = self._store.find(kept.key)
        if entry_found is None:
            return kept
        tree = _read(entry_found.blob)
        if tree is None or (tree.edge.committed, tree.edge.state, tree.cloud.committed) != (prompt, entry, prompt):
            self._store.drop(kept.key)
            return kept
        kept.tree, kept.steps, kept.checksum = tree, count(tree), entry_found.checksum
        return kept


def _read(blob: bytes) -> Tree | None:
    try:
        return from_bytes(blob)
    except DamagedError:
        return None


def _written(tree: Tree) -> bytes | None:
    """The entry of a tree; None of one that is too large, which stays in the process, and a line says so."""
    try:
        return to_bytes(tree)
    except OversizeError as error:
        print_once(f"rounds of a request are not kept on disk ({error}); each run decodes them anew")
        return None


Skipped = EdgeNode | tuple[CloudNode, Verified] | Callable[[], Iterable[Pass]]
"""Remembered passes: those that composed a round, that which verified one (and the node after it), or any."""
Dropping = Literal["crop", "rewind", "graft", "branch", "release"]
"""Something of a text is kept no longer."""


class ReplayedText:
    """A cached text that lags behind until a distribution is needed that nobody remembers, then catches up exactly."""

    def __init__(self, open_text: Callable[[], CachedText]) -> None:
        self._open = open_text
        self._text: CachedText | None = None
        self._behind: list[tuple[Literal["pass"] | Dropping, Any]] = []
        """What is still to be done, in order."""
        self._recent: dict[Tokens, Distributions] = {}

    def skip(self, passes: Skipped) -> None:
        """Notes passes that need not be made yet."""
        self._behind.append(("pass", passes))

    def distributions(self, tokens: Tokens, last: int) -> Distributions:
        """The `last` trailing distributions of `tokens`, float64 [last, V], by a real forward pass."""
        return self._pass(self.catch_up(), tokens, last)

    def tree_distributions(self, tokens: Tokens, tree: TokenTree) -> Distributions:
        """The distributions [N + 1, V] after `tokens` and each node of a tree, by a real forward pass."""
        return self._pass(self.catch_up(), tokens, tree)

    def known(self, tokens: Tokens) -> Distributions:
        """The distribution [1, V] after `tokens` of a pass since the last crop. KeyError where none was made."""
        return self._recent[tokens]

    def crop(self, length: int) -> None:
        """Keeps only the first `length` tokens of what is cached."""
        self._now_or_later("crop", length)

    def rewind(self, length: int) -> None:
        """Keeps only so much as `crop` does, and the distributions too: what is dropped is yet to be verified."""
        self._now_or_later("rewind", length)

    def graft(self, path: tuple[int, ...]) -> None:
        """Keeps this path of the last pass's tree in the cache, and nothing else of the tree."""
        self._now_or_later("graft", path)

    def branch(self, path: tuple[int, ...]) -> None:
        """Keeps this path as `graft` does, and the distributions too: the tree is yet to be verified."""
        self._now_or_later("branch", path)

    def release(self, tokens: int) -> None:
        """Drops the distributions within the first `tokens` tokens, which are committed."""
        self._now_or_later("release", tokens)

    @property
    def cached(self) -> Tokens:
        """Returns the tokens that the model really holds, after catching up."""
        return self.catch_up().cached

    def catch_up(self) -> CachedText:
        """Makes the passes that were skipped; the text is then that of a live run."""
        if self._text is None:
            self._text = self._open()
        for what, value in self._behind:
            if what == "pass":
                for tokens, asked in _passes(value):
                    self._pass(self._text, tokens, asked)
            else:
                self._do(self._text, what, value)
        self._behind.clear()
        return self._text

    def _pass(self, text: CachedText, tokens: Tokens, asked: int | TokenTree) -> Distributions:
        if isinstance(asked, int):
            distributions = self._recent[tokens] = read_only(text.distributions(tokens, asked))
            return distributions
        distributions = read_only(text.tree_distributions(tokens, asked))
        for node in range(-1, len(asked.tokens)):  # a node of an earlier pass keeps its distribution
            self._recent.setdefault((*tokens, *asked.along(asked.path_to(node))), distributions[node + 1 : node + 2])
        return distributions

    def _now_or_later(self, what: Dropping, value: Any) -> None:
        if self._text is None or self._behind:
            self._behind.append((what, value))
        else:
            self._do(self._text, what, value)

    def _do(self, text: CachedText, what: Dropping, value: Any) -> None:
        if what == "branch":
            text.graft(value)
            return
        if what == "rewind":
            text.crop(value)
            return
        if what == "release":
            self._recent = {
                known: distributions for known, distributions in self._recent.items() if len(known) >= value
            }
            return
        if what == "crop":
            text.crop(value)
        else:
            text.graft(value)
        self._recent.clear()


def _passes(skipped: Skipped) -> Iterable[Pass]:
    if isinstance(skipped, EdgeNode):
        return skipped.asked()
    if isinstance(skipped, tuple):
        after, verified = skipped
        return [((*verified.text_before(after), *verified.drafts), len(verified.drafts) + 1)]
    return skipped()
