"""Speculate: the edge drafts a round and sends it, the cloud verifies it and replies, and so on to the last token."""

from __future__ import annotations

from simulator.decoding.nodes import CloudNode, Drafted, EdgeNode, Parts
from simulator.results.rounds import OpenRound
from simulator.schemes.policy import DraftOne, EdgeView, SeenDraft, SeenVerdict, Send, most_drafts
from simulator.timing.device import EdgeState, Process
from simulator.timing.later import delay_until
from simulator.timing.messages import Message
from simulator.timing.protocols.edge_rounds import payload_message, time_round
from simulator.timing.protocols.site import CloudHandler, Site, bytes_tokens, passes_s, send_prompt


class Speculate:
    """The edge's end: draft, encode, send, wait for the verdict, resolve."""

    def __init__(self, site: Site) -> None:
        scheme = site.decoding.draft_setting.scheme
        self._site = site
        self._session = site.decoding.edge()
        self._policy = scheme.families.policy
        self._policy_state = self._policy.entry(None if site.kept is None else site.kept.policy)
        self._max_drafts = scheme.max_drafts
        self._passes_s = passes_s(site.network.edge.latency)
        self._cloud = SpeculateCloud(site, self._hear)
        self._uplinked: list[Message] = []
        self._verdicts: tuple[SeenVerdict, ...] = ()
        self._answer = site.network.env.event()

    def serve(self) -> Process[EdgeState]:
        site, request, session = self._site, self._site.request, self._session
        env = site.network.env
        prompt = send_prompt(site, self._cloud.prompt_arrived)
        self._uplinked += [] if prompt is None else [prompt]
        node = session.start
        while remaining_tokens := request.remaining_tokens:
            round_ = request.begin_round(node.round, env.now)
            most = most_drafts(self._max_drafts, remaining_tokens)
            plan = self._policy.plan(most)
            if plan is None:
                node = yield from self._ask(node, round_, most, remaining_tokens)
            else:
                node = yield from self._draft(node, round_, plan)
            self._send(node, round_)
            reply: bytes = yield self._answer
            node, tokens = session.resolve(node, reply)
            if plan is None:
                self._learn(round_, len(tokens) - 1)
            assert len(tokens) == round_.verified.tokens, "I9: edge and cloud differ"
            request.close_round(round_.number, tokens, env.now)
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

    def _ask(self, node: EdgeNode, round_: OpenRound, most: int, remaining_tokens: int) -> Process[EdgeNode]:
        """A round that the policy decides step by step, as time goes by."""
        site, ledger = self._site, self._site.request.ledger
        env, device = site.network.env, site.device
        while len(node.drafts) < most and not node.full:
            view = EdgeView(
                env.now,
                tuple(_seen(drafted) for drafted in node.drafts),
                most,
                remaining_tokens,
                self._verdicts,
                site.network.uplink.seen_by(site.request.device),
            )
            action, self._policy_state = self._policy.next(view, self._policy_state)
            if isinstance(action, Send):
                break
            if isinstance(action, DraftOne):
                ledger.enter(round_.number, "draft_s" if node.cached else "prefill_s")
                (pass_s,) = self._passes_s(node.length - node.cached, node.cached, 1)
                node, _ = self._session.draft(node)
                device.work(env.now + pass_s)
                yield env.timeout(pass_s)
                round_.edge_passes += 1
            else:
                ledger.enter(round_.number, "edge_queue_s")
                yield env.timeout(action.until_s - env.now)
        encode_s = site.network.edge.encode_s_per_draft * len(node.drafts)
        ledger.enter(round_.number, "encode_s")
        device.work(env.now + encode_s)
        yield env.timeout(encode_s)
        return node

    def _send(self, node: EdgeNode, round_: OpenRound) -> None:
        message = payload_message(self._site, round_, node, self._session, self._cloud.payload_arrived)
        self._uplinked.append(message)
        self._answer = self._site.network.env.event()
        self._site.network.uplink.put(message)
        self._site.awaits_answer(message)

    def _hear(self, message: Message) -> None:
        self._site.network.uplink.acknowledge(*self._uplinked)
        self._uplinked.clear()
        self._site.has_answer()
        self._answer.succeed(message.arrived[0])

    def _learn(self, round_: OpenRound, accepted: int) -> None:
        sent, now_s = round_.payload, self._site.network.env.now
        verdict = SeenVerdict(round_.drafted, accepted, sent.bits, sent.put_s, now_s)
        self._policy_state = self._policy.learn(verdict, self._policy_state)
        self._verdicts += (verdict,)


def _seen(drafted: Drafted) -> SeenDraft:
    return SeenDraft(drafted.draft, drafted.confidence, drafted.dropped_mass)


class SpeculateCloud(CloudHandler):
    """The cloud's end: reads the prompt into the cache once, then judges one payload at a time, by its bytes."""

    serve_state = "verify_s"
    _node: CloudNode | None = None
    _ready: bool = False
    _prefill_state: str = "prompt_uplink_s"
    _waiting: tuple[int, Parts] | None = None
    """The round whose payload is here and not judged yet, and the parts of it that came."""

    def prompt_arrived(self, prompt: bytes) -> None:
        self._session = self._site.decoding.cloud()
        self._node = self._session.start(bytes_tokens(prompt, self._site.decoding.format))
        tokens = len(self._node.committed) - 1
        if tokens:
            self.submit(tokens, read_tokens=tokens)
        else:
            self._prefilled()

    def payload_arrived(self, message: Message) -> None:
        """The payload waits here for the prompt and its prefill; it was drafted on the reply before it."""
        self.answered()
        number = message.index[2]
        self._waiting = number, message.arrived
        if self._ready:
            self._submit_round(message.arrived)
        else:
            self._ledger.enter(number, self._prefill_state)

    def _submit_round(self, parts: Parts) -> None:
        assert self._node is not None
        drafts = self._session.receive(self._node, parts)
        self.submit(len(self._node.committed) + drafts, read_tokens=self._node.cached)

    def job_does(self, state: str) -> None:
        if not self._ready:
            self._prefill_state = state
        if self._waiting is not None:
            self._ledger.enter(self._waiting[0], state)

    def job_done(self) -> None:
        if self._ready:
            self._judge()
        else:
            self._prefilled()

    def _prefilled(self) -> None:
        assert self._node is not None
        self._node = self._session.prefill(self._node)
        self._ready = True
        if self._waiting is not None:
            self._submit_round(self._waiting[1])

    def _judge(self) -> None:
        assert self._node is not None and self._waiting is not None
        (number, parts), self._waiting = self._waiting, None
        assert number == self._node.round, "I3: a protocol without drafting ahead sends one round at a time, in order"
        self._node, verified = self._session.verify(self._node, parts)
        self._site.network.cloud.crop(self._key, self._node.cached)
        self.reply(self._site.request.open[number], verified)
