"""The requests of a cell, decoded side by side before it is timed, so that their forward passes meet.

Where nothing that decides tokens looks at a clock, the rounds that a run will need are known beforehand, and are
decoded here by the same machines, back to back: the run finds them in the memory, as it finds those of an earlier run.
All else is decoded when it is needed. So predecoding changes what a run costs, and nothing that it reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import chain, islice

from channels.uniforms import Uniforms
from models.shared_passes import AT_A_TIME, concurrency, together
from simulator.cell.cell import Cell
from simulator.cell.device_classes import Equipped
from simulator.cell.workload import Ask
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.decoding.nodes import Tokens, Tree
from simulator.protocols import lacking
from simulator.protocols.accounts import RemainingAnswer, Terms
from simulator.protocols.decoded_answer import decode_at_once
from simulator.protocols.machine import CloseRound, Command, Event, Need
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.sparsifier import State

Chain = tuple[int, Iterator[tuple[int, Ask]]]
"""Requests of a device, by their numbers, each of which may begin in the state that the one before it ends in."""


def predecode(cell: Cell, memory: Memory) -> None:
    """Leaves in the memory what the cell's requests will decode, as far as that is known. Does nothing where their
    passes could not meet, where requests may be given up, or where this was done for the same decodings before."""
    at_a_time = AT_A_TIME // concurrency()
    if at_a_time < 2 or not cell.models.pair.has_networks or not _all_are_awaited(cell):
        return
    if cell.decoding_id in memory.predecoded:
        return
    memory.predecoded.add(cell.decoding_id)
    chains = _chains(cell)
    first = list(islice(chains, 2))
    if len(first) == 2:
        work = partial(_Predecoder(cell, memory).decode, chain(first, chains))
        with closing(together([work] * at_a_time, at_a_time)) as ended:
            for _, error in ended:
                if error is not None:
                    break  # the run comes upon it again, at its time, and raises it


def _chains(cell: Cell) -> Iterator[Chain]:
    """Each of them can be decoded without the others."""
    users = Uniforms.of(cell.seed, "users")
    for each in filter(_is_known, cell.classes):
        for device in each.devices:
            asked = enumerate(each.asks(device, users))
            if each.workload.talks or (isinstance(each.scheme, DraftScheme) and each.scheme.carries):
                yield device, asked
            else:
                yield from ((device, iter([one])) for one in asked)


def _all_are_awaited(cell: Cell) -> bool:
    """Whether no request of any class is given up."""
    return all(each.workload.all_are_awaited for each in cell.classes)


def _is_known(each: Equipped) -> bool:
    """Whether no time decides what the devices of this class decode: neither what a policy sees, nor which parts of a
    round come through, nor which of several requests ends first."""
    carries = isinstance(each.scheme, DraftScheme) and each.scheme.carries
    in_order = each.edge.concurrency == 1 or not carries
    return in_order and not lacking(each.scheme, frozenset({Need.EDGE_ONLY, Need.PREPARES}))


class _Predecoder:
    """Decodes the requests of one cell."""

    def __init__(self, cell: Cell, memory: Memory) -> None:
        self._decoder = Decoder(cell, memory)
        self._taken: set[Tree] = set()
        """Texts that devices share are decoded once."""

    def decode(self, chains: Iterator[Chain]) -> None:
        """Takes chains as long as there are any; others may take from the same."""
        for device, asked in chains:
            state: State | None = None
            text = Tokens()
            for number, ask in asked:
                state, text = self._decode(device, number, ask, state, text)
                if state is None:
                    break

    def _decode(
        self, device: int, number: int, ask: Ask, state: State | None, before: Tokens
    ) -> tuple[State | None, Tokens]:
        """One request, of a later turn after the text `before`; the state that it ends in, None where it was taken
        already, and the text."""
        decoder = self._decoder
        prompt = decoder.prompt(device, number, ask, before)
        decoding = decoder.decoding(device, number, prompt, state, ask.output_tokens)
        if decoding.tree in self._taken:
            return None, ()
        self._taken.add(decoding.tree)
        terms, answer = Terms(decoding, ask.output_tokens, decoder.end_tokens[device]), list[int]()
        remaining = RemainingAnswer(terms)

        def note(command: Command, event: Event | None) -> None:
            if isinstance(command, CloseRound):
                answer.extend(remaining.take(command.tokens))

        kept = decode_at_once(terms, note)
        return () if kept is None else kept.scheme, (*prompt.tokens, *answer)
