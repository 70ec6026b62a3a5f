"""Exactness of a scheme: its text is compared with the verifier's distribution by enumeration, down to the first
difference. Asynchronous drafting has an enumeration of its own: the edge drafts as many rounds ahead as it may; then
the oldest is verified, and so on until nothing is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from kinds import ConfigError
from kinds.arrays import Floats
from simulator.checking.exact import (
    FOUR_TOKENS,
    THREE_TOKENS,
    Distribution,
    Enumeration,
    Judged,
    TinyPair,
    distance,
    verifier_distribution,
)
from simulator.checking.exact_tree import TreeEnumeration
from simulator.checking.subjects import Subject
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.lookahead import SYNCHRONOUS, Lookahead
from simulator.decoding.nodes import CloudNode, EdgeNode, Parts, Tokens, Tree, TreeNode
from simulator.decoding.setting import DraftSetting
from simulator.schemes import DraftScheme
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.policy import most_drafts
from simulator.schemes.sparsifier import State

TOKENS: Final = 3
PROMPT: Final = (1, 2)
EXACT_TV: Final = 1e-6
"""Below it a text is the verifier's but for rounding: a reply's probabilities may come down in single precision."""
RACES: Final = 200  # texts of a scheme whose ends share their random numbers


@dataclass(frozen=True)
class Finding:
    """Distance of the text from the verifier's, the length compared, and the first difference."""

    tv: float
    over: str
    difference: str = ""

    @property
    def holds(self) -> bool:
        return self.tv < EXACT_TV


Mode = tuple[str, Callable[[], Finding | None]]
"""Serving mode in words, and the function that finds its result; None if the scheme does not take the mode."""


def modes(subject: Subject) -> list[Mode]:
    """The modes that a scheme with the subject can be run in."""
    plain = subject.scheme(4, **_short(subject, 4))
    if plain.families.acceptance.races:
        return [("output", lambda: _raced(plain))]
    if plain.branches:
        return [
            ("output", lambda: _found(TreeEnumeration(plain, TOKENS).distribution(), FOUR_TOKENS, "", TOKENS)),
            ("output, drafting ahead", lambda: _ahead(subject, plain)),
        ]
    payloads = set[tuple[int, int]]()
    return [
        ("output", lambda: _worst(_plain(subject, payloads))),
        ("output, budget binds", lambda: _bound(subject, payloads)),
        ("output, partial rounds", lambda: _partial(subject, plain)),
        ("output, drafting ahead", lambda: _ahead(subject, plain)),
        ("output, cloud first", lambda: _first(subject, plain)),
        ("output, cloud first, then ahead", lambda: _first_then_ahead(subject, plain)),
    ]


def misstated(scheme: DraftScheme) -> str | None:
    """Returns a description of how the output distribution that the acceptance states differs from the one it leaves;
    "" if they agree, None if it states none."""
    last, size = PROMPT[-1], FOUR_TOKENS.vocabulary
    q, p = FOUR_TOKENS.q[last], FOUR_TOKENS.p[last]
    proposal = scheme.propose(q, scheme.entry(None))
    qhat, drawn = np.zeros(size), np.zeros(size)
    qhat[proposal.ids] = proposal.counts / proposal.counts.sum()
    weights = scheme.families.draw.weights(proposal, q)
    drawn[proposal.ids] = weights / weights.sum()
    stated = scheme.families.acceptance.output_distribution(p[None], qhat[None], drawn[None])
    if stated is None:
        return None
    distribution = Enumeration(scheme, 1).distribution()
    left = np.array([distribution.get((token,), 0.0) for token in range(size)])
    if abs(left - stated[0]).sum() / 2 < EXACT_TV:
        return ""
    return f"states {_rounded(stated[0])} of the token after {_text(PROMPT)}, and leaves {_rounded(left)}"


def _rounded(shares: Floats) -> str:
    return "(" + ", ".join(f"{share:.4g}" for share in shares.tolist()) + ")"


def _short(subject: Subject, vocabulary: int, drafts: int = 2) -> dict[str, object]:
    """Rounds of so many drafts, where the scheme takes that."""
    try:
        scheme = subject.scheme(vocabulary)
    except ConfigError:
        return {}
    return {"max_drafts": drafts} if scheme.max_drafts > drafts else {}


def _allowed(subject: Subject, **changes: object) -> DraftScheme | None:
    try:
        return subject.scheme(4, **_short(subject, 4), **changes)
    except ConfigError:
        return None


def _plain(subject: Subject, payloads: set[tuple[int, int]]) -> Iterator[Finding]:
    """Two drafts a round over four ids, and three over three, since a rule may treat later drafts otherwise; a policy
    also sees answers that come at once, and late. Notes the payloads over four ids."""
    for pair, drafts in ((FOUR_TOKENS, 2), (THREE_TOKENS, 3)):
        size = pair.vocabulary
        scheme = subject.scheme(size, **_short(subject, size, drafts))
        for answer_s in (1.0,) if scheme.plans else (0.01, 10.0):
            prompt = tuple(token % size for token in PROMPT)
            yield _enumerated(enumeration := Enumeration(scheme, drafts + 1, prompt, pair, answer_s=answer_s))
            payloads |= enumeration.payloads if pair is FOUR_TOKENS else set()


def _bound(subject: Subject, payloads: set[tuple[int, int]]) -> Finding | None:
    """Returns the finding with a budget that some second drafts exceed and others do not, None if there is no such
    budget."""
    bits = sorted({bits for drafts, bits in payloads if drafts == 2})
    scheme = _allowed(subject, budget_bits=bits[(len(bits) - 1) // 2]) if bits else None
    if scheme is None:
        return None
    found = _enumerated(bound := Enumeration(scheme, TOKENS))
    message = f"{found.over}, {bound.full} second drafts refused by {scheme.budget_bits} bits"
    return replace(found, over=message) if bound.full else None


def _partial(subject: Subject, plain: DraftScheme) -> Finding | None:
    scheme = None if plain.partial else _allowed(subject, partial=True)
    return None if scheme is None else _worst(_in_parts(scheme))


def _ahead(subject: Subject, plain: DraftScheme) -> Finding | None:
    scheme = None if plain.depth else _allowed(subject, depth=1)
    kind = AheadTreeEnumeration if plain.branches else AheadEnumeration
    return None if scheme is None else _enumerated(kind(scheme, TOKENS + 1))


def _first(subject: Subject, plain: DraftScheme) -> Finding | None:
    scheme = None if plain.cloud_first else _allowed(subject, cloud_first=True)
    return None if scheme is None else _enumerated(Enumeration(scheme, TOKENS, begun=1))


def _first_then_ahead(subject: Subject, plain: DraftScheme) -> Finding | None:
    scheme = None if plain.depth or plain.cloud_first else _allowed(subject, depth=1, cloud_first=True)
    kind = AheadTreeEnumeration if plain.branches else AheadEnumeration
    return None if scheme is None else _enumerated(kind(scheme, TOKENS + 2, begun=1))


def _in_parts(scheme: DraftScheme) -> Iterator[Finding]:
    """The second part of a round is always lost; then every one that is longer than a length that it may have."""
    lengths = set[int]()

    def none_longer(limit: int) -> Callable[[tuple[int, ...], bool], int]:
        def received(parts_bits: tuple[int, ...], _foreseen: bool) -> int:
            lengths.update(parts_bits[1:])
            return next((n for n, bits in enumerate(parts_bits) if n and bits > limit), len(parts_bits))

        return received

    yield _enumerated(Enumeration(scheme, TOKENS, received=none_longer(0)))
    for limit in sorted(lengths)[:-1]:
        yield _enumerated(Enumeration(scheme, TOKENS, received=none_longer(limit)))


def _enumerated(enumeration: Enumeration) -> Finding:
    distribution = enumeration.distribution()
    found = _found(
        distribution, enumeration.pair, f", {enumeration.rounds} rounds", enumeration.tokens, enumeration.prompt
    )
    if not enumeration.short or found.holds:
        return found
    message = (
        f"{enumeration.short} of {enumeration.sealed} payloads lack a draft that was drawn, so whether it is sent may"
    )
    return replace(found, difference=f"{message} depend on it: {found.difference}")


def _found(
    distribution: Distribution, pair: TinyPair, rounds: str, tokens: int, prompt: tuple[int, ...] = PROMPT
) -> Finding:
    over = f"all texts of {tokens} tokens over {pair.vocabulary} ids{rounds}"
    tv = float(distance(distribution, verifier_distribution(prompt, tokens, pair.p)))
    for length in range(1, tokens + 1):
        exact = verifier_distribution(prompt, length, pair.p)
        mine = dict.fromkeys(exact, 0.0)
        for text, share in distribution.items():
            mine[text[:length]] += share
        if distance(mine, exact) >= min(tv, EXACT_TV):
            text = max(exact, key=lambda each: abs(mine[each] - exact[each]))
            message = f"after {_text(prompt)} the text {_text(text)} comes with probability {mine[text]:.4g}"
            return Finding(tv, over, f"{message}, the verifier's is {exact[text]:.4g}")
    return Finding(tv, over)


def _raced(scheme: DraftScheme) -> Finding:
    """Returns the finding for two ends that share their random numbers: each text must be the verifier's own race,
    whatever was drafted."""
    setting, last = DraftSetting(lambda: FOUR_TOKENS.loaded, scheme, FOUR_TOKENS.vocabulary, 1.0), len(PROMPT) + TOKENS
    wrong, difference = 0, ""
    for sample in range(RACES):
        numbers = RequestUniforms.of(sample)
        decoding = RequestDecoding(setting, Tree(PROMPT, ()), numbers, remember=False)
        edge, cloud = decoding.edge(), decoding.cloud()
        node, view = edge.start, cloud.start(PROMPT)
        while len(node.committed) < last:
            drafted = edge.compose(node, scheme.max_drafts)
            parts = edge.seal(drafted).parts
            cloud.receive(view, parts)
            view, verified = cloud.verify(view, parts)
            node, _ = edge.resolve(drafted, verified.reply)
        for place in range(len(PROMPT), last):
            race = numbers.shared.exponentials(FOUR_TOKENS.vocabulary, place)
            before, token = node.committed[place - 1], node.committed[place]
            with np.errstate(divide="ignore"):
                won = int(np.argmin(race / FOUR_TOKENS.p[before]))
            if token != won:
                wrong += 1
                difference = (
                    difference or f"after token {before} comes {token}, and the verifier's own race is won by {won}"
                )
                break
    return Finding(wrong / RACES, f"{RACES} texts, each the verifier's own race", difference)


def _worst(findings: Iterator[Finding]) -> Finding:
    return max(findings, key=lambda each: each.tv)


def _text(tokens: tuple[int, ...]) -> str:
    return " ".join(map(str, tokens))


Chain = tuple[EdgeNode, ...]
Ended = tuple[Tokens, State, float]
"""The text when nothing is under way any more, the scheme's state, and the weight of the path."""


@dataclass
class AheadEnumeration(Enumeration):
    """The exact distribution of the first `tokens` committed tokens after `prompt`.

    `late(chain)` lets a control give a bonus token as if the rounds after chain[0] were not there, which no cloud may.
    """

    late: Callable[[Chain], bool] = lambda _chain: False
    deepest: int = field(default=0, init=False)  # most rounds under way at once
    accepted: int = field(default=0, init=False)  # rounds that were accepted with a successor under way
    flushed: int = field(default=0, init=False)

    def distribution(self) -> Distribution:
        self._lookahead = Lookahead(self.scheme.depth, len(self.prompt) + self.tokens)
        self._open(self._lookahead)
        return self._walk(self.scheme.entry(None), self._chains)

    def _chains(self, committed: Tokens, state: State) -> Iterator[tuple[Tokens, State, float]]:
        """Yields the committed tokens from a start until no round is under way, with their probabilities."""
        text = (*self.prompt, *committed)
        if not committed and self.begun:
            for last, _, tokens, share in self._alone(EdgeNode(1, text, state), ((), ()), self.begun, learns=False):
                yield tokens, last, share
            return
        for after, settled, share in self._ahead((), EdgeNode(1, text, state), self._cloud.start(text)):
            yield after[len(text) :], settled, share

    def _ahead(self, chain: Chain, start: EdgeNode | None, view: CloudNode) -> Iterator[Ended]:
        """`chain` is under way, the oldest first; `start`: where the next round may begin."""
        self.deepest = max(self.deepest, len(chain))
        if start is None or len(chain) > self.scheme.depth:
            yield from self._verified(chain, start, view)
            return
        remaining = len(self.prompt) + self.tokens - len(start.committed)
        for drafted, weight in self._rounds(start, most_drafts(self.scheme.max_drafts, remaining)):
            for text, state, share in self._ahead((*chain, drafted), self._edge.successor(drafted), view):
                yield text, state, weight * share

    def _rounds(self, start: EdgeNode, most: int) -> Iterator[tuple[EdgeNode, float]]:
        """Every round that may be drafted, and its probability."""
        planned = self.scheme.families.policy.plan(most)
        for drafted, _, weight in self._drafts(start, ((), ()), most, 0, planned):
            yield drafted, weight

    def _verified(self, chain: Chain, start: EdgeNode | None, view: CloudNode) -> Iterator[Ended]:
        """The oldest round is verified; where it stands, whatever its numbers were, the next one is."""
        oldest, accepted, on = chain[0], 0.0, view
        late = self.late(chain)
        for session in (self._edge, self._cloud):
            session._lookahead = SYNCHRONOUS if late else self._lookahead
        parts = self._edge.seal(oldest).parts
        self._cloud.receive(view, parts)
        for numbers, share in self._judgements(oldest, view, parts):
            self._cloud.receive(view, parts)
            self._verdict.give(numbers)
            after, verified, settled, tokens = self._answered(oldest, view, parts)
            assert tokens == verified.committed and settled.round == after.round
            if not late and oldest.drafts and settled.round == oldest.round + 1:
                accepted, on = accepted + share, after
            else:
                self.flushed += len(chain) - 1
                yield settled.committed, settled.state, share
        for session in (self._edge, self._cloud):
            session._lookahead = self._lookahead
        if accepted:
            self.accepted += 1
            for text, state, share in self._ahead(chain[1:], start, on):
                yield text, state, accepted * share

    def _judgements(self, oldest: EdgeNode, view: CloudNode, parts: Parts) -> Iterable[tuple[Sequence[float], float]]:
        """Numbers that verify a round, for each way that it can go, and their weights."""
        return self._verdicts(oldest, view, parts)


@dataclass
class AheadTreeEnumeration(AheadEnumeration, TreeEnumeration):
    """Enumeration of rounds drafted ahead, as `AheadEnumeration`, whose drafts branch."""

    def _rounds(self, start: EdgeNode, most: int) -> Iterator[tuple[EdgeNode, float]]:
        for drafted, weight in self._trees(start, most, []):
            self.trees += 1
            self.full += drafted.full
            yield drafted, weight

    def _judgements(self, oldest: EdgeNode, view: CloudNode, parts: Parts) -> Iterable[tuple[Sequence[float], float]]:
        assert isinstance(oldest, TreeNode)
        return self._paths(oldest)

    def _answered(self, drafted: EdgeNode, view: CloudNode, parts: Parts) -> Judged:
        assert isinstance(drafted, TreeNode)
        self._repeat_passes(drafted)
        return super()._answered(drafted, view, parts)
