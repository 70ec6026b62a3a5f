"""Sent ahead: as `prepared`, but each branch goes up as soon as it is drafted, and waits in the cloud for its outcome.

What a branch is for it names itself: the round before, in its header, the number of accepted drafts, and the token
behind them. The cloud, which has verified a round, replies as ever, and verifies at once the branch of that outcome if
it is there, or when it comes: no round trip lies between. The edge learns the outcome from the reply, and knows what it
has sent by then: if the branch of that outcome is among it, that is the next round, and the edge prepares for its
outcomes; else it sends what it has drafted, as in `prepared`. So one payload of the round comes, whatever is lost or
late, and nothing has to be promised. Branches of other outcomes are void from the reply on: those that wait for the
uplink are cancelled, and those that come are dropped before they are decoded.

The tokens are those of `speculate`, since a payload is the same whether it is sent as a branch or after the reply:
time decides that, and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from channels.codec.fixed_width import Branch, decode_branches, encode_branches
from simulator.decoding.edge_session import Foreseen
from simulator.decoding.nodes import EdgeNode, Payload, Tokens
from simulator.protocols import machine
from simulator.protocols.accounts import Terms, is_made
from simulator.protocols.cloud_first import CloudFirstCloud, CloudFirstEdge
from simulator.protocols.machine import Event, JobDone, MessageArrived, MessageKind, Order, Signal
from simulator.protocols.prepared import PreparedEdge
from simulator.protocols.speculate import SpeculateCloud


class SentBranch(NamedTuple):
    """A branch that was sent, and the number of its message."""

    message: int
    payload: Payload


class SentAheadEdge(PreparedEdge):
    """Drafts, encodes, sends, prepares and sends that too until the reply comes, and goes on from what was sent."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._format = terms.decoding.format
        self._began: EdgeNode | None = None
        """The round that is out, before its first draft; None: none was yet."""
        self._encoding: list[int] = []
        """The numbers of accepted drafts whose branches are being encoded."""
        self._sent: dict[tuple[int, int], SentBranch] = {}
        """The branches behind the round that is out, by their outcomes."""
        self._messages = 0
        """The number of messages that they went in."""
        self._picked: SentBranch | None = None
        """The one that the last reply has picked."""

    def acknowledged(self, message: MessageArrived) -> int:
        """Returns the round up to which all has arrived: the branches of later ones may be out whatever comes."""
        known = super().acknowledged(message)
        return known if self._began is None else min(known, self._began.round)

    def _on_its_way(self, node: EdgeNode, drafts: int) -> EdgeNode | None:
        self._began, self._encoding, self._messages = node, [], 0
        branch, self._picked = self._picked, None
        if branch is None:
            return None
        drafted = self._session.compose(node, drafts)
        self.commands += (machine.TakeBranch(node.round, branch.message, branch.payload, drafted), Order.AWAIT)
        return drafted

    def _go_on(self, node: EdgeNode, event: Event) -> bool:
        branches = self._branches
        if self._encoding:
            self._send_branches(node)
            return super()._go_on(node, Signal.TURN)
        branches.made += event is Signal.WORKED
        if event is Signal.WORKED and (complete := branches.complete()):
            self._encoding = complete
            drafts = sum(branches.widths[each] * branches.lengths[each] for each in complete)
            self.commands.append(machine.Encode(node.round, drafts, hidden=True))
            return True
        return super()._go_on(node, Signal.TURN)

    def _adds_to(self, accepted: int) -> bool:
        return not self._encoding and super()._adds_to(accepted)

    def _send_branches(self, node: EdgeNode) -> None:
        complete, self._encoding, branches = self._encoding, [], self._branches
        outcomes = [
            Foreseen(accepted, token, branches.lengths[accepted])
            for accepted in complete
            for token in self._session.guesses(node, accepted, branches.widths[accepted])
        ]
        if not outcomes:
            return
        assert self._began is not None
        drafted = self._session.foresee(self._began, node, outcomes)
        payloads = [self._session.seal(each) for each in drafted]
        self._messages += 1
        for each, payload in zip(outcomes, payloads, strict=True):
            self._sent[each.accepted, each.token] = SentBranch(self._messages, payload)
        content = encode_branches(
            [Branch(*each[:2], *payload.parts) for each, payload in zip(outcomes, payloads, strict=True)], self._format
        )
        self.commands += (machine.SendBranches(node.round + 1, self._messages, content), Order.AWAIT)

    def _close(self, node: EdgeNode, tokens: Tokens) -> None:
        sent, self._sent = self._sent, {}
        self._picked = sent.get((len(tokens) - 1, tokens[-1])) if self._answer.remaining else None
        if self._picked is not None:
            self.commands.append(machine.DropBranches(node.round, self._picked.message, self._picked.payload.bits))
        elif sent:
            self.commands += (machine.DropBranches(node.round), Order.SETTLED)
        super()._close(node, tokens)


class SentAheadCloud(SpeculateCloud):
    """Verifies as `SpeculateCloud` does; a branch whose outcome has come about is the payload of its round."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._format = terms.decoding.format
        self._branches: dict[tuple[int, int, int], bytes] = {}
        """The payloads of branches that may still be picked, undecoded: by round, accepted drafts and token."""
        self._outcome: tuple[int, int, int] | None = None
        """The branch that the last verification result picks."""

    def acknowledged(self, message: MessageArrived) -> int:
        """A branch is sent before the reply to the round before its own has come."""
        return super().acknowledged(message) - (message.kind is MessageKind.BRANCHES)

    def _arrived(self, message: MessageArrived) -> None:
        if message.kind is not MessageKind.BRANCHES:
            super()._arrived(message)
            return
        if self._node is None or message.round >= self._node.round:
            for each in decode_branches(message.parts[0], self._format):
                self._branches[message.round, each.accepted, each.token] = each.payload
            self._pick()
            self._take_next()

    def _job_done(self, job: JobDone) -> None:
        if job.verified is not None and not is_made(job.node, self._prompt_tokens, self._terms):
            self._outcome = job.node.round, job.verified.accepted, job.node.committed[-1]
            self._pick()
        super()._job_done(job)

    def _pick(self) -> None:
        """Takes the branch that the last result picks, if it is here, and drops the others of its round."""
        if self._outcome is None:
            return
        number = self._outcome[0]
        if self._outcome in self._branches:
            self._payloads[number] = (self._branches[self._outcome],)
            self.commands.append(machine.OpenBranch(number))
        self._branches = {key: payload for key, payload in self._branches.items() if key[0] > number}


class CloudFirstSentAheadEdge(CloudFirstEdge, SentAheadEdge):
    """Joins as the one, then drafts as the other."""


class CloudFirstSentAheadCloud(CloudFirstCloud, SentAheadCloud):
    """Decodes as the one until the edge joins, then verifies as the other."""
