"""The columns that studies other than a simulation give, each declared once: name and meaning.

A study's row has metrics, which are averaged over seeds as those of a simulation are, and keys, which tell its rows
apart as configuration does. Where a study measures what a simulation measures too, it uses that name
(`metrics.METRICS`).
"""

from __future__ import annotations

from typing import Final

STUDY_KEYS: Final[dict[str, str]] = {}
"""What tells the rows of one cell apart, and can be an axis."""

STUDY_METRICS: Final[dict[str, str]] = {
    "vocabulary": "V, tokens that both models share",
    "covering_bound": "the quantizer's own bound on tv_quantization, mean over drafts",
    "largest_bound_share": "tv_quantization / that bound, largest over drafts",
    "coded_bits_per_draft": "length of a packet with one draft, before padding to bytes, mean over drafts",
    "stated_bits_per_draft": "log2 of what the code enumerative chooses among to write that packet: drafts in it, "
    "size, support, codeword and id, mean over drafts",
    "largest_gap_bits": "|length of a packet - what it states|, largest over drafts",
    "paper_bits_per_draft": "the paper's count: log2 C(V, K) + log2 of the quantizer's codewords on K tokens + "
    "ceil(log2 V) for the id, and ceil(log2 V) for K where it varies, mean over drafts",
}
"""In the order in which they stand in a table."""
