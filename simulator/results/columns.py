"""The words of the result tables: every column that a cell, a request or a round carries, with its one definition.

`plots` and `scenarios` know results by these names only, and the README's table of metrics is made from them.
"""

from __future__ import annotations

BREAKDOWN: tuple[str, ...] = (
    "prompt_uplink_s",
    "edge_queue_s",
    "prefill_s",
    "draft_s",
    "encode_s",
    "uplink_queue_s",
    "uplink_transmit_s",
    "retransmit_s",
    "propagation_s",
    "timeout_wait_s",
    "cloud_queue_s",
    "cloud_decode_s",
    "verify_s",
    "downlink_queue_s",
    "downlink_s",
)
"""These partition a request's `latency_s`; `ledger` says which of its rounds each instant belongs to (I11)."""

BREAKDOWN_MEANING: dict[str, str] = {
    "prompt_uplink_s": "the prompt is on its way to the cloud and the round can only wait for it",
    "edge_queue_s": "waiting for the device's processor",
    "prefill_s": "a model reads the prompt, at the edge or in the cloud",
    "draft_s": "the drafter runs at the edge",
    "encode_s": "the edge encodes the payload",
    "uplink_queue_s": "the payload waits for the uplink, an access grant included",
    "uplink_transmit_s": "first transmission of the payload's bits",
    "retransmit_s": "second and later transmissions",
    "propagation_s": "in flight, either way",
    "timeout_wait_s": "lost, and the sender waits for its timer or pauses, either way",
    "cloud_queue_s": "waiting for a cloud server",
    "cloud_decode_s": "the cloud decodes by itself: the verifier token by token, or a co-located pair",
    "verify_s": "the verifier checks drafts",
    "downlink_queue_s": "the reply waits for the downlink",
    "downlink_s": "the reply's bits are transmitted, retries included",
}

METRICS: dict[str, str] = {
    "answered": "requests answered / requests arrived",
    "timed_out": "requests that met their deadline first / requests arrived",
    "abandoned": "requests whose device left / requests arrived",
    "latency_s": "arrival of a request to the arrival of its last token at the device, mean over requests",
    "ttft_s": "arrival of a request to the arrival of its first token at the device, mean over requests",
    "tpot_s": "(last token's arrival - first token's arrival) / (output tokens - 1), mean over requests",
    "tpot_p95_s": "95th percentile over requests of tpot_s",
    "latency_per_token_s": "sum of latency_s over requests / sum of output tokens (the headline)",
    "latency_per_token_p50_s": "median over requests of latency_s / output tokens",
    "latency_per_token_p90_s": "90th percentile over requests of latency_s / output tokens",
    "latency_per_token_p99_s": "99th percentile over requests of latency_s / output tokens",
    "tokens_per_s": "output tokens of all requests / time from first arrival to last answer",
    "payload_bits_per_token": "8 * len(payload) of every round, no headers, first transmissions only / output tokens",
    "uplink_bits_per_token": "all bits put on the uplink: prompt, payloads, headers, retransmissions / output tokens",
    "downlink_bits_per_token": "all bits put on the downlink, headers and retransmissions included / output tokens",
    "payload_bits_per_draft": "8 * len(payload) of every round / drafts sent",
    "draft_length": "drafts sent per round",
    "accepted_per_round": "accepted drafts per round",
    "acceptance_rate": "accepted drafts / verified drafts (those up to and including the first rejection)",
    "resampling_per_round": "rejections / rounds",
    "resampling_per_draft": "rejections / verified drafts",
    "resampling_per_token": "rejections / output tokens",
    "support_size": "tokens kept by sparsification, K_n, mean over drafts sent",
    "coded_size": "tokens with a non-zero count, mean over drafts sent",
    "dropped_mass": "sum of q outside what was kept, alpha_n, mean over drafts sent",
    "tv_quantization": "total variation between q renormalized on the support and qhat, mean over drafts sent",
    "tv_mismatch": "total variation between q and p, mean over verified drafts",
    "tv_qhat": "total variation between qhat and p, mean over verified drafts: the expected resampling_per_draft",
    "rejection_bound": "TV(q, p) + alpha_n + covering bound of the quantizer, mean over verified drafts",
    "tv_output": "total variation between the law the committed token follows and the verifier's, mean over positions",
    "verifier_nll_per_token": "-ln p(token) of committed tokens under the verifier at the cell's temperature, mean",
    "over_budget_per_round": "rounds whose payload exceeds budget_bits because one draft is always sent / rounds",
    "tail_tokens": "committed tokens cut at the end of the answer, per request",
    "cloud_s_per_token": "seconds of cloud service, prefill included / output tokens",
    "edge_busy": "share of the time a device's processor is at work, mean over devices",
    "uplink_busy": "share of the time the uplink is taken: transmitting, or bound to be silent between two packets",
    "cloud_busy": "share of the time a cloud server is at work, mean over servers",
    "downlink_busy": "share of the time the downlink is taken",
    "overloaded": "1 where the cloud or any link is busy for 95% of the time or more, else 0",
    "uplink_queue": "packets waiting for the uplink or on the air, mean in time",
    "cloud_queue": "jobs at the cloud, waiting or in service, mean in time",
    "downlink_queue": "packets waiting for the downlink or on the air, mean in time",
    "dropped_packets": "packets that a full buffer or a withdrawn message has dropped, both ways",
    "cloud_evictions": "sessions whose cache was thrown out for another's",
}
"""Every metric of a cell. In `summary.csv` each is followed by `NAME_ci95`, the half-width over seeds."""

CI_SUFFIX = "_ci95"
REQUEST_COLUMNS: tuple[str, ...] = (
    "cell", "device", "request", "prompt", "outcome", "arrival_s", "first_token_s", "finish_s",
    "output_tokens", "rounds", "latency_s", "ttft_s", "tpot_s", *BREAKDOWN, "hidden_draft_s", "tail_tokens",
)  # fmt: skip
ROUND_COLUMNS: tuple[str, ...] = (
    "cell", "device", "request", "round", "started_s", "sent_s", "received_s", "verified_s", "answered_s",
    "drafted", "verified", "accepted", "committed", "payload_bits", "uplink_bits", "uplink_attempts", "reply_bits",
    "downlink_bits", "support_size", "coded_size", "dropped_mass", "tv_quantization", "tv_mismatch", "tv_qhat",
    "rejection_bound", "tv_output", "nll", "over_budget", "edge_passes",
)  # fmt: skip
"""`support_size` to `tv_quantization` are sums over the drafts sent, `tv_mismatch` to `rejection_bound` over those
verified, `tv_output` and `nll` over the committed tokens. Divided by that number of theirs they are means."""
WHOLE_COLUMNS: frozenset[str] = frozenset({
    "device", "request", "round", "output_tokens", "rounds", "tail_tokens", "drafted", "verified", "accepted",
    "committed", "payload_bits", "uplink_bits", "uplink_attempts", "reply_bits", "downlink_bits", "support_size",
    "coded_size", "edge_passes",
})  # fmt: skip
"""Those of both tables that hold whole numbers."""
