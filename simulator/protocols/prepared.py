"""Prepared: while a round is out the edge drafts the next one for several outcomes; the reply picks one of them.

An outcome is a number of accepted drafts and the token that follows them: the drafter's next choices for a correction,
its first ones for the bonus token (`EdgeSession.guesses`; `models.branch_counts` says how many of each). Each
branch gets a draft in every pass, a batch of as many tokens. If the outcome was prepared, the next round needs only the
passes that are still to be made, and goes out at once if there are none; else it is drafted as in `speculate`.

Nothing else crosses the air than in `speculate`, and the tokens are the same: a draft depends on the text before it and
on random numbers by round and number, so the branch that is picked holds what would have been drafted after the reply.
Which branches there are depends on lengths and on the drafter's distributions, never on what the verifier will draw.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.cell.scheme import Scheme
from simulator.decoding.nodes import EdgeNode, Tokens
from simulator.protocols import machine
from simulator.protocols.accounts import Terms
from simulator.protocols.cloud_first import CloudFirstEdge
from simulator.protocols.machine import EdgeState, Event, MessageArrived, Need, Order, Signal, Steps
from simulator.protocols.speculate import SpeculateEdge
from simulator.results.rounds import Preparation


@dataclass(slots=True)
class Branches:
    """Branches that are drafted behind a round of L drafts. The passes of a branch behind all of them come one pass
    later: its token is known once the last draft is read."""

    widths: tuple[int, ...]
    """[L + 1] Branches by the number of accepted drafts."""
    lengths: tuple[int, ...]
    """[L + 1] Drafts of the round that would follow."""
    made: int = 0
    """Passes that have ended."""

    def tokens(self, number: int) -> int:
        """Returns the tokens of pass `number`, from 0 on: one of each branch that is still drafted."""
        *corrections, bonus = zip(self.widths, self.lengths, strict=True)
        reads = bool(bonus[0]) if number == 0 else bonus[0] * (number <= bonus[1])
        return sum(width for width, length in corrections if number < length) + reads

    def drafted(self, accepted: int) -> int:
        """Returns the number of drafts that each branch behind so many accepted drafts has."""
        return max(0, min(self.made - (accepted == len(self.widths) - 1), self.lengths[accepted]))

    def complete(self) -> list[int]:
        """Returns the numbers of accepted drafts whose branches have their last draft of the last pass."""
        last = len(self.widths) - 1
        needed = (length + (accepted == last) for accepted, length in enumerate(self.lengths))
        return [each for each, passes in enumerate(needed) if self.widths[each] and passes == self.made]

    @property
    def drafts(self) -> int:
        """The drafts of all branches."""
        return sum(width * self.drafted(accepted) for accepted, width in enumerate(self.widths))


class PreparedEdge(SpeculateEdge):
    """Drafts, encodes, sends, prepares until the reply comes, and goes on from what was prepared."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._branches = Branches((0,), (0,))
        """Those of the round that is out."""
        self._hit = False
        """The last reply has picked one of them."""

    @classmethod
    def needs(cls, scheme: Scheme) -> frozenset[Need]:
        return super().needs(scheme) | {Need.PREPARES}

    def _serve(self) -> Steps[EdgeState]:
        node, made = (yield from self._open()), 0
        while self._answer.remaining:
            plan = self._plan("prepared", self._answer.remaining)
            drafted = self._on_its_way(node, plan)
            if drafted is None:
                drafted = yield from self._draft_whole(node, plan, made)
            node, made = yield from self._prepare(drafted)
        return EdgeState(node.state, self._policy_state, node.cached)

    def _on_its_way(self, node: EdgeNode, drafts: int) -> EdgeNode | None:
        """Returns the round of so many drafts that begins here if it is sent already."""
        return None

    def _prepare(self, node: EdgeNode) -> Steps[tuple[EdgeNode, int]]:
        """Drafts for what may follow until the reply to the round is here. Answers the next round, and how many of its
        passes are made."""
        number, branches, works = node.round, self._shared_out(node), False
        self._branches = branches
        if branches.tokens(0) and number not in self._replies:
            self.commands.append(machine.TakeTurn(number, hidden=True))
        while number not in self._replies:
            event = yield
            if isinstance(event, MessageArrived):
                self._read(event)
                continue
            works = self._go_on(node, event)
        after, tokens = self._take(node)
        accepted, picked = len(tokens) - 1, self._hit
        if works and picked and self._adds_to(accepted):
            # The pass under way is one of the next round's, which waits for it.
            self.commands += (
                Order.SETTLED, machine.BeginRound(after.round), machine.EnterState(after.round, "draft_s"),
            )  # fmt: skip
            event = yield
            assert event is Signal.WORKED, f"I3: {event} while no reply is out"
            branches.made += 1
        elif works:
            self.commands += (Order.STOP, Order.REST)
        return after, branches.drafted(accepted) if picked else 0

    def _shared_out(self, node: EdgeNode) -> Branches:
        """The branches behind a round: none where the answer would be complete."""
        left = [self._answer.remaining - 1 - accepted for accepted in range(len(node.drafts) + 1)]
        widths = self._scheme.fan_out.widths(len(node.drafts), self._scheme.prepared)
        return Branches(
            tuple(width if tokens > 0 else 0 for width, tokens in zip(widths, left, strict=True)),
            tuple(self._plan("prepared", tokens) if tokens > 0 else 0 for tokens in left),
        )

    def _go_on(self, node: EdgeNode, event: Event) -> bool:
        """Goes on with the branches after a pass, or once the processor is free. False: there is nothing left to do."""
        branches = self._branches
        branches.made += event is Signal.WORKED
        works = branches.tokens(branches.made) > 0
        if works:
            self._pass(node)
        else:
            self.commands.append(Order.REST)
        return works

    def _adds_to(self, accepted: int) -> bool:
        """True if the work under way is a pass over the branches behind so many accepted drafts."""
        return self._branches.drafted(accepted) < self._branches.lengths[accepted]

    def _pass(self, node: EdgeNode) -> None:
        branches = self._branches
        cached = node.length - 1 + sum(map(branches.tokens, range(branches.made)))
        tokens = branches.tokens(branches.made)
        self.commands.append(machine.PreparePass(node.round, tokens, cached, branches.made))

    def _close(self, node: EdgeNode, tokens: Tokens) -> None:
        branches, accepted = self._branches, len(tokens) - 1
        self._hit = (
            bool(self._answer.remaining and branches.widths[accepted])
            and (accepted < len(node.drafts) or branches.made > 0)
            and tokens[-1] in self._session.guesses(node, accepted, branches.widths[accepted])
        )
        drafts = branches.drafts
        wasted = drafts - self._hit * branches.drafted(accepted)
        prepared = Preparation(self._hit, branches.made, drafts, wasted)
        self.commands.append(machine.CloseRound(node.round, tokens, prepared=prepared))


class CloudFirstPreparedEdge(CloudFirstEdge, PreparedEdge):
    """Joins as the one, then drafts as the other."""
