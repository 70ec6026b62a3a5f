"""From the tables of a cell to its metrics, each as `results.METRICS` defines it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulator.results.columns import BREAKDOWN, METRICS
from simulator.results.records import Recorder
from simulator.timing.plant import Plant

OVERLOAD = 0.95


def summarise(requests: pd.DataFrame, recorder: Recorder, plant: Plant) -> dict[str, float]:
    """Every metric of `results.METRICS`, in its order, then BREAKDOWN as seconds per output token.

    Latencies are of answered requests only; where there are none, or a ratio has no denominator, the value is nan.
    """
    values = _latencies(requests) | _rounds(requests, recorder) | _plant(requests, plant)
    answered = requests[requests["outcome"] == "answered"]
    tokens = float(answered["output_tokens"].sum())
    breakdown = {name: _ratio(float(answered[name].sum()), tokens) for name in BREAKDOWN}
    return {name: values[name] for name in METRICS} | breakdown


def _latencies(requests: pd.DataFrame) -> dict[str, float]:
    answered = requests[requests["outcome"] == "answered"]
    tokens = answered["output_tokens"].to_numpy(float)
    latency_s = answered["latency_s"].to_numpy()
    p50, p90, p99 = np.quantile(latency_s / tokens, [0.5, 0.9, 0.99]) if len(answered) else [np.nan] * 3
    span_s = float(answered["finish_s"].max() - requests["arrival_s"].min()) if len(answered) else np.nan
    return {
        "answered": _ratio(len(answered), len(requests)),
        "timed_out": float((requests["outcome"] == "timed_out").mean()),
        "abandoned": float((requests["outcome"] == "abandoned").mean()),
        "latency_s": _mean(latency_s),
        "ttft_s": _mean(answered["ttft_s"].to_numpy()),
        "tpot_s": _mean(answered["tpot_s"].to_numpy()),
        "tpot_p95_s": float(answered["tpot_s"].quantile(0.95)),
        "latency_per_token_s": _ratio(float(latency_s.sum()), float(tokens.sum())),
        "latency_per_token_p50_s": float(p50),
        "latency_per_token_p90_s": float(p90),
        "latency_per_token_p99_s": float(p99),
        "tokens_per_s": _ratio(float(tokens.sum()), span_s),
        "tail_tokens": float(requests["tail_tokens"].mean()),
    }


def _rounds(requests: pd.DataFrame, recorder: Recorder) -> dict[str, float]:
    total, speculative = recorder.totals, float(recorder.speculative)
    tokens, drafted, verified = float(requests["output_tokens"].sum()), total["drafted"], total["verified"]
    rejected = verified - total["accepted"]
    return {
        "payload_bits_per_token": _ratio(total["payload_bits"], tokens),
        "payload_bits_per_draft": _ratio(total["payload_bits"], drafted),
        "draft_length": _ratio(drafted, speculative),
        "accepted_per_round": _ratio(total["accepted"], speculative),
        "acceptance_rate": _ratio(total["accepted"], verified),
        "resampling_per_round": _ratio(rejected, speculative),
        "resampling_per_draft": _ratio(rejected, verified),
        "resampling_per_token": _ratio(rejected, tokens),
        **{
            name: _ratio(total[name], drafted)
            for name in ("support_size", "coded_size", "dropped_mass", "tv_quantization")
        },
        **{name: _ratio(total[name], verified) for name in ("tv_mismatch", "tv_qhat", "rejection_bound")},
        "tv_output": _ratio(total["tv_output"], total["committed"]),
        "verifier_nll_per_token": _ratio(total["nll"], total["committed"]),
        "over_budget_per_round": _ratio(total["over_budget"], speculative),
    }


def _plant(requests: pd.DataFrame, plant: Plant) -> dict[str, float]:
    tokens, horizon_s, cloud = float(requests["output_tokens"].sum()), plant.env.now, plant.cloud
    ways = {"uplink": plant.uplinks, "downlink": plant.downlinks}
    busy = {way: _mean([link.station.busy_fraction(horizon_s) for link in links]) for way, links in ways.items()}
    busy["edge"] = _mean([device.station.busy_fraction(horizon_s) for device in plant.devices])
    busy["cloud"] = _ratio(cloud.service_s, cloud.station.servers * horizon_s)
    busiest = max(link.station.busy_fraction(horizon_s) for link in plant.links)
    return {
        "uplink_bits_per_token": _ratio(sum(link.bits_sent for link in ways["uplink"]), tokens),
        "downlink_bits_per_token": _ratio(sum(link.bits_sent for link in ways["downlink"]), tokens),
        "cloud_s_per_token": _ratio(cloud.service_s, tokens),
        **{f"{name}_busy": share for name, share in busy.items()},
        "overloaded": float(max(busiest, busy["cloud"]) >= OVERLOAD),
        "uplink_queue": sum(link.station.mean_present(horizon_s) for link in ways["uplink"]),
        "downlink_queue": sum(link.station.mean_present(horizon_s) for link in ways["downlink"]),
        "cloud_queue": cloud.station.mean_present(horizon_s),
        "dropped_packets": float(sum(link.dropped for link in plant.links)),
        "cloud_evictions": float(cloud.evictions),
    }


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")


def _mean(values: Sequence[float] | npt.NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
