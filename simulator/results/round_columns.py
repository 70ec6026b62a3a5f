"""The columns of `rounds.parquet`, each declared once: name, type, where it comes from (a dotted attribute of
`rounds.OpenRound`), how it is averaged, meaning. Schema, metrics and docs/metrics.md follow."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Type = Literal["int64", "float64", "bool"]


class RoundColumn(NamedTuple):
    """A column of `rounds.parquet`. With `over` it has a metric, called like it unless named: the sums over all rounds
    of it and of `over`, divided: another column, `speculative`, the rounds with drafts, or `tokens`, the output
    tokens."""

    name: str
    type: Type
    source: str
    over: str = ""
    metric: str = ""
    meaning: str = ""
    """Meaning of the metric."""


ROUND_COLUMNS: Final = (
    RoundColumn("round", "int64", "number"),
    RoundColumn("started_s", "float64", "started_s"),
    RoundColumn("sent_s", "float64", "payload.put_s"),
    RoundColumn("received_s", "float64", "payload.delivered_s"),
    RoundColumn("verified_s", "float64", "reply.put_s"),
    RoundColumn("answered_s", "float64", "answered_s"),
    RoundColumn("drafted", "int64", "drafted"),
    RoundColumn("verified", "int64", "verified.divergences.verified"),
    RoundColumn("accepted", "int64", "verified.accepted"),
    RoundColumn("committed", "int64", "verified.tokens"),
    RoundColumn(
        "checked", "int64", "verified.checked", "speculative", "checked_per_round",
        "drafts that the verifier's pass was over / rounds: fewer than draft_length if parts were lost or the cloud "
        "cuts what it verifies (acceptance.least_confidence)",
    ),
    RoundColumn("payload_bits", "int64", "payload.bits"),
    RoundColumn("uplink_bits", "int64", "payload.delivered_bits"),
    RoundColumn("uplink_attempts", "int64", "payload.delivered_attempts"),
    RoundColumn("reply_bits", "int64", "reply.bits"),
    RoundColumn("downlink_bits", "int64", "reply.delivered_bits"),
    RoundColumn(
        "support_size", "int64", "sums.support_size", "drafted",
        meaning="tokens kept by sparsification, K_n, mean over drafts sent",
    ),
    RoundColumn(
        "coded_size", "int64", "sums.coded_size", "drafted",
        meaning="tokens with a non-zero count, mean over drafts sent",
    ),
    RoundColumn(
        "dropped_mass", "float64", "sums.dropped_mass", "drafted",
        meaning="sum of q outside what was kept, alpha_n, mean over drafts sent",
    ),
    RoundColumn(
        "tv_quantization", "float64", "sums.tv_quantization", "drafted",
        meaning="total variation between q renormalized on the support and qhat, mean over drafts sent",
    ),
    RoundColumn(
        "tv_mismatch", "float64", "verified.divergences.tv_mismatch", "verified",
        meaning="total variation between q and p, mean over verified drafts",
    ),
    RoundColumn(
        "tv_qhat", "float64", "verified.divergences.tv_qhat", "verified",
        meaning="total variation between qhat (from which the draft is drawn) and p, mean over verified drafts: "
        "the expected resampling_per_draft, but of coupled schemes, and of trees, where its siblings may stand instead",
    ),
    RoundColumn(
        "rejection_bound", "float64", "verified.divergences.rejection_bound", "verified",
        meaning="x = TV(q, p) + alpha_n + covering bound of the quantizer, of coupled schemes 2x / (1 + x), mean over "
        "verified drafts",
    ),
    RoundColumn(
        "tv_output", "float64", "verified.divergences.tv_output", "committed",
        meaning="total variation between the committed token's distribution and the verifier's, mean over positions; "
        "nan where a user's acceptance does not state it (`output_distribution`) and it cannot be enumerated",
    ),
    RoundColumn(
        "nll", "float64", "verified.divergences.nll", "committed", "verifier_nll_per_token",
        "-ln p(token) of committed tokens under the verifier at the cell's temperature, mean",
    ),
    RoundColumn("edge_passes", "int64", "edge_passes"),
    RoundColumn("flushed", "bool", "flushed"),
    RoundColumn("stale", "bool", "stale"),
    RoundColumn(
        "flushed_drafts", "int64", "flushed_drafts", "tokens", "flushed_drafts_per_token",
        "drafts of flushed rounds (drafted ahead on drafts that were not accepted), wasted / output tokens",
    ),
    RoundColumn("flushed_bits", "int64", "flushed_bits"),
    RoundColumn("hit", "bool", "prepared.hit"),
    RoundColumn("branch_passes", "int64", "prepared.passes"),
    RoundColumn("branch_drafts", "int64", "prepared.drafts"),
    RoundColumn("wasted_drafts", "int64", "prepared.wasted"),
    RoundColumn("wasted_bits", "int64", "prepared.wasted_bits"),
)  # fmt: skip
"""The columns of `rounds.parquet`, after KEYS. Those with `over` are sums over the drafts of a round, or its committed
tokens.

A round that is `flushed` was drafted ahead on drafts that were not accepted. It is never verified: what was made of it
is reported by the `flushed_` columns alone, headers and retransmissions included in the bits; `stale` reports that its
payload had come to the cloud, which dropped it before decoding. Numbers of rounds that were never begun are skipped.

What an edge drafts while a round is out, for several outcomes of it, is reported with that round: `branch_passes` that
ended before the reply, `branch_drafts` of all branches, `wasted_drafts` of those that were not chosen, and whether the
next round was among them (`hit`). Of branches that were sent to the cloud
(`scheme.prepared_at`), `wasted_bits` are all bits on the uplink except the payload of the chosen one, which is the next
round's."""
