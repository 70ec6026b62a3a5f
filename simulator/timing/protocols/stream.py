"""Stream: the prompt goes up, the cloud decodes by itself, and its tokens come down one round after the other."""

from __future__ import annotations

from simulator.decoding.nodes import CloudNode
from simulator.results.requests import holds_any
from simulator.results.rounds import At, OpenRound
from simulator.schemes.policy import most_drafts
from simulator.timing.device import Process
from simulator.timing.messages import Message
from simulator.timing.protocols.site import CloudHandler, Site, bytes_tokens, send_prompt


class Stream:
    """The device's end: it takes the tokens in order, since one reply may overtake another."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cloud = StreamCloud(site, self._hear)
        self._prompt: Message | None = None
        self._early: dict[int, bytes] = {}
        self._due = 1
        self._finished = site.network.env.event()

    def serve(self) -> Process[None]:
        request = self._site.request
        request.begin_round(1, self._site.network.env.now)
        request.ledger.enter(1, "prompt_uplink_s")
        self._prompt = send_prompt(self._site, self._cloud.prompt_arrived)
        self._site.awaits_answer(self._prompt)
        yield self._finished

    def close(self) -> None:
        if self._prompt is not None and not self._prompt.done:
            self._site.network.uplink.withdraw(self._prompt)
        self._site.has_answer()
        self._cloud.close()

    def _hear(self, message: Message) -> None:
        request, now_s = self._site.request, self._site.network.env.now
        if self._prompt is not None:
            self._site.network.uplink.acknowledge(self._prompt)
        self._early[message.index[2]] = message.arrived[0]
        while self._due in self._early:
            tokens = bytes_tokens(self._early.pop(self._due), self._site.decoding.format)
            request.close_round(self._due, tokens, now_s)
            self._due += 1
        if not request.remaining_tokens and not self._finished.triggered:
            self._site.has_answer()
            self._finished.succeed()


class StreamCloud(CloudHandler):
    """The cloud's end: it decodes round after round and sends each down as it comes, without waiting for the device."""

    serve_state = "cloud_decode_s"
    _generated: int = 0
    _node: CloudNode
    _round: OpenRound

    def prompt_arrived(self, prompt: bytes) -> None:
        self._session = self._site.decoding.hosted()
        node = self._session.start(bytes_tokens(prompt, self._site.decoding.format))
        self._decode(node, self._site.request.open[node.round])

    def _decode(self, node: CloudNode, round_: OpenRound) -> None:
        self._node, self._round = node, round_
        round_.payload = At.instant(self._site.network.env.now)
        scheme, request = self._site.decoding.setting.scheme, self._site.request
        round_.drafted = most_drafts(scheme.drafts, request.output_tokens - self._generated)
        tokens = len(node.committed) + round_.drafted
        drafts = round_.drafted
        self.submit(tokens, read_tokens=node.cached or tokens, cloud_drafts=drafts, judged_drafts=drafts)

    def job_does(self, state: str) -> None:
        self._ledger.enter(self._round.number, state)

    def job_done(self) -> None:
        request, network, round_ = self._site.request, self._site.network, self._round
        node, verified = self._session.decode(self._node, round_.drafted)
        network.cloud.crop(self._key, node.cached)
        self._generated += verified.tokens
        ended = holds_any(verified.committed, request.end_tokens)
        if self._generated < request.output_tokens and not ended:
            self._decode(node, request.begin_round(node.round, network.env.now))
        self.reply(round_, verified)
