"""Latency per token against the number of devices on one GPU, each with an uplink of its own, for ways to batch
verification and their caps. K-SQS of four drafts alone: ways to batch are compared, not schemes."""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, Costs, Lowest, Quick, Scenario, asks, script
from scenarios.findings.comparisons import place_in_words
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.lowest import outcomes
from scenarios.findings.wording import Finding, amount, called, joined, percent
from simulator.results.columns import CURVE
from simulator.results.display_names import words_of
from simulator.results.lossy_schemes import ranked


@asks(LATENCY)
def fastest_of_many(table: pd.DataFrame, axis: str | None) -> str:
    """Which way to batch is fastest with most devices, by how much, and with fewest?"""
    found = outcomes(ranked(of_setting(table)), axis)
    if axis is None or len(found) < 2 or not pd.api.types.is_numeric_dtype(table[axis]):
        return ""
    most, few = found[-1], found[0]
    alike = [name for name in most.tied if name != most.lowest]
    line = f"with {place_in_words(most.at, axis)} {_batching(most.lowest)} takes {amount(most.mean, LATENCY)} a token"
    if most.margin is not None:
        line += f", {percent(most.margin)} than {_batching(most.following)}"
    line += f", no difference seen from {joined([_batching(name) for name in alike])}" if alike else ""
    of_all = f"{len(few.tied)} of {of_setting(table)[CURVE].nunique()} ways"
    line = f"{line}; with {place_in_words(few.at, axis)} no difference is seen between {of_all}"
    return Finding(line, [*most.rows, *few.rows])


def _batching(curve: str | None) -> str:
    """`continuous (cap 16)`: a way to batch, by its curve, whose fields are those of `cloud.batching`."""
    _, fields = words_of(str(curve))
    kind, cap = fields.get("batching"), fields.get("cap")
    return called(curve) if kind is None else called(kind) + (f" (cap {cap})" if cap else "")


SCENARIO = Scenario(
    name="batching",
    summary="How should one GPU batch the rounds of 1 to 256 devices: not, what waits, a window, continuously?",
    minutes=3,
    base={
        "models.pair": "sotu",
        "workload.requests": 2,
        "workload.output_tokens": 32,
        "workload.distinct": 8,
        "scheme": {"kind": "k_sqs", "max_drafts": 4},
        "uplink.sharing": "own",
        "downlink.sharing": "own",
        "cloud.token_budget": 512,
    },
    grid={
        "cloud.batching": [
            "none",
            {"kind": "waiting", "cap": 4},
            {"kind": "waiting", "cap": 16},
            {"kind": "window", "cap": 16, "window_s": 0.02},
            {"kind": "continuous", "cap": 16},
            {"kind": "continuous", "cap": 64},
        ],
        "workload.devices": [1, 4, 16, 64, 256],
    },
    axis="workload.devices",
    seeds=8,
    quick=Quick(
        base={"workload.requests": 1, "workload.output_tokens": 16, "workload.distinct": 4},
        grid={"workload.devices": [1, 8, 64]},
    ),
    figures=("latency", "tails", "breakdown"),
    answer=fastest_of_many,
    findings=(
        Lowest(),
        Costs("{end} devices against {start}"),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
