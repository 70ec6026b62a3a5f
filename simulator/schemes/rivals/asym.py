"""Asymmetric: compact drafts up, as DSSD's, and a certified sketch of p down, after "asym" (arXiv 2608.04974).

Our own reading: of that paper we know that its uplink is compact, and that its downlink carries what the edge corrects
with, certified by total variation; its text could not be read here. So we send the shortest of a few lattice
distributions p~ within `tolerance` of p: the K most probable ids of p on a lattice of ell. Both are found by search:
dropping may take one, two or three quarters of the tolerance, which says how many ids that is; the coarsest ell = 2^j
at which TV(p~, p) keeps to the whole is taken; and of the three the shortest packet is sent. The cloud has p, so it
knows TV(p~, p), and sends nothing that it has not certified.

Lossy: the token of a verified position is off by at most min(TV(p~, p), TV(qhat, p)) <= tolerance, and a text of N
tokens by N times that at most (derived in `reply`). The distribution travels as a draft of no token would: a byte with
j, then a packet of one draft (`channels.codec.wire`, code recoded) whose context is the text that it follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from pydantic import Field

from channels.codec import lattice, wire
from kinds.arrays import Floats, Ints
from models.verification import total_variation
from simulator.schemes.code import Packets
from simulator.schemes.families import Families
from simulator.schemes.reply import EdgeCorrection
from simulator.schemes.rivals.dssd import SplitScheme

FINEST: Final = 21
"""The largest j, of a lattice of 2^j."""
DROPPED_SHARES: Final = (0.25, 0.5, 0.75)
"""The shares of the tolerance that dropping ids may take; the rest is for the lattice."""


class CertifiedReply(EdgeCorrection):
    """A short lattice distribution within a tolerance of p, in total variation. Lossy by no more than that a token."""

    kind: Literal["certified"] = "certified"
    tolerance: float = Field(
        0.05, gt=0, lt=1, description="the most that the distribution sent may be off p, total variation"
    )

    @property
    def lossless(self) -> bool:
        return False

    def check(self, vocabulary: int) -> None:
        least = vocabulary / (4 << FINEST) / (1 - min(DROPPED_SHARES))  # K / (4 ell), of as flat a p as there is
        if self.tolerance < least:
            raise ValueError(
                f"tolerance = {self.tolerance}: must be at least {least:.2g}, which is always within reach"
            )

    def encode_distribution(self, p: Floats, packets: Packets, context: Sequence[int]) -> bytes:
        vocabulary = packets.format.vocabulary
        sketches = [
            bytes([level]) + wire.encode([draft], distribution_format(vocabulary, level), context)
            for level, draft in within(p, self.tolerance)
        ]
        return min(sketches, key=len)

    def decode_distribution(self, content: bytes, packets: Packets, context: Sequence[int]) -> Floats:
        if not content or content[0] > FINEST:
            raise wire.CodecError(f"distribution of {len(content)} bytes: no lattice")
        form = distribution_format(packets.format.vocabulary, content[0])
        (draft,) = wire.decode(content[1:], form, context)
        distribution = np.zeros(form.vocabulary)
        distribution[draft.support] = draft.counts / form.resolution
        return distribution


def within(p: Floats, tolerance: float) -> Iterator[tuple[int, wire.Draft]]:
    """Lattice distributions with TV(distribution, p) <= tolerance, each as j and a draft of no token, by what dropping
    ids may take."""
    order = np.argsort(-p, kind="stable")
    kept_mass = np.cumsum(p[order])
    for share in DROPPED_SHARES:
        size = int(np.searchsorted(kept_mass, 1.0 - share * tolerance)) + 1
        ids = np.sort(order[: min(size, np.count_nonzero(p))])
        found = _coarsest(p, ids, tolerance)
        if found is not None:
            level, counts = found
            yield level, wire.Draft(wire.UNSENT, ids, counts)


def _coarsest(p: Floats, ids: Ints, tolerance: float) -> tuple[int, Ints] | None:
    """The least j at which these ids are within the tolerance, and their counts; None where no lattice is so fine."""
    dropped = max(0.0, 1.0 - float(p[ids].sum()))
    for level in range(FINEST + 1):
        counts = lattice.quantize(p[ids], 1 << level)
        if float(total_variation(counts / (1 << level), p[ids])) + dropped / 2 <= tolerance:
            return level, counts
    return None


@lru_cache(maxsize=64)
def distribution_format(vocabulary: int, level: int) -> wire.Format:
    """The format of a packet of one distribution on the lattice of 2^level."""
    return wire.Format(vocabulary, 1 << level, max_drafts=1, token="unsent")


class Asym(SplitScheme):
    """Drafted ids and their probabilities up; after a rejection a sketch of p down, certified by total variation."""

    kind: Literal["asym"] = "asym"
    tolerance: float = Field(
        0.05, gt=0, lt=1, description="the most that the distribution sent may be off p, total variation"
    )

    def made_of(self) -> Families:
        return self.answering(CertifiedReply(tolerance=self.tolerance))
