"""What a packet of the code `enumerative` states, choice by choice: log2 of how many there are, exact.

No packet is more than two bits longer, the coder's roundings and less than a bit at its end. One is shorter where its
support takes all of the lowest ids, as one refilled to a fixed size does (`coder.subsets`). What is stated is what
`enumerative` and `codewords` write, not what the papers count (`paper_counts`): ids without a count are not sent unless
the size is fixed, and the size has as many values as it can take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from channels.codec.draft import Draft, Format
from channels.codec.paper_counts import dense_bits, lattice_bits, log2_binomial, paper_bits, subset_bits


def stated_bits(drafts: Sequence[Draft], format: Format) -> float:
    """Of a packet of these drafts. Raises ValueError where the format's code is another."""
    if format.code != "enumerative":
        raise ValueError(f"code = {format.code!r}: states no count, must be 'enumerative'")
    return math.log2(format.max_drafts) + sum(_law(draft, format) + _token(draft, format) for draft in drafts)


def _law(draft: Draft, format: Format) -> float:
    """Support and counts."""
    V, ell = format.vocabulary, format.resolution
    if format.support == "dense":
        return dense_bits(V, ell)
    if format.support_size is not None:
        return paper_bits(V, format.support_size, ell)
    return math.log2(format.largest_support) + subset_bits(V, draft.support.size) + _codeword(draft, format)


def _codeword(draft: Draft, format: Format) -> float:
    """Positive counts on a support that is known: which of the quantizer's, and of the dual lattice's shift first."""
    ell, size = format.resolution, draft.counts.size
    if format.quantizer in ("cubic", "logarithmic"):
        return size * math.log2(ell)
    positive_bits = log2_binomial(ell - 1, size - 1) if size <= ell else math.inf
    if format.quantizer == "lattice":
        return positive_bits
    shifts_bits = math.log2(min(size, ell + 1))
    shift = 0 if int(draft.counts.sum()) == ell else int(draft.counts[0]) % size
    return shifts_bits + (lattice_bits(size, ell - shift) if shift else positive_bits)


def _token(draft: Draft, format: Format) -> float:
    if format.token == "unsent":
        return 0.0
    if format.token == "flat":
        return math.log2(format.vocabulary)
    return math.log2(int(draft.counts.sum()) / int(draft.counts[draft.support.searchsorted(draft.token)]))
