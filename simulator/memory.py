"""What has been decoded once is not decoded again: remembered steps, and model caches that are only filled when needed.

A step of the decoding plane is a pure function of a node of its tree, so its outcome is kept under the node's name.
Cells that differ only in the network then share their forward passes. On the first step that nobody remembers,
`ReplayedText` makes all the passes that were skipped so far, one by one, in the order and the shapes of a live run: the
floats, and so the tokens, of a half-remembered request are those of a fresh one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b
from typing import TypeVar

from models.interface import CachedText, Laws

T = TypeVar("T")

Node = bytes
"""Name of a node of the decoding tree: a hash of everything that led to it."""


def child(parent: Node, action: bytes, *numbers: int) -> Node:
    """The node that `action` leads to from `parent`."""
    return blake2b(action + struct.pack(f"<{len(numbers)}q", *numbers), digest_size=16, key=parent).digest()


def root(text: str) -> Node:
    """The node that a written-out description names."""
    return blake2b(text.encode(), digest_size=16).digest()


class Memory:
    """Outcomes of steps by node, in this process."""

    def __init__(self) -> None:
        self._outcomes: dict[Node, object] = {}

    def recall(self, node: Node, kind: type[T]) -> T | None:
        """The outcome of this kind of the step at `node`, or None where there is none."""
        outcome = self._outcomes.get(node)
        return outcome if isinstance(outcome, kind) else None

    def keep(self, node: Node, outcome: object) -> None:
        """Remembers the outcome of the step at `node`."""
        self._outcomes[node] = outcome


class ReplayedText:
    """A cached text that lags behind until a law is needed that nobody remembers, then catches up exactly."""

    def __init__(self, open_text: Callable[[], CachedText]) -> None:
        self._open = open_text
        self._text: CachedText | None = None
        self._behind: list[tuple[tuple[int, ...], int]] = []
        self._recent: dict[tuple[int, ...], Laws] = {}

    def skip(self, tokens: tuple[int, ...], last: int) -> None:
        """Notes a pass whose outcome is remembered. `last = -1` notes a crop to `len(tokens)`."""
        self._behind.append((tokens, last))

    def laws(self, tokens: tuple[int, ...], last: int) -> Laws:
        """The `last` trailing laws of `tokens`, float64 [last, V], by a real forward pass."""
        text = self._catch_up()
        laws = text.laws(tokens, last)
        self._recent[tokens] = laws
        return laws

    def recent(self, tokens: tuple[int, ...]) -> Laws:
        """The law [1, V] after `tokens`, from the pass made since the last crop, else by a pass of its own."""
        if tokens not in self._recent:
            self._catch_up()
        return self._recent[tokens] if tokens in self._recent else self.laws(tokens, 1)

    def crop(self, tokens: tuple[int, ...]) -> None:
        """Keeps only what is cached of `tokens`, a prefix of the text."""
        if self._text is None or self._behind:
            self.skip(tokens, -1)
        else:
            self._crop(self._text, len(tokens))

    @property
    def cached(self) -> tuple[int, ...]:
        """What the model really holds, after catching up."""
        return self._catch_up().cached

    def _catch_up(self) -> CachedText:
        if self._text is None:
            self._text = self._open()
        for tokens, last in self._behind:
            if last < 0:
                self._crop(self._text, len(tokens))
            else:
                self._recent[tokens] = self._text.laws(tokens, last)
        self._behind.clear()
        return self._text

    def _crop(self, text: CachedText, length: int) -> None:
        text.crop(length)
        self._recent.clear()
