"""The requests of a cell, decoded side by side before it is timed, so that their forward passes meet.

The decoding plane knows no clock. Where nothing that decides tokens looks at one, the rounds that the timing plane will
ask for can be told beforehand, and are decoded here by the very sessions that it uses: it finds them in the memory, as
it finds those of an earlier run. What comes otherwise in time is decoded when it is asked for. So a rehearsal changes
what a run costs, and nothing that it tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import chain, count, islice
from typing import Final

from channels.uniforms import Uniforms
from models.shared_passes import AT_A_TIME, company, together
from simulator.cell.cell import Cell
from simulator.cell.device_classes import Equipped
from simulator.cell.scheme import ProtocolName
from simulator.cell.workload import Ask
from simulator.decoding.cloud_session import CloudSession
from simulator.decoding.decoder import Decoder, RequestDecoding
from simulator.decoding.edge_session import EdgeSession
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import CloudNode, EdgeNode, Tokens, Tree, Verified
from simulator.results.requests import holds_any
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.policy import most_drafts
from simulator.schemes.sparsifier import State

Chain = tuple[int, Iterator[tuple[int, Ask]]]
"""Requests of a device, by their numbers, each of which may begin in the state that the one before it ends in."""


def rehearse(cell: Cell, memory: Memory) -> None:
    """Leaves in the memory what the cell's requests will decode, as far as that can be told. Does nothing where their
    passes could not meet, where requests may be given up, or where this was done for the same decodings before."""
    at_a_time = AT_A_TIME // company()
    if at_a_time < 2 or not cell.models.pair.has_networks or not cell.workload.all_are_awaited:
        return
    if cell.decoding_id in memory.rehearsed:
        return
    memory.rehearsed.add(cell.decoding_id)
    chains = _chains(cell)
    first = list(islice(chains, 2))
    if len(first) == 2:
        work = partial(_Rehearsal(cell, memory).decode, chain(first, chains))
        with closing(together([work] * at_a_time, at_a_time)) as ended:
            for _, error in ended:
                if error is not None:
                    break  # the run comes upon it again, at its time, and tells


def _chains(cell: Cell) -> Iterator[Chain]:
    """Each of them can be decoded without the others."""
    devices, users = count(), Uniforms.of(cell.seed, "users")
    for each in cell.classes:
        for device in islice(devices, each.count):
            if not _is_foretold(each):
                continue
            asked = enumerate(cell.workload.asks(device, users))
            if isinstance(each.scheme, DraftScheme) and each.scheme.carries:
                yield device, asked
            else:
                yield from ((device, iter([one])) for one in asked)


def _is_foretold(each: Equipped) -> bool:
    """Whether no time decides what the devices of this class decode: neither what a policy sees, nor which parts of a
    round come through, nor which of several requests ends first."""
    scheme = each.scheme
    if not isinstance(scheme, DraftScheme):
        return scheme.protocol in WAYS
    in_order = each.edge.concurrency == 1 or not scheme.carries
    return scheme.protocol in WAYS and scheme.plans and not scheme.partial and in_order


class _Rehearsal:
    """Of one cell."""

    def __init__(self, cell: Cell, memory: Memory) -> None:
        self._decoder = Decoder(cell, memory)
        self._taken: set[Tree] = set()
        """Texts that devices share are decoded once."""

    def decode(self, chains: Iterator[Chain]) -> None:
        """Takes chains as long as there are any; others may take from the same."""
        for device, asked in chains:
            state: State | None = None
            for number, ask in asked:
                state = self._decode(device, number, ask, state)
                if state is None:
                    break

    def _decode(self, device: int, number: int, ask: Ask, state: State | None) -> State | None:
        """One request; the state that it ends in, None where it was taken already, or is not foretold."""
        decoder = self._decoder
        prompt = decoder.prompt(device, number, ask)
        decoding = decoder.decoding(device, number, prompt, state, ask.output_tokens)
        if decoding.tree in self._taken:
            return None
        self._taken.add(decoding.tree)
        return WAYS[decoding.setting.scheme.protocol](decoding, ask.output_tokens, decoder.end_tokens)


def _speculate(decoding: RequestDecoding, left: int, end_tokens: Tokens) -> State | None:
    """As `Speculate` and `SpeculateCloud` do where the policy plans."""
    scheme, edge, cloud = decoding.draft_setting.scheme, decoding.edge(), decoding.cloud()
    node = edge.start
    there = cloud.prefill(cloud.start(node.committed))
    while left:
        plan = scheme.families.policy.plan(most_drafts(scheme.max_drafts, left))
        if plan is None:
            return None
        drafted = edge.compose(node, plan)
        there, verified = _judge(edge, drafted, cloud, there)
        node, tokens = edge.resolve(drafted, verified.reply)
        left = _left_after(tokens, left, end_tokens)
    return node.state


def _judge(edge: EdgeSession, drafted: EdgeNode, cloud: CloudSession, there: CloudNode) -> tuple[CloudNode, Verified]:
    parts = edge.seal(drafted).parts
    cloud.receive(there, parts)
    asked = cloud.asks(there, parts)
    if asked is not None:
        there, parts = asked, edge.seal_whole(drafted)
        cloud.receive(there, parts)
    return cloud.verify(there, parts)


def _stream(decoding: RequestDecoding, left: int, end_tokens: Tokens) -> State:
    """As `StreamCloud` does."""
    session, drafts = decoding.hosted(), decoding.setting.scheme.drafts
    node = session.start(decoding.tree.cloud.committed)
    while left:
        node, verified = session.decode(node, most_drafts(drafts, left))
        left = _left_after(verified.committed, left, end_tokens)
    return ()


def _local(decoding: RequestDecoding, left: int, end_tokens: Tokens) -> State:
    """As `Local` does."""
    session = decoding.local()
    node = session.start
    while left:
        node, verified = session.decode(node)
        left = _left_after(verified.committed, left, end_tokens)
    return ()


def _left_after(tokens: Tokens, left: int, end_tokens: Tokens) -> int:
    """`Request.remaining_tokens` once a round has committed these tokens."""
    return 0 if holds_any(tokens[:left], end_tokens) else max(0, left - len(tokens))


WAYS: Final[Mapping[ProtocolName, Callable[[RequestDecoding, int, Tokens], State | None]]] = {
    "speculate": _speculate,
    "stream": _stream,
    "local": _local,
}
"""To decode a request of so many output tokens, with an end token or none, to its end."""
