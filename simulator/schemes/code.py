"""Codes turn the drafts of a round into bytes. A `Code` is the choice; its `Packets` is the choice for one session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from channels.codec import fp16, wire
from channels.codec.context_coded.prior_tables import find
from channels.codec.prior_files import HASH_DIGITS
from channels.uniforms import Uniforms
from kinds import Choice
from kinds.arrays import Ints
from kinds.mistakes import is_foreign
from simulator.schemes.quantizer import OnWire, Quantizer
from simulator.schemes.sparsifier import Sparsifier

Tokens = Sequence[int]
Prior = Annotated[
    str | None,
    Field(
        pattern=f"^([0-9a-f]{{{HASH_DIGITS}}})?$",
        description="fingerprint of the tables of language that recoded reads; null: those bundled for the "
        "vocabulary; '': none",
    ),
]


class Packets(Protocol):
    """Writes and reads the packets of one session. `context`: the token ids that both ends hold, oldest first."""

    @property
    def format(self) -> wire.Format:
        """The format of prompt and replies, and of the drafts where the code is one of the wire's."""
        ...

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        """The packet of 1 to max_drafts drafts."""
        ...

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        """The drafts of a packet. Raises CodecError on all that `encode` cannot have produced, and nothing else."""
        ...

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        """The exact length of `encode`'s packet, before padding to bytes."""
        ...

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        """The length with one more draft, at the dearest token that its counts could draw."""
        ...

    def bound_bits(self, sizes: Sequence[int]) -> float:
        """No packet of drafts with these numbers of positive counts is longer; costs next to nothing. inf: ask."""
        ...


class EqualPackets(ABC):
    """Packets of which all of one number of drafts are equally long."""

    @abstractmethod
    def bits(self, drafts: int) -> int:
        """The length of a packet of so many drafts, before padding to bytes."""

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return self.bits(len(drafts))

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        return self.bits(len(drafts) + 1)

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return self.bits(len(sizes))


class Load(NamedTuple):
    """Load that the packets of a session carry."""

    vocabulary: int
    max_drafts: int
    sparsifier: Sparsifier
    quantizer: Quantizer
    flat: bool = False
    """A packet's length must not depend on the drafted ids."""
    budget_bits: int | None = None
    """Largest number of bits of a first draft, if it can be kept."""


class Code(Choice, family=True):
    """Code by which drafts become bytes."""

    carries_law: ClassVar[bool] = True
    """True if qhat crosses the air."""
    only_scalars: ClassVar[bool] = False
    """True if only the drafted id's own probability in qhat crosses the air."""

    @abstractmethod
    def packets(self, load: Load) -> Packets:
        """The packets of a session that carry this. Raises ValueError (CodecError is one) where they cannot."""

    def sharing(self, packets: Packets, shared: Callable[[], Uniforms]) -> Packets:
        """A session's packets as they are for a request whose ends share these random numbers,
        `RequestUniforms.shared`, which are requested where they are used."""
        return packets


class _WireCode(Code):
    """A code of `channels.codec.wire`."""

    token: Literal["flat", "coded"] = Field(
        "coded", description="the drafted id: a number below V, or coded at -log2 qhat; flat in partial rounds"
    )

    def _format(self, load: Load, prior: str | None = None) -> wire.Format:
        quantizer = load.quantizer
        if not isinstance(quantizer, OnWire) or quantizer.name is None:
            reason = f"has a packet of its own, not code {self.kind!r}"
            if is_foreign(type(quantizer).__module__):
                base = "derive it from simulator.schemes.LatticeCounts, whose counts sum to resolution"
                reason = f"code {self.kind!r} cannot carry its counts; {base}, or give it a code of its own"
            raise ValueError(f"quantizer = {quantizer.kind!r}: {reason}")
        assert self.kind in ("enumerative", "recoded")
        return wire.Format(
            load.vocabulary,
            quantizer.resolution,
            load.max_drafts,
            code="enumerative" if self.kind == "enumerative" else "recoded",
            token="flat" if load.flat else self.token,
            quantizer=quantizer.name,
            prior=prior,
        )


class Recoded(_WireCode):
    """Code that shortens the packet by the receiver's knowledge of language; it finds the cheapest mode for each packet
    by itself."""

    kind: Literal["recoded"] = "recoded"
    prior: Prior = None

    def packets(self, load: Load) -> Packets:
        if self.prior:
            find(self.prior, load.vocabulary)  # so that a missing one is reported before anything runs
        return WirePackets(self._format(load, self.prior))


class Enumerative(_WireCode):
    """The paper's count: all supports and counts alike. A K or a whole vocabulary that both ends know is not sent."""

    kind: Literal["enumerative"] = "enumerative"
    size: Literal["known", "sent"] = Field(
        "known", description="a K that both ends know: not sent, for all K ids; or sent, for those with a count alone"
    )

    def packets(self, load: Load) -> Packets:
        variable, sparsifier = self._format(load), load.sparsifier
        if variable.quantizer != "lattice":
            return WirePackets(variable)
        if sparsifier.keeps_all:
            return WirePackets(replace(variable, support="dense"))
        if sparsifier.fixed_size is None or self.size == "sent":
            return WirePackets(variable)
        fixed = replace(variable, support="fixed", support_size=sparsifier.fixed_size)
        if load.budget_bits is not None and wire.bound_bits([sparsifier.fixed_size], fixed) > load.budget_bits:
            return WirePackets(variable)  # a support that must be shortened is sent with its size
        return WirePackets(fixed)


@dataclass(frozen=True)
class WirePackets:
    """Packets of a wire format."""

    format: wire.Format

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return wire.encode(drafts, self.format, context)

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        return wire.decode(payload, self.format, context)

    def length_bits(self, drafts: Sequence[wire.Draft], context: Tokens) -> int:
        return wire.length_bits(drafts, self.format, context)

    def largest_bits(self, drafts: Sequence[wire.Draft], support: Ints, counts: Ints, context: Tokens) -> int:
        return wire.largest_length_bits(drafts, support, counts, self.format, context)

    def bound_bits(self, sizes: Sequence[int]) -> float:
        return wire.bound_bits(sizes, self.format)


class HalfFloats(Code):
    """Code of a system that never thought about the uplink: half-precision floats as they are, ids and
    probabilities."""

    kind: Literal["halves"] = "halves"

    def packets(self, load: Load) -> Packets:
        size = load.vocabulary if load.sparsifier.keeps_all else load.sparsifier.fixed_size
        if size is None or load.quantizer.kind != "halves":
            raise ValueError(f"code = {self.kind!r}: carries quantizer 'halves' of all tokens or a fixed K")
        return HalfPackets(fp16.Fp16Format(load.vocabulary, size, load.max_drafts))


@dataclass(frozen=True)
class HalfPackets(EqualPackets):
    """Packets of half-precision floats."""

    form: fp16.Fp16Format

    @property
    def format(self) -> wire.Format:
        return wire.Format(self.form.vocabulary, resolution=1, max_drafts=self.form.max_drafts)

    def encode(self, drafts: Sequence[wire.Draft], context: Tokens) -> bytes:
        return fp16.encode(drafts, self.form)

    def decode(self, payload: bytes, context: Tokens) -> Sequence[wire.Draft]:
        return fp16.decode(payload, self.form)

    def bits(self, drafts: int) -> int:
        return 8 * self.form.length_bytes(drafts)


def certain(token: int) -> wire.Draft:
    """A draft of which nothing but the id is reported."""
    return wire.Draft(token, np.array([token]), np.array([1]))
