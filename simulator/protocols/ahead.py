"""Ahead: the edge drafts on while verification results are out, on the assumption that all of its drafts are accepted.

Up to D rounds are drafted beyond the oldest that is out, each on all drafts of the one before, or on the first path of
its tree. A result that does not accept just those voids the rounds drafted on them: their messages are cancelled, and
the one being drafted is cut. What both ends know of such rounds without a message is in `decoding.lookahead`. The cloud
takes rounds in order, as in `speculate`, and drops void ones.
"""

from __future__ import annotations

from simulator.cell.scheme import Scheme
from simulator.decoding.nodes import EdgeNode
from simulator.protocols import machine
from simulator.protocols.accounts import Terms
from simulator.protocols.machine import EdgeState, Event, JobDone, MessageArrived, Need, Order, Steps
from simulator.protocols.speculate import SpeculateCloud, SpeculateEdge
from simulator.schemes.draft_scheme import DraftScheme


class AheadEdge(SpeculateEdge):
    """Drafts, encodes, sends, and drafts the next round, until the replies come or D rounds are ahead."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._depth = self._scheme.depth
        self._sent: list[EdgeNode] = []
        """Rounds whose verification result is out, the oldest first."""
        self._next: EdgeNode | None = None
        """Where the round begins that is drafted now, or next; None: it must wait for the last result."""
        self._settled = self._session.start
        """After the last result."""
        self._drafting: int | None = None
        """The round that is being drafted."""

    @classmethod
    def needs(cls, scheme: Scheme) -> frozenset[Need]:
        trees = {Need.TREES_AHEAD} if isinstance(scheme, DraftScheme) and scheme.branches else set()
        return super().needs(scheme) | {Need.LOOKAHEAD} | trees

    def _serve(self) -> Steps[EdgeState]:
        self._settled = self._next = yield from self._open()
        while self._answer.remaining:
            if self._next is not None and len(self._sent) <= self._depth:
                yield from self._draft_round(self._next)
            else:
                self._take_results((yield))
        return EdgeState(self._settled.state, self._policy_state, self._settled.cached)

    def _draft_round(self, node: EdgeNode) -> Steps[None]:
        """Drafts and sends a round, unless a verification result voids it meanwhile."""
        remaining_tokens = self._answer.remaining - (len(node.committed) - len(self._settled.committed))
        plan = self._plan("depth", remaining_tokens)
        self._drafting = node.round
        self.commands.append(machine.DraftAll(node.round, self._session, node, plan, hidden=bool(self._sent)))
        while not isinstance(event := (yield), machine.RoundDrafted):
            if self._take_results(event):
                return
        self._drafting = None
        drafted = event.node
        self._sent.append(drafted)
        self._next = self._session.successor(drafted)
        self.commands.append(Order.SETTLED)
        self._send_drafts(drafted, replies=0)
        self.commands.append(Order.AWAIT)

    def _take_results(self, event: Event) -> bool:
        """A reply, maybe before that to an older round: takes the results that are here, in the order of the rounds.
        Answers whether rounds are void by it."""
        assert isinstance(event, MessageArrived), f"I3: {event} while replies are out"
        self._read(event)
        flushes = False
        while self._sent and self._sent[0].round in self._replies:
            node = self._sent.pop(0)
            self._settled, _ = self._take(node)
            if self._settled.round - node.round > self._depth:
                self._flush()
                flushes = True
            elif not node.drafts:
                self._next = self._settled
        self.commands.append(Order.AWAIT if self._sent else Order.SETTLED)
        return flushes

    def _flush(self) -> None:
        """Voids what was drafted on drafts that were not accepted."""
        self.commands.append(
            machine.FlushRounds([(each.round, len(each.drafts)) for each in self._sent], self._drafting)
        )
        self._sent.clear()
        self._drafting = None
        self._next = self._settled


class AheadCloud(SpeculateCloud):
    """Verifies rounds in order; those that were drafted on drafts that are not accepted are void."""

    def acknowledged(self, message: MessageArrived) -> int:
        """Returns the round up to which its device knows the results: all but the D rounds before this one."""
        return message.round - 1 - self._terms.decoding.draft_setting.scheme.depth

    def _job_done(self, job: JobDone) -> None:
        if self._due is not None and self._ready and job.node.round > self._due + 1:
            self.commands.append(machine.DropRounds(tuple(self._payloads), range(self._due + 1, job.node.round)))
            self._payloads.clear()
        super()._job_done(job)
