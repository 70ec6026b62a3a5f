"""Values on which both ends of the air agree: a drafted token as it crosses, the session's format, and the error.

Import these names from `channels.codec.wire`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from channels.codec.coder.arithmetic import FAILED, LARGEST_TOTAL, Machine, finish
from channels.codec.lattice import LARGEST_RESOLUTION
from channels.codec.prior_files import bundled_prior
from channels.codec.quantizers import Name, quantizer
from kinds.arrays import Bytes, Ints

UNSENT = -1
"""The token of a draft whose format does not send it (both ends draw it from the shared random stream)."""

WIRE_FORMAT = 5
"""The version of all packets: it changes with any byte of them."""
LARGEST_VOCABULARY = 1 << 20
LARGEST_DRAFTS = 1 << 10

Code = Literal["enumerative", "recoded"]
Support = Literal["variable", "fixed", "dense"]
Token = Literal["flat", "coded", "unsent"]


class CodecError(ValueError):
    """Drafts that do not fit the format, or bytes that no encoder under it can have produced."""


class Draft:
    """Drafted token as it crosses the air: its id, the kept ids, their counts. Immutable, compares by value.

    token: the drafted id, one of those with a positive count, or `UNSENT`. support: int64 [K], ascending token ids.
    counts: int64 [K], non-negative, sum at most 2^32. Ids whose count is zero are dropped on construction. Raises
    CodecError on anything else, and where no count is positive.
    """

    __slots__ = ("_total", "counts", "support", "token")
    token: int
    support: Ints
    counts: Ints
    _total: int | None

    def __init__(self, token: int, support: Ints, counts: Ints) -> None:
        ids, numbers = integers("support", support), integers("counts", counts)
        if ids.ndim != 1 or ids.shape != numbers.shape:
            raise CodecError(f"support {ids.shape}, counts {numbers.shape}: must be two vectors of one length")
        if numbers.size and numbers.min() < 0:
            raise CodecError(f"counts: {numbers.min()} is negative")
        if (total := numbers.sum(dtype=np.float64)) > LARGEST_TOTAL:  # a float is exact to there, and does not wrap
            raise CodecError(f"counts: sum is {total:.0f}, must be at most {LARGEST_TOTAL}")
        if ids.size and (ids[0] < 0 or not (ids[1:] > ids[:-1]).all()):
            raise CodecError("support: must be ascending, non-negative token ids")
        kept = numbers.nonzero()[0]
        if not kept.size:
            raise CodecError("counts: none is positive")
        ids, numbers = ids[kept], numbers[kept]
        place = int(ids.searchsorted(token))
        if token != UNSENT and (place == ids.size or ids[place] != token):
            raise CodecError(f"token {token}: has no positive count")
        self._set(token, ids, numbers, int(total))

    @classmethod
    def of(cls, token: int, support: Ints, counts: Ints, total: int | None = None) -> Draft:
        """A draft of arrays that are known to be valid, all counts positive, and are given away; total: their sum, if
        that is known."""
        draft = cls.__new__(cls)
        draft._set(token, support, counts, total)
        return draft

    @property
    def total(self) -> int:
        """The sum of the counts."""
        if self._total is None:
            object.__setattr__(self, "_total", int(self.counts.sum()))
        assert self._total is not None
        return self._total

    def count(self, token: int) -> int:
        """The count of an id, 0 outside the support."""
        place = int(self.support.searchsorted(token))
        return int(self.counts[place]) if place < self.support.size and self.support[place] == token else 0

    def _set(self, token: int, support: Ints, counts: Ints, total: int | None) -> None:
        support.setflags(write=False)
        counts.setflags(write=False)
        object.__setattr__(self, "token", int(token))
        object.__setattr__(self, "support", support)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "_total", total)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Draft is immutable: {name}")

    def __reduce__(self) -> tuple[type[Draft], tuple[int, Ints, Ints]]:
        return Draft, (self.token, self.support, self.counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Draft):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Draft({self.token}, {self.support.tolist()}, {self.counts.tolist()})"

    def _key(self) -> tuple[int, bytes, bytes]:
        return self.token, self.support.tobytes(), self.counts.tobytes()


def refill(support: Ints, counts: Ints, size: int, vocabulary: int) -> tuple[Ints, Ints]:
    """Support and counts, both int64 [size], with the lowest unused ids at count zero."""
    if size == vocabulary:
        everything = np.zeros(size, dtype=np.int64)
        everything[support] = counts
        return np.arange(size), everything
    unused = np.ones(min(vocabulary, size), dtype=bool)  # the lowest unused ids are among the `size` lowest
    unused[support[support < unused.size]] = False
    added = np.flatnonzero(unused)[: size - support.size]
    ids = np.concatenate([support, added])
    order = np.argsort(ids, kind="stable")  # merges the two runs
    return ids[order], np.concatenate([counts, np.zeros(added.size, dtype=np.int64)])[order]


def integers(name: str, values: Ints) -> Ints:
    """The values as a fresh int64 array; CodecError where that would change them."""
    given = np.asarray(values)
    if given.dtype.kind not in "iu":
        raise CodecError(f"{name}: must be integers, not {given.dtype}")
    return given.astype(np.int64)


@dataclass(frozen=True)
class Format:
    """Format of a session's packets, which both ends hold before the first one; negotiated once a session, hashable.

    vocabulary: V, at least 2. resolution: ell, the sum of a draft's counts. max_drafts: most drafts a packet holds.
    code: "enumerative" (module `enumerative`), or "recoded" (package `context_coded`), which falls back on the former.
    support: "variable": K_n is sent, then the ids with a positive count; "fixed": `support_size` ids, refilled with the
    lowest unused ids where zero counts were dropped; "dense": no subset, a composition over all of V.
    support_size: K for "fixed", None otherwise. token: how the drafted id travels: "flat" (a number below V), "coded"
    (at -log2 qhat) or "unsent" (both ends share the random stream; drafts then hold `UNSENT`).
    quantizer: what the counts are (module `quantizers`); others than "lattice" need "variable" and, under
    "recoded", have their ids coded that way alone.
    prior: fingerprint of the tables that "recoded" reads, "" for none; by default those bundled for this vocabulary.
    version: of the wire format.
    """

    vocabulary: int
    resolution: int
    max_drafts: int
    code: Code = "recoded"
    support: Support = "variable"
    support_size: int | None = None
    token: Token = "coded"
    quantizer: Name = "lattice"
    prior: str | None = None
    version: int = WIRE_FORMAT

    def __post_init__(self) -> None:
        if not 2 <= self.vocabulary <= LARGEST_VOCABULARY:
            raise CodecError(f"vocabulary = {self.vocabulary}: must be at least 2 and at most {LARGEST_VOCABULARY}")
        if not 1 <= self.resolution <= LARGEST_RESOLUTION:
            raise CodecError(f"resolution = {self.resolution}: must be at least 1 and at most {LARGEST_RESOLUTION}")
        if not 1 <= self.max_drafts <= LARGEST_DRAFTS:
            raise CodecError(f"max_drafts = {self.max_drafts}: must be at least 1 and at most {LARGEST_DRAFTS}")
        choices: tuple[tuple[str, object, tuple[object, ...]], ...] = (
            ("code", self.code, get_args(Code)),
            ("support", self.support, get_args(Support)),
            ("token", self.token, get_args(Token)),
            ("version", self.version, (5,)),
        )
        for name, value, allowed in choices:
            if value not in allowed:
                raise CodecError(f"{name} = {value!r}: must be one of {', '.join(map(str, allowed))}")
        if (self.support == "fixed") != (self.support_size is not None):
            raise CodecError(f"support_size = {self.support_size}: must be given for a fixed support, and only there")
        if self.support_size is not None and not 1 <= self.support_size <= self.vocabulary:
            raise CodecError(f"support_size = {self.support_size}: must be within 1 and {self.vocabulary}")
        if self.quantizer != "lattice" and self.support != "variable":
            raise CodecError(f"quantizer = {self.quantizer!r}: needs support 'variable', not {self.support!r}")
        try:
            quantizer(self.quantizer, self.resolution)
        except ValueError as error:
            raise CodecError(str(error)) from None
        bundled = bundled_prior(self.vocabulary) if self.code == "recoded" else ""
        object.__setattr__(self, "prior", bundled if self.prior is None else self.prior)
        if self.prior and self.code != "recoded":
            raise CodecError(f"prior = {self.prior!r}: only the code recoded reads one")

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, part.name) for part in fields(self)))

    def __hash__(self) -> int:
        """Worked out once: formats are looked up for every draft."""
        return self._hash

    def __reduce__(self) -> tuple[type[Format], tuple[object, ...]]:
        """Built anew where it arrives: strings hash differently in every process."""
        return Format, tuple(getattr(self, part.name) for part in fields(self))

    @property
    def id_bits(self) -> int:
        """The bits of one token id by itself."""
        return (self.vocabulary - 1).bit_length()

    @property
    def largest_support(self) -> int:
        """The most ids with a positive count that a draft may hold: min(K or V, ell); V where counts have no sum."""
        most = self.support_size or self.vocabulary
        return min(most, self.resolution) if self.quantizer == "lattice" else most


def check_token(token: int, format: Format) -> None:
    """Raises CodecError where the token is not below the vocabulary."""
    if not 0 <= token < format.vocabulary:
        raise CodecError(f"token {token}: must be within 0 and {format.vocabulary - 1}")


def check_accepted(accepted: int, format: Format) -> None:
    """Raises CodecError where no packet holds so many drafts."""
    if not 0 <= accepted <= format.max_drafts:
        raise CodecError(f"accepted = {accepted}: must be within 0 and {format.max_drafts}")


def latest(context: Sequence[int], window: int, vocabulary: int) -> Ints:
    """The last `window` ids of a context, integers [at most window]; -1 is a token that the receiver lacks.

    Raises CodecError where the context is no sequence of ids below V.
    """
    known = np.asarray(context[-window:])
    if known.ndim != 1 or (known.size and known.dtype.kind not in "iu"):
        raise CodecError(f"context: {known.dtype} {known.shape}, must be a sequence of ids below {vocabulary}")
    if known.size and not -1 <= known.min() <= known.max() < vocabulary:
        raise CodecError(f"context: holds {known.min()} to {known.max()}, must be ids below {vocabulary}")
    return known.astype(np.int64)


def close(io: Machine, buffer: Bytes, name: str, wanted: str) -> None:
    """Ends a packet that was read. Raises CodecError unless it is one, all of it: `name` of so many bytes, not what is
    `wanted`."""
    finish(io, buffer)
    if io[FAILED]:
        raise CodecError(f"{name} of {buffer.size} bytes: {wanted}")
