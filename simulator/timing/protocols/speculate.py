"""Speculate: the edge drafts a round and sends it, the cloud verifies it and replies, and so on to the last token.

In between the edge may let the cloud decode by itself: a count goes up, and a reply comes down for each token, a round
of its own. Which of the two a message from the edge is, count or drafts, is told by its header, as its round is.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import NamedTuple

import simpy

from channels.codec.control import MOST_COUNT, STATUS_BYTES, decode_status, encode_count
from kinds import ConfigError
from kinds.arrays import Floats
from simulator.decoding.nodes import Drafted, EdgeNode, Parts
from simulator.results.observer import SECOND
from simulator.results.rounds import OpenRound
from simulator.schemes.oracle import Oracle
from simulator.schemes.policy import (
    Action,
    CloudDecodes,
    DraftOne,
    DraftRound,
    EdgeView,
    SeenCloud,
    SeenDraft,
    SeenVerdict,
    Send,
    Wait,
    most_drafts,
)
from simulator.timing.device import EdgeState, Process
from simulator.timing.later import delay_until
from simulator.timing.messages import Message
from simulator.timing.protocols.edge_rounds import note_payload, round_message, second_message, time_round
from simulator.timing.protocols.site import Site, send_prompt
from simulator.timing.protocols.speculate_cloud import SpeculateCloud


class _Asked(NamedTuple):
    """What a policy is asked about: the open round, and the law of its next draft where that was looked at."""

    node: EdgeNode
    most: int
    remaining_tokens: int
    law: Floats | None = None
    rung: int = 0
    planned: bool = False
    """It is not asked any more: the length is known."""


class Speculate:
    """The edge's end: draft, encode, send, wait for the verdict, resolve."""

    def __init__(self, site: Site) -> None:
        scheme = site.decoding.draft_setting.scheme
        self._site = site
        self._scheme = scheme
        self._session = site.decoding.edge()
        self._foresight = site.decoding.foresight()
        self._policy = scheme.families.policy
        self._policy_state = self._policy.entry(None if site.kept is None else site.kept.policy)
        self._max_drafts = scheme.max_drafts
        self._edge_passes = site.network.edge_passes
        self._cloud = SpeculateCloud(site, self._hear)
        self._uplinked: list[Message] = []
        self._verdicts: tuple[SeenVerdict, ...] = ()
        self._seen_cloud = SeenCloud()
        self._rung = 0
        """Of the open round."""
        self._arrived: dict[int, bytes] = {}
        """Replies, by their round, that were not read yet: one may overtake another."""
        self._awaited = 0
        """Replies still to come."""
        self._asked = False
        """The cloud wants all of the open round."""
        self._answer = site.network.env.event()
        """Comes with the next reply."""
        self._parts: Parts = ()
        """Of an open partial round, those put on the link."""
        self._last_put: Message
        self._sent_s = 0.0
        """When the last bits of the open round were put on the link."""

    def serve(self) -> Process[EdgeState]:
        site, request, session = self._site, self._site.request, self._session
        env = site.network.env
        prompt = send_prompt(site, self._cloud.prompt_arrived)
        self._uplinked += [] if prompt is None else [prompt]
        node = session.start
        while remaining_tokens := request.remaining_tokens:
            round_ = request.begin_round(node.round, env.now)
            most = most_drafts(self._max_drafts, remaining_tokens)
            yield from site.device.turn(request, round_.number)
            plan = self._policy.plan(most)
            if plan is None:
                asked = yield from self._ask(_Asked(node, most, remaining_tokens), round_)
            elif self._scheme.partial:
                asked = yield from self._ask(_Asked(node, plan, remaining_tokens, planned=True), round_)
            else:
                asked = yield from self._draft(node, round_, plan)
            site.device.rest(request)
            if isinstance(asked, CloudDecodes):
                node = yield from self._let_cloud_decode(node, round_, min(asked.tokens, MOST_COUNT))
                continue
            if self._scheme.partial:
                self._end_parts(round_)
            else:
                self._send_drafts(asked, round_)
            node, accepted = yield from self._resolve(asked)
            if plan is None:
                bits = round_.payload.bits
                self._learn(SeenVerdict(round_.drafted, accepted, bits, self._sent_s, env.now, self._rung))
        return EdgeState(node.state, self._policy_state)

    def close(self) -> None:
        for message in reversed(self._uplinked):  # the latest first: none of them is let go by one before it
            if not message.done:
                self._site.network.uplink.withdraw(message)
        self._site.has_answer()
        self._cloud.close()

    def _draft(self, node: EdgeNode, round_: OpenRound, plan: int) -> Process[EdgeNode]:
        """A round whose length is known: drafted at once, in time afterwards, since nobody looks in between."""
        env, drafted = self._site.network.env, self._session.compose(node, plan)
        end_s = time_round(self._site, round_, node, drafted)
        yield env.timeout(delay_until(env.now, end_s))
        return drafted

    def _ask(self, asked: _Asked, round_: OpenRound) -> Process[EdgeNode | CloudDecodes]:
        """A round that is drafted step by step, as time goes by; or that the policy leaves to the cloud. Of a partial
        one each draft goes out as it is drawn, and the reply may come before the last."""
        self._rung, self._parts, self._answer = 0, (), self._site.network.env.event()
        while len(asked.node.drafts) < asked.most and not asked.node.full and round_.number not in self._arrived:
            action = DraftOne(asked.rung) if asked.planned else self._next(asked)
            if isinstance(action, CloudDecodes):
                return action
            if isinstance(action, Send):
                break
            if isinstance(action, DraftRound):
                if not self._scheme.partial:
                    whole = yield from self._draft(self._on_rung(asked.node, action.rung), round_, action.length)
                    return whole
                asked = asked._replace(most=action.length, rung=action.rung, planned=True)
            elif isinstance(action, Wait):
                yield from self._wait(action, round_)
            elif asked.law is not None:
                asked = yield from self._draw(asked, round_)
            else:
                asked = yield from self._draft_one(asked, round_, action)
        node = asked.node if asked.law is None else self._session.stop(asked.node)
        if not self._scheme.partial:
            yield from self._encode(node, round_)
        return node

    def _encode(self, node: EdgeNode, round_: OpenRound) -> Process[bool]:
        return self._work(round_, "encode_s", self._site.network.edge.encode_s_per_draft * len(node.drafts))

    def _work(self, round_: OpenRound, state: str, duration_s: float) -> Process[bool]:
        """The processor works for so long. False: the reply to the round came before the end, and it stopped."""
        env, device, began_s = self._site.network.env, self._site.device, self._site.network.env.now
        self._enter(round_, state)
        device.work(began_s + duration_s)
        done = env.timeout(duration_s)
        yield self._unless_answered(done)
        if self._is_in_cloud(round_):
            self._site.request.hidden_draft_s += env.now - max(began_s, round_.payload.delivered_s)
        if not done.processed:
            device.end_work()
        return done.processed

    def _wait(self, action: Wait, round_: OpenRound) -> Process[None]:
        """The processor rests, then is waited for where another request has it."""
        env, device, request = self._site.network.env, self._site.device, self._site.request
        self._enter(round_, "edge_queue_s")
        device.rest(request)
        yield self._unless_answered(env.timeout(action.until_s - env.now))
        if round_.number not in self._arrived and (called := device.call(request)) is not None:
            self._enter(round_, "edge_queue_s")
            yield self._unless_answered(called)

    def _unless_answered(self, event: simpy.Event) -> simpy.Event:
        """The event, or the reply to the open round: to a partial one it may come while it is drafted."""
        return event | self._answer if self._scheme.partial else event

    def _enter(self, round_: OpenRound, state: str) -> None:
        """The request waits for this work of the edge, unless the cloud has all of the round that will come."""
        if not self._is_in_cloud(round_):
            self._site.request.ledger.enter(round_.number, state)

    def _is_in_cloud(self, round_: OpenRound) -> bool:
        """Whether the far end has handed over the partial round that is drafted."""
        return self._scheme.partial and not isnan(round_.payload.delivered_s)

    def _next(self, asked: _Asked) -> Action:
        env, site = self._site.network.env, self._site
        view = EdgeView(
            env.now,
            tuple(_seen(drafted) for drafted in asked.node.drafts),
            asked.most,
            asked.remaining_tokens,
            self._verdicts,
            site.network.uplink.seen_by(site.request.device),
            asked.law,
            self._seen_cloud,
            self._rung,
            self._scheme.rungs,
        )
        if isinstance(self._policy, Oracle):
            rejected = self._foresight.rejected(asked.node, self._rung)
            action, self._policy_state = self._policy.next(view, rejected, self._policy_state)
        else:
            action, self._policy_state = self._policy.next(view, self._policy_state)
        if isinstance(action, CloudDecodes) and self._scheme.families.reply.edge_corrects:
            told = "lets the cloud decode by itself, which lacks the corrections that the edge draws"
            raise ConfigError(f"policy {self._policy.kind!r}: {told} (scheme {self._scheme.kind!r})")
        return action

    def _draft_one(self, asked: _Asked, round_: OpenRound, action: DraftOne) -> Process[_Asked]:
        """A pass, and the draw from it, unless the policy is to see the law first."""
        node = asked.node
        (pass_s,) = self._edge_passes.of_round_s(
            self._site.request, round_.number, node.length - node.cached, node.cached, made=round_.edge_passes
        )
        if not node.drafts:
            node = self._on_rung(node, action.rung)
        made = yield from self._work(round_, "draft_s" if node.cached else "prefill_s", pass_s)
        if not made:
            return asked
        round_.edge_passes += 1
        if self._policy.looks_at_law and node.drafts:
            return asked._replace(law=self._session.look(node))
        drawn = yield from self._draw(asked._replace(node=node), round_)
        return drawn

    def _draw(self, asked: _Asked, round_: OpenRound) -> Process[_Asked]:
        """The draw from the law of the pass just made, if there is room; of a partial round the draft goes out."""
        asked = asked._replace(node=self._session.draft(asked.node)[0], law=None)
        if self._scheme.partial and not asked.node.full:
            asked = yield from self._send_part(asked, round_)
        return asked

    def _send_part(self, asked: _Asked, round_: OpenRound) -> Process[_Asked]:
        """The draft just drawn is encoded and put on the link, whatever it is. It says that it is the last where that
        was known before it was drawn: by the most of the round, or where the first law alone is over the budget."""
        drafts, encode_s = asked.node.drafts, self._site.network.edge.encode_s_per_draft
        most = 1 if drafts[0].over_budget else asked.most
        made = yield from self._work(round_, "encode_s", encode_s)
        if made:
            self._parts = note_payload(round_, asked.node, self._session, self._parts)
            if len(drafts) == 1:
                to, grows = self._cloud.payload_arrived, most > 1
                self._awaited, self._sent_s = 1, self._site.network.env.now
                self._put(round_message(self._site, round_, self._parts, to, grows=grows))
            else:
                self._add(self._parts[-1], ends=len(drafts) == most)
        return asked._replace(most=most)

    def _end_parts(self, round_: OpenRound) -> None:
        """The edge knows that no draft follows, and tells where the last part did not."""
        if round_.number in self._arrived:
            return
        if self._last_put.open:
            self._add(b"", ends=True)
        self._site.awaits_answer(self._last_put)

    def _add(self, part: bytes, *, ends: bool) -> None:
        if self._site.network.uplink.add(self._last_put, part, ends=ends):
            self._sent_s = self._site.network.env.now

    def _on_rung(self, node: EdgeNode, rung: int) -> EdgeNode:
        self._rung = rung
        return self._session.on_rung(node, rung)

    def _let_cloud_decode(self, node: EdgeNode, round_: OpenRound, tokens: int) -> Process[EdgeNode]:
        """The cloud is asked for so many tokens, and each is taken as its turn comes."""
        request, last = self._site.request, node.round + tokens
        self._send(round_, (encode_count(tokens),), self._cloud.count_arrived, tokens)
        bits, since_s = round_.payload.bits, round_.payload.put_s
        while node.round < last and request.remaining_tokens:
            node, _ = yield from self._resolve(node)
            self._learn(SeenVerdict(0, 0, bits, since_s, self._site.network.env.now))
            bits, since_s = 0, self._site.network.env.now
        return node

    def _send_drafts(self, node: EdgeNode, round_: OpenRound) -> None:
        self._send(round_, note_payload(round_, node, self._session), self._cloud.payload_arrived, 1)

    def _send(self, round_: OpenRound, parts: Parts, to: Callable[[Message], None], replies: int) -> None:
        self._awaited, self._sent_s = replies, self._site.network.env.now
        self._put(round_message(self._site, round_, parts, to))
        self._site.awaits_answer(self._last_put)

    def _put(self, message: Message) -> None:
        self._last_put = message
        self._uplinked.append(message)
        self._site.network.uplink.put(message)

    def _resolve(self, node: EdgeNode) -> Process[tuple[EdgeNode, int]]:
        """Waits for the reply to the round, and takes the tokens that it commits. Answers how many drafts stood."""
        request, number = self._site.request, node.round
        while number not in self._arrived:
            self._answer = self._site.network.env.event()
            yield self._answer
            if self._asked:
                yield from self._send_whole(node, request.open[number])
        reply = self._arrived.pop(number)
        if self._policy.hears_cloud:
            self._seen_cloud = SeenCloud(*decode_status(reply[-STATUS_BYTES:]))
            reply = reply[:-STATUS_BYTES]
        node, tokens = self._session.resolve(node, reply)
        assert len(tokens) == request.open[number].verified.tokens, "I9: edge and cloud differ"
        request.close_round(number, tokens, self._site.network.env.now)
        return node, len(tokens) - 1

    def _send_whole(self, node: EdgeNode, round_: OpenRound) -> Process[None]:
        """The cloud could not do with the round's payload: it is encoded anew, and all of it goes out."""
        site = self._site
        self._asked = False
        yield from site.device.turn(site.request, round_.number)
        yield from self._encode(node, round_)
        site.device.rest(site.request)
        self._put(second_message(site, round_, self._session.seal_whole(node), self._cloud.whole_arrived))
        site.awaits_answer(self._last_put)

    def _hear(self, message: Message) -> None:
        self._site.network.uplink.acknowledge(*self._uplinked)
        self._uplinked.clear()
        if message.index[2] > SECOND:
            self._asked = True
        else:
            self._arrived[message.index[2]] = message.arrived[0]
            self._awaited -= 1
        if not self._awaited:
            self._site.has_answer()
        if not self._answer.triggered:
            self._answer.succeed()

    def _learn(self, verdict: SeenVerdict) -> None:
        self._policy_state = self._policy.learn(verdict, self._policy_state)
        self._verdicts += (verdict,)


def _seen(drafted: Drafted) -> SeenDraft:
    return SeenDraft(drafted.draft, drafted.confidence, drafted.dropped_mass)
