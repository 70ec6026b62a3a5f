"""The columns of the result tables, each declared once: name, type, where it comes from, how it is averaged, meaning.

A row is read off by `source`, a dotted attribute of what the table is about (`rounds.OpenRound`, `requests.Request`);
schema, metrics and the tables of docs/metrics.md follow. Units are the last word of a name (`units`). A column of
yours is one line here. `metrics` has the columns of `cells.csv`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final, Literal, NamedTuple

Type = Literal["int64", "float64", "bool"]

CI_SUFFIX: Final = "_ci95"
"""In `summary.csv`, `NAME_ci95` is the half-width over seeds of the metric NAME."""
OVERLOAD: Final = 0.95
"""A station at which work can pile up is overloaded when busy for this share of the time, or more."""
READING_S: Final = 0.2
"""Time in which a person reads a token: 238 words of prose a minute (Brysbaert 2019, J. Mem. Lang. 109, 104047) of 1.3
tokens each, rounded up."""
CURVE: Final = "curve"
"""The column that names the curve a row belongs to; figures and findings add it."""
LOSSY: Final = "lossy"
"""The column of a summary that tells whether a scheme's text departs from the verifier's distribution, or is not known
to follow it: such a scheme is marked, and ranked apart."""
LOSSLESS_TV: Final = 1e-7
"""A `tv_output` of no more is none: rounding. A distribution that crosses the air in single precision is off by 6e-8 at
most."""
SPEEDUP: Final = "speedup"
SPEEDUPS: Final = {
    SPEEDUP: "latency_per_token_s of cloud_only over that of the setting, where they differ in the scheme alone: the "
    "exponential of the mean over seeds of ln of the ratio, paired by seed; above 1 the setting is faster, nan where "
    "requests went unanswered",
    f"{SPEEDUP}_low": "the lower end of its interval",
    f"{SPEEDUP}_high": "the upper end",
}
"""What a summary of settings with cloud_only among them has besides, and what it means."""
N_SUFFIX: Final = "_n"
"""In `summary.csv`, `NAME_n` is the number of seeds with a number of NAME; there only where fewer than `n` have one."""
SETTING: Final = "setting"
"""The column that tells, where schemes choose for themselves, a scheme's own choice from what the grid gives to all."""
CHOSEN, FIXED = "chosen", "fixed"
"""Its values."""
SEARCHED: Final = {
    "capacity": "the largest number found at which the objective holds, 0 where it holds for none",
    "bounded": "whether a larger number was seen to fail; if not, it is the largest that was asked for",
    "capacity_least": "the largest number tried at which the objective holds for a seed alone, the least over "
    "those seeds for which it holds at any; 0 where it does for none",
    "capacity_most": "the largest number tried at which the objective holds for a seed alone, the most over seeds",
    "seeds_of_none": "seeds for which, alone, the objective holds at no number tried",
    "first_limit": "what the smallest number seen to fail breaks: the limit that is met first",
    "limited_by": "the station whose relief alone (passes of no time, an infinite rate without losses, no limit of "
    "memory) serves most more, several where they are within 10%; empty where none serves more",
    "objective": "the limits that hold",
    "within": "how far the capacity may be below the exact one, relatively",
}
"""What a search for the largest number adds to the tables of cells, and what it means."""


def chosen_name(name: str, names: Iterable[str]) -> str:
    """The name, among the `names` of curves that chose for themselves, of the one that the curve of a fixed setting is
    to be compared with: its own name less what was not chosen; its own where there is none."""
    return max((each for each in names if f"{name} ".startswith(f"{each} ")), key=len, default=name)


class Row(tuple[float, ...]):
    """Values in the order of some columns, each also under its column's name."""

    __slots__ = ()
    places: ClassVar[Mapping[str, int]] = {}
    """Where each column stands."""

    def __getattr__(self, name: str) -> float:
        try:
            return self[self.places[name]]
        except KeyError:
            raise AttributeError(f"no such column: {name}; there are {', '.join(self.places)}") from None


class RoundColumn(NamedTuple):
    """A column of `rounds.parquet`. With `over` it has a metric: the sums over all rounds of it and of `over`, divided.

    `over` is another column, `speculative`, the rounds with drafts, or `tokens`, the output tokens. The metric's name
    is the column's unless given.
    """

    name: str
    type: Type
    source: str
    over: str = ""
    metric: str = ""
    meaning: str = ""
    """What the metric means."""


ROUND_COLUMNS: Final = (
    RoundColumn("round", "int64", "number"),
    RoundColumn("started_s", "float64", "started_s"),
    RoundColumn("sent_s", "float64", "payload.put_s"),
    RoundColumn("received_s", "float64", "payload.delivered_s"),
    RoundColumn("verified_s", "float64", "reply.put_s"),
    RoundColumn("answered_s", "float64", "answered_s"),
    RoundColumn("drafted", "int64", "drafted"),
    RoundColumn("verified", "int64", "verified.divergences.verified"),
    RoundColumn(
        "unjudged", "int64", "verified.divergences.unjudged", "tokens", "unjudged_per_token",
        "drafts committed without judgement, of a scheme that is sure of them (they are not among the verified ones) "
        "/ output tokens",
    ),
    RoundColumn("accepted", "int64", "verified.accepted"),
    RoundColumn("committed", "int64", "verified.tokens"),
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
    RoundColumn(
        "over_budget", "bool", "sums.over_budget", "speculative", "over_budget_per_round",
        "rounds sent though their payload could exceed budget_bits, since one draft is always sent / rounds",
    ),
    RoundColumn("edge_passes", "int64", "edge_passes"),
    RoundColumn(
        "asked", "bool", "asked", "speculative", "asked_per_round",
        "rounds whose whole payload the cloud asked for, the brief one being no use to it / rounds",
    ),
    RoundColumn(
        "flushed", "bool", "flushed", "tokens", "flushed_rounds_per_token",
        "rounds drafted ahead on drafts that were not accepted / output tokens",
    ),
    RoundColumn(
        "stale", "bool", "stale", "tokens", "stale_rounds_per_token",
        "flushed rounds whose payload had come to the cloud, which dropped it undecoded / output tokens",
    ),
    RoundColumn(
        "flushed_drafts", "int64", "flushed_drafts", "tokens", "flushed_drafts_per_token",
        "drafts of flushed rounds, wasted / output tokens",
    ),
    RoundColumn(
        "flushed_bits", "int64", "flushed_bits", "tokens", "flushed_bits_per_token",
        "bits put on the uplink for flushed rounds, headers and retransmissions included / output tokens",
    ),
)  # fmt: skip
"""The columns of `rounds.parquet`, after KEYS. Those with `over` are sums over the drafts of a round, or its committed
tokens.

A round that is `flushed` was drafted ahead on drafts that were not accepted. It is never verified: what was made of it
is reported by the `flushed_` columns alone, headers and retransmissions included in the bits; `stale` reports that its
payload had come to the cloud, which dropped it before decoding. Numbers of rounds that were never begun are skipped."""
KEYS: Final = ("cell", "device", "request")
"""What the rows of requests and rounds go by."""


class LatencyPart(NamedTuple):
    """A part of a request's latency."""

    name: str
    meaning: str


BREAKDOWN_PARTS: Final = (
    LatencyPart("prompt_uplink_s", "the prompt is on its way to the cloud and the round can only wait for it"),
    LatencyPart("edge_queue_s", "waiting for the device's processor, or for as long as the scheme's policy says"),
    LatencyPart(
        "prefill_s", "a model reads the prompt, at the edge or in the cloud, or reads again what its cache has lost"
    ),
    LatencyPart("draft_s", "the drafter runs at the edge"),
    LatencyPart("encode_s", "the edge encodes the payload"),
    LatencyPart("uplink_queue_s", "the payload waits for the uplink, an access grant included"),
    LatencyPart("uplink_transmit_s", "first transmission of the payload's bits"),
    LatencyPart("retransmit_s", "second and later transmissions"),
    LatencyPart("propagation_s", "in flight, either way"),
    LatencyPart(
        "timeout_wait_s",
        "lost, and its sender waits for its timer or pauses, or the far end has yet to give it up, either way",
    ),
    LatencyPart("cloud_queue_s", "waiting for a cloud server, or for room in its memory"),
    LatencyPart("cloud_decode_s", "the cloud decodes by itself: the verifier token by token, or a co-located pair"),
    LatencyPart("verify_s", "the verifier checks drafts"),
    LatencyPart("downlink_queue_s", "the reply waits for the downlink"),
    LatencyPart("downlink_s", "the reply's bits are transmitted, retries included"),
)
"""These partition a request's `latency_s`; `ledger` says which of its rounds each instant belongs to (I11)."""
BREAKDOWN: Final = tuple(part.name for part in BREAKDOWN_PARTS)


class RequestColumn(NamedTuple):
    """A numeric column of `requests.parquet`, in seconds where its name says so."""

    name: str
    type: Type
    source: str


REQUEST_BEFORE: Final = (
    RequestColumn("arrival_s", "float64", "arrival_s"),
    RequestColumn("first_token_s", "float64", "first_token_s"),
    RequestColumn("finish_s", "float64", "finish_s"),
    RequestColumn("output_tokens", "int64", "answered_tokens"),
    RequestColumn("rounds", "int64", "closed_rounds"),
    RequestColumn("latency_s", "float64", "latency_s"),
    RequestColumn("ttft_s", "float64", "ttft_s"),
    RequestColumn("tpot_s", "float64", "tpot_s"),
)
REQUEST_AFTER: Final = (
    RequestColumn("hidden_draft_s", "float64", "hidden_draft_s"),
    RequestColumn("tail_tokens", "int64", "tail_tokens"),
)
REQUEST_COLUMNS: Final = (
    *REQUEST_BEFORE,
    *(RequestColumn(name, "float64", f"spent.{name}") for name in BREAKDOWN),
    *REQUEST_AFTER,
)
"""The columns of `requests.parquet`, after KEYS and TEXTS."""
TEXTS: Final = ("prompt", "outcome")
