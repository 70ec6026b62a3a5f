"""From which size of the support on a packet over the whole vocabulary is shorter than one that names its ids.

By what packets of the code `enumerative` state (`channels.codec.stated_counts`); the drafted id costs the same in both.
"""

from __future__ import annotations

import bisect
import math

from channels.codec.paper_counts import dense_bits, log2_binomial, paper_bits, subset_bits


def shorter_from_size(vocabulary: int, resolution: int) -> int | None:
    """The least K, known to both ends, whose ids and counts (zeros among them: the paper's count) cost more than the
    dense packet; None where no K up to V / 2 does."""
    dense, sizes = dense_bits(vocabulary, resolution), range(1, vocabulary // 2 + 1)
    place = bisect.bisect_right(sizes, dense, key=lambda size: paper_bits(vocabulary, size, resolution))
    return sizes[place] if place < len(sizes) else None


def shorter_from_counts(vocabulary: int, resolution: int) -> int | None:
    """The least number of ids with a count whose packet, of these ids alone and their number, costs more than the dense
    one; None where no number of them does."""
    dense, most = dense_bits(vocabulary, resolution), min(vocabulary, resolution)
    for size in range(1, most + 1):
        law_bits = subset_bits(vocabulary, size) + log2_binomial(resolution - 1, size - 1)
        if math.log2(most) + law_bits > dense:
            return size
    return None
