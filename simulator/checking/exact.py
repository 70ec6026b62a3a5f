"""The exact output distribution of a scheme over a tiny pair, by enumerating every path of the shipped edge, codec and
cloud. `paths` finds the intervals of random numbers on which nothing changes; their lengths are the weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import TypeVar

import numpy as np

from channels.codec.wire import Draft
from channels.uniforms import Uniforms
from kinds.arrays import Floats, Ints
from models.interface import LoadedPair
from models.synthetic import MarkovModel
from models.verification import Verdict
from simulator.checking.paths import Forbidden, Guesses, ScriptedNumbers, outcomes
from simulator.decoding.cloud_session import along
from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.divergences import DivergenceMeter
from simulator.decoding.lookahead import SYNCHRONOUS, Lookahead
from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Full, Parts, Payload, Tokens, Tree, Verified
from simulator.decoding.setting import DraftSetting
from simulator.results.rounds import Divergences
from simulator.schemes.acceptance import Received
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import RequestUniforms, RoundUniforms
from simulator.schemes.enumeration import NotEnumerableError
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
    Wait,
    most_drafts,
)
from simulator.schemes.sparsifier import State


@dataclass(frozen=True)
class TinyPair:
    """Drafter and verifier whose next token depends on the last one: q and p after token x, float64 [V, V]."""

    q: Floats
    p: Floats

    @cached_property
    def loaded(self) -> LoadedPair:
        return LoadedPair(MarkovModel.from_table(self.q), MarkovModel.from_table(self.p), ())

    @property
    def vocabulary(self) -> int:
        return len(self.p)


P = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.6, 0.1, 0.2], [0.25, 0.25, 0.3, 0.2], [0.05, 0.15, 0.3, 0.5]])
Q = np.array([[0.3, 0.4, 0.2, 0.1], [0.2, 0.35, 0.3, 0.15], [0.55, 0.15, 0.2, 0.1], [0.1, 0.2, 0.25, 0.45]])
FOUR_TOKENS = TinyPair(Q, P)
THREE_TOKENS = TinyPair(
    np.array([[0.9, 0.08, 0.02], [0.34, 0.33, 0.33], [0.05, 0.6, 0.35]]),
    np.array([[0.7, 0.25, 0.05], [0.6, 0.0, 0.4], [0.3, 0.3, 0.4]]),
)
"""A sure drafter, one that knows nothing, and a token that the verifier never says."""
PAIR, V = FOUR_TOKENS.loaded, FOUR_TOKENS.vocabulary
Distribution = dict[tuple[int, ...], float]
S = TypeVar("S", bound=Hashable)
Past = tuple[
    PolicyState, tuple[SeenVerdict, ...]
]  # what a policy remembers, and the verification results that it has seen
Drop = Callable[[EdgeNode, EdgeNode], bool]
ReceivedParts = Callable[[tuple[int, ...], bool], int]
Start = tuple[State, Past, bool]
"""Start of a round: the scheme's state, the policy's, and True if the last token is a correction that the cloud has yet
to receive."""
Path = tuple[tuple[float, ...], float]
"""Random numbers in the order in which they are asked for, and the probability of all that go the same way."""
Judged = tuple[CloudNode, Verified, EdgeNode, tuple[int, ...]]
"""The cloud after a round, what it found, the edge after the reply, and the tokens committed."""
WAITS = 64  # times that a policy may ask to wait before one draft


class Unmeasuring(DivergenceMeter):
    """Stands beside both sides, so that it knows a correction that the edge draws, and measures nothing: what a rule of
    acceptance leaves is found here by other means."""

    def measure(self, *_: object) -> Divergences:
        return Divergences()


@dataclass
class Enumeration:
    """The exact distribution of the first `tokens` committed tokens of a scheme after `prompt`.

    `drop(before, after)` lets a control send a round without the draft it has just drawn, which no policy may.
    """

    scheme: DraftScheme
    tokens: int = 3
    prompt: tuple[int, ...] = (1, 2)
    pair: TinyPair = FOUR_TOKENS
    drop: Drop = lambda _before, _after: False
    room_bits: int | None = None
    received: ReceivedParts = lambda parts_bits, _foreseen: len(parts_bits)
    """Number of leading parts of a payload that the cloud receives, from their lengths in bits and from whether the
    edge knew that the last part is the last before it was drawn."""
    answer_s: float = 1.0  # how long each answer takes, as a policy sees it
    begun: int = 0  # tokens that the cloud decodes before the first draft
    second_drafts: int = 0
    full: int = 0
    shrunk: int = 0
    rounds: int = 0
    parts: int = 0
    cut: int = 0
    owed: int = 0  # rounds whose payload begins with a correction
    stopped: int = 0  # rounds sent without the draft whose distribution the policy had looked at
    sealed: int = 0  # payloads that the cloud has received
    alone: int = 0  # times that the cloud was left to decode by itself
    rungs: set[int] = field(default_factory=set)  # those that rounds were under
    lengths: set[int] = field(default_factory=set)
    """Drafts that a policy decided on at once, of rounds that could have had two or more."""
    short: int = 0  # rounds that arrived whole, and without all the drafts that were drawn
    payloads: set[tuple[int, int]] = field(default_factory=set)  # drafts and bits of those that were sent

    def _open(self, lookahead: Lookahead = SYNCHRONOUS) -> None:
        self._draft, self._verdict, self._results = (
            ScriptedNumbers(),
            ScriptedNumbers(),
            dict[Hashable, list[Path]](),
        )
        setting = DraftSetting(lambda: self.pair.loaded, self.scheme, self.pair.vocabulary, 1.0, self.room_bits)
        uniforms = RequestUniforms(self._draft, self._verdict, Uniforms.of(0, "shared"))
        decoding = RequestDecoding(setting, Tree(self.prompt, ()), uniforms, lookahead=lookahead, remember=False)
        decoding.meter = Unmeasuring(decoding.drafter, setting, uniforms)
        self._drafter, self._edge, self._cloud = decoding.drafter, decoding.edge(), decoding.cloud()

    def distribution(self) -> Distribution:
        """Committed continuation -> probability. Raises NotEnumerableError where the scheme asks for random numbers
        that are none of the step's own."""
        self._open()
        start: Start = self.scheme.entry(None), (self.scheme.families.policy.entry(None), ()), False
        return self._walk(start, self._round)

    def _walk(self, start: S, onward: Callable[[Tokens, S], Iterator[tuple[Tokens, S, float]]]) -> Distribution:
        """Goes on, round by round, from every continuation that is not long enough. `onward` says what may be committed
        after one and in which state that leaves, with what probability."""
        open_states: dict[tuple[Tokens, S], float] = {((), start): 1.0}
        distribution: Distribution = defaultdict(float)
        while open_states:
            self.rounds += 1
            following: dict[tuple[Tokens, S], float] = defaultdict(float)
            for (committed, state), weight in open_states.items():
                for tokens, after, share in onward(committed, state):
                    text = (*committed, *tokens)[: self.tokens]
                    if len(text) == self.tokens:
                        distribution[text] += weight * share
                    else:
                        following[text, after] += weight * share
            open_states = following
        return distribution

    def _round(self, committed: Tokens, start: Start) -> Iterator[tuple[Tokens, Start, float]]:
        state, past, owes = start
        node = EdgeNode(1, (*self.prompt, *committed), state, owes=owes)
        self.owed += owes
        if not committed and self.begun:
            for last, _, tokens, share in self._alone(node, past, self.begun, learns=False):
                yield tokens, (last, past, False), share
            return
        remaining = self.tokens - len(committed)
        most = most_drafts(self.scheme.max_drafts, remaining)
        plan = self.scheme.families.policy.plan(most)
        action: Action = DraftRound(most if plan is None else plan)
        if plan is None:
            action, past = self._ask(node, past, remaining, 0)
        if isinstance(action, CloudDecodes):
            self.alone += 1
            for last, learnt, tokens, share in self._alone(node, past, action.tokens):
                yield tokens, (last, learnt, False), share
            return
        assert isinstance(action, DraftOne | DraftRound), "no clock runs here, so nothing waits"
        self.rungs.add(action.rung)
        node = self._edge.on_rung(node, action.rung)
        planned = action.length if isinstance(action, DraftRound) else None
        if planned is not None and most > 1:
            self.lengths.add(planned)
        for drafted, asked, weight in self._drafts(node, past, remaining, action.rung, planned):
            payload = self._edge.seal(drafted)
            self.payloads.add((len(drafted.drafts), payload.bits))
            view, parts = self._on_the_air(node, drafted, payload, planned or most)
            for numbers, share in self._verdicts(drafted, view, parts):
                self._verdict.give(numbers)
                known, verified, after, tokens = self._answered(drafted, view, parts)
                left = self._cloud_before(after)
                assert tokens == verified.committed
                mine, theirs = ((each.committed, each.owed) for each in (known, left))
                assert mine == theirs, "the cloud knows what it received"
                judged = self._edge.verified(drafted, payload.drafted)
                seen = SeenVerdict(judged, verified.accepted, payload.bits, 0.0, self.answer_s, action.rung)
                learnt = self._learnt(seen, asked)
                yield tokens, (after.state, learnt, after.owes), weight * share

    def _on_the_air(self, node: EdgeNode, drafted: EdgeNode, payload: Payload, most: int) -> tuple[CloudNode, Parts]:
        """Returns the cloud's knowledge before the round, and the parts of the round that arrive."""
        foreseen = len(drafted.drafts) in (0, most) or drafted.drafts[0].over_budget
        arrived = self.received(payload.parts_bits, foreseen)
        self.cut += arrived < len(payload.parts)
        self.parts = max(self.parts, len(payload.parts))
        view, parts = self._cloud_before(node), payload.parts[:arrived]
        self.sealed += 1
        self._cloud.receive(view, parts)
        self.short += arrived == len(payload.parts) and len(self._cloud.received.drafts) < len(drafted.drafts)
        return view, parts

    def _answered(self, drafted: EdgeNode, view: CloudNode, parts: Parts) -> Judged:
        known, verified = self._cloud.verify(view, parts)
        after, tokens = self._edge.resolve(drafted, verified.reply)
        return known, verified, after, tokens

    def _verdicts(self, drafted: EdgeNode, view: CloudNode, parts: Parts) -> list[Path]:
        """The numbers that judge the round, one path for each outcome, and the probabilities: found once for all rounds
        that are verified alike, by the acceptance alone. Where the edge draws the correction, the whole way is run."""
        received, text, judge = self._cloud.received, drafted.committed, self.scheme.families.acceptance.judge
        drafts, numbers = tuple(received.drafts.tolist()), ScriptedNumbers()
        p = self.pair.p[[text[-1], *drafts]]
        drawing = Forbidden("asks for the number that drew a draft, so that judging it depends on the draft")
        asked = RequestUniforms(drawing, numbers, Forbidden("asks for random numbers that both ends share"))
        uniforms = RoundUniforms(asked, drafted.round, len(text))

        def alone() -> Verdict:
            return judge(along(p, drafts), received, uniforms)

        def whole() -> tuple[State, tuple[int, ...]]:
            *_, after, tokens = self._answered(drafted, view, parts)
            return after.state, tokens

        guesses = _verification_points(p, received)
        same = text[-1], len(text), drafts, received.qhat.tobytes()
        if same not in self._results:
            self._results[same] = list(outcomes(alone, numbers, guesses))
        paths = self._results[same]
        if not self.scheme.families.reply.edge_corrects:
            return paths
        found = list[Path]()
        for path, share in paths:
            numbers.give(path)
            verdict = alone()
            given = path if verdict.drawn else path[:-1]
            found += [(all_, share * rest) for all_, rest in outcomes(whole, self._verdict, _near(guesses), given)]
        return found

    def _cloud_before(self, node: EdgeNode) -> CloudNode:
        """Returns the cloud's knowledge when the edge begins this round: all but a correction of the edge's own."""
        if not node.owes:
            return self._cloud.start(node.committed)
        text = node.committed[:-1]
        return CloudNode(node.round, text, len(text), owed=True)

    def _alone(
        self, node: EdgeNode, past: Past, tokens: int, *, learns: bool = True
    ) -> Iterator[tuple[State, Past, tuple[int, ...], float]]:
        """The cloud decodes by itself, a round each token, from which the policy learns or not."""
        if not tokens:
            yield node.state, past, (), 1.0
            return
        view = self._cloud.start(node.committed)
        assert self._cloud.receive(view, ()) == 0
        for numbers, share in self._verdicts(node, view, ()):
            assert self._cloud.receive(view, ()) == 0
            self._verdict.give(numbers)
            _, verified = self._cloud.verify(view, ())
            after, committed = self._edge.resolve(node, verified.reply)
            learnt = self._learnt(SeenVerdict(0, 0, 16, 0.0, self.answer_s), past) if learns else past
            following = EdgeNode(1, after.committed, after.state)
            for state, last, more, rest in self._alone(following, learnt, tokens - 1, learns=learns):
                yield state, last, (*committed, *more), share * rest

    def _drafts(
        self, node: EdgeNode, past: Past, remaining: int, rung: int, planned: int | None
    ) -> Iterator[tuple[EdgeNode, Past, float]]:
        """Every round that may come of it: the first draft is drawn, the others where the policy says so."""
        most = most_drafts(self.scheme.max_drafts, remaining) if planned is None else planned
        sent = node.full or len(node.drafts) >= most
        if not sent and node.drafts and planned is None:
            node, past, sent = self._decide(node, past, remaining, rung)
        if sent:
            yield node, past, 1.0
            return
        for numbers, share in self._draws(node):
            self._draft.give(numbers)
            after, outcome = self._edge.draft(node)
            if isinstance(outcome, Drafted) and node.drafts and self.drop(node, after):
                yield node, past, share
                continue
            self.second_drafts += len(node.drafts) == 1
            self.full += isinstance(outcome, Full)
            for sealed, last, rest in self._drafts(after, past, remaining, rung, planned):
                yield sealed, last, share * rest

    def _decide(self, node: EdgeNode, past: Past, remaining: int, rung: int) -> tuple[EdgeNode, Past, bool]:
        """The round as the policy leaves it before one more draw, its state, and whether the round is sent."""
        action, asked = self._ask(node, past, remaining, rung)
        if self.scheme.families.policy.looks_at_law and not isinstance(action, Send):
            action, asked = self._ask(node, asked, remaining, rung, self._edge.look(node))
            self.stopped += isinstance(action, Send)
            node = self._edge.stop(node) if isinstance(action, Send) else node
        return node, asked, isinstance(action, Send)

    def _ask(
        self, node: EdgeNode, past: Past, remaining: int, rung: int, distribution: Floats | None = None
    ) -> tuple[Action, Past]:
        """Returns the policy's action, once it no longer waits."""
        seen = tuple(SeenDraft(each.draft, each.confidence, each.dropped_mass) for each in node.drafts)
        most = most_drafts(self.scheme.max_drafts, remaining)
        policy, (state, verdicts), now_s = self.scheme.families.policy, past, 0.0
        for _ in range(WAITS):
            view = EdgeView(
                now_s, seen, most, remaining, verdicts, SeenLink(), distribution, rung=rung, rungs=self.scheme.rungs
            )
            action, state = policy.next(view, state)
            if not isinstance(action, Wait):
                return action, (state, verdicts)
            now_s = action.until_s
        raise NotEnumerableError(f"waits more than {WAITS} times before one draft")

    def _learnt(self, seen: SeenVerdict, past: Past) -> Past:
        return self.scheme.families.policy.learn(seen, past[0]), (*past[1], seen)

    def _draws(self, node: EdgeNode) -> list[Path]:
        """The numbers that draw one more draft, one path for each that may come, and the probabilities."""
        self._draft.give(())
        _, outcome = self._edge.draft(node)
        if isinstance(outcome, Full):
            return [((), 1.0)]
        state = node.drafts[-1].state if node.drafts else node.state
        whole = self.scheme.propose(self.pair.q[node.context()[-1]], state)
        self.shrunk += outcome.support_size < len(whole.ids)

        def draw() -> Draft | None:
            _, outcome = self._edge.draft(node)
            return None if isinstance(outcome, Full) else outcome.draft

        return list(outcomes(draw, self._draft, lambda _: _shares(outcome.weights)))


def _verification_points(p: Floats, received: Received) -> Guesses:
    """Returns the points at which rejection sampling would change its outcome for a round, p [L + 1, V], with the
    number after those given."""
    places = np.arange(len(received.drafts)), received.drafts
    ratios = [x / y if y else inf for x, y in zip(p[places].tolist(), received.qhat[places].tolist(), strict=True)]

    def points(given: tuple[float, ...]) -> list[float]:
        if len(given) < len(ratios):
            return [ratios[len(given)]]
        at = next((n for n, ratio in enumerate(ratios) if given[n] > ratio), None)
        return _shares(p[-1] if at is None else np.maximum(p[at] - received.qhat[at], 0))

    return points


def _near(guesses: Guesses) -> Guesses:
    """Guesses of what is rounded before it is used."""
    return lambda given: [guess + side for guess in guesses(given) for side in (-1e-6, 0, 1e-6)]


def _shares(weights: Floats | Ints) -> list[float]:
    """Returns the points at which the inverse CDF changes from one id to the next."""
    total = np.cumsum(weights)
    return [float(each) for each in total / total[-1]] if total[-1] > 0 else []


def verifier_distribution(prompt: tuple[int, ...], tokens: int, p: Floats = P) -> Distribution:
    """Returns the distribution of the verifier's own text."""
    distribution: Distribution = {(): 1.0}
    for _ in range(tokens):
        distribution = {(*t, x): w * p[(*prompt, *t)[-1], x] for t, w in distribution.items() for x in range(len(p))}
    return distribution


def distance(one: Distribution, other: Distribution) -> float:
    """Total variation between two distributions of texts."""
    return sum(abs(one.get(text, 0.0) - other.get(text, 0.0)) for text in {*one, *other}) / 2
