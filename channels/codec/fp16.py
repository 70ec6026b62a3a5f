"""The undisciplined baseline: kept probabilities as IEEE half-precision floats, sent as they are.

A positive half is an integer multiple of 2^-24: that integer is its count, and qhat is the counts over their sum, which
both ends compute from integers. A packet is, for each draft, the drafted id and (unless all V are sent) the K kept ids,
ceil(log2 V) bits each, most significant bit first; zeros up to a whole byte; then 2 K bytes a draft, the halves, most
significant byte first, in the order of the ids. Its length tells how many drafts it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channels.codec.coder.bit_packing import from_bits, to_bits
from channels.codec.draft import CodecError, Draft, refill
from channels.codec.lattice import total_mass
from kinds.arrays import Floats, Ints

UNIT_BITS = 24  # the smallest positive half is 2^-24
EVEN_UNITS = 2048
"""Up to so many units halves are one unit apart, and a half's bits are its units: over a vocabulary nearly all are, and
numpy's conversions of such small numbers cost microseconds each on some machines."""


def quantize(probabilities: Floats) -> Ints:
    """Halves nearest to the probabilities [K], each at most 1, as multiples of 2^-24: int64 [K].

    Where all round to zero the largest becomes one unit. Raises ValueError on what is no vector of probabilities.
    """
    total_mass(probabilities)
    if probabilities.max() > 1:
        raise ValueError(f"probabilities: hold {probabilities.max()}, must be at most 1")
    scaled = np.ldexp(probabilities, UNIT_BITS)
    units: Ints = np.rint(scaled).astype(np.int64)
    coarse = np.flatnonzero(scaled > EVEN_UNITS)
    units[coarse] = _spread(probabilities[coarse].astype(np.float16))
    if not units.any():
        units[probabilities.argmax()] = 1
    return units


def covering_bound(size: int) -> float:
    """Largest total variation between a distribution on `size` tokens with mass 1 and its halves over their sum.

    Each half is off by at most p 2^-11 + 2^-25; normalizing at most doubles what half the sum of those is.
    """
    return min(1.0, 2.0**-11 + size * 2.0**-25)


@dataclass(frozen=True)
class Fp16Format:
    """V, K (= V: all ids, none of them sent) and the most drafts of a packet."""

    vocabulary: int
    support_size: int
    max_drafts: int

    def __post_init__(self) -> None:
        if not 1 <= self.support_size <= self.vocabulary:
            raise CodecError(f"support_size = {self.support_size}: must be within 1 and {self.vocabulary}")

    @property
    def ids(self) -> int:
        """Ids sent with each draft, its own first."""
        return 1 if self.support_size == self.vocabulary else 1 + self.support_size

    @property
    def id_bits(self) -> int:
        """Number of bits of one id."""
        return (self.vocabulary - 1).bit_length()

    def length_bytes(self, drafts: int) -> int:
        """The length of a packet of that many drafts."""
        return (drafts * self.ids * self.id_bits + 7) // 8 + 2 * self.support_size * drafts


def encode(drafts: Sequence[Draft], form: Fp16Format) -> bytes:
    """The packet. Raises CodecError where a draft does not fit: too many ids, or a count that is no half."""
    if not 1 <= len(drafts) <= form.max_drafts:
        raise CodecError(f"{len(drafts)} drafts: a packet holds 1 to {form.max_drafts}")
    halves = np.zeros((len(drafts), form.support_size), dtype=">f2")
    ids: list[int] = []
    for row, draft in zip(halves, drafts, strict=True):
        if draft.support.size > form.support_size or draft.support[-1] >= form.vocabulary:
            raise CodecError(f"support of {draft.support.size} ids to {draft.support[-1]}: does not fit {form}")
        support, counts = refill(draft.support, draft.counts, form.support_size, form.vocabulary)
        ids += [draft.token, *(support.tolist() if form.ids > 1 else ())]
        row.view(">u2")[:] = np.minimum(counts, EVEN_UNITS)
        coarse = np.flatnonzero(counts > EVEN_UNITS)
        row[coarse] = np.ldexp(counts[coarse].astype(np.float64), -UNIT_BITS)
        if not np.array_equal(_units(row), counts):
            raise CodecError("counts: not all are halves in units of 2^-24")
    return np.packbits(to_bits(ids, form.id_bits)).tobytes() + halves.tobytes()


def decode(payload: bytes, form: Fp16Format) -> tuple[Draft, ...]:
    """The drafts. Raises CodecError, and nothing else, on every byte string that `encode` cannot have produced."""
    count = next((n for n in range(1, form.max_drafts + 1) if form.length_bytes(n) == len(payload)), None)
    if count is None:
        raise CodecError(f"payload of {len(payload)} bytes: no number of drafts has that length")
    split = len(payload) - 2 * form.support_size * count
    halves = np.frombuffer(payload, dtype=">f2", offset=split).reshape(count, form.support_size)
    if not (halves.view(">u2") <= 0x3C00).all():  # signs, numbers above 1, infinities and nan lie above
        raise CodecError("payload: holds a half outside 0 to 1")
    bits = np.unpackbits(np.frombuffer(payload[:split], dtype=np.uint8))
    ids = from_bits(bits, form.id_bits, count * form.ids).reshape(count, form.ids)
    everything = np.arange(form.vocabulary)
    drafts = tuple(
        Draft(int(own), everything if form.ids == 1 else kept, _units(row))
        for (own, *_), kept, row in zip(ids.tolist(), ids[:, 1:], halves, strict=True)
    )
    if encode(drafts, form) != payload:
        raise CodecError("payload: not as the encoder writes it")
    return drafts


def _units(halves: npt.NDArray[np.float16]) -> Ints:
    """Reads the units of non-negative halves, most significant byte first."""
    units: Ints = halves.view(">u2").astype(np.int64)
    coarse = np.flatnonzero(units > EVEN_UNITS)
    units[coarse] = _spread(halves[coarse])
    return units


def _spread(halves: npt.NDArray[np.float16]) -> Ints:
    return np.ldexp(halves.astype(np.float64), UNIT_BITS).astype(np.int64)
