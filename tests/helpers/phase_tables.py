"""Tables of cells as `phase_map` leaves them, made of the closed forms themselves, off by a known share."""

from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd

from models.latency.latency import ConstantLatency
from models.published import Published
from simulator.results.phase_prediction import Deployment, Rounds, at_the_edge, cloud_only, colocated

AXIS = "uplink.delay.delay_s"
TRIPS, PROMPTS, ANSWERS, NAMES = (0.005, 0.02, 0.08, 0.16), (16, 512), (32, 128), ("llama_1b_70b", "vicuna_68m_13b")
EDGE_S, TARGET_S, DRAFTER_S, DRAFTS = 0.015, 0.043, 0.003, 4
BITS = {"coupled": 16.0, "k_sqs": 20.0, "dense": 18.0}
_CLOCKS = [ConstantLatency(per_pass_s=each) for each in (EDGE_S, TARGET_S, DRAFTER_S)]


def table(off: dict[str, float] | None = None, rng: float = 0.01, seeds: int = 4) -> pd.DataFrame:
    """Each kind's times are those of its closed form, `off` by a share of its own; those of the edge vary by `luck` of
    them from seed to seed."""
    rows = [
        _row(name, prompt, answer, trip, kind, seed, (1 + (off or {}).get(kind, 0.0)) * _rng(kind, rng, seed, seeds))
        for name in NAMES
        for prompt in PROMPTS
        for answer in ANSWERS
        for trip in TRIPS
        for kind in ("cloud_only", "colocated", *BITS)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def at_speeds(rows: pd.DataFrame, *speeds: float) -> pd.DataFrame:
    """The shortest prompts and longest answers of such a table, as if a phone drafted, so many times as fast."""
    rows = rows.query(f"`workload.prompt_tokens` == {PROMPTS[0]} and `workload.output_tokens` == {ANSWERS[-1]}")
    phone = {"edge.latency.kind": "profile", "edge.latency.name": "oneplus12_llama_1b", "uplink.label": rows["curve"]}
    rows = rows.drop(columns="edge.latency.per_pass_s").assign(**phone)
    return pd.concat([rows.assign(**{"edge.latency.speed": each}) for each in speeds], ignore_index=True)


@cache
def _rounds(name: Any) -> Rounds:
    return Rounds(tuple(Published(name=name, size=1024).along.survival(DRAFTS).tolist()))


def _rng(kind: str, rng: float, seed: int, seeds: int) -> float:
    return 1.0 if kind == "cloud_only" else 1 + rng * (seed - (seeds - 1) / 2)


@cache
def _closed_form(name: Any, prompt: int, answer: int, trip: float, kind: str) -> Any:
    place, rounds = Deployment(*_CLOCKS, prompt, answer, trip / 2, trip / 2, 1e6, id_bits=10), _rounds(name)
    if kind in BITS:
        return at_the_edge(place, rounds, BITS[kind])
    return cloud_only(place) if kind == "cloud_only" else colocated(place, rounds)


def _row(name: Any, prompt: int, answer: int, trip: float, kind: str, seed: int, times: float) -> dict[str, object]:
    found = _closed_form(name, prompt, answer, trip, kind)
    found = replace(found, latency_s=found.latency_s * times, ttft_s=found.ttft_s * times)
    return {
        "cell": f"{name} {prompt} {answer} {trip} {kind} {seed}", "seed": seed, "curve": f"{kind} {name}",
        "scheme.kind": kind, "scheme.max_drafts": float("nan") if kind == "cloud_only" else DRAFTS,
        "models.pair.kind": "published", "models.pair.name": name, "models.pair.size": 1024.0,
        "models.temperature": 0.0, "workload.prompt_tokens": prompt, "workload.output_tokens": answer,
        AXIS: trip / 2, "downlink.delay.delay_s": trip / 2, "uplink.rate.bps": 1e6, "downlink.rate.bps": 1e7,
        "uplink.header_bits": 320, "downlink.header_bits": 320,
        **{f"{part}.{field}": value for part, seconds in (("edge.latency", EDGE_S), ("cloud.latency", TARGET_S),
           ("cloud.drafter_latency", DRAFTER_S)) for field, value in (("kind", "constant"), ("per_pass_s", seconds))},
        "payload_bits_per_draft": BITS.get(kind, float("nan")), "latency_s": found.latency_s, "tpot_s": found.tpot_s,
        "cloud_s_per_token": found.tpot_s, "latency_per_token_s": found.latency_s / answer,
    }  # fmt: skip
