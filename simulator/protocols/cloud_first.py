"""Cloud first: the cloud decodes by itself from the prompt on, while the edge's drafter reads it; then the edge joins,
and it goes on as in `speculate`, or as in `ahead`: the round after the last token of the cloud's own is the first that
others are drafted ahead of.

Each token is a round of its own, as after a count. They are the answer, and the edge's drafter reads them as prompt.
Once it has read the prompt, and of those that came meanwhile all but what it reads within a round trip, and its policy
drafts, the edge sends a bare header: join. The cloud ends the pass that is under way, or next, and sends its token down
as the last of its own; the edge drafts on it, having read meanwhile. Where the policy leaves more tokens to the cloud
at that moment, the cloud just goes on.

Exact whatever is lost or late: whether the cloud decodes round r + 1 by itself is settled before that pass begins, by
whether the join is there; when that was sent, how long it is, and when it came may depend on tokens that are committed,
never on the one to be drawn. A join that comes late costs nothing: the cloud has decoded on. One that comes after the
end of the answer is dropped with it.
"""

from __future__ import annotations

from math import isnan, nan
from typing import Final

from simulator.cell.scheme import Scheme
from simulator.decoding.nodes import CloudNode, EdgeNode, Verified
from simulator.protocols import machine
from simulator.protocols.accounts import Terms
from simulator.protocols.ahead import AheadCloud, AheadEdge
from simulator.protocols.machine import JobDone, MessageArrived, MessageKind, Need, Order, Signal, Steps
from simulator.protocols.speculate import OpenDrafts, SpeculateCloud, SpeculateEdge
from simulator.schemes.policy import CloudDecodes, SeenVerdict, most_drafts

JOIN_BYTES: Final = b""
"""The content of the word that the edge drafts from now on, which its header says."""


class CloudFirstEdge(SpeculateEdge):
    """Reads the prompt while tokens come, takes these, joins, reads them too, and drafts."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._last: int | None = None
        """The last round that the cloud has decoded before the edge drafts; None: it is not known yet."""
        self._streams = True
        """The cloud decodes by itself, as far as the edge knows."""
        self._wants_turn = False
        self._reading = 0
        """The drafter has read so many tokens once the pass under way is made; 0: none is."""
        self._left = 0
        """Tokens that the policy leaves to the cloud before it is asked again."""
        self._since_s = self._first_s = nan
        """When the token before came, and when the first did."""
        self._reads_since_s = self._per_token_s = nan
        """Since when the pass under way is made, and what the one before it took for a token."""

    @classmethod
    def needs(cls, scheme: Scheme) -> frozenset[Need]:
        return super().needs(scheme) | {Need.CLOUD_FIRST}

    def acknowledged(self, message: MessageArrived) -> int:
        """While tokens stream, one tells nothing of the join, which may be out."""
        return 0 if self._streams and message.kind is MessageKind.REPLY else super().acknowledged(message)

    def _open(self) -> Steps[EdgeNode]:
        node, joined = self._session.start, False
        self.commands += (machine.BeginRound(node.round), machine.EnterState(node.round, "prompt_uplink_s"))
        self._send_prompt()
        self.commands.append(Order.AWAIT)
        if self._scheme.features is None:
            self._want_turn(node)
        while self._streams and self._answer.remaining:
            event = yield
            if event is Signal.TURN:
                yield from self._read_text(node)
            elif event is Signal.WORKED:
                node = yield from self._has_read(node)
            else:
                assert isinstance(event, MessageArrived), f"I3: {event} while tokens are awaited"
                self._read(event)
                node = yield from self._take_tokens(node)
            busy = joined or self._left or self._reading or self._wants_turn
            if busy or not (self._streams and self._answer.remaining):
                continue
            behind = yield from self._is_behind(node)
            if not behind:
                self._left = yield from self._left_to_cloud(node)
            if not (behind or self._left):
                joined = True
                join = machine.SendMessage(MessageKind.JOIN, node.round, (JOIN_BYTES,), replies=0)
                self.commands += (join, Order.AWAIT)
            if not self._left and node.cached < len(node.committed):
                self._want_turn(node)
        self.commands.append(Order.SETTLED)
        if self._answer.remaining:
            return (yield from self._end_reading(node))
        if self._reading or self._wants_turn:
            self.commands += (Order.STOP, Order.REST)
        return node

    def _read(self, message: MessageArrived) -> None:
        if message.kind is MessageKind.LAST:
            self._last = message.round
        super()._read(message)
        if self._scheme.features is not None:
            self._replies[message.round] = self._scheme.features.before(message.parts[0])

    def _take_tokens(self, node: EdgeNode) -> Steps[EdgeNode]:
        """Takes those that are here, in their order. A policy sees each but the first, whose time is the prompt's, and
        learns from those that it has left to the cloud."""
        while node.round in self._replies and self._answer.remaining:
            self._streams = node.round != self._last
            node, _ = self._take(node)
            left, self._left = self._left, max(0, self._left - 1)
            now_s = (yield from self._look()).now_s
            result, self._since_s = SeenVerdict(0, 0, 0, self._since_s, now_s), now_s
            if isnan(self._first_s):
                self._first_s = now_s
            elif left:
                self._learn(result)
            else:
                self._verdicts += (result,)
        return node

    def _left_to_cloud(self, node: EdgeNode) -> Steps[int]:
        """Returns the number of further tokens that the policy leaves to the cloud, which goes on meanwhile; 0: it
        drafts, and is asked again when it may."""
        remaining = self._answer.remaining
        most = most_drafts(self._scheme.max_drafts, remaining)
        if self._policy.plan(most) is not None:
            return 0
        state = self._policy_state
        action = yield from self._ask(OpenDrafts(node, most, remaining, planned=False))
        if isinstance(action, CloudDecodes):
            return action.tokens
        self._policy_state = state
        return 0

    # Read, behind what the cloud does.

    def _want_turn(self, node: EdgeNode) -> None:
        self._wants_turn = True
        self.commands.append(machine.TakeTurn(node.round, hidden=True))

    def _is_behind(self, node: EdgeNode) -> Steps[bool]:
        """True if it is to read on before it joins: what is unread takes longer than a round trip, in which it is read
        as well, and reading is more than twice as fast as the cloud. A round trip that is not known is none. Nor does
        it join before it has read anything, if it had to wait for features."""
        unread = len(node.committed) - node.cached
        if not unread or isnan(self._per_token_s):
            return bool(unread)
        trip_s = (yield from self._look()).link.round_trip_s
        gap_s = (self._since_s - self._first_s) / max(1, node.round - 2)
        return 2 * self._per_token_s < gap_s and not unread * self._per_token_s <= trip_s

    def _read_text(self, node: EdgeNode) -> Steps[None]:
        """Reads all that is there, in one pass."""
        self._wants_turn, self._reading = False, len(node.committed)
        self._reads_since_s = (yield from self._look()).now_s
        self.commands.append(machine.DraftPass(node.round, node, hidden=True))

    def _has_read(self, node: EdgeNode) -> Steps[EdgeNode]:
        took_s = (yield from self._look()).now_s - self._reads_since_s
        tokens = self._reading - max(node.cached, self._terms.edge_held)
        self._per_token_s = took_s / tokens
        node, self._reading = self._session.read(node, self._reading), 0
        self.commands.append(Order.REST)
        return node

    def _end_reading(self, node: EdgeNode) -> Steps[EdgeNode]:
        """Ends the reading, as it is the edge's turn to draft: what it still reads, or waits for, is its round's time
        from now on. A pass that has not begun need not be made, the first of the round reads as much."""
        if self._reading or self._wants_turn:
            state = "edge_queue_s" if self._wants_turn else "draft_s" if node.cached else "prefill_s"
            self.commands += (machine.BeginRound(node.round), machine.EnterState(node.round, state))
            event = yield
            assert event in (Signal.TURN, Signal.WORKED), f"I3: {event} while no reply is out"
            if event is Signal.WORKED:
                node = yield from self._has_read(node)
        return node


class CloudFirstCloud(SpeculateCloud):
    """Decodes from the prompt on, which it reads in the pass of the first token, until the edge joins."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._features = terms.decoding.draft_setting.scheme.features
        self._opens = True
        """It decodes by itself because nobody else has drafted yet."""
        self._joined = False

    def _arrived(self, message: MessageArrived) -> None:
        if message.kind is MessageKind.JOIN:
            self._joined = True
        else:
            super()._arrived(message)

    def _begin(self, node: CloudNode, prompt_tokens: int) -> None:
        self._node, self._prompt_tokens, self._ready = node, prompt_tokens, True
        self._alone, self._due = self._terms.output_tokens, node.round
        self._payloads[node.round] = ()
        self.commands.append(machine.OpenInCloud(node.round))
        self._submit(node.round, reads=True)

    def _job_done(self, job: JobDone) -> None:
        if self._opens and self._joined:
            self._alone, self._opens, self._answers = 1, False, MessageKind.LAST
        super()._job_done(job)
        self._answers = MessageKind.REPLY

    def _with_features(self, reply: bytes, before: CloudNode, after: CloudNode, verified: Verified) -> bytes:
        """The first reply brings the features of the prompt, but for what the drafter has kept of a conversation."""
        if self._features is None:
            return reply
        first = before.round == 1
        tokens = after.cached - (self._terms.edge_held if first else len(before.committed) - (not before.owed))
        if first and self._features.prompt_tokens is not None:
            tokens = min(tokens, self._features.prompt_tokens)
        if self._features.tokens == "verified":
            tokens += verified.checked - verified.accepted
        return self._features.after(reply, tokens)


class CloudFirstAheadEdge(CloudFirstEdge, AheadEdge):
    """Joins as the one, then drafts as the other."""


class CloudFirstAheadCloud(CloudFirstCloud, AheadCloud):
    """Decodes as the one until the edge joins, then verifies as the other."""
