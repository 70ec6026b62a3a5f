"""The books of a request whose edge drafts: `speculate` and `ahead`."""

from __future__ import annotations

from itertools import accumulate

from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import EdgeNode, Verified
from simulator.protocols.machine import EdgeState
from simulator.results.requests import Request
from simulator.schemes.policy import most_drafts
from simulator.testbed.books.cloud_books import CloudBook
from simulator.testbed.books.replay_clock import ReplayClock, check_bytes, differs
from simulator.testbed.books.request_books import RequestBook
from simulator.testbed.journal import Computed, Flushed


class DraftedBook(RequestBook):
    """What a round begins from is known by its number, whatever came when: tokens do not depend on time."""

    def __init__(self, clock: ReplayClock, request: Request, decoding: RequestDecoding) -> None:
        super().__init__(clock, request, decoding)
        scheme = decoding.draft_setting.scheme
        self._session = decoding.edge()
        self._policy = scheme.families.policy
        self._max_drafts = scheme.max_drafts
        self._settled = self._session.start
        """After the last verdict."""
        self._starts: dict[int, EdgeNode] = {self._settled.round: self._settled}
        """Where each round begins."""
        self._drafted: dict[int, EdgeNode] = {}
        self._sent: set[int] = set()
        """Rounds whose verdict is out."""
        self._hidden_since_s: float | None = None
        """Since when the processor has worked behind a verdict."""
        self._cloud = CloudBook(request, decoding, scheme.depth, self._enter)

    @property
    def kept(self) -> EdgeState:
        return EdgeState(self._settled.state, ())

    # At the edge.

    def _begun(self, number: int) -> None:
        self._ledger.enter(number, "edge_queue_s")

    def compute(self, computed: Computed) -> None:
        number, start_s = computed.round, computed.began_s
        round_ = self.request.open.get(number)
        if round_ is None:
            raise differs(self.where(number), "drafted round", number, "one that has begun, and is not over")
        ends_s = list(accumulate(computed.passes_s, initial=start_s))[1:]
        self._draft(number)
        self._ledger.enter(number, "draft_s" if self._starts[number].cached else "prefill_s", start_s)
        if ends_s and not self._starts[number].cached:
            self._ledger.enter(number, "draft_s", ends_s[0])
        if ends_s:  # one that was cut on the way is void, and no time is charged to it
            self._ledger.enter(number, "encode_s", ends_s[-1])
        round_.edge_passes, round_.pass_ends_s = len(ends_s), ends_s
        self._hidden_since_s = start_s if self._sent else None

    def computed(self, computed: Computed) -> None:
        self._show()

    def _draft(self, number: int) -> EdgeNode:
        """The round, with all of its drafts."""
        if number not in self._drafted:
            node = self._starts.get(number)
            if node is None:
                raise differs(self.where(number), "drafted round", number, f"one of {list(self._starts)}")
            made_tokens = len(node.committed) - len(self.request.prompt.tokens)
            plan = self._policy.plan(most_drafts(self._max_drafts, self.request.output_tokens - made_tokens))
            assert plan is not None, "a policy that plans each round (testbed.plan)"
            self._drafted[number] = self._session.compose(node, plan)
        return self._drafted[number]

    def _seal(self, number: int, content: bytes) -> None:
        drafted = self._draft(number)
        payload = self._session.seal(drafted)
        check_bytes(self.where(number), "payload", content, b"".join(payload.parts))
        round_ = self.request.open.get(number)
        if round_ is not None:
            round_.drafted, round_.sums, round_.sent = payload.drafted, payload.sums, drafted
            self._sent.add(number)
        successor = self._session.successor(drafted)
        if successor is not None:
            self._starts[successor.round] = successor

    def _resolve(self, number: int, reply: bytes) -> tuple[int, ...]:
        self._settled, tokens = self._session.resolve(self._drafted[number], reply)
        self._starts[self._settled.round] = self._settled
        return tokens

    def _closed(self, number: int) -> None:
        self._sent.discard(number)
        if not self._sent:
            self._show()
        if self._settled.round not in self.request.open:
            self._ledger.enter(self._settled.round, "edge_queue_s")

    def flush(self, flushed: Flushed, on_air_bits: int) -> None:
        number = flushed.round
        if number not in self.request.open:
            raise differs(self.where(number), "flushed round", number, f"one of {list(self.request.open)}")
        self._sent.discard(number)
        if not self._sent:
            self._show()
        self.request.flush_round(number, flushed.made, on_air_bits, self._clock.now)

    def end(self, tokens: tuple[int, ...]) -> None:
        self._show()
        super().end(tokens)

    def _show(self) -> None:
        """The processor's work is hidden behind no verdict from now on."""
        if self._hidden_since_s is not None:
            self.request.hidden_draft_s += self._clock.now - self._hidden_since_s
            self._hidden_since_s = None

    # In the cloud.

    def prompt_arrived(self) -> None:
        self._ledger.prompt_arrived()
        self._cloud.prompt_arrived()

    def payload_arrived(self, number: int) -> None:
        self._cloud.payload_arrived(number)

    def submit(self, number: int) -> None:
        self._cloud.submit(number)

    def passes(self, number: int, reads: bool) -> None:
        self._cloud.passes(number, reads)

    def passed(self, number: int) -> None:
        self._cloud.passed(number)

    def _judge(self, number: int) -> Verified:
        payload = self._payloads.get(number)
        if payload is None:
            raise differs(self.where(number), "judged round", number, "one whose payload was put")
        self._check_due(number, self._cloud.due)
        return self._cloud.judge(number, (payload,))

    def _reply_put(self, number: int) -> None:
        self._cloud.reply_put(number)

    def cloud_killed(self) -> None:
        self._cloud.kill()
