"""Local: the device decodes by itself, token after token; nothing crosses the air."""

from __future__ import annotations

from simulator.cell.scheme import Scheme
from simulator.protocols import machine
from simulator.protocols.accounts import RemainingAnswer, Terms
from simulator.protocols.machine import EdgeMachine, EdgeState, Need, Order, Steps


class LocalEdge(EdgeMachine):
    """An edge without a far end."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._session = terms.decoding.local()
        self._answer = RemainingAnswer(terms)

    @classmethod
    def needs(cls, scheme: Scheme) -> frozenset[Need]:
        return frozenset({Need.EDGE_ONLY})

    def _serve(self) -> Steps[EdgeState]:
        node = self._session.start
        while self._answer.remaining:
            number = node.round
            self.commands.append(machine.TakeTurn(number))
            yield
            self.commands.append(machine.DraftPass(number, node))
            yield
            node, decoded = self._session.decode(node)
            self._answer.take(decoded.committed)
            self.commands += (Order.REST, machine.CloseRound(number, decoded.committed, decoded))
        return EdgeState(cached=node.cached)
