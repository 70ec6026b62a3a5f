"""The exact output law of a scheme over a tiny pair, by enumerating every path of the shipped edge, codec and cloud.

A path is decided by uniforms. Each is replaced by the midpoints of the intervals on which nothing changes, weighted by
their lengths. The breakpoints come from this file's own arithmetic, joined with a coarse grid: where the shipped code
changed its mind elsewhere, some path would carry the wrong weight and the law would miss.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from channels.codec.wire import Draft
from channels.uniforms import Uniforms
from models.interface import LoadedPair
from models.synthetic import MarkovModel
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Full, Tree
from simulator.decoding.setting import DraftSetting
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms
from simulator.schemes.oracle import Oracle
from simulator.schemes.policy import (
    Action,
    CloudDecodes,
    DraftOne,
    DraftRound,
    EdgeView,
    PolicyState,
    SeenDraft,
    SeenLink,
    SeenVerdict,
    Send,
    most_drafts,
)
from simulator.schemes.sparsifier import State

V = 4
P = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.6, 0.1, 0.2], [0.25, 0.25, 0.3, 0.2], [0.05, 0.15, 0.3, 0.5]])
Q = np.array([[0.3, 0.4, 0.2, 0.1], [0.2, 0.35, 0.3, 0.15], [0.55, 0.15, 0.2, 0.1], [0.1, 0.2, 0.25, 0.45]])
PAIR = LoadedPair(MarkovModel.from_table(Q), MarkovModel.from_table(P), ())
GRID = [k / 3 for k in range(4)]
Law = dict[tuple[int, ...], float]
Told = tuple[PolicyState, tuple[SeenVerdict, ...]]
"""What a policy remembers, and the verdicts that it sees."""
Drop = Callable[[EdgeNode, EdgeNode], bool]
Heard = Callable[[tuple[int, ...], bool], int]
Corrected = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
Start = tuple[tuple[int, ...], State, Told, bool]
"""Of a round: the committed text, the scheme's state, the policy's, and whether the last token is a correction that the
cloud has yet to hear."""


class Script(Uniforms):
    """Numbers that are what they are told to be, whatever is asked for; a list is told by the last index."""

    __slots__ = ("told",)

    def __init__(self, told: float | list[float]) -> None:
        super().__init__(b"")
        object.__setattr__(self, "told", told)

    def uniform(self, *index: int) -> float:
        told: float | list[float] = self.told  # type: ignore[attr-defined]
        return told[index[-1]] if isinstance(told, list) else told

    def tell(self, told: float | list[float]) -> None:
        object.__setattr__(self, "told", told)


@dataclass
class Enumeration:
    """The exact law of the first `tokens` committed tokens of a scheme after `prompt`.

    `drop(before, after)` lets a control send a round without the draft it has just drawn, which no policy may.
    """

    scheme: DraftScheme
    tokens: int = 3
    prompt: tuple[int, ...] = (1, 2)
    drop: Drop = lambda _before, _after: False
    room_bits: int | None = None
    heard: Heard = lambda parts_bits, _foreseen: len(parts_bits)
    """How many leading parts of a payload the cloud hears, from their lengths in bits, and whether the edge knew of the
    last one that it is before it was drawn."""
    corrected: Corrected = lambda p, _text: p
    """What a rejected draft is corrected with, of p after a text."""
    second_drafts: int = 0
    full: int = 0
    shrunk: int = 0
    rounds: int = 0
    parts: int = 0
    cut: int = 0
    owed: int = 0
    """Rounds whose payload begins with a correction."""
    stopped: int = 0
    """Rounds sent without the draft whose law the policy had looked at."""
    sealed: int = 0
    """Payloads that the cloud has heard."""
    asked: int = 0
    """Rounds whose whole payload the cloud asked for."""
    alone: int = 0
    """Times that the cloud was left to decode by itself."""
    rungs: set[int] = field(default_factory=set)
    """Those that rounds were under."""
    lengths: set[int] = field(default_factory=set)
    """Drafts that a policy decided on at once, of rounds that could have had two or more."""

    def law(self) -> Law:
        """Committed continuation -> probability."""
        self._draft, self._verdict = Script(0.5), Script(0.5)
        setting = DraftSetting(lambda: PAIR, self.scheme, V, 1.0, self.room_bits)
        uniforms = RequestUniforms(self._draft, self._verdict, Uniforms.of(0, "shared"))
        decoding = RequestDecoding(setting, Tree(self.prompt, ()), uniforms, remember=False)  # every path runs live
        self._drafter, self._edge, self._cloud = decoding.drafter, decoding.edge(), decoding.cloud()
        self._foresight = decoding.foresight()
        policy = self.scheme.families.policy
        told: Told = policy.entry(None), ()
        open_states: dict[Start, float] = {((), self.scheme.entry(None), told, False): 1.0}
        law: Law = defaultdict(float)
        while open_states:
            self.rounds += 1
            following: dict[Start, float] = defaultdict(float)
            for start, weight in open_states.items():
                for tokens, after, asked, owes, share in self._round(start):
                    text = (*start[0], *tokens)[: self.tokens]
                    if len(text) == self.tokens:
                        law[text] += weight * share
                    else:
                        following[text, after, asked, owes] += weight * share
            open_states = following
        return law

    def _round(self, start: Start) -> Iterator[tuple[tuple[int, ...], State, Told, bool, float]]:
        committed, state, told, owes = start
        node = EdgeNode(1, (*self.prompt, *committed), state, owes=owes)
        self.owed += owes
        remaining = self.tokens - len(committed)
        most = most_drafts(self.scheme.max_drafts, remaining)
        plan = self.scheme.families.policy.plan(most)
        action: Action = DraftRound(most if plan is None else plan)
        if plan is None:
            action, told = self._ask(node, told, remaining, 0)
        if isinstance(action, CloudDecodes):
            self.alone += 1
            for after, learnt, tokens, share in self._alone(node, told, action.tokens):
                yield tokens, after, learnt, False, share
            return
        assert isinstance(action, DraftOne | DraftRound), "no clock runs here, so nothing waits"
        self.rungs.add(action.rung)
        node = self._edge.on_rung(node, action.rung)
        planned = action.length if isinstance(action, DraftRound) else None
        if planned is not None and most > 1:
            self.lengths.add(planned)
        for drafted, asked, weight in self._drafts(node, told, remaining, action.rung, planned):
            payload = self._edge.seal(drafted)
            foreseen = len(drafted.drafts) == (most if planned is None else planned) or drafted.drafts[0].over_budget
            arrived = self.heard(payload.parts_bits, foreseen)
            self.cut += arrived < len(payload.parts)
            self.parts = max(self.parts, len(payload.parts))
            view, parts = self._cloud_before(node), payload.parts[:arrived]
            self.sealed += 1
            heard = self._cloud.receive(view, parts) - owes
            if (whole := self._cloud.asks(view, parts)) is not None:
                self.asked += 1
                view, parts = whole, self._edge.seal_whole(drafted)
                heard = self._cloud.receive(view, parts)
            for numbers, share in self._verdicts(drafted, heard):
                self._verdict.tell(numbers)
                for n in range(len(drafted.drafts)):  # the passes of this path, since another one was just taken
                    self._drafter.laws(drafted.context()[: len(drafted.committed) + n], 1)
                known, verified = self._cloud.verify(view, parts)
                after, tokens = self._edge.resolve(drafted, verified.reply)
                left = self._cloud_before(after)
                assert tokens == verified.committed
                assert (known.committed, known.owed) == (left.committed, left.owed), "the cloud knows what it heard"
                seen = SeenVerdict(payload.drafted, verified.accepted, payload.bits, 0.0, 1.0, action.rung)
                learnt = self._learnt(seen, asked)
                yield tokens, after.state, learnt, after.owes, weight * share

    def _cloud_before(self, node: EdgeNode) -> CloudNode:
        """What the cloud knows when the edge begins this round: all but a correction of the edge's own."""
        if not node.owes:
            return self._cloud.start(node.committed)
        return CloudNode(node.round, node.committed[:-1], len(node.committed) - 1, owed=True)

    def _alone(self, node: EdgeNode, told: Told, tokens: int) -> Iterator[tuple[State, Told, tuple[int, ...], float]]:
        """The cloud decodes by itself, a round each token."""
        if not tokens:
            yield node.state, told, (), 1.0
            return
        for u, share in intervals(np.cumsum(P[node.committed[-1]])):
            view = self._cloud.start(node.committed)
            assert self._cloud.receive(view, ()) == 0
            self._verdict.tell([u])
            _, verified = self._cloud.verify(view, ())
            after, said = self._edge.resolve(node, verified.reply)
            learnt = self._learnt(SeenVerdict(0, 0, 16, 0.0, 1.0), told)
            following = EdgeNode(1, after.committed, after.state)
            for state, last, more, rest in self._alone(following, learnt, tokens - 1):
                yield state, last, (*said, *more), share * rest

    def _drafts(
        self, node: EdgeNode, told: Told, remaining: int, rung: int, planned: int | None
    ) -> Iterator[tuple[EdgeNode, Told, float]]:
        """Every round that may come of it: the first draft is drawn, the others where the policy says so."""
        most = most_drafts(self.scheme.max_drafts, remaining) if planned is None else planned
        sent = node.full or len(node.drafts) >= most
        if not sent and node.drafts and planned is None:
            node, told, sent = self._decide(node, told, remaining, rung)
        if sent:
            yield node, told, 1.0
            return
        q = Q[node.context()[-1]]
        weights = self._weights(node, q)
        for u, share in intervals(np.cumsum(weights) / weights.sum()):
            self._draft.tell(u)
            after, outcome = self._edge.draft(node)
            if isinstance(outcome, Drafted) and node.drafts and self.drop(node, after):
                yield node, told, share
                continue
            self.second_drafts += len(node.drafts) == 1
            self.full += isinstance(outcome, Full)
            for sealed, last, rest in self._drafts(after, told, remaining, rung, planned):
                yield sealed, last, share * rest

    def _decide(self, node: EdgeNode, told: Told, remaining: int, rung: int) -> tuple[EdgeNode, Told, bool]:
        """The round as the policy leaves it before one more draw, its state, and whether the round is sent."""
        action, asked = self._ask(node, told, remaining, rung)
        if self.scheme.families.policy.looks_at_law and not isinstance(action, Send):
            action, asked = self._ask(node, asked, remaining, rung, self._edge.look(node))
            self.stopped += isinstance(action, Send)
            node = self._edge.stop(node) if isinstance(action, Send) else node
        return node, asked, isinstance(action, Send)

    def _ask(
        self, node: EdgeNode, told: Told, remaining: int, rung: int, law: np.ndarray | None = None
    ) -> tuple[Action, Told]:
        seen = tuple(SeenDraft(each.draft, each.confidence, each.dropped_mass) for each in node.drafts)
        most = most_drafts(self.scheme.max_drafts, remaining)
        view = EdgeView(0.0, seen, most, remaining, told[1], SeenLink(), law, rung=rung, rungs=self.scheme.rungs)
        policy = self.scheme.families.policy
        if isinstance(policy, Oracle):
            action, after = policy.next(view, self._foresight.rejected(node, rung), told[0])
        else:
            action, after = policy.next(view, told[0])
        return action, (after, told[1])

    def _learnt(self, seen: SeenVerdict, told: Told) -> Told:
        return self.scheme.families.policy.learn(seen, told[0]), (*told[1], seen)

    def _weights(self, node: EdgeNode, q: np.ndarray) -> np.ndarray:
        """What draft n is drawn by, in id order, as the shipped edge proposes it."""
        self._draft.tell(0.5)
        _, outcome = self._edge.draft(node)
        if isinstance(outcome, Full):
            return np.ones(1)
        state = node.drafts[-1].state if node.drafts else node.state
        whole = self.scheme.propose(q, state)
        self.shrunk += outcome.support_size < len(whole.ids)
        if self._unjudged(outcome.draft):
            return q
        proposal = self.scheme.propose(q, state, outcome.support_size)
        return np.asarray(self.scheme.families.draw.weights(proposal, q), dtype=float)

    def _unjudged(self, draft: Draft) -> bool:
        return bool(self.scheme.receive([draft], self.scheme.format(V)).unjudged[0])

    def _verdicts(self, node: EdgeNode, heard: int) -> Iterator[tuple[list[float], float]]:
        """Every combination of intervals of the uniforms that judge the first `heard` drafts of the round."""
        drafts = [drafted.draft for drafted in node.drafts[:heard]]
        length, text, weight, kept = len(drafts), node.committed, 1.0, []
        for n, draft in enumerate(drafts):
            p = P[text[-1]]
            qhat = np.zeros(V)
            qhat[draft.support] = draft.counts / draft.counts.sum()
            ratio = 1.0 if self._unjudged(draft) else min(1.0, p[draft.token] / qhat[draft.token])
            residual = np.maximum(self.corrected(p, text) - qhat, 0)
            if ratio < 1:
                for u, share in intervals(np.cumsum(residual) / residual.sum()):
                    rest = [0.5] * (length - n - 1)
                    yield [*kept, (1 + ratio) / 2, *rest, u], weight * (1 - ratio) * share
            kept.append(ratio / 2)
            weight *= ratio
            text = (*text, draft.token)
        for u, share in intervals(np.cumsum(P[text[-1]])):
            yield [*kept, u], weight * share


def intervals(breakpoints: np.ndarray) -> Iterator[tuple[float, float]]:
    """(midpoint, length) of each interval of [0, 1] between these breakpoints and those of a coarse grid."""
    edges = np.unique(np.clip([*breakpoints, *GRID], 0.0, 1.0))
    for low, high in pairwise(edges):
        if high - low > 1e-15:
            yield (low + high) / 2, high - low


def verifier_law(prompt: tuple[int, ...], tokens: int) -> Law:
    """What the verifier alone would say."""
    law: Law = {(): 1.0}
    for _ in range(tokens):
        law = {(*t, x): w * P[(*prompt, *t)[-1], x] for t, w in law.items() for x in range(V)}
    return law


def distance(one: Law, other: Law) -> float:
    """Total variation between two laws of texts."""
    return sum(abs(one.get(text, 0.0) - other.get(text, 0.0)) for text in {*one, *other}) / 2
