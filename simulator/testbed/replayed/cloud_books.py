"""The cloud's side in the books of a request whose edge drafts: what its rounds do there, and how they are judged."""

from __future__ import annotations

from collections.abc import Callable

from simulator.decoding.decoder import RequestDecoding
from simulator.decoding.nodes import Parts, Verified
from simulator.results.requests import Request


class CloudBook:
    """Of one request. `enter`: its round does something from now on. After a restart the real cloud reads its text
    again, and may judge a round again; here each is judged once, since all it depends on is in its payload."""

    def __init__(
        self, request: Request, decoding: RequestDecoding, depth: int, enter: Callable[[int, str], None]
    ) -> None:
        self._request = request
        self._depth = depth
        self._enter = enter
        self._session = decoding.cloud()
        self._node = self._session.prefill(self._session.start(request.prompt.tokens))
        self._state = "prompt_uplink_s"
        """What a round does that is here, is due and is not submitted."""
        self._here: set[int] = set()
        """Rounds whose payload is in the cloud, and whose reply is not on its way."""
        self._submitted: set[int] = set()
        self._judged: set[int] = set()

    @property
    def due(self) -> int:
        """The round that is judged next."""
        return self._node.round

    def prompt_arrived(self) -> None:
        """Its prefill can be asked for."""
        self._wait("cloud_queue_s")

    def payload_arrived(self, number: int) -> None:
        """It waits for its turn, and for the prompt and its prefill; one that is void is dropped."""
        if number < self.due and number not in self._judged:
            if number in self._request.open:
                self._request.open[number].dropped = True
            return
        self._here.add(number)
        self._submitted.discard(number)
        self._enter(number, self._state if number == self.due else "cloud_queue_s")

    def submit(self, number: int) -> None:
        """It waits for a pass."""
        if number:
            self._submitted.add(number)
            self._enter(number, "cloud_queue_s")
        else:
            self._wait("cloud_queue_s")

    def passes(self, number: int, reads: bool) -> None:
        """It is in one."""
        if number:
            self._enter(number, "prefill_s" if reads else "verify_s")
        else:
            self._wait("prefill_s")

    def passed(self, number: int) -> None:
        """The pass has ended: a round's verdict is worked out now."""
        if number:
            self._enter(number, "verify_s")
        else:
            self._wait("cloud_queue_s")

    def judge(self, number: int, parts: Parts) -> Verified:
        """The judgement of the round that is due. Raises CodecError."""
        self._session.receive(self._node, parts)
        self._node, verified = self._session.verify(self._node, parts)
        self._judged.add(number)
        if number in self._request.open:
            self._request.open[number].verified = verified
        if self._depth and self.due - number > self._depth:
            self._void(range(number + 1, self.due))
        return verified

    def reply_put(self, number: int) -> None:
        """The verdict is on its way."""
        self._here.discard(number)
        self._submitted.discard(number)

    def kill(self) -> None:
        """All that is here waits for a cloud."""
        for number in self._here:
            self._enter(number, "cloud_queue_s")
        self._here.clear()
        self._submitted.clear()

    def _wait(self, state: str) -> None:
        self._state = state
        if self.due in self._here - self._submitted:
            self._enter(self.due, state)

    def _void(self, rounds: range) -> None:
        self._request.ledger.void(rounds)
        for number in self._here.intersection(rounds, self._request.open):
            self._request.open[number].dropped = True
        self._here.difference_update(rounds)
