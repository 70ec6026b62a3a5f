"""Ahead: the edge drafts on while verdicts are out, on the assumption that all of its drafts stand.

Up to D rounds are drafted beyond the oldest whose verdict is out. A verdict that lets not all drafts of a round stand
voids the rounds drafted on it: those under way are withdrawn, and the one being drafted is cut. What both ends know of
such rounds without a word is in `decoding.lookahead`; the cloud's end is in `ahead_cloud`.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from kinds import ConfigError
from simulator.decoding.nodes import EdgeNode
from simulator.results.rounds import OpenRound
from simulator.schemes.policy import most_drafts
from simulator.timing.device import EdgeState, Process
from simulator.timing.later import delay_until
from simulator.timing.messages import Message
from simulator.timing.protocols.ahead_cloud import AheadCloud
from simulator.timing.protocols.edge_rounds import note_payload, round_message, time_round
from simulator.timing.protocols.site import Site, send_prompt


class _Sent(NamedTuple):
    """A round whose verdict is out."""

    round: OpenRound
    node: EdgeNode
    message: Message


class Ahead:
    """The edge's end: draft, encode, send, and draft the next one, until the verdicts come or D rounds are ahead."""

    def __init__(self, site: Site) -> None:
        scheme = site.decoding.draft_setting.scheme
        self._site = site
        self._session = site.decoding.edge()
        self._policy = scheme.families.policy
        self._policy_state = self._policy.entry(None if site.kept is None else site.kept.policy)
        self._max_drafts = scheme.max_drafts
        self._depth = scheme.depth
        self._cloud = AheadCloud(site, self._hear)
        self._uplinked: list[Message] = []
        """What no reply has acknowledged, in order."""
        self._sent: list[_Sent] = []
        """The oldest first."""
        self._next: EdgeNode | None = self._session.start
        """Where the round begins that is drafted now, or next; None: it must wait for the last verdict."""
        self._settled = self._session.start
        """After the last verdict."""
        self._cut: tuple[OpenRound, EdgeNode] | None = None
        """The round that is being drafted, and as it will be."""
        self._hidden_since_s: float | None = None
        """Since when the processor has worked behind a verdict."""
        self._replies: dict[int, bytes] = {}
        """Of rounds that wait for an older one's."""
        self._news = site.network.env.event()

    def serve(self) -> Process[EdgeState]:
        request = self._site.request
        prompt = send_prompt(self._site, self._cloud.prompt_arrived)
        self._uplinked += [] if prompt is None else [prompt]
        while request.remaining_tokens:
            if self._news.triggered:
                self._resolve()
            elif self._next is None or len(self._sent) > self._depth:
                yield self._news
            else:
                yield from self._draft(self._next)
        return EdgeState(self._settled.state, self._policy_state)

    def close(self) -> None:
        self._show()
        for message in reversed(self._uplinked):  # the latest first: none of them is let go by one before it
            if not message.done:
                self._site.network.uplink.withdraw(message)
        self._site.has_answer()
        self._cloud.close()

    def _draft(self, node: EdgeNode) -> Process[None]:
        """One round, drafted and sent, unless a verdict voids it on the way."""
        env, request = self._site.network.env, self._site.request
        round_ = request.begin_round(node.round, env.now)
        remaining_tokens = request.remaining_tokens - sum(each.round.drafted for each in self._sent)
        plan = self._policy.plan(most_drafts(self._max_drafts, remaining_tokens))
        if plan is None:
            raise ConfigError(f"scheme.depth = {self._depth}: needs a policy that plans every round")
        drafted = self._session.compose(node, plan)
        self._cut = round_, drafted
        self._hidden_since_s = env.now if self._sent else None
        done = env.timeout(delay_until(env.now, time_round(self._site, round_, node, drafted)))
        while not done.processed:
            yield done | self._news
            if self._news.triggered:
                self._resolve()
            if round_.flushed:
                return
        self._show()
        self._cut = None
        self._send(round_, drafted)

    def _send(self, round_: OpenRound, drafted: EdgeNode) -> None:
        parts = note_payload(round_, drafted, self._session)
        message = round_message(self._site, round_, parts, self._cloud.payload_arrived)
        self._uplinked.append(message)
        self._sent.append(_Sent(round_, drafted, message))
        self._next = self._session.successor(drafted)
        self._site.has_answer()
        self._site.network.uplink.put(message)
        self._site.awaits_answer(message)

    def _hear(self, message: Message) -> None:
        """A reply, maybe before that to an older round; it tells that the payloads up to its own have come."""
        number = message.index[2]
        come = [each for each in self._uplinked if each.index[2] <= number]
        self._site.network.uplink.acknowledge(*come)
        del self._uplinked[: len(come)]
        self._replies[number] = message.arrived[0]
        if not self._news.triggered:
            self._news.succeed()

    def _resolve(self) -> None:
        """Takes the verdicts that are here, in the order of the rounds."""
        request, now_s = self._site.request, self._site.network.env.now
        self._news = self._site.network.env.event()
        while self._sent and self._sent[0].round.number in self._replies:
            round_, node, _ = self._sent.pop(0)
            self._settled, tokens = self._session.resolve(node, self._replies.pop(round_.number))
            assert len(tokens) == round_.verified.tokens, "I9: edge and cloud differ"
            request.close_round(round_.number, tokens, now_s)
            if self._settled.round - round_.number > self._depth:
                self._flush()
                self._next = self._settled
        if not self._sent:
            self._show()
            self._site.has_answer()
        else:
            self._site.awaits_answer(self._sent[-1].message)

    def _flush(self) -> None:
        """What was drafted on drafts that do not stand is void."""
        request, now_s = self._site.request, self._site.network.env.now
        for sent in reversed(self._sent):  # the latest first: none of them is let go by one before it
            self._site.network.uplink.withdraw(sent.message)
        del self._uplinked[len(self._uplinked) - len(self._sent) :]
        for round_, node, message in self._sent:
            assert not round_.verified.tokens, "I3: a round is judged that was drafted on drafts that do not stand"
            on_air_bits = max(message.sent_bits + message.bound_bits, message.delivered_bits)
            request.flush_round(round_.number, len(node.drafts), on_air_bits, now_s)
        self._sent.clear()
        if self._cut is not None:
            (round_, node), self._cut = self._cut, None
            self._show()
            self._site.device.end_work()
            made = min(bisect_right(round_.pass_ends_s, now_s), len(node.drafts))
            request.flush_round(round_.number, made, 0, now_s)

    def _show(self) -> None:
        """The processor's work is hidden behind no verdict from now on."""
        if self._hidden_since_s is not None:
            self._site.request.hidden_draft_s += self._site.network.env.now - self._hidden_since_s
            self._hidden_since_s = None
