"""The exact output distribution of a scheme over a tiny pair, by enumerating every path of the shipped edge, codec and
cloud. `paths` finds the intervals of random numbers on which nothing changes; their lengths are the weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import NamedTuple

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
Past = tuple[
    PolicyState, tuple[SeenVerdict, ...]
]  # what a policy remembers, and the verification results that it has seen
Start = tuple[State, Past, bool]
"""Start of a round: the scheme's state, the policy's, and True if the last token is a correction that the cloud has yet
to receive."""
Ended = tuple[Tokens, Start, float]
"""The text when no round is under way any more, from where the next one starts, and the weight of the path."""
Path = tuple[tuple[float, ...], float]
"""Random numbers in the order in which they are asked for, and the probability of all that go the same way."""


class UnderWay(NamedTuple):
    """Round that is drafted: its end, the operating point that it is under, and the most drafts that it may have."""

    node: EdgeNode
    rung: int
    most: int


Chain = tuple[UnderWay, ...]
"""Rounds under way, the oldest first."""
Drop = Callable[[EdgeNode, EdgeNode], bool]
ReceivedParts = Callable[[tuple[int, ...], bool], int]
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
    """The exact distribution of the first `tokens` committed tokens of a scheme after `prompt`. The edge drafts as many
    rounds ahead as it may; then the oldest is verified, and so on until nothing is under way.

    `drop(before, after)` lets a control send a round without the draft it has just drawn, which no policy may;
    `late(chain)` lets one give a bonus token as if the rounds after chain[0] were not there, which no cloud may.
    """

    scheme: DraftScheme
    tokens: int = 3
    prompt: tuple[int, ...] = (1, 2)
    pair: TinyPair = FOUR_TOKENS
    drop: Drop = lambda _before, _after: False
    late: Callable[[Chain], bool] = lambda _chain: False
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
    deepest: int = 0  # most rounds under way at once
    accepted: int = 0  # rounds that were accepted with a successor under way
    flushed: int = 0

    def _open(self) -> None:
        self._draft, self._verdict = ScriptedNumbers(), ScriptedNumbers()
        self._results = dict[Hashable, list[Path]]()
        self._lookahead = Lookahead(self.scheme.depth, len(self.prompt) + self.tokens)
        setting = DraftSetting(lambda: self.pair.loaded, self.scheme, self.pair.vocabulary, 1.0, self.room_bits)
        uniforms = RequestUniforms(self._draft, self._verdict, Uniforms.of(0, "shared"))
        decoding = RequestDecoding(setting, Tree(self.prompt, ()), uniforms, lookahead=self._lookahead, remember=False)
        decoding.meter = Unmeasuring(decoding.drafter, setting, uniforms)
        self._drafter, self._edge, self._cloud = decoding.drafter, decoding.edge(), decoding.cloud()

    def distribution(self) -> Distribution:
        """Committed continuation -> probability. Raises NotEnumerableError where the scheme asks for random numbers
        that are none of the step's own."""
        self._open()
        distribution: Distribution = defaultdict(float)
        start: Start = self.scheme.entry(None), (self.scheme.families.policy.entry(None), ()), False
        open_: dict[tuple[Tokens, Start], float] = {((), start): 1.0}
        while open_:
            self.rounds += 1
            following: dict[tuple[Tokens, Start], float] = defaultdict(float)
            for (committed, start), weight in open_.items():
                for text, after, share in self._from(committed, start):
                    found = text[len(self.prompt) :][: self.tokens]
                    if len(found) == self.tokens:
                        distribution[found] += weight * share
                    else:
                        following[found, after] += weight * share
            open_ = following
        return distribution

    def _from(self, committed: Tokens, start: Start) -> Iterator[Ended]:
        """Every way on from a start until no round is under way."""
        state, past, owes = start
        node = EdgeNode(1, (*self.prompt, *committed), state, owes=owes)
        self.owed += owes
        if not committed and self.begun:
            yield from self._alone(node, past, self.begun, learns=False)
        else:
            yield from self._ahead((), node, self._cloud_before(node), past)

    def _ahead(self, chain: Chain, start: EdgeNode | None, view: CloudNode, past: Past) -> Iterator[Ended]:
        """`start`: where the next round may begin."""
        self.deepest = max(self.deepest, len(chain))
        if start is None or len(chain) > self.scheme.depth:
            yield from self._verified(chain, start, view, past)
            return
        action, past = self._action(start, past)
        if isinstance(action, CloudDecodes):
            self.alone += 1
            yield from self._alone(start, past, action.tokens)
            return
        assert isinstance(action, DraftOne | DraftRound), "no clock runs here, so nothing waits"
        for drafted, asked, weight in self._rounds(start, action, past):
            following = self._edge.successor(drafted.node)
            for text, after, share in self._ahead((*chain, drafted), following, view, asked):
                yield text, after, weight * share

    def _remaining(self, node: EdgeNode) -> int:
        return len(self.prompt) + self.tokens - len(node.committed)

    def _action(self, node: EdgeNode, past: Past) -> tuple[Action, Past]:
        """Returns what the policy does where a round may begin."""
        remaining = self._remaining(node)
        plan = self.scheme.families.policy.plan(most_drafts(self.scheme.max_drafts, remaining))
        return self._ask(node, past, remaining, 0) if plan is None else (DraftRound(plan), past)

    def _rounds(
        self, node: EdgeNode, action: DraftOne | DraftRound, past: Past
    ) -> Iterator[tuple[UnderWay, Past, float]]:
        """Every round that may be drafted, the policy's state after it, and its probability."""
        self.rungs.add(action.rung)
        node, remaining = self._edge.on_rung(node, action.rung), self._remaining(node)
        planned, most = None, most_drafts(self.scheme.max_drafts, remaining)
        if isinstance(action, DraftRound):
            planned = action.length
            self.lengths |= {planned} if most > 1 else set()
        for drafted, asked, weight in self._drafts(node, past, remaining, action.rung, planned):
            yield UnderWay(drafted, action.rung, planned or most), asked, weight

    def _verified(self, chain: Chain, start: EdgeNode | None, view: CloudNode, past: Past) -> Iterator[Ended]:
        """The oldest round is verified; where it stands, whatever its numbers were, the next one is."""
        (oldest, rung, _), late, depth = chain[0], self.late(chain), self.scheme.depth
        for session in (self._edge, self._cloud):
            session._lookahead = SYNCHRONOUS if late else self._lookahead
        payload = self._edge.seal(oldest)
        self.payloads.add((len(oldest.drafts), payload.bits))
        parts = self._on_the_air(chain[0], payload)
        self._cloud.receive(view, parts)
        self.sealed += 1
        self.short += len(parts) == len(payload.parts) and len(self._cloud.received.drafts) < len(oldest.drafts)
        accepted, on, on_past = 0.0, view, past
        for numbers, share in self._judgements(oldest, view, parts):
            self._verdict.give(numbers)
            known, verified, after, tokens = self._answered(oldest, view, parts)
            left = self._cloud_before(after)
            assert tokens == verified.committed and known.round == after.round
            assert (known.committed, known.owed) == (left.committed, left.owed), "the cloud knows what it received"
            judged = self._edge.verified(oldest, payload.drafted)
            learnt = self._learnt(SeenVerdict(judged, verified.accepted, payload.bits, 0.0, self.answer_s, rung), past)
            if depth and not late and oldest.drafts and after.round == oldest.round + 1:
                accepted, on, on_past = accepted + share, known, learnt
            else:
                self.flushed += len(chain) - 1
                yield after.committed, (after.state, learnt, after.owes), share
        for session in (self._edge, self._cloud):
            session._lookahead = self._lookahead
        if accepted:
            self.accepted += 1
            for text, ended, share in self._ahead(chain[1:], start, on, on_past):
                yield text, ended, accepted * share

    def _on_the_air(self, sent: UnderWay, payload: Payload) -> Parts:
        """Returns the parts of a round that arrive."""
        drafts = sent.node.drafts
        foreseen = len(drafts) in (0, sent.most) or drafts[0].over_budget
        arrived = self.received(payload.parts_bits, foreseen)
        self.cut += arrived < len(payload.parts)
        self.parts = max(self.parts, len(payload.parts))
        return payload.parts[:arrived]

    def _answered(self, drafted: EdgeNode, view: CloudNode, parts: Parts) -> Judged:
        known, verified = self._cloud.verify(view, parts)
        after, tokens = self._edge.resolve(drafted, verified.reply)
        return known, verified, after, tokens

    def _judgements(self, drafted: EdgeNode, view: CloudNode, parts: Parts) -> Iterable[Path]:
        """Numbers that verify a round, for each way that it can go, and their weights."""
        return self._verdicts(drafted, view, parts)

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

        def near(given: tuple[float, ...]) -> list[float]:
            return [guess + side for guess in guesses(given) for side in (-1e-6, 0, 1e-6)]  # p in single precision

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
            found += [(all_, share * rest) for all_, rest in outcomes(whole, self._verdict, near, given)]
        return found

    def _cloud_before(self, node: EdgeNode) -> CloudNode:
        """Returns the cloud's knowledge when the edge begins this round: all but a correction of the edge's own."""
        if not node.owes:
            return self._cloud.start(node.committed)
        text = node.committed[:-1]
        return CloudNode(node.round, text, len(text), owed=True)

    def _alone(self, node: EdgeNode, past: Past, tokens: int, *, learns: bool = True) -> Iterator[Ended]:
        """The cloud decodes by itself, a round each token, from which the policy learns or not."""
        if not tokens:
            yield node.committed, (node.state, past, False), 1.0
            return
        view = self._cloud.start(node.committed)
        assert self._cloud.receive(view, ()) == 0
        for numbers, share in self._verdicts(node, view, ()):
            assert self._cloud.receive(view, ()) == 0
            self._verdict.give(numbers)
            _, verified = self._cloud.verify(view, ())
            after, _ = self._edge.resolve(node, verified.reply)
            learnt = self._learnt(SeenVerdict(0, 0, 16, 0.0, self.answer_s), past) if learns else past
            following = EdgeNode(1, after.committed, after.state)
            for text, ended, rest in self._alone(following, learnt, tokens - 1, learns=learns):
                yield text, ended, share * rest

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
        """Returns the policy's state after a verification result; one that plans whole rounds looks at none."""
        if self.scheme.plans:
            return past
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
