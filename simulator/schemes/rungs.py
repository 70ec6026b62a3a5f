"""Rungs: several settings of sparsifier and quantizer, and every round under one of them, as the policy says.

A payload starts with the number of its operating point in a byte of its own: what follows is whole bytes, and a decoder
that had to find its end among bits could not tell a packet from a shorter one. Of one operating point there is no such
byte. The state holds the operating point of the open round, then the state of each operating point's sparsifier behind
its length: a threshold moves in the rounds of its own operating point only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Literal

import yaml
from pydantic import Field

from channels.codec import wire
from kinds import Part
from kinds.arrays import Floats, Ints
from simulator.schemes.acceptance import Acceptance, Received, Rejection
from simulator.schemes.code import Code, Packets, Recoded, Tokens
from simulator.schemes.composed import Composed
from simulator.schemes.draft_scheme import DraftScheme
from simulator.schemes.draw import Draw, FromCounts, Proposal, RequestUniforms
from simulator.schemes.families import Families
from simulator.schemes.policy import FixedLength, Policy
from simulator.schemes.quantizer import LatticeQuantizer, Quantizer
from simulator.schemes.sparsifier import Sparsifier, State
from simulator.schemes.sparsifiers.by_count import KeepTopK


class Rung(Part):
    """Operating point: one setting of the scheme."""

    sparsifier: Sparsifier = Field(KeepTopK(), description="which tokens of q are kept")
    quantizer: Quantizer = Field(LatticeQuantizer(), description="how their probabilities become counts")

    def __str__(self) -> str:
        """Returns the setting as one types it."""
        typed: str = yaml.safe_dump(self.model_dump(mode="json"), default_flow_style=True, width=inf, sort_keys=False)
        return typed.strip()


COARSE_TO_FINE = (
    Rung(sparsifier=KeepTopK(k=2), quantizer=LatticeQuantizer(resolution=16)),
    Rung(sparsifier=KeepTopK(k=8), quantizer=LatticeQuantizer(resolution=100)),
    Rung(sparsifier=KeepTopK(k=32), quantizer=LatticeQuantizer(resolution=400)),
)


class Rungs(DraftScheme):
    """Sparsity and resolution by the round: the policy says under which of these settings each is drafted."""

    settings: tuple[Rung, ...] = Field(
        COARSE_TO_FINE, min_length=1, max_length=16, description="the rungs: pairs of sparsifier and quantizer"
    )
    code: Code = Field(Recoded(), description="how drafts become bits")
    draw: Draw = Field(FromCounts(), description="what the drafted token is drawn from")
    acceptance: Acceptance = Field(Rejection(), description="how the cloud judges")
    kind: Literal["rungs"] = "rungs"
    policy: Policy = Field(FixedLength(), description="when to draft, send or wait, and under which rung")

    def made_of(self) -> Families:
        """The parts of the first operating point."""
        first = self.settings[0]
        return Families(first.sparsifier, first.quantizer, self.code, self.draw, self.policy, self.acceptance)

    @cached_property
    def composed(self) -> tuple[Composed, ...]:
        """Operating points, each as a scheme by itself, whose packets leave room for the number."""
        room = self.header_bits
        budget_bits = None if self.budget_bits is None else max(1, self.budget_bits - room)
        return tuple(
            Composed(
                max_drafts=self.max_drafts,
                budget_bits=budget_bits,
                partial=self.partial,
                sparsifier=each.sparsifier,
                quantizer=each.quantizer,
                code=self.code,
                draw=self.draw,
                acceptance=self.acceptance,
            )
            for each in self.settings
        )

    @property
    def header_bits(self) -> int:
        """Number of bits that the operating point's number takes in each packet."""
        return 8 if len(self.settings) > 1 else 0

    @property
    def rungs(self) -> int:
        return len(self.settings)

    def packets(self, vocabulary: int) -> Packets:
        self._check_serving()
        for number, rung in enumerate(self.settings):
            size = rung.sparsifier.fixed_size
            if size is not None and size > vocabulary:
                raise ValueError(
                    f"settings.{number}.sparsifier.k = {size}: must be at most the vocabulary, {vocabulary}"
                )
        return RungPackets(tuple(each.packets(vocabulary) for each in self.composed), self.header_bits)

    def packets_sharing(self, packets: Packets, uniforms: RequestUniforms) -> Packets:
        assert isinstance(packets, RungPackets)
        each = zip(self.composed, packets.each, strict=True)
        return replace(packets, each=tuple(one.packets_sharing(its, uniforms) for one, its in each))

    def on_rung(self, state: State, rung: int) -> State:
        return (float(rung), *state[1:])

    def packets_on(self, packets: Packets, state: State) -> Packets:
        assert isinstance(packets, RungPackets)
        return replace(packets, rung=int(state[0]))

    def entry(self, last: State | None) -> State:
        lasts = [None] * len(self.settings) if last is None else _split(last)
        return _joined(0, (each.entry(state) for each, state in zip(self.composed, lasts, strict=True)))

    def support(self, q: Floats, state: State) -> Ints:
        return self._on(state).support(q, _own(state))

    def advance(self, q: Floats, state: State) -> State:
        return _with_own(state, self._on(state).advance(q, _own(state)))

    def settle(self, chain: Sequence[State], accepted: int) -> State:
        settled = self._on(chain[0]).settle([_own(state) for state in chain], accepted)
        return self.on_rung(_with_own(chain[0], settled), 0)

    def quantize(self, mass: Floats) -> Ints:
        raise AssertionError("quantized under a rung: `propose` is asked")

    def propose(self, q: Floats, state: State, at_most: int | None = None) -> Proposal:
        proposal = self._on(state).propose(q, _own(state), at_most)
        return replace(proposal, state=_with_own(state, proposal.state))

    def decode_parts(self, parts: Sequence[bytes], packets: Packets, context: Sequence[int]) -> Received:
        if self.header_bits and len({part[:1] for part in parts}) > 1:
            raise wire.CodecError("parts of several rungs: a round is under one")
        return super().decode_parts(parts, packets, context)

    def _on(self, state: State) -> Composed:
        return self.composed[int(state[0])]


@dataclass(frozen=True)
class RungPackets:
    """Packets behind the number of their operating point. Written under `rung`, read under any."""

    each: tuple[Packets, ...]
    header_bits: int
    rung: int = 0

    @property
    def format(self) -> wire.Format:
        return self.each[0].format

    @property
    def _own(self) -> Packets:
        return self.each[self.rung]

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        header = bytes([self.rung]) if self.header_bits else b""
        return header + self._own.encode(drafts, context)

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        if not self.header_bits:
            return self._own.decode(payload, context)
        if not payload or payload[0] >= len(self.each):
            raise wire.CodecError(f"rung {payload[:1].hex() or 'missing'}: must be within 0 and {len(self.each) - 1}")
        return self.each[payload[0]].decode(payload[1:], context)

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return self.header_bits + self._own.length_bits(drafts, context)

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        return self.header_bits + self._own.largest_bits(drafts, support, counts, context)

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return self.header_bits + self._own.bound_bits(sizes)


def _joined(rung: float, states: Iterable[State]) -> State:
    return (float(rung), *(number for state in states for number in (float(len(state)), *state)))


def _split(state: State) -> list[State]:
    states, place = list[State](), 1
    while place < len(state):
        after = place + 1 + int(state[place])
        states.append(state[place + 1 : after])
        place = after
    return states


def _own(state: State) -> State:
    return _split(state)[int(state[0])]


def _with_own(state: State, own: State) -> State:
    states = _split(state)
    states[int(state[0])] = own
    return _joined(state[0], states)
