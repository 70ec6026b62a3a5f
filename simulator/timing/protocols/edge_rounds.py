"""What the edges that draft do the same way: how long a round takes that is drafted at once, and how it goes out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.nodes import EdgeNode, Parts
from simulator.results.observer import SECOND
from simulator.results.rounds import OpenRound, TwoPassages
from simulator.timing.messages import Message
from simulator.timing.protocols.site import UPLINK_STATES, Site


def time_round(site: Site, round_: OpenRound, node: EdgeNode, drafted: EdgeNode) -> float:
    """The processor drafts and encodes a round from now on, from `node` to `drafted`. Answers when it is done."""
    edge, ledger = site.network.edge, site.request.ledger
    start_s, number = site.network.env.now, round_.number
    durations_s = site.network.edge_passes.of_round_s(
        site.request, number, node.length - node.cached, node.cached, drafted.later_passes
    )
    _, *ends_s = accumulate(durations_s, initial=start_s)
    if node.cached:
        ledger.enter(number, "draft_s", start_s)
    else:
        ledger.enter(number, "prefill_s", start_s)
        ledger.enter(number, "draft_s", ends_s[0])
    ledger.enter(number, "encode_s", ends_s[-1])
    end_s = ends_s[-1] + edge.encode_s_per_draft * drafted.laws
    site.device.work(end_s)
    round_.edge_passes, round_.pass_ends_s = len(ends_s), ends_s
    return end_s


def note_payload(round_: OpenRound, node: EdgeNode, session: EdgeSession, sealed: Parts = ()) -> Parts:
    """Seals a round as far as it is drafted, notes what is in it, and answers its payload. `sealed`: parts of it that
    went out before."""
    payload = session.seal(node, sealed)
    round_.drafted, round_.sums, round_.sent = payload.drafted, payload.sums, node
    return payload.parts


def round_message(
    site: Site, round_: OpenRound, parts: Parts, to: Callable[[Message], None], *, grows: bool = False
) -> Message:
    """What a round sends, ready for the uplink; what it does there is the request's time, once nothing more comes.
    `grows`: more parts follow."""
    round_.payload = message = _message(site, round_.number, parts, to, grows=grows)
    return message


def second_message(site: Site, round_: OpenRound, parts: Parts, to: Callable[[Message], None]) -> Message:
    """What a round sends beside its payload, where it is asked for more."""
    message = _message(site, round_.number, parts, to, SECOND)
    round_.payload = TwoPassages(round_.payload, message)
    return message


def _message(
    site: Site, number: int, parts: Parts, to: Callable[[Message], None], apart: int = 0, *, grows: bool = False
) -> Message:
    request = site.request

    def does(message: Message, state: str) -> None:
        request.ledger.enter(number, UPLINK_STATES[state], message.since_s)

    return Message((request.device, request.number, number + apart), parts, to, does, open=grows)
