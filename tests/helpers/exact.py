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

from models.interface import LoadedPair
from models.synthetic import MarkovModel
from simulator.decoding.memory import Tree
from simulator.decoding.nodes import Branch, Drafted, Full
from simulator.decoding.session import Session, Setting
from simulator.schemes.draft_scheme import DraftScheme, State
from simulator.schemes.policy import Action, EdgeView

V = 4
P = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.6, 0.1, 0.2], [0.25, 0.25, 0.3, 0.2], [0.05, 0.15, 0.3, 0.5]])
Q = np.array([[0.3, 0.4, 0.2, 0.1], [0.2, 0.35, 0.3, 0.15], [0.55, 0.15, 0.2, 0.1], [0.1, 0.2, 0.25, 0.45]])
PAIR = LoadedPair(MarkovModel.from_table(Q), MarkovModel.from_table(P), ())
GRID = [k / 3 for k in range(4)]
Law = dict[tuple[int, ...], float]
Drop = Callable[[Branch, Branch], bool]
Heard = Callable[[tuple[int, ...]], int]


@dataclass
class Script:
    """Noise that says what it is told to."""

    draft_u: float = 0.5
    verdict_u: list[float] = field(default_factory=list)

    def round(self, number: int) -> Script:
        return self

    def draft(self, n: int) -> float:
        return self.draft_u

    def verdict(self, drafts: int) -> np.ndarray:
        assert len(self.verdict_u) == drafts + 1
        return np.array(self.verdict_u)


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
    heard: Heard = len
    """How many leading parts of a payload the cloud hears, from their lengths in bits."""
    second_drafts: int = 0
    full: int = 0
    shrunk: int = 0
    rounds: int = 0
    parts: int = 0
    cut: int = 0

    def law(self) -> Law:
        """Committed continuation -> probability."""
        script = Script()
        self._script = script
        setting = Setting(lambda: PAIR, self.scheme, self.scheme.format(V), 1.0, self.room_bits)
        self._session = Session(setting, Tree(self.prompt, ()), script, remember=False)  # every path runs live
        open_states: dict[tuple[tuple[int, ...], State], float] = {((), self.scheme.entry(None)): 1.0}
        law: Law = defaultdict(float)
        while open_states:
            self.rounds += 1
            following: dict[tuple[tuple[int, ...], State], float] = defaultdict(float)
            for (committed, state), weight in open_states.items():
                for after, tokens, share in self._round(committed, state):
                    text = (*committed, *tokens)[: self.tokens]
                    if len(text) == self.tokens:
                        law[text] += weight * share
                    else:
                        following[text, after] += weight * share
            open_states = following
        return law

    def _round(self, committed: tuple[int, ...], state: State) -> Iterator[tuple[State, tuple[int, ...], float]]:
        branch = Branch(1, (*self.prompt, *committed), state)
        for sealed_branch, weight in self._drafts(branch, self.tokens - len(committed)):
            sealed = self._session.seal(sealed_branch)
            arrived = self.heard(sealed.parts_bits)
            self.cut += arrived < len(sealed.parts)
            self.parts = max(self.parts, len(sealed.parts))
            view = self._session.cloud((*self.prompt, *committed))
            for uniforms, share in self._verdicts(sealed_branch, sealed.heard(arrived)):
                self._script.verdict_u = uniforms
                for n in range(len(sealed_branch.drafts)):  # the passes of this path, since another one was just taken
                    self._session.drafter.laws(sealed_branch.context()[: len(sealed_branch.committed) + n], 1)
                _, verified = self._session.verify(view, sealed, arrived)
                after, undone = self._session.resolve(sealed_branch, verified.reply)
                assert undone.committed == verified.committed
                yield after.state, undone.committed, weight * share

    def _drafts(self, branch: Branch, remaining: int) -> Iterator[tuple[Branch, float]]:
        view = EdgeView(len(branch.drafts), branch.full, remaining)
        if self.scheme.policy().next(view) is Action.SEND:
            yield branch, 1.0
            return
        q = Q[branch.context()[-1]]
        weights = self._weights(branch, q)
        for u, share in intervals(np.cumsum(weights) / weights.sum()):
            self._script.draft_u = u
            after, outcome = self._session.draft(branch)
            if isinstance(outcome, Drafted) and branch.drafts and self.drop(branch, after):
                yield branch, share
                continue
            self.second_drafts += len(branch.drafts) == 1
            self.full += isinstance(outcome, Full)
            for sealed, rest in self._drafts(after, remaining):
                yield sealed, share * rest

    def _weights(self, branch: Branch, q: np.ndarray) -> np.ndarray:
        """What draft n is drawn by, in id order, as the shipped edge proposes it."""
        self._script.draft_u = 0.5
        _, outcome = self._session.draft(branch)
        if isinstance(outcome, Full):
            return np.ones(1)
        state = branch.drafts[-1].state if branch.drafts else branch.state
        whole = self.scheme.propose(q, state)
        self.shrunk += outcome.support_size < len(whole.ids)
        proposal = self.scheme.propose(q, state, outcome.support_size)
        return np.asarray(self.scheme.drawn_from(proposal, q), dtype=float)

    def _verdicts(self, branch: Branch, heard: int) -> Iterator[tuple[list[float], float]]:
        """Every combination of intervals of the uniforms that judge the first `heard` drafts of the round."""
        drafts = [drafted.draft for drafted in branch.drafts[:heard]]
        length, text, weight, kept = len(drafts), branch.committed, 1.0, []
        for n, draft in enumerate(drafts):
            p = P[text[-1]]
            qhat = np.zeros(V)
            qhat[draft.support] = draft.counts / draft.counts.sum()
            ratio = min(1.0, p[draft.token] / qhat[draft.token])
            residual = np.maximum(p - qhat, 0)
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
