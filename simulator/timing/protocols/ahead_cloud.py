"""The cloud's end of drafting ahead: it judges rounds in order, and drops those that a verdict has made void."""

from __future__ import annotations

from collections.abc import Callable

from simulator.decoding.nodes import Parts
from simulator.timing.messages import Message
from simulator.timing.protocols.site import Site
from simulator.timing.protocols.speculate_cloud import SpeculateCloud


class AheadCloud(SpeculateCloud):
    """A payload that comes before its turn waits, undecoded: its context has the drafts of the rounds before it."""

    def __init__(self, site: Site, device_hears: Callable[[Message], None]) -> None:
        super().__init__(site, device_hears)
        self._depth = site.decoding.draft_setting.scheme.depth
        self._early: dict[int, Parts] = {}
        """Payloads that wait for their turn, by round."""
        self._told: list[Message] = []
        """Replies that the device has got and not acknowledged, in order."""

    @property
    def _due(self) -> int:
        """The round that is judged next."""
        return 1 if self._node is None else self._node.round

    def end(self, message: Message) -> None:
        super().end(message)
        self._early.clear()

    def payload_arrived(self, message: Message) -> None:
        number = message.index[2]
        self._acknowledged_by(number)
        if number < self._due:
            self._site.request.notes(number).dropped = True
            return
        self._early[number] = message.arrived
        if number != self._due:
            self._ledger.enter(number, "cloud_queue_s")
        self._take_due()

    def _acknowledged_by(self, number: int) -> None:
        """A payload of this round says that its device knows the verdicts of all but the D rounds before it."""
        known = [told for told in self._told if told.index[2] < number - self._depth]
        self._site.network.downlink.acknowledge(*known)
        self._told = [told for told in self._told if told not in known]

    def _take_due(self) -> None:
        """Has the next round judged if its payload is here."""
        if self._waiting is None and self._due in self._early:
            self._take(self._due, self._early.pop(self._due))

    def _judge(self) -> None:
        assert self._node is not None and self._waiting is not None
        (number, parts), self._waiting = self._waiting, None
        assert number == self._node.round, "I3: rounds are judged in order"
        self._node, verified = self._session.verify(self._node, parts)
        self._site.network.cloud.crop(self._key, self._node.cached)
        request = self._site.request
        if self._due - number > self._depth:
            self._ledger.void(range(number + 1, self._due))
            for early in self._early:
                request.notes(early).dropped = True
            self._early.clear()
        self.free_if_made(self._node)
        self.reply(request.notes(number), verified)
        self._take_due()

    def _delivered(self, message: Message) -> None:
        self._told.append(self._replies.pop(message.index[2]))
        self._device_hears(message)
