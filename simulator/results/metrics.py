"""The metrics of a cell, each declared once: name, meaning, how it is computed from what a run left.

They are the columns of `cells.csv` that are no configuration; docs/metrics.md is made from them. A metric of yours is
one line in METRICS, or `register` in a file of yours. Latencies are of answered requests only; tokens, bits and seconds
of service of all. Without such requests, or a denominator, the value is nan. A percentile is of one run's answered
requests, linear between order statistics; its interval is that of the mean over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import isnan, nan
from typing import Final, NamedTuple

from kinds import ConfigError
from kinds.arrays import Floats
from simulator.results.column_names import BREAKDOWN, SPEEDUPS
from simulator.results.energy import MONTH_H, battery_j, cloud_j, edges_j, per_device_month, per_token, radios_j, usd
from simulator.results.round_columns import ROUND_COLUMNS
from simulator.results.run_totals import CHARGED, SHARES, Run, mean, quantiles, ratio
from simulator.results.threshold_settling import WINDOW


class Metric(NamedTuple):
    """Metric: a column of `cells.csv`."""

    name: str
    meaning: str
    value: Callable[[Run], float]
    if_known: bool = False
    """True if a run in which the metric is nan goes without the column."""
    higher: bool = False
    """True if more is better."""


def _average(column: str, over: str) -> Callable[[Run], float]:
    return lambda run: ratio(run.sums[column], run.tokens if over == "tokens" else run.sums[over])


def _of_branches(value: Callable[[Run], float]) -> Callable[[Run], float]:
    """The value of a run in which rounds were prepared, nan of any other."""
    return lambda run: value(run) if run.sums["branch_passes"] else nan


_STEMS: Final[Mapping[str, tuple[str, Callable[[Run], Floats]]]] = {
    "ttft": ("ttft_s", lambda run: run.answered["ttft_s"]),
    "tpot": ("tpot_s", lambda run: run.answered["tpot_s"]),
    "itl": ("the gaps between its tokens as they reach the device", lambda run: run.itl_s),
    "latency_per_token": ("latency_s / output tokens", lambda run: run.latencies_per_token_s),
    "latency": ("latency_s", lambda run: run.answered["latency_s"]),
}
"""Quantities that have percentiles, in words and as values, by the stem of their names."""


def _percentile(stem: str, share: float) -> Metric:
    words, values = _STEMS[stem]
    word = "median" if share == 0.5 else f"{share:.0%}".replace("%", "th percentile")
    meaning = f"{word} over answered requests of {words}"
    return Metric(f"{stem}_p{100 * share:.0f}_s", meaning, lambda run: quantiles(values(run))[share])


_DECLARED: Final = (
    Metric(
        "answered", "requests answered / requests arrived", lambda run: ratio(len(run.answered), len(run.requests)),
        higher=True,
    ),
    Metric(
        "timed_out", "requests that met their deadline first / requests arrived", lambda run: run.share("timed_out")
    ),
    Metric("abandoned", "requests whose device left / requests arrived", lambda run: run.share("abandoned")),
    Metric(
        "latency_s", "arrival of a request to the arrival of its last token at the device, mean over answered requests",
        lambda run: run.mean("latency_s"),
    ),
    Metric(
        "ttft_s", "arrival of a request to the arrival of its first token at the device, mean over answered requests",
        lambda run: run.mean("ttft_s"),
    ),
    Metric(
        "tpot_s", "(last token's arrival - first token's arrival) / (output tokens - 1), mean over answered requests",
        lambda run: run.mean("tpot_s"),
    ),
    _percentile("tpot", 0.95),
    Metric(
        "latency_per_token_s",
        "sum of latency_s / sum of output tokens, both over answered requests (the headline; what vLLM's papers call "
        "normalized latency is its mean over requests instead of over tokens)",
        lambda run: ratio(float(run.answered["latency_s"].sum()), run.answered_tokens),
    ),
    *(_percentile("latency_per_token", share) for share in (0.5, 0.9, 0.99)),
    Metric(
        "tokens_per_s",
        "output tokens that reached their device, those of requests never answered included / time from first arrival "
        "to the end of the last request (of the run, where one is in flight)",
        lambda run: ratio(run.tokens, run.span_s()),
        higher=True,
    ),
    Metric(
        "slo_attainment",
        "requests answered with ttft_s <= workload.slo_ttft_s and tpot_s <= workload.slo_tpot_s / requests arrived; an "
        "objective that is null holds for all, nan where both are",
        lambda run: run.attainment(),
        higher=True,
    ),
    Metric(
        "goodput_tokens_per_s",
        "output tokens of the requests that slo_attainment counts / the time that tokens_per_s is over",
        lambda run: run.goodput(),
        higher=True,
    ),
    Metric(
        "payload_bits_per_token",
        "8 * len(payload) of every round but flushed ones, no headers, first transmissions only / output tokens",
        lambda run: ratio(run.sums["payload_bits"], run.tokens),
    ),
    Metric(
        "reply_bits_per_token",
        "8 * len(reply) of every round that was verified, no headers, first transmissions only / output tokens",
        lambda run: ratio(run.sums["reply_bits"], run.tokens),
    ),
    Metric(
        "uplink_bits_per_token",
        "all bits put on the uplink: prompt, payloads, headers, retransmissions / output tokens",
        lambda run: ratio(run.plant.uplink.bits_sent, run.served_tokens),
    ),
    Metric(
        "downlink_bits_per_token",
        "all bits put on the downlink, headers and retransmissions included / output tokens",
        lambda run: ratio(run.plant.downlink.bits_sent, run.served_tokens),
    ),
    Metric(
        "payload_bits_per_draft", "8 * len(payload) of every round / drafts sent", _average("payload_bits", "drafted")
    ),
    Metric("draft_length", "drafts sent per round", _average("drafted", "speculative")),
    Metric("accepted_per_round", "drafts accepted per round", _average("accepted", "speculative"), higher=True),
    Metric(
        "accepted_length_tokens",
        "AL: tokens that a verified round of drafts commits, its correction or bonus token included and tails past the "
        "answer's end not cut, mean over such rounds (Spec-Bench's mean accepted tokens); nan without drafts",
        lambda run: ratio(run.sums["judged_tokens"], run.sums["judged"]),
        higher=True,
    ),
    Metric(
        "acceptance_rate",
        "accepted drafts / verified drafts (those up to and including the first rejection)",
        lambda run: ratio(run.sums["accepted"], run.sums["verified"]),
        higher=True,
    ),
    Metric(
        "resampling_per_round", "rejections / rounds", lambda run: ratio(run.rejections, run.sums["speculative"])
    ),
    Metric(
        "resampling_per_draft", "rejections / verified drafts", lambda run: ratio(run.rejections, run.sums["verified"])
    ),
    Metric("resampling_per_token", "rejections / output tokens", lambda run: ratio(run.rejections, run.tokens)),
    *(
        Metric(column.metric or column.name, column.meaning, _average(column.name, column.over))
        for column in ROUND_COLUMNS
        if column.over
    ),
    Metric(
        "hit_rate",
        "rounds after which the next one was prepared (scheme.prepared) / rounds; an answer's last round counts, and "
        "is no hit; no such column where nothing was prepared",
        _of_branches(lambda run: ratio(run.sums["hit"], run.sums["speculative"])), if_known=True, higher=True,
    ),
    Metric(
        "wasted_drafts_per_token",
        "drafts of prepared branches that were not chosen / output tokens; no such column where nothing was prepared",
        _of_branches(lambda run: ratio(run.sums["wasted_drafts"], run.tokens)), if_known=True,
    ),
    Metric(
        "wasted_bits_per_token",
        "bits put on the uplink for branches that went to the cloud before their verification result "
        "(scheme.prepared_at), but for the payloads of those that were picked / output tokens; no such column where no "
        "branch was sent",
        lambda run: ratio(run.sums["wasted_bits"], run.tokens) if run.sums["wasted_bits"] else nan, if_known=True,
    ),
    Metric(
        "unsettled_share",
        "drafts sent before a conformal threshold had settled / drafts sent, both of answered requests; it settles "
        f"with the first {WINDOW} kept drafts that drop twice its target or less on average; nan without a threshold",
        lambda run: ratio(run.sums["unsettled_drafts"], run.sums["threshold_drafts"]),
    ),
    Metric(
        "tail_tokens", "committed tokens cut at the end of the answer, per request",
        lambda run: mean(run.requests["tail_tokens"]),
    ),
    Metric(
        "hidden_draft_s_per_token",
        "drafting and encoding at the edge while the reply to an older round, or to the partial one, was out, flushed "
        "rounds included, and reading while the cloud decoded by itself / output tokens, both over answered requests",
        lambda run: ratio(float(run.answered["hidden_draft_s"].sum()), run.answered_tokens),
    ),
    Metric(
        "cloud_s_per_token", "seconds of cloud service, prefill included / output tokens",
        lambda run: ratio(run.plant.cloud_service_s, run.served_tokens),
    ),
    Metric(
        "edge_j_per_token",
        "joules of the devices' processors: edge.power.busy_w at work, idle_w for the rest of the time in which a "
        "request is open at the device / output tokens; nan where a device has no edge.power",
        per_token(edges_j),
    ),
    Metric(
        "radio_j_per_token",
        "joules of the devices' radios: uplink.power_w while a packet is on the uplink, downlink.power_w while one is "
        "on the downlink, each attempt with its header and overhead; of a radio that stays connected also what "
        "that draws from the first packet until its tail after the last is over, be it past the end of the run, and "
        "what it takes to connect and to listen when idle, where that is known / output tokens; nan where a link has "
        "neither radio nor power_w",
        per_token(radios_j),
    ),
    Metric(
        "cloud_busy_j_per_token",
        "joules of the cloud's GPUs in passes alone: cloud.power.busy_w / output tokens; nan without cloud.power or "
        "where cloud.charged is held",
        per_token(lambda run: cloud_j(run, "busy")),
    ),
    Metric(
        "cloud_held_j_per_token",
        "joules of the cloud's GPUs from the first arrival to the end of the last request: cloud.power.busy_w in "
        "passes, idle_w for the rest / output tokens; nan without cloud.power or where cloud.charged is busy",
        per_token(lambda run: cloud_j(run, "held")),
    ),
    Metric(
        "busy_usd_per_million_tokens",
        "price of the cloud's GPUs for passes alone, the rest being others': cloud.usd_per_gpu_hour; and of the "
        "battery's joules where edge.usd_per_kwh is given / a million output tokens; nan without a price or where "
        "cloud.charged is held",
        per_token(lambda run: 1e6 * usd(run, "busy")),
    ),
    Metric(
        "held_usd_per_million_tokens",
        "price of the cloud's GPUs from the first arrival to the end of the last request, idle or not: "
        "cloud.usd_per_gpu_hour; and of the battery's joules where edge.usd_per_kwh is given / a million output "
        "tokens, at the load of the run (cloud_busy); nan without a price or where cloud.charged is busy",
        per_token(lambda run: 1e6 * usd(run, "held")),
    ),
    *(
        Metric(
            f"{charged}_usd_per_device_month",
            f"the dollars of {charged}_usd_per_million_tokens / devices, if the run goes on at its load (cloud_busy) "
            f"for {MONTH_H:g} hours a month; no such column without a price",
            per_device_month(partial(usd, charged=charged)),
            if_known=True,
        )
        for charged in CHARGED
    ),
    Metric(
        "battery_j_per_token",
        "joules of the devices, processors and radios: edge_j_per_token + radio_j_per_token, of devices whose radio is "
        "stated in all of its states (uplink.radio, downlink.radio); else, and without edge.power, no such column",
        per_token(battery_j),
        if_known=True,
    ),
    Metric(
        "battery_j_per_request",
        "the same joules / requests that have arrived, of all; no such column without figures",
        lambda run: ratio(battery_j(run), len(run.served)),
        if_known=True,
    ),
    Metric(
        "edge_busy", "share of the time a device's processor is at work, mean over devices",
        lambda run: mean([station.busy_fraction(run.plant.over_s) for station in run.plant.edges]),
    ),
    Metric(
        "uplink_busy", "share of the time the uplink is taken: transmitting, or bound to be silent between two packets",
        lambda run: run.plant.uplink.busy(run.plant.over_s),
    ),
    Metric(
        "cloud_busy", "share of the time a cloud server is at work, mean over servers", lambda run: run.cloud_busy
    ),
    Metric(
        "downlink_busy", "share of the time the downlink is taken",
        lambda run: run.plant.downlink.busy(run.plant.over_s),
    ),
    Metric(
        "overloaded",
        "1 where the cloud or any link is busy for 95% of the time or more, and requests come unasked or several "
        "devices share it, else 0",
        lambda run: float(run.overloaded),
    ),
    Metric(
        "uplink_queue", "packets waiting for the uplink or on the air, mean in time",
        lambda run: run.plant.uplink.queue(run.plant.over_s),
    ),
    Metric(
        "cloud_queue", "jobs at the cloud, waiting or in service, mean in time",
        lambda run: run.plant.cloud.mean_present(run.plant.over_s),
    ),
    Metric(
        "downlink_queue", "packets waiting for the downlink or on the air, mean in time",
        lambda run: run.plant.downlink.queue(run.plant.over_s),
    ),
    Metric(
        "dropped_packets", "packets that a full buffer or a cancelled message has dropped, both ways",
        lambda run: float(run.plant.dropped_packets),
    ),
    Metric(
        "cloud_evictions", "sessions whose cache was thrown out for another's",
        lambda run: float(run.plant.cloud_evictions),
    ),
)  # fmt: skip
METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _DECLARED}
"""Every metric that each cell has. In `summary.csv` each is followed by `NAME_ci95`, the half-width over seeds."""


_PERCENTILES: Final = {f"{stem}_p{100 * share:.0f}_s": (stem, share) for stem in _STEMS for share in SHARES}
"""Stem and share of each percentile by its name."""
ON_REQUEST: Final[dict[str, Metric]] = {
    name: _percentile(*of) for name, of in _PERCENTILES.items() if name not in METRICS
}
"""The metrics that a cell has where it asks for them (`percentiles`)."""


def known(name: str) -> Metric | None:
    """The metric of this name, be it one that must be asked for."""
    return METRICS.get(name) or ON_REQUEST.get(name)


def higher_is_better(name: str) -> bool:
    """True if more of a metric is better, also of a class of devices (`CLASS.METRIC`) and of what a search finds."""
    plain = name.rpartition(".")[2]
    found = known(plain)
    return plain in (*SPEEDUPS, "capacity", "capacity_least", "capacity_most") or (found is not None and found.higher)


def check_percentile(name: str) -> str:
    """The name of a percentile. Raises ValueError for any other."""
    if name not in _PERCENTILES:
        shares = ", ".join(f"p{100 * share:.0f}" for share in SHARES)
        raise ValueError(f"{name!r} must be STEM_PERCENTILE_s with one of {', '.join(_STEMS)} and one of {shares}")
    return name


def fewest(name: str) -> int:
    """The number of values from which a percentile lies between two of them and not at the largest: 1 / (1 - share);
    0 of what is none."""
    return round(1 / (1 - _PERCENTILES[name][1])) if name in _PERCENTILES else 0


def register(metric: Metric) -> None:
    """Adds a metric of a user's own, for a file that `--import` loads. Raises ConfigError where the name is taken."""
    if metric.name in {*BREAKDOWN, *ON_REQUEST, *(each.name for each in _DECLARED)}:
        raise ConfigError(f"metric = {metric.name}: there is a column of this name; give yours another one")
    METRICS[metric.name] = metric


def summarise(run: Run, requested: Iterable[str] = ()) -> dict[str, float]:
    """Every metric, in order, then BREAKDOWN as seconds per output token, then those of ON_REQUEST that are."""
    breakdown = {name: ratio(float(run.answered[name].sum()), run.answered_tokens) for name in BREAKDOWN}
    more = {name: ON_REQUEST[name].value(run) for name in requested if name in ON_REQUEST}
    values = {name: metric.value(run) for name, metric in METRICS.items()}
    there = {name: value for name, value in values.items() if not (METRICS[name].if_known and isnan(value))}
    return there | breakdown | more
