"""The values that the steps of the decoding plane take and give: a request's decodings are a tree of them.

The edge's side is a chain of `EdgeNode`, the cloud's of `CloudNode`; between them cross bytes alone. The fields that
begin with `then_` are the memory's: the outcome of each step that was taken, keyed by what was decided; no copy has
them (`dataclasses.replace`). There may be millions, so they are small: few pairs are found sooner than a key in a dict.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from channels.codec import wire
from kinds.arrays import Floats, Ints
from models.interface import TokenTree
from simulator.results.rounds import Divergences, DraftSums
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.reply import SentRound
from simulator.schemes.sparsifier import State

Tokens = tuple[int, ...]
Root = tuple[str, tuple[int, ...], State, Tokens]
"""Root of a request's tokens: a description of its setting, (seed, indices), entry state, prompt."""
Parts = tuple[bytes, ...]
"""The packets of a payload, in order; one, unless the scheme sends partial rounds."""
NO_DRAFTS: Parts = (b"",)
"""The payload of a round for which the drafter had no draft: a bare header, which asks for one token."""
Pass = tuple[Tokens, int | TokenTree]
"""A forward pass: its text, and what it is to yield: so many trailing distributions, or those of a tree after it."""
K = TypeVar("K")
V = TypeVar("V")
Outcomes = tuple[tuple[K, V], ...]
"""Pairs of what a step was taken with and its outcome."""


def outcome(outcomes: Outcomes[K, V], key: K) -> V | None:
    """The outcome for this key; None where the step was never taken with it."""
    for known, value in outcomes:
        if known == key:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Drafted:
    """Draft as drawn and sent, with the scheme's state after it."""

    draft: wire.Draft
    other_weights: Floats | None
    """Weights [K] over the draft's support that it was drawn by, of any total, where these are not its counts."""
    confidence: float
    """q(d), the drafter's own probability of it."""
    support_size: int
    dropped_mass: float
    tv_quantization: float
    covering_bound: float
    over_budget: bool
    state: State

    @property
    def weights(self) -> Floats | Ints:
        """Weights by which the draft was drawn, [K], of any total."""
        return self.draft.counts if self.other_weights is None else self.other_weights


def sum_drafts(drafts: Sequence[Drafted]) -> DraftSums:
    """The sums of these drafts."""
    return DraftSums(
        sum(drafted.support_size for drafted in drafts),
        sum(drafted.draft.support.size for drafted in drafts),
        sum((drafted.dropped_mass for drafted in drafts), 0.0),
        sum((drafted.tv_quantization for drafted in drafts), 0.0),
    )


@dataclass(frozen=True, slots=True)
class Full:
    """The next draft could exceed the budget, or the drafter has none, so it was not drawn. Its pass was made: the rule
    needs q_n."""


NO_TREE = TokenTree((), ())


@dataclass(slots=True, eq=False)
class EdgeNode:
    """Knowledge of the edge. Round `round` is open with `drafts`; the drafter's cache holds the first `cached` tokens
    of `context()`. Of a round drafted ahead, `committed` has the drafts of the rounds before it that are still out.
    `full`: a pass was made that nothing is drawn from, for want of room or by the policy's choice; the round is sent as
    it is. `owes`: the last token of `committed` is a correction that the edge drew, and the cloud has yet to receive.
    """

    round: int
    committed: Tokens
    state: State
    drafts: tuple[Drafted, ...] = ()
    full: bool = False
    cached: int = 0
    owes: bool = False
    then_draft: tuple[EdgeNode, Drafted | Full] | None = field(default=None, init=False, repr=False)
    then_stop: EdgeNode | None = field(default=None, init=False, repr=False)
    then_rung: Outcomes[int, EdgeNode] = field(default=(), init=False, repr=False)
    then_read: Outcomes[int, EdgeNode] = field(default=(), init=False, repr=False)
    then_compose: Outcomes[int, EdgeNode] = field(default=(), init=False, repr=False)
    then_seal: Payload | None = field(default=None, init=False, repr=False)
    then_resolve: Outcomes[bytes, tuple[EdgeNode, Tokens]] = field(default=(), init=False, repr=False)
    then_decode: tuple[EdgeNode, Verified] | None = field(default=None, init=False, repr=False)
    then_succeed: EdgeNode | None = field(default=None, init=False, repr=False)
    guesses: Outcomes[tuple[int, int], Tokens] = field(default=(), init=False, repr=False)
    """Tokens that may follow the first of its drafts, by their number and the number of guesses; never on disk."""
    foreseen: Outcomes[tuple[int, int], EdgeNode] = field(default=(), init=False, repr=False)
    """The next round as it begins, by the number of accepted drafts and the token behind them; never on disk."""

    def context(self) -> Tokens:
        """The committed text, then the drafts of the open round."""
        return (*self.committed, *(drafted.draft.token for drafted in self.drafts))

    def sent(self, uniforms: RequestUniforms) -> SentRound:
        """The open round, as the reply to it is read."""
        drafts = [drafted.draft for drafted in self.drafts]
        return SentRound(self.round, drafts, self.committed, uniforms)

    @property
    def length(self) -> int:
        """Tokens of `context()`."""
        return len(self.committed) + len(self.drafts)

    @property
    def steps(self) -> int:
        """The drafts of the longest path through the open round."""
        return len(self.drafts)

    @property
    def passes(self) -> int:
        """The passes of the drafter that the open round took; of a full one, the last came to nothing."""
        return len(self.drafts) + self.full

    @property
    def later_passes(self) -> tuple[int, ...]:
        """The number of tokens that are new in each of the round's passes but the first."""
        return (1,) * (len(self.drafts) + self.full - 1)

    def along(self, path: Iterable[int]) -> Tokens:
        """The tokens of some drafts of the open round, by their indices."""
        return tuple(self.drafts[each].draft.token for each in path)

    def made_by(self, passes: int) -> int:
        """The number of drafts that so many passes have made."""
        return min(passes, len(self.drafts))

    @property
    def distributions(self) -> int:
        """Distributions that the round sends."""
        return len(self.drafts)

    @property
    def parents(self) -> tuple[int, ...]:
        """The index of the draft that each draft follows, -1 where it follows the text itself."""
        return tuple(range(-1, len(self.drafts) - 1))

    def asked(self) -> Iterable[Pass]:
        """The passes of the drafter that the open round took, in order."""
        text, start = self.context(), len(self.committed)
        return [(text[: start + n], 1) for n in range(self.passes)]


@dataclass(slots=True, eq=False)
class TreeNode(EdgeNode):
    """Knowledge of the edge in an open round whose drafts branch: `drafts` are the nodes of `tree`, in its order."""

    tree: TokenTree = NO_TREE
    levels: tuple[tuple[int, ...], ...] = ()
    """The nodes that were fed to the drafter, by pass; of the first pass, over the text itself, there are none."""

    @property
    def steps(self) -> int:
        return self.tree.depth

    @property
    def passes(self) -> int:
        return 1 + len(self.levels)

    @property
    def later_passes(self) -> tuple[int, ...]:
        return tuple(len(level) for level in self.levels)

    def made_by(self, passes: int) -> int:
        return bisect_right(self.tree.depths, passes)

    @property
    def distributions(self) -> int:
        return len(set(self.tree.parents))

    @property
    def parents(self) -> tuple[int, ...]:
        return self.tree.parents

    @property
    def branches(self) -> bool:
        """True if a pass of the drafter had several nodes. If not, the drafter was fed a line, as a text."""
        return any(len(level) > 1 for level in self.levels)

    def asked(self) -> Iterable[Pass]:
        yield self.committed, 1
        for number in range(len(self.levels)):
            yield level_pass(self.committed, self.tree, self.levels[: number + 1])

    def walk(self, tokens: Tokens) -> tuple[int, ...]:
        """The path of these tokens down the tree."""
        path: tuple[int, ...] = ()
        for token in tokens:
            nodes = self.tree.children(path[-1] if path else -1)
            path = (*path, next(node for node in nodes if self.tree.tokens[node] == token))
        return path


def level_pass(committed: Tokens, tree: TokenTree, levels: Sequence[Sequence[int]]) -> Pass:
    """The drafter's pass over the nodes of the last of these levels: over a line where none has more than one."""
    last = levels[-1][-1]
    if all(len(level) == 1 for level in levels):
        return (*committed, *tree.along(tree.path_to(last))), 1
    return committed, TokenTree(tree.tokens[: last + 1], tree.parents[: last + 1])


@dataclass(slots=True, eq=False)
class Payload:
    """Bytes that a round sends and, for the books, the edge's own record of the drafts in them."""

    parts: Parts
    drafted: int
    sums: DraftSums
    parts_bits: tuple[int, ...] = field(init=False)
    """The length of each part."""
    bits: int = field(init=False)
    """Bits of all parts together."""

    def __post_init__(self) -> None:
        self.parts_bits = tuple(8 * len(part) for part in self.parts)
        self.bits = sum(self.parts_bits)


@dataclass(slots=True, eq=False)
class CloudNode:
    """Knowledge of the cloud: the committed text, and the number of its tokens in the verifier's cache. `owed`: the
    next payload reports a correction that comes after `committed`, drawn by the edge."""

    round: int
    committed: Tokens
    cached: int = 0
    owed: bool = False
    then_prefill: CloudNode | None = field(default=None, init=False, repr=False)
    then_verify: Outcomes[Parts, tuple[CloudNode, Verified]] = field(default=(), init=False, repr=False)
    then_host: Outcomes[int, tuple[CloudNode, Verified]] = field(default=(), init=False, repr=False)

    def of(self, prompt: Tokens) -> CloudNode:
        """The start of this text: this node, unless another prompt has arrived."""
        return self if self.committed == prompt else CloudNode(1, prompt)

    def after(self, committed: Tokens, step: int = 1, *, owed: bool = False) -> CloudNode:
        """The node once a round has committed these tokens, so many rounds on; the last of them is not in the cache
        yet, or is fed again, for the distribution after it. Of a round whose correction is `owed`, all of them are."""
        text = (*self.committed, *committed)
        return CloudNode(self.round + step, text, len(text) - (not owed), owed)


@dataclass(frozen=True, slots=True)
class Verified:
    """The verification result on a round's drafts, the bytes of the reply, the tokens it commits, and what an observer
    measures. Of the tokens, a correction that the edge draws is the observer's knowledge too."""

    drafts: Tokens
    accepted: int
    reply: bytes
    committed: Tokens
    divergences: Divergences
    tokens: int = field(init=False)
    """Number of tokens that it commits."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", len(self.committed))

    @property
    def checked(self) -> int:
        """Drafts that the verifier's pass was over."""
        return len(self.drafts)

    @property
    def stood(self) -> Sequence[int]:
        """The drafts that it accepts, by their indices in the round."""
        return range(self.accepted)

    def text_before(self, after: CloudNode) -> Tokens:
        """The committed text that its drafts followed, from the node after it."""
        return after.committed[: len(after.committed) - len(self.committed) + after.owed]


@dataclass(frozen=True, slots=True)
class TreeVerified(Verified):
    """The verification result on a tree of drafts, of which those of `path` are accepted."""

    tree: TokenTree
    path: tuple[int, ...]

    @property
    def stood(self) -> Sequence[int]:
        return self.path


class Tree:
    """The decodings of one request: where its edge and its cloud start."""

    def __init__(self, prompt: Tokens, state: State) -> None:
        self.edge = EdgeNode(1, prompt, state)
        self.cloud = CloudNode(1, prompt)
        self.answers: dict[object, object] = {}
        """What was made of whole decodings in this process (`protocols.decoded_answer`), by what else decides it."""
