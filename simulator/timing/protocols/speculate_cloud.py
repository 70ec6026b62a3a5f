"""The cloud's end of `speculate`: judges rounds by their bytes, or decodes as many tokens as it is asked by itself."""

from __future__ import annotations

from collections.abc import Callable

from channels.codec.control import decode_count, encode_status
from simulator.decoding.nodes import CloudNode, Parts
from simulator.results.requests import holds_any
from simulator.results.rounds import At
from simulator.timing.messages import Message
from simulator.timing.protocols.service_times import ServiceTimes
from simulator.timing.protocols.site import CloudHandler, Site, bytes_tokens


class SpeculateCloud(CloudHandler):
    """Reads the prompt into the cache once, then takes one message from the edge at a time: drafts, or a count."""

    serve_state = "verify_s"
    _node: CloudNode | None = None
    _ready: bool = False
    _prefill_state: str = "prompt_uplink_s"
    _waiting: tuple[int, Parts] | None = None
    """The round whose payload is here and not judged yet, and the parts of it that came; () is one without drafts."""
    _alone: int = 0
    """Tokens that it has yet to decode by itself."""

    def __init__(self, site: Site, device_hears: Callable[[Message], None]) -> None:
        super().__init__(site, device_hears)
        tells = site.decoding.draft_setting.scheme.families.policy.hears_cloud
        self._times = ServiceTimes(site.network.env) if tells else None

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
        self._take(message.index[2], message.arrived)

    def whole_arrived(self, message: Message) -> None:
        """All of a round that was asked for; it is judged like any other."""
        assert self._node is not None and self._node.asked, "I3: a payload comes in whole that was not asked for"
        self.answered()
        self._take(self._node.round, message.arrived)

    def count_arrived(self, message: Message) -> None:
        """So many tokens are to be decoded here, a round each. Raises CodecError."""
        self.answered()
        self._alone = decode_count(message.arrived[0])
        self._take(message.index[2], ())

    def _take(self, number: int, parts: Parts) -> None:
        self._waiting = number, parts
        if self._ready:
            self._submit_round(parts)
        else:
            self._ledger.enter(number, self._prefill_state)

    def _submit_round(self, parts: Parts) -> None:
        assert self._node is not None
        new_tokens = self._session.receive(self._node, parts)
        if self._times is not None:
            self._times.submitted()
        in_turn = new_tokens if self._session.in_turn(self._node) else 0
        self.submit(
            len(self._node.committed) + new_tokens,
            read_tokens=self._node.cached,
            cloud_drafts=in_turn,
            judged_drafts=new_tokens - self._node.owed,
        )

    def job_does(self, state: str) -> None:
        if not self._ready:
            self._prefill_state = state
        elif self._times is not None:
            self._times.does(state)
        if self._alone and state == self.serve_state:
            state = "cloud_decode_s"
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
        round_ = self._site.request.open[number]
        asked = self._session.asks(self._node, parts)
        if asked is not None:
            self._node = asked
            self._site.network.cloud.crop(self._key, asked.cached)
            self.ask(round_)
            return
        self._node, verified = self._session.verify(self._node, parts)
        self._site.network.cloud.crop(self._key, self._node.cached)
        status = b"" if self._times is None else encode_status(self._times.done(self._batch))
        if self._alone:
            ended = holds_any(verified.committed, self._site.request.end_tokens)
            self._alone = 0 if ended else self._alone - 1
            if self._alone:
                self._go_on(self._node.round)
        self.reply(round_, verified, status)

    def _go_on(self, number: int) -> None:
        """With the next token, a round that begins here."""
        now_s = self._site.network.env.now
        self._site.request.begin_round(number, now_s).payload = At.instant(now_s)
        self._take(number, ())
