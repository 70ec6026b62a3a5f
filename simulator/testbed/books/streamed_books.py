"""The books of a request that the cloud decodes by itself: `stream`."""

from __future__ import annotations

from math import isnan

from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import Verified
from simulator.protocols.accounts import bytes_tokens
from simulator.results.requests import Request
from simulator.results.rounds import At
from simulator.schemes.policy import most_drafts
from simulator.testbed.books.replay_clock import ReplayClock
from simulator.testbed.books.request_books import RequestBook


class StreamedBook(RequestBook):
    """Its rounds begin in the cloud, but the first, which waits for the prompt."""

    def __init__(self, clock: ReplayClock, request: Request, decoding: RequestDecoding) -> None:
        super().__init__(clock, request, decoding)
        self._session = decoding.hosted()
        self._node = self._session.start(request.prompt.tokens)
        self._generated = 0
        self._here: set[int] = set()
        """Rounds that are decoded now, or wait for it."""

    @property
    def kept(self) -> None:
        """Nothing."""

    def _begun(self, number: int) -> None:
        self._ledger.enter(number, "prompt_uplink_s" if number == 1 else "cloud_queue_s")

    def _resolve(self, number: int, reply: bytes) -> tuple[int, ...]:
        return bytes_tokens(reply, self._decoding.format)

    def _closed(self, number: int) -> None:
        if not self.request.open:
            self._ledger.enter(number + 1, "edge_queue_s")

    def prompt_arrived(self) -> None:
        self._ledger.prompt_arrived()
        self._enter(1, "cloud_queue_s")

    def submit(self, number: int) -> None:
        self.begin(number or self._node.round)
        round_ = self.request.open.get(number)
        if round_ is not None:
            if isnan(round_.payload.put_s):
                round_.payload = At.instant(self._clock.now)
            self._here.add(number)
        self._does(number, "cloud_queue_s")

    def passes(self, number: int, reads: bool) -> None:
        self._does(number, "prefill_s" if reads or not number else "cloud_decode_s")

    def passed(self, number: int) -> None:
        self._does(number, "cloud_decode_s" if number else "cloud_queue_s")

    def _does(self, number: int, state: str) -> None:
        self._enter(number or self._node.round, state)

    def _judge(self, number: int) -> Verified:
        self._check_due(number, self._node.round)
        scheme = self._decoding.setting.scheme
        drafts = most_drafts(scheme.drafts, self.request.output_tokens - self._generated)
        self._node, verified = self._session.decode(self._node, drafts)
        self._generated += verified.tokens
        if (round_ := self.request.open.get(number)) is not None:
            round_.drafted, round_.verified = drafts, verified
        return verified

    def _reply_put(self, number: int) -> None:
        self._here.discard(number)

    def cloud_killed(self) -> None:
        for number in self._here:
            self._enter(number, "cloud_queue_s")
        self._here.clear()
