"""Distributions of both models along texts that the verifier wrote itself, as drafts meet them where all before were
accepted; made once for all schemes that are asked about the same texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from channels.uniforms import Uniforms
from kinds.arrays import Floats
from models.pair_cards import load
from models.verification import entropy_bits, inverse_cdf, total_variation
from simulator.cell.cell import Cell
from simulator.decoding.decoder import Decoder
from simulator.decoding.memory import Memory
from simulator.studies.rate_bounds import LeastBits


@dataclass(frozen=True, eq=False)
class VerifierText:
    """A prompt, the verifier's own continuation of it, and both distributions at each of its tokens."""

    device: int
    number: int  # of the device's request
    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    p: Floats  # [n, V]: tokens[i] was drawn from p[i]
    q: Floats  # [n, V]: the drafter's distribution at the same place

    def before(self, place: int) -> tuple[int, ...]:
        """The text before its token at this place."""
        return (*self.prompt, *self.tokens[:place])

    @cached_property
    def mismatch(self) -> Floats:
        """TV(q, p) at each place, [n]."""
        return np.array([total_variation(q, p) for q, p in zip(self.q, self.p, strict=True)])

    @cached_property
    def entropy(self) -> Floats:
        """H(q) at each place, [n] bit."""
        return np.array([entropy_bits(q) for q in self.q])

    @cached_property
    def least_bits(self) -> LeastBits:
        """The least mean bits of a draft at its places, by how often it is rejected."""
        return LeastBits.of(self.p)

    @cached_property
    def least_bits_near(self) -> LeastBits:
        """The same by how far qhat is from q."""
        return LeastBits.of(self.q)


def verifier_texts(cell: Cell) -> list[VerifierText]:
    """The text of each of the cell's requests, a device's in order, as long as its answer, drawn by uniforms of the
    cell's seed."""
    return list(_written(cell))


def _written(cell: Cell) -> Iterator[VerifierText]:
    decoder, pair = Decoder(cell, Memory()), load(cell.models.pair)
    drawn, asked = (Uniforms.of(cell.seed, purpose) for purpose in ("verifier text", "users"))
    for device in range(cell.workload.devices):
        text: tuple[int, ...] = ()
        for number, ask in enumerate(cell.workload.asks(device, asked)):
            prompt = decoder.prompt(device, number, ask, text).tokens
            verifier, text, p = pair.verifier.open(cell.models.temperature), prompt, []
            for place in range(ask.output_tokens):
                p.append(verifier.distributions(text, 1)[0])
                text = (*text, inverse_cdf(p[-1], drawn.uniform(device, number, place)))
            q = pair.drafter.open(cell.models.temperature).distributions(text[:-1], ask.output_tokens)
            yield VerifierText(device, number, prompt, text[len(prompt) :], np.array(p), q)
