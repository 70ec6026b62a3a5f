"""Local: the device decodes by itself, token after token; nothing crosses the air."""

from __future__ import annotations

from simulator.results.rounds import At
from simulator.timing.device import Process
from simulator.timing.protocols.site import Site


class Local:
    """An exchange without a far end."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def serve(self) -> Process[None]:
        site, request = self._site, self._site.request
        env, ledger, session = site.network.env, request.ledger, site.decoding.local()
        passes, node = site.network.edge_passes, session.start
        while request.remaining_tokens:
            number = node.round
            round_ = request.begin_round(number, env.now)
            yield from site.device.turn(request, number)
            ledger.enter(number, "draft_s" if node.cached else "prefill_s")
            (pass_s,) = passes.of_round_s(request, number, node.length - node.cached, node.cached)
            site.device.work(env.now + pass_s)
            yield env.timeout(pass_s)
            site.device.rest(request)
            node, verified = session.decode(node)
            round_.payload = round_.reply = At.instant(env.now)
            round_.edge_passes, round_.verified = 1, verified
            request.close_round(number, verified.committed, env.now)

    def close(self) -> None:
        """Nothing is under way elsewhere."""
