"""Interface of a language model: distributions of next tokens after a sequence, from a cache that the simulator never
sees.

The caller hands over the whole text and says how many trailing distributions it wants; a `CachedText` keeps cached
entries that are a prefix of it and makes one forward pass over the rest. Accepting, rejecting and starting over are the
same call. Drafts that branch are a `TokenTree`, one pass too.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Protocol

from kinds import Choice
from kinds.arrays import Floats

Distributions = Floats
"""float64 [n, V]: each row a distribution."""
Speller = Callable[[Sequence[int]], str]
"""Token ids as text."""
DeviceName = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class TokenTree:
    """Drafts that share their beginnings: node i is the token tokens[i] after the path to node parents[i], -1 the text.
    Nodes stand breadth-first; siblings, no two the same token, in the order in which they are verified. Raises
    ValueError on anything else."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.parents):
            raise ValueError(f"{len(self.parents)} parents of {len(self.tokens)} tokens: as many expected")
        before = -1
        for node, parent in enumerate(self.parents):
            if not before <= parent < node:
                raise ValueError(f"parents[{node}] = {parent}: {before} to {node - 1} allowed, breadth-first")
            before = parent
        if len(set(zip(self.parents, self.tokens, strict=True))) < len(self.tokens):
            raise ValueError("two siblings of one token: each once allowed")

    @classmethod
    def line(cls, tokens: tuple[int, ...]) -> TokenTree:
        """The tree of one branch."""
        return cls(tokens, tuple(range(-1, len(tokens) - 1)))

    @property
    def is_line(self) -> bool:
        """True if no node has siblings: the tree is one branch, or empty."""
        return self.depth == len(self.tokens)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Depths of the nodes: the number of drafts on the path to each, 1 or more."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(1 if parent < 0 else depths[parent] + 1)
        return tuple(depths)

    @property
    def depth(self) -> int:
        """The drafts of the longest path."""
        return self.depths[-1] if self.depths else 0

    def children(self, node: int) -> tuple[int, ...]:
        """The children of `node`, -1 for the text itself, in the order in which they are verified."""
        return tuple(range(bisect_left(self.parents, node), bisect_right(self.parents, node)))

    def path_to(self, node: int) -> tuple[int, ...]:
        """The nodes from the text to `node`, itself included, root first; none to -1."""
        path: list[int] = []
        while node >= 0:
            path.append(node)
            node = self.parents[node]
        return tuple(reversed(path))

    def first_path(self, node: int = -1) -> tuple[int, ...]:
        """The nodes below `node`, -1 for the text itself, along first children, down to a leaf."""
        path: list[int] = []
        while children := self.children(path[-1] if path else node):
            path.append(children[0])
        return tuple(path)

    def along(self, path: tuple[int, ...]) -> tuple[int, ...]:
        """The tokens of a path. Raises ValueError where these nodes do not lead down from the text."""
        if not all(0 <= node < len(self.tokens) for node in path) or path != self.path_to(path[-1] if path else -1):
            raise ValueError(f"path = {path}: nodes that lead from the text down this tree allowed")
        return tuple(self.tokens[node] for node in path)


class CachedText(Protocol):
    """Text with its cache. Not thread-safe; cheap to open, costly to fill."""

    @property
    def cached(self) -> tuple[int, ...]:
        """The token ids whose keys and values are held, oldest first."""
        ...

    def distributions(self, tokens: tuple[int, ...], last: int) -> Distributions:
        """The `last` trailing next-token distributions of `tokens`, shape [last, V], float64, rows sum to 1.

        Row i is the distribution of the token that follows tokens[: len(tokens) - last + 1 + i]. Cached entries that
        are not a prefix of `tokens`, and those whose distributions are asked for again, are dropped first; then one
        forward pass runs over the rest. Afterwards `cached == tokens`. `last = 0` fills the cache only. Raises
        ValueError when `last > len(tokens)`, and when the text exceeds the model's context.
        """
        ...

    def tree_distributions(self, tokens: tuple[int, ...], tree: TokenTree) -> Distributions:
        """The distributions after `tokens` (row 0) and after `tokens` and the path to node i (row 1 + i): [N + 1, V]
        float64.

        Cached entries are kept and dropped as `distributions` does; then one forward pass runs over the missing tokens
        and all N nodes, each of which sees the text and the nodes of its own path alone. It costs what a line of N
        drafts does. Of a tree of one branch, the pass and its distributions are those of `distributions`. Afterwards
        `cached == tokens`. Raises ValueError on an empty text, and when the text and the longest path exceed the
        model's context; ConfigError on a tree that branches where the model takes no mask or positions.
        """
        ...

    def graft(self, path: tuple[int, ...]) -> None:
        """Keeps what the tree pass cached of these nodes: `cached == (*tokens, *tree.along(path))`. Only right after
        `tree_distributions`. Raises ValueError where there is no tree, or `path` does not lead down it from the
        text."""
        ...

    def crop(self, length: int) -> None:
        """Forgets all cached entries past the first `length`."""
        ...


def require_tree(tokens: tuple[int, ...], tree: TokenTree, context_tokens: int) -> None:
    """Raises ValueError where text and longest path have no distribution or do not fit the context."""
    require_text(tokens, 1, context_tokens)
    if len(tokens) + tree.depth > context_tokens:
        raise ValueError(f"text of {len(tokens)} tokens and a path of {tree.depth}: at most {context_tokens}")


def require_tree_passed(tree: TokenTree | None) -> TokenTree:
    """The tree whose pass was the last thing asked of a text. Raises ValueError where there is none."""
    if tree is None:
        raise ValueError("graft: allowed right after tree_distributions only")
    return tree


def require_text(tokens: tuple[int, ...], last: int, context_tokens: int) -> None:
    """Raises ValueError where a text has not that many distributions, or does not fit the context."""
    if not 0 <= last <= len(tokens):
        raise ValueError(f"last = {last}: 0 to {len(tokens)} distributions of a text of that length")
    if len(tokens) > context_tokens:
        raise ValueError(f"text of {len(tokens)} tokens: at most {context_tokens}")


class LanguageModel(Protocol):
    """A causal language model with a fixed vocabulary."""

    @property
    def vocabulary(self) -> int:
        """V, the number of token ids."""
        ...

    @property
    def context_tokens(self) -> int:
        """The longest text it can hold, in tokens."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of weights, dtype and library versions: two models with equal fingerprints give equal distributions."""
        ...

    def open(self, temperature: float) -> CachedText:
        """A new, empty text. Temperature 0 is greedy: the distribution is one-hot at the lowest-id argmax."""
        ...


@dataclass(frozen=True)
class Prompt:
    """A text that a request starts from."""

    name: str
    kind: str
    tokens: tuple[int, ...]

    def first(self, tokens: int) -> Prompt:
        """The prompt cut after that many tokens."""
        return Prompt(self.name, self.kind, self.tokens[:tokens])


@dataclass(frozen=True)
class LoadedPair:
    """A drafter and a verifier over one vocabulary, and the prompts they are tried on."""

    drafter: LanguageModel
    verifier: LanguageModel
    prompts: tuple[Prompt, ...]
    end_tokens: tuple[int, ...] = ()
    """The ids that end a text, none where the vocabulary has none."""
    choices: LanguageModel | None = None
    """Model that ranks the drafter's choices at temperature 0; None: the drafter itself, at temperature 1."""

    @property
    def vocabulary(self) -> int:
        return self.verifier.vocabulary

    def guesser(self, temperature: float) -> CachedText:
        """A text with the drafter's distributions, or, where these are one-hot, ones that rank its choices."""
        return self.drafter.open(temperature) if temperature else (self.choices or self.drafter).open(1.0)


class Pair(Choice, family=True):
    """Pair of a drafter and a verifier that decide the tokens. A description only: nothing is read before `load`."""

    summary: ClassVar[str]
    """Line for a person that names the models."""
    has_networks: ClassVar[bool] = False
    """True if its distributions come from forward passes. Several decodings may then share them, and the findings of a
    load are kept from process to process (`pair_cards`), as weights take seconds. The fingerprint then covers all that
    decides the prompts and the end token, too."""
    repeats: ClassVar[bool] = True
    """False if its tokens are drawn to fit an acceptance, so that its texts do not repeat as real ones do."""

    @property
    def remark(self) -> str:
        """Remark on its distributions that a reader of its numbers must know, "" if there is none."""
        return ""

    @property
    def reads_features(self) -> bool:
        """True if the drafter reads hidden states of the verifier, as far as that is known."""
        return False

    @property
    def at_hand(self) -> bool:
        """True if vocabulary, context and fingerprint are known without the network. If not, they raise ConfigError
        until `prepare` has been called: describing a pair never reaches the network."""
        return True

    @property
    def weight_bytes(self) -> float | None:
        """Bytes a weight of the models whose acceptance was measured; None where networks run, or no source tells."""
        return None

    def check_temperature(self, temperature: float) -> None:
        """Raises ValueError where it cannot stand for its models at this temperature."""

    def scaled_to(self, temperature: float) -> str:
        """Returns how measured figures were scaled to this temperature, "" if they hold there as measured."""
        return ""

    @cached_property
    @abstractmethod
    def vocabulary(self) -> int:
        """V, known without loading weights."""

    @cached_property
    @abstractmethod
    def context_tokens(self) -> int:
        """The longest text both models can hold, known without loading weights."""

    @cached_property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of all that decides the distributions and the prompts: weights, dtype, library versions, parameters."""

    def prepare(self) -> None:
        """Fetches or makes what every `load` on this machine needs and only the first has to, before several processes
        ask for it at once. Raises ConfigError as `load` does."""

    def speller(self) -> Speller | None:
        """Returns the writer of tokens as text, without loading weights; None if tokens have no text. Raises
        ConfigError."""
        return None

    @abstractmethod
    def load(self) -> LoadedPair:
        """Reads the weights. Raises ConfigError when a file is missing or its hash is not the recorded one."""
