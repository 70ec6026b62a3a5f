"""Every metric of a cell, and each part of its latency per token, beside a value recounted from what was seen."""

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

import pytest
from accounted_cells import CELLS, account
from column_checks import alike, idle, names_differ, same
from second_account import Account
from seen_requests import RequestSeen, RoundSeen, lines
from slow_decoding import SlowRound
from slow_times import PARTS

from simulator.results.column_names import BREAKDOWN
from simulator.results.metrics import METRICS, ON_REQUEST, fewest

Value = Callable[[Account], float]


def over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def mean(values: Iterable[float]) -> float:
    kept = list(values)
    return over(math.fsum(kept), len(kept))


def quantile(values: Iterable[float], share: float) -> float:
    """Between neighbours in order, in proportion."""
    ordered = sorted(values)
    low = int(place := share * (len(ordered) - 1))
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def tokens(run: Account) -> int:
    """The output tokens of all requests."""
    return sum(len(request.tokens) for request in run.requests)


def answered_tokens(run: Account) -> int:
    return sum(len(request.tokens) for request in run.answered)


def latency_s(request: RequestSeen) -> float:
    return request.finish_s - request.arrival_s


def tpot_s(request: RequestSeen) -> float:
    return (request.answers_s[-1] - request.answers_s[0]) / max(1, len(request.tokens) - 1)


def per_token_s(run: Account) -> list[float]:
    return [latency_s(request) / len(request.tokens) for request in run.answered]


def sent(run: Account) -> list[SlowRound]:
    """The rounds whose payload was sent, or begun in the cloud; void ones apart."""
    return [round_.decoded for round_ in run.rounds if round_.sent]


def void(run: Account) -> list[RoundSeen]:
    return [round_ for round_ in run.rounds if not math.isnan(round_.flushed_s)]


def judged(run: Account) -> list[SlowRound]:
    return [round_.decoded for round_ in run.rounds if not math.isnan(round_.verified_s)]


def drafts(run: Account) -> int:
    return sum(len(round_.drafts) for round_ in sent(run))


def speculative(run: Account) -> int:
    return sum(len(round_.drafts) > 0 for round_ in sent(run))


def verified(run: Account) -> int:
    return sum(len(round_.judged) for round_ in judged(run))


def rejections(run: Account) -> int:
    return sum(len(round_.judged) - round_.accepted for round_ in judged(run))


def per_draft(column: str) -> Value:
    return lambda run: over(sum(round_.of_drafts[column] for round_ in sent(run)), drafts(run))


def per_verified(column: str) -> Value:
    return lambda run: over(sum(round_.of_verified[column] for round_ in judged(run)), verified(run))


def per_committed(column: str) -> Value:
    return lambda run: over(
        sum(round_.of_verified[column] for round_ in judged(run)), sum(len(round_.committed) for round_ in judged(run))
    )


def bits_sent(run: Account, way: str) -> int:
    return sum(each.bits(math.inf) for device in range(len(run.devices)) for _, each in run.messages(device, way))


def links(run: Account, way: str) -> list[float]:
    """The share of the time that each link of a way is taken."""
    busy_s: dict[str, float] = {each.link: 0.0 for each in run.witness.airings if each.link.endswith(way)}
    for each in run.witness.airings:
        if each.link in busy_s:
            busy_s[each.link] += min(each.left_s, run.over_s) - each.began_s
    lanes = len(run.devices) if getattr(run.cell, way).sharing.transmitter_per_device else 1
    return [each_s / lanes / run.over_s for each_s in busy_s.values()]


def in_line(run: Account, way: str) -> list[tuple[float, float, bool]]:
    """From when to when each packet was there, and whether it went out."""
    configs = [getattr(each, way) for each in run.devices]
    seen = (lines(config, run.messages(device, way), way == "downlink") for device, config in enumerate(configs))
    return [(since_s, gone_s, went) for each in seen for since_s, gone_s, went in each if since_s < run.over_s]


def queue(run: Account, way: str) -> float:
    return sum(min(gone_s, run.over_s) - since_s for since_s, gone_s, _ in in_line(run, way)) / run.over_s


def cloud_s(run: Account) -> float:
    return math.fsum(min(each.ended_s, run.over_s) - each.began_s for each in run.witness.passes)


def cloud_busy(run: Account) -> float:
    return cloud_s(run) / run.cell.cloud.servers / run.over_s


def overloaded(run: Account) -> bool:
    """Whether a station at which work can pile up is busy all the time but for a twentieth."""
    asked_anyhow = run.cell.workload.kind != "closed"
    together = asked_anyhow or len(run.devices) > 1
    busy = [cloud_busy(run)] if together else []
    for way in ("uplink", "downlink"):
        if asked_anyhow or (together and not getattr(run.cell, way).sharing.transmitter_per_device):
            busy += links(run, way)
    return max(busy, default=0.0) >= 0.95


def cloud_queue(run: Account) -> float:
    here = [
        min(job.left_s(request.told_s), run.over_s) - job.submitted_s
        for request in run.requests
        for job in request.jobs
        if job.submitted_s < min(request.told_s, run.over_s)
    ]
    return math.fsum(here) / run.over_s


def evictions(run: Account) -> int:
    """Sessions that came back to find nothing cached."""
    lost, seen = 0, set[tuple[int, int]]()
    for each in run.witness.passes:
        for session, (_, cached) in zip(each.sessions, each.work, strict=True):
            lost += session in seen and not cached
            seen.add(session)
    return lost


def edges_j(run: Account) -> float:
    """nan where a device has no figure."""
    joules = 0.0
    for device, config in enumerate(run.devices):
        own = [request for request in run.requests if request.device == device]
        busy_s = math.fsum(request.busy_s for request in own)
        open_s, until_s = 0.0, 0.0
        for request in sorted(own, key=lambda request: request.arrival_s):
            open_s += max(0.0, request.finish_s - max(until_s, request.arrival_s))
            until_s = max(until_s, request.finish_s)
        power = config.edge.power
        joules += math.nan if power is None else power.busy_w * busy_s + power.idle_w * (open_s - busy_s)
    return joules


def radios_j(run: Account) -> float:
    def watts(way: str, device: int) -> float:
        power_w = getattr(run.devices[device], way).power_w
        return power_w if isinstance(power_w, float) else math.nan

    ways = ((each, "uplink" if each.link.endswith("uplink") else "downlink") for each in run.witness.airings)
    return math.fsum((min(each.left_s, run.over_s) - each.began_s) * watts(way, each.address[0]) for each, way in ways)


def charged_s(run: Account, charged: str) -> float:
    seconds = {"held": run.cell.cloud.servers * span_s(run), "busy": cloud_s(run)}
    return seconds[charged] if run.cell.cloud.charged in (charged, "both") else math.nan


def cloud_j(run: Account, charged: str) -> float:
    power, gpus = run.cell.cloud.power, run.cell.cloud.gpus or 1
    if power is None:
        return math.nan
    return gpus * (power.busy_w * cloud_s(run) + power.idle_w * (charged_s(run, charged) - cloud_s(run)))


def usd(run: Account, charged: str) -> float:
    price = run.cell.cloud.usd_per_gpu_hour
    return (run.cell.cloud.gpus or 1) * charged_s(run, charged) / 3600 * price if isinstance(price, float) else math.nan


def gaps_s(run: Account) -> list[float]:
    """Between each token of an answer and the one before it."""
    found = []
    for request in run.answered:
        rounds = [each for each in request.rounds if each.answered_s <= request.finish_s]
        came_s = [each.answered_s for each in rounds for _ in each.decoded.committed][: len(request.tokens)]
        found += [later - earlier for earlier, later in pairwise(came_s)]
    return found


def in_time(run: Account) -> list[RequestSeen] | None:
    """The requests that met the objective, None where there is none."""
    work = run.cell.workload
    if work.slo_ttft_s is None and work.slo_tpot_s is None:
        return None
    most_s, pace_s = (math.inf if limit is None else limit for limit in (work.slo_ttft_s, work.slo_tpot_s))
    return [each for each in run.answered if each.answers_s[0] - each.arrival_s <= most_s and tpot_s(each) <= pace_s]


def of_those_in_time(measure: Callable[[list[RequestSeen], Account], float]) -> Value:
    return lambda run: math.nan if (met := in_time(run)) is None else measure(met, run)


def unsettled(run: Account) -> float:
    """No threshold of these cells comes to as many drafts as it takes to settle."""
    moved = [request for request in run.answered if hasattr(run.devices[request.device].scheme, "target")]
    return 1.0 if any(round_.decoded.drafts for request in moved for round_ in request.rounds) else math.nan


def share(outcome: str) -> Value:
    return lambda run: mean(request.outcome == outcome for request in run.requests)


def of_answered(measure: Callable[[RequestSeen], float]) -> Value:
    return lambda run: mean(map(measure, run.answered))


def part(state: str) -> Value:
    return lambda run: over(math.fsum(each.spent.get(state, 0.0) for each in run.answered), answered_tokens(run))


def span_s(run: Account) -> float:
    """Every request of these cells ends: by its answer, its deadline or its device's departure."""
    return max(each.finish_s for each in run.requests) - min(each.arrival_s for each in run.requests)


VALUES: Final[dict[str, Callable[[Account], list[float]]]] = {
    "ttft": lambda run: [request.answers_s[0] - request.arrival_s for request in run.answered],
    "tpot": lambda run: [tpot_s(request) for request in run.answered],
    "itl": lambda run: list(gaps_s(run)) if run.answered else [],
    "latency_per_token": per_token_s,
    "latency": lambda run: [latency_s(request) for request in run.answered],
}
"""What percentiles are of, by the stem of their names."""


def percentile(stem: str, percent: int) -> Value:
    return lambda run: quantile(values, percent / 100) if (values := VALUES[stem](run)) else math.nan


EXPECTED: Final[dict[str, Value]] = {
    "answered": share("answered"),
    "timed_out": share("timed_out"),
    "abandoned": share("abandoned"),
    "latency_s": of_answered(latency_s),
    "ttft_s": of_answered(lambda request: request.answers_s[0] - request.arrival_s),
    "tpot_s": of_answered(tpot_s),
    "latency_per_token_s": lambda run: over(math.fsum(map(latency_s, run.answered)), answered_tokens(run)),
    "tokens_per_s": lambda run: tokens(run) / span_s(run),
    "slo_attainment": of_those_in_time(lambda met, run: len(met) / len(run.requests)),
    "goodput_tokens_per_s": of_those_in_time(lambda met, run: sum(len(each.tokens) for each in met) / span_s(run)),
    "accepted_length_tokens": lambda run: mean(len(each.committed) for each in judged(run) if each.drafts),
    "unsettled_share": unsettled,
    "payload_bits_per_token": lambda run: over(sum(each.payload_bits for each in sent(run)), tokens(run)),
    "reply_bits_per_token": lambda run: over(sum(each.reply_bits for each in judged(run)), tokens(run)),
    "uplink_bits_per_token": lambda run: over(bits_sent(run, "uplink"), tokens(run)),
    "downlink_bits_per_token": lambda run: over(bits_sent(run, "downlink"), tokens(run)),
    "payload_bits_per_draft": lambda run: over(sum(each.payload_bits for each in sent(run)), drafts(run)),
    "draft_length": lambda run: over(drafts(run), speculative(run)),
    "accepted_per_round": lambda run: over(sum(each.accepted for each in judged(run)), speculative(run)),
    "checked_per_round": lambda run: over(sum(each.checked for each in judged(run)), speculative(run)),
    "acceptance_rate": lambda run: over(sum(each.accepted for each in judged(run)), verified(run)),
    "resampling_per_round": lambda run: over(rejections(run), speculative(run)),
    "resampling_per_draft": lambda run: over(rejections(run), verified(run)),
    "resampling_per_token": lambda run: over(rejections(run), tokens(run)),
    "support_size": per_draft("support_size"),
    "coded_size": per_draft("coded_size"),
    "dropped_mass": per_draft("dropped_mass"),
    "tv_quantization": per_draft("tv_quantization"),
    "tv_mismatch": per_verified("tv_mismatch"),
    "tv_qhat": per_verified("tv_qhat"),
    "rejection_bound": per_verified("rejection_bound"),
    "tv_output": per_committed("tv_output"),
    "verifier_nll_per_token": per_committed("nll"),
    "tail_tokens": lambda run: mean(len(each.committed) - len(each.tokens) for each in run.requests),
    "flushed_drafts_per_token": lambda run: over(sum(each.flushed_drafts for each in void(run)), tokens(run)),
    "hidden_draft_s_per_token": lambda run: over(sum(each.hidden_s for each in run.answered), answered_tokens(run)),
    "cloud_s_per_token": lambda run: over(cloud_s(run), tokens(run)),
    "edge_j_per_token": lambda run: over(edges_j(run), tokens(run)),
    "radio_j_per_token": lambda run: over(radios_j(run), tokens(run)),
    "cloud_busy_j_per_token": lambda run: over(cloud_j(run, "busy"), tokens(run)),
    "cloud_held_j_per_token": lambda run: over(cloud_j(run, "held"), tokens(run)),
    "busy_usd_per_million_tokens": lambda run: over(1e6 * usd(run, "busy"), tokens(run)),
    "held_usd_per_million_tokens": lambda run: over(1e6 * usd(run, "held"), tokens(run)),
    "edge_busy": lambda run: mean(
        sum(each.busy_s for each in run.requests if each.device == device) / run.over_s
        for device in range(len(run.devices))
    ),
    "uplink_busy": lambda run: sum(links(run, "uplink")) / run.links,
    "cloud_busy": cloud_busy,
    "downlink_busy": lambda run: mean(links(run, "downlink") or [0.0]),
    "overloaded": overloaded,
    "uplink_queue": lambda run: queue(run, "uplink"),
    "cloud_queue": cloud_queue,
    "downlink_queue": lambda run: queue(run, "downlink"),
    "dropped_packets": lambda run: sum(not went for way in ("uplink", "downlink") for *_, went in in_line(run, way)),
    "cloud_evictions": evictions,
    **{state: part(state) for state in PARTS},
    **{f"{stem}_p{percent}_s": percentile(stem, percent) for stem in VALUES for percent in (50, 90, 95, 99)},
}


@pytest.mark.parametrize("metric", EXPECTED)
def test_a_metric_is_what_was_seen(metric: str) -> None:
    for cell in CELLS:
        same([account(cell).result.summary[metric]], [EXPECTED[metric](account(cell))], f"cell {cell!r}")


def test_every_metric_is_expected_to_be_something() -> None:
    always = [name for name, metric in METRICS.items() if not metric.if_known]  # the others: test_energy
    assert not names_differ([*always, *BREAKDOWN, *ON_REQUEST], EXPECTED)
    unasked = {name for name, metric in METRICS.items() if metric.if_known}
    assert all(not names_differ(account(cell).result.summary.keys() - unasked, EXPECTED) for cell in CELLS)


def test_no_two_metrics_could_be_swapped_unnoticed() -> None:
    columns = {name: [value(account(cell)) for cell in CELLS] for name, value in EXPECTED.items()}
    assert not alike(columns) and not idle(columns)


def test_throughput_counts_the_tokens_of_a_request_that_met_its_deadline() -> None:
    """Some requests of `streamed` end by their deadline with tokens at the device."""
    run = account("streamed")
    late = [request for request in run.requests if request.outcome == "timed_out" and request.tokens]
    assert late and tokens(run) > answered_tokens(run)
    assert run.result.summary["tokens_per_s"] * span_s(run) == pytest.approx(tokens(run))


def test_a_percentile_takes_as_many_requests_as_make_it_more_than_the_largest() -> None:
    """With 1 / (1 - share) values the place (n - 1) share is at most one from the end, and with fewer beyond that."""
    assert [fewest(f"ttft_p{percent}_s") for percent in (50, 90, 95, 99)] == [2, 10, 20, 100]
    assert fewest("ttft_s") == fewest("answered") == 0
