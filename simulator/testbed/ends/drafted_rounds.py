"""The edge's end of `speculate` and `ahead`: draft, encode, send, and draft on, as far ahead of the verdicts as may be.

With no round ahead (D = 0) that is draft, send, wait. A verdict is read when it comes, whatever the processor does; the
pass under way then is made to its end, and nothing more of a round that it has voided.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from threading import Event
from typing import NamedTuple

from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.divergences import Unmeasured
from simulator.decoding.nodes import EdgeNode
from simulator.protocols.machine import EdgeState
from simulator.schemes.policy import most_drafts
from simulator.testbed.ends.restore import Restored
from simulator.testbed.ends.serving import Serving
from simulator.testbed.ends.timed_text import TimedText
from simulator.testbed.journal import Computed, Flushed
from simulator.testbed.letters import Address, Kind


class _Sent(NamedTuple):
    """A round whose verdict is out."""

    node: EdgeNode
    payload: bytes
    address: Address


@dataclass(slots=True, eq=False)
class _Drafting:
    """The round that is drafted now."""

    number: int
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """It is made, or void."""
    cut: Event = field(default_factory=Event)
    """It is void: tells the worker."""
    began_s: float | None = None
    made: int = 0
    """Drafts so far."""


class DraftedRounds:
    """Of one request. `kept`: what the device has kept of its last one."""

    def __init__(self, serving: Serving, decoding: RequestDecoding, kept: EdgeState | None) -> None:
        setting = decoding.draft_setting
        self._drafter = TimedText(lambda: setting.pair().drafter.open(setting.temperature))
        decoding.drafter = self._drafter
        self._serving = serving
        self._session = decoding.edge(Unmeasured())
        self._policy = setting.scheme.families.policy
        self._policy_state = self._policy.entry(None if kept is None else kept.policy)
        self._max_drafts = setting.scheme.max_drafts
        self._depth = setting.scheme.depth
        self._prompt = self._session.start.committed
        self._settled = self._session.start
        """After the last verdict."""
        self._next: EdgeNode | None = self._session.start
        """Where the round begins that is drafted now, or next; None: it must wait for the last verdict."""
        self._sent: list[_Sent] = []
        """The oldest first."""
        self._uplinked: list[Address] = []
        """What no reply has acknowledged, in order."""
        self._replies: dict[int, bytes] = {}
        """Of rounds that wait for an older one's."""
        self._drafting: _Drafting | None = None
        self._news = asyncio.Event()

    async def serve(self) -> EdgeState:
        """To the last token."""
        self._uplinked.append(self._serving.send_prompt(self._prompt))
        while self._serving.remaining_tokens:
            if self._next is None or len(self._sent) > self._depth:
                self._news.clear()
                await self._news.wait()
            else:
                await self._draft(self._next)
        return EdgeState(self._settled.state, self._policy_state)

    def hear(self, round_number: int, reply: bytes) -> None:
        """Takes the verdicts that are here, in the order of the rounds. A reply tells that the payloads up to its own
        have come."""
        come = [address for address in self._uplinked if address.round <= round_number]
        self._serving.post.acknowledge(*come)
        self._uplinked = self._uplinked[len(come) :]
        if round_number >= self._settled.round:
            self._replies[round_number] = reply
        while self._sent and self._sent[0].node.round in self._replies:
            self._resolve(self._sent.pop(0).node)
        self._news.set()

    def begin_anew(self) -> None:
        """The last settled round, then all payloads that wait for their verdict."""
        node, serving = self._settled, self._serving
        told = node.committed[: len(node.committed) - node.owes]
        self._uplinked = [serving.send_restored(Restored(node.round, node.owes, len(self._prompt), told))]
        for sent in self._sent:
            self._uplinked.append(serving.send(Kind.PAYLOAD, sent.node.round, sent.payload))

    async def _draft(self, node: EdgeNode) -> None:
        """One round, drafted and sent, unless a verdict voids it on the way."""
        serving, loop = self._serving, asyncio.get_running_loop()
        serving.begin_round(node.round)
        remaining_tokens = serving.remaining_tokens - sum(len(each.node.drafts) for each in self._sent)
        plan = self._policy.plan(most_drafts(self._max_drafts, remaining_tokens))
        assert plan is not None, "a policy that plans each round (testbed.plan)"
        drafting = self._drafting = _Drafting(node.round)
        made = loop.run_in_executor(serving.worker, self._make, node, plan, drafting)
        made.add_done_callback(lambda _: drafting.over.set())
        await drafting.over.wait()
        if drafting.cut.is_set():
            return
        self._drafting = None
        drafted, payload, computed = await made
        serving.journal.note(computed)
        address = Address(Kind.PAYLOAD, serving.device, serving.number, node.round)
        self._sent.append(_Sent(drafted, payload, address))
        self._next = self._session.successor(drafted)
        self._uplinked.append(serving.send(Kind.PAYLOAD, node.round, payload))

    def _make(self, node: EdgeNode, plan: int, drafting: _Drafting) -> tuple[EdgeNode, bytes, Computed]:
        """In the worker: the round and its payload."""
        serving, now_s = self._serving, self._now_s
        drafting.began_s = now_s()
        self._drafter.settle()
        self._drafter.passes_s.clear()
        drafted = self._drafted_until_cut(node, plan, drafting) if self._depth else self._session.compose(node, plan)
        payload = b"" if drafting.cut.is_set() else b"".join(self._session.seal(drafted).parts)
        passes_s = tuple(self._drafter.passes_s)
        computed = Computed(serving.device, serving.number, node.round, drafting.began_s, now_s(), passes_s)
        return drafted, payload, computed

    def _drafted_until_cut(self, node: EdgeNode, plan: int, drafting: _Drafting) -> EdgeNode:
        while len(node.drafts) < plan and not node.full and not drafting.cut.is_set():
            node, _ = self._session.draft(node)
            drafting.made = len(node.drafts)
        return node

    def _resolve(self, node: EdgeNode) -> None:
        self._settled, tokens = self._session.resolve(node, self._replies.pop(node.round))
        self._serving.close_round(node.round, tokens)
        if self._settled.round - node.round > self._depth:
            self._flush()
            self._next = self._settled

    def _flush(self) -> None:
        """What was drafted on drafts that do not stand is void."""
        serving = self._serving
        for sent in reversed(self._sent):  # the latest first: none of them is let go by one before it
            serving.post.withdraw(sent.address)
        self._uplinked = self._uplinked[: len(self._uplinked) - len(self._sent)]
        for sent in self._sent:
            self._note_flushed(sent.node.round, len(sent.node.drafts))
        self._sent.clear()
        self._replies.clear()
        if self._drafting is not None:
            drafting, self._drafting = self._drafting, None
            drafting.cut.set()
            drafting.over.set()
            self._note_cut(drafting)

    def _note_cut(self, drafting: _Drafting) -> None:
        """What was computed of it so far."""
        serving, made = self._serving, drafting.made
        if drafting.began_s is not None:
            passes_s = tuple(self._drafter.passes_s[:made])
            computed = Computed(
                serving.device, serving.number, drafting.number, drafting.began_s, self._now_s(), passes_s
            )
            serving.journal.note(computed)
        self._note_flushed(drafting.number, made)

    def _note_flushed(self, round_number: int, made: int) -> None:
        serving = self._serving
        serving.journal.note(Flushed(serving.device, serving.number, round_number, made, self._now_s()))

    def _now_s(self) -> float:
        return self._serving.journal.now_s
