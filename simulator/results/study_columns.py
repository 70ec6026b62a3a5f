"""The columns that studies other than a simulation give, each declared once: metrics, which are averaged over seeds,
and keys, which tell rows apart. What a simulation measures too has that name (`metrics.METRICS`)."""

from __future__ import annotations

from typing import Final

COMPARED: Final = (
    "latency_s", "latency_per_token_s", "latency_per_token_p50_s", "latency_per_token_p90_s", "latency_per_token_p99_s",
    "ttft_s",
)  # fmt: skip
"""The metrics of the simulated run that stand beside those of a real one."""
STUDY_KEYS: Final[dict[str, str]] = {
    "position": "place of a draft in its round, 1 the first",
    "round_drafts": "L, drafts of a round",
    "tokens": "output tokens of a device so far, over its requests",
    "system": "real: the cell as processes of this machine, over a shaped link; simulated: under clocks measured there",
}
"""Columns that tell the rows of one cell apart, and can be an axis."""

STUDY_METRICS: Final[dict[str, str]] = {
    "vocabulary": "V, tokens that both models share",
    "covering_bound": "the quantizer's own bound on tv_quantization, mean over drafts",
    "largest_bound_share": "tv_quantization / that bound, largest over drafts",
    "coded_bits_per_draft": "length of a packet with one draft, before padding to bytes, mean over drafts",
    "largest_excess_bits": "length of a packet - what it states, largest over drafts",
    "largest_saving_bits": "what a packet states - its length, largest over drafts; one that is much shorter takes all "
    "of the lowest places of a list",
    "paper_bits_per_draft": "the paper's count: log2 C(V, K) + log2 of the quantizer's codewords on K tokens + "
    "ceil(log2 V) for the id, and ceil(log2 V) for K where it varies, mean over drafts",
    "rejection_probability": "P(a draft that was reached is rejected), exact, mean over drafts: TV(qhat, p); of a race "
    "with shared randomness 1 - P(both ends draw the same token)",
    "added_rejection": "rejection_probability less TV(q, p), what the drafter itself would be rejected",
    "draw_bits_per_draft": "H(qhat): what the drafted token costs at least where its draw is the edge's own",
    "least_bits_per_draft": "the least mean bits at this rejection_probability, of any code and any context model, "
    "where the draw is the edge's own (studies.rate_bounds); nan where randomness is shared",
    "least_bits_at_compression": "the same at this tv_compression, whatever the rejections",
    "oracle_bits_per_draft": "H(qhat) and the counts under a context model that knows p, which no edge does: a Polya "
    "distribution about p, of the concentration that suits these drafts best; where randomness is shared KL(q || p)",
    "covering_bits_per_draft": "log2 of the covering number of the simplex of 2^H(q) tokens at tv_compression: the "
    "largest packet of a code for all distributions on tokens that the receiver knows, mean over drafts",
    "rejection_tokens_per_round": "1 + drafts accepted of a round that rejection verifies, exact given the drafts",
    "block_tokens_per_round": "the same, verified as a block",
    "block_gain": "block_tokens_per_round / rejection_tokens_per_round - 1",
    "kept_updates": "drafts so far whose updates of the threshold were kept; without one, those that were verified",
    "kept_dropped_mass": "alpha_n, mean over these: what the theorem of the conformal threshold is about",
    "verified_dropped_mass": "alpha_n, mean over the drafts verified so far, those that can be rejected",
    "threshold": "beta, that cuts the next draft",
    "one_sided_bound": "on kept_dropped_mass: alpha + max(0, beta_1 + eta (1 - alpha)) / (eta N), N the kept updates",
    "papers_bound": "on kept_dropped_mass, where eta (1 - 2 alpha) <= 1: alpha + (|beta_1| + 1 + eta alpha) / (eta N)",
    "adversarial_dropped_mass": "kept_dropped_mass where who sees the threshold chooses distributions against it",
    **{f"simulated_{name}": f"{name} beside a real one, simulated under clocks measured there" for name in COMPARED},
    "other_answers": "requests whose tokens in the real system are not those of the simulated one",
    "verified_drafts": "drafts that were verified at this position",
    "tv_compression": "total variation between q and qhat, exact, mean over drafts",
    "rejection_slack": "rejection_bound less tv_qhat",
    "rejections_z": "(rejections - sum of TV(qhat, p) over verified drafts) / rejections_sd, all positions of the cell",
    "rejections_sd": "standard deviation of that difference: root of the sum of TV(qhat, p) (1 - TV(qhat, p))",
}
"""Metrics of studies, in the order in which they stand in a table."""
