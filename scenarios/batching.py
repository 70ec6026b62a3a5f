"""Latency per token against the number of devices on one GPU, each with an uplink of its own, for ways to batch
verification and their caps; and, for one way, what relieves a loaded GPU: drafts by load, a verifier that cuts what it
verifies, or no drafts at all.

Ways to batch are compared with K-SQS. What relieves is K-SQS with the policy `drafts_by_load`, or with
`acceptance.least_confidence`; each chooses its draft length, and its schedule or its cut, on seeds of its own.
"""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, Also, Costs, Lowest, Quick, Scenario, Tune, asks, script
from scenarios.findings.comparisons import Place, places
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.lowest import outcomes
from scenarios.findings.wording import called, counted, less_or_more, listed, percent, sizes
from simulator.results.column_names import CURVE
from simulator.results.display_names import SERVING, words_of
from simulator.results.intervals import Difference
from simulator.results.lossy_schemes import ranked

BY_LOAD = {"kind": "composed", "label": "drafts by load", "max_drafts": 4, "policy": "drafts_by_load"}
CUT = {"kind": "composed", "label": "cut by confidence", "max_drafts": 4,
       "acceptance": {"kind": "rejection", "least_confidence": 0.1}}  # fmt: skip
TINY = 5e-5
"""Share of a token's time below which two are called equal: replies that report the load are a few bytes longer."""
LEAST = "scheme.acceptance.least_confidence"
ALIKE = {
    **dict.fromkeys(SERVING, "the question is what the cloud does with a round: every scheme waits for each reply"),
    **dict.fromkeys(
        ("scheme.k", "scheme.resolution", "scheme.sparsifier.k", "scheme.quantizer.resolution", "scheme.acceptance",
         "scheme.acceptance.kind", "scheme.policy.tokens"),
        "the question is how many drafts are verified: all are sent and judged alike",
    ),
}  # fmt: skip


@asks(LATENCY)
def fastest_of_many(table: pd.DataFrame, axis: str | None) -> str:
    """Which way to batch K-SQS is fastest with most devices, and what else takes how much less or more there?"""
    rows = ranked(of_setting(table))
    fixed = rows[rows["scheme.kind"] == "k_sqs"]
    found = outcomes(fixed if len(fixed) else rows, axis)
    if axis is None or len(found) < 2 or not pd.api.types.is_numeric_dtype(table[axis]):
        return ""
    most, last = found[-1], places(rows, axis, LATENCY)[-1]
    line = f"with {last.where} {_batching(most.lowest)} is fastest"
    if len(most.tied) > 1:
        line += f", with {counted(len(most.tied) - 1, 'other way')} to batch"
    elif most.margin is not None:
        line = f"with {last.where} {_batching(most.lowest)} takes {less_or_more(most.margin)} than "
        line += _batching(most.following)
    further = [f"{name} a further {sizes([gain], 2)} less" for name, gain in _relief(last) if gain.lower]
    return "; ".join([line, *(each for each in further if not each.startswith(called("cloud_only")))])


@asks(LATENCY)
def relief(table: pd.DataFrame, axis: str | None) -> str:
    """What is gained at each number of devices against K-SQS, batched as is best for it?"""
    clauses = []
    for place in places(ranked(of_setting(table)), axis, LATENCY) if axis is not None else ():
        gains = [f"{name} {percent(gain) if abs(gain.size) > TINY else 'equal'}" for name, gain in _relief(place)]
        clauses += [f"{place.where}: {', '.join(gains)}"] if gains else []
    return listed("against K-SQS, batched as is best for it", clauses)


def _relief(place: Place) -> list[tuple[str, Difference]]:
    """Returns each curve that is not of K-SQS, by name, and its time against the best curve of K-SQS there."""
    fixed = place.rows["scheme.kind"] == "k_sqs"
    names = place.rows.loc[~fixed, CURVE].unique()
    found = [(called(words_of(str(name))[0]), place.best_of(place.rows[CURVE] == name, fixed)) for name in names]
    return [(name, gain.less) for name, gain in found if gain is not None]


def _batching(curve: str | None) -> str:
    """`continuous (cap 16)`: a way to batch, by its curve, whose fields are those of `cloud.batching`."""
    _, fields = words_of(str(curve))
    kind, cap = fields.get("batching"), fields.get("cap")
    return called(curve) if kind is None else called(kind) + (f" (cap {cap})" if cap else "")


SCENARIO = Scenario(
    name="batching",
    summary="How should one GPU batch the rounds of 1 to 256 devices, and do drafts by load or a verifier that cuts "
    "relieve it?",
    minutes=5,
    base={
        "models.pair": "sotu",
        "workload.requests": 1,
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
            {"kind": "waiting", "cap": 16},
            {"kind": "window", "cap": 16, "window_s": 0.02},
            {"kind": "continuous", "cap": 16},
            {"kind": "continuous", "cap": 64},
        ],
        "workload.devices": [1, 16, 64, 256],
    },
    also=[
        Also(
            {"scheme": ["cloud_only", BY_LOAD, CUT], "workload.devices": [1, 16, 64, 256]},
            {"cloud.batching": {"kind": "continuous", "cap": 64}},
            quick={"workload.devices": [1, 8, 64]},
        )
    ],
    axis="workload.devices",
    seeds=8,
    tune=Tune(
        fixed=ALIKE,
        named={"drafts by load": frozenset({LEAST})},
        settings=6,
        looks=(2,),
        steps=1,
        base={"workload.output_tokens": 16, "workload.distinct": 4},
    ),
    left_out=dict.fromkeys(("colocated", "edge_only"), "devices draft, and one GPU verifies for all"),
    quick=Quick(
        base={"workload.output_tokens": 16, "workload.distinct": 4},
        grid={"workload.devices": [1, 8, 64]},
    ),
    figures=("latency", "tails", "breakdown"),
    answer=fastest_of_many,
    findings=(
        relief,
        Lowest(),
        Costs("{end} devices against {start}"),
    ),
)

if __name__ == "__main__":
    script(SCENARIO)
