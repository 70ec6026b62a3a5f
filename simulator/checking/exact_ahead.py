"""The exact output law of a scheme that drafts ahead, by enumerating every path of the shipped edge, codec and cloud.

The edge drafts as many rounds ahead as it may before the first verdict comes; then the oldest is judged, and so on
until nothing is under way. A verdict that lets all drafts of a round stand leads on to the next round, any other to a
new start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from simulator.checking.exact import Enumeration, Law
from simulator.decoding.lookahead import SYNCHRONOUS, Lookahead
from simulator.decoding.nodes import CloudNode, EdgeNode, Tokens
from simulator.schemes.policy import most_drafts
from simulator.schemes.sparsifier import State

Chain = tuple[EdgeNode, ...]
Ended = tuple[Tokens, State, float]
"""The text when nothing is under way any more, the scheme's state, and the weight of the path."""


@dataclass
class AheadEnumeration(Enumeration):
    """The exact law of the first `tokens` committed tokens after `prompt`.

    `late(chain)` lets a control give a bonus token as if the rounds after chain[0] were not there, which no cloud may.
    """

    late: Callable[[Chain], bool] = lambda _chain: False
    deepest: int = field(default=0, init=False)
    """Most rounds under way at once."""
    stood: int = field(default=0, init=False)
    """Rounds that stood with a successor under way."""
    flushed: int = field(default=0, init=False)

    def law(self) -> Law:
        """Committed continuation -> probability."""
        self._lookahead = Lookahead(self.scheme.depth, len(self.prompt) + self.tokens)
        self._open(self._lookahead)
        starts: dict[tuple[Tokens, State], float] = {(self.prompt, self.scheme.entry(None)): 1.0}
        law: Law = defaultdict(float)
        while starts:
            self.rounds += 1
            following: dict[tuple[Tokens, State], float] = defaultdict(float)
            for (text, state), weight in starts.items():
                for after, settled, share in self._ahead((), EdgeNode(1, text, state), self._cloud.start(text)):
                    answer = after[len(self.prompt) :][: self.tokens]
                    if len(answer) == self.tokens:
                        law[answer] += weight * share
                    else:
                        following[after, settled] += weight * share
            starts = following
        return law

    def _ahead(self, chain: Chain, start: EdgeNode | None, view: CloudNode) -> Iterator[Ended]:
        """`chain` is under way, the oldest first; `start`: where the next round may begin."""
        self.deepest = max(self.deepest, len(chain))
        if start is None or len(chain) > self.scheme.depth:
            yield from self._judged(chain, start, view)
            return
        remaining = len(self.prompt) + self.tokens - len(start.committed)
        planned = self.scheme.families.policy.plan(most_drafts(self.scheme.max_drafts, remaining))
        for drafted, _, weight in self._drafts(start, ((), ()), remaining, 0, planned):
            for text, state, share in self._ahead((*chain, drafted), self._edge.successor(drafted), view):
                yield text, state, weight * share

    def _judged(self, chain: Chain, start: EdgeNode | None, view: CloudNode) -> Iterator[Ended]:
        """The oldest round is judged; where it stands, whatever its numbers were, the next one is."""
        oldest, stood, on = chain[0], 0.0, view
        late = self.late(chain)
        for session in (self._edge, self._cloud):
            session._lookahead = SYNCHRONOUS if late else self._lookahead
        parts = self._edge.seal(oldest).parts
        self._cloud.receive(view, parts)
        for numbers, share in self._verdicts(oldest, view, parts):
            self._cloud.receive(view, parts)
            self._verdict.give(numbers)
            after, verified, settled, tokens = self._answered(oldest, view, parts)
            assert tokens == verified.committed and settled.round == after.round
            if not late and settled.round == oldest.round + 1:
                stood, on = stood + share, after
            else:
                self.flushed += len(chain) - 1
                yield settled.committed, settled.state, share
        for session in (self._edge, self._cloud):
            session._lookahead = self._lookahead
        if stood:
            self.stood += 1
            for text, state, share in self._ahead(chain[1:], start, on):
                yield text, state, stood * share
