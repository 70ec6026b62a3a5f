"""SQS-SD's own set-up, as far as it is known (arXiv 2510.09942): latency and resampling against temperature.

The paper finds K-SQS better at low temperature and C-SQS at high, and both better than the dense lattice. The threshold
of C-SQS moves by eta = 1e-3 a draft: two answers of 256 tokens, which are not counted, take it past its settling. With
the paper's own resolution, K, beta_1, eta and alpha; `latency_at_70b` tunes them all.
"""

from __future__ import annotations

import pandas as pd

from scenarios import LATENCY, Lowest, Quick, Scenario, Tune, asks, script
from scenarios.findings.question import of_setting
from scenarios.findings.sentences.below import below_where, of_kinds
from scenarios.findings.wording import Finding, called, change, less_or_more, rows_of
from scenarios.set_ups import BASELINES, SELECTIVE_REPEAT, WAITS
from simulator.results.units import quantity, title

PAPER = {"max_drafts": 4, "resolution": 100, "budget_bits": 5000, "token": "flat", "code": "enumerative"}
CONFORMAL = {"kind": "c_sqs", **PAPER, "target": 5e-4, "step": 1e-3}
TEMPERATURES = [0.0, 0.5, 1.0, 1.4]
GIVEN = {
    "resolution": "the paper's",
    "k": "a curve each, the paper's",
    "initial": "a curve each, the paper's",
    "step": "the paper's, as reported",
    "target": "the paper's, as reported",
}
COMPARED = ("k_sqs", "c_sqs", "dense")
EDGE = "the paper compares schemes that draft at the edge"


@asks(LATENCY)
def swap_places(table: pd.DataFrame, axis: str | None) -> str:
    """How far is K-SQS from C-SQS at both ends of the axis, and where is each below the dense lattice?"""
    rows = of_setting(table)
    rows = rows[rows[LATENCY].notna()]
    low, high, against = COMPARED
    if axis is None or not {*COMPARED} <= {*rows["scheme.kind"]}:
        return ""
    ends = (rows[axis].max(), rows[axis].min())
    both = [of_kinds(rows[rows[axis] == end], axis, low, high, LATENCY) for end in ends]
    below = {kind: below_where(rows, axis, kind, against, LATENCY) for kind in (low, high)}
    least = f"{change(both[1].less)} at {quantity(ends[1], axis)}"
    beats = f"both beat {called(against)} {below[low]}"
    if below[low] != below[high]:
        beats = f"{called(against)} loses to {called(low)} {below[low]}, to {called(high)} {below[high]}"
    return Finding(
        f"{called(low)} takes {less_or_more(both[0].less)} time than {called(high)} at {title(axis)} "
        f"{quantity(ends[0], axis)}, {least}; {beats}",
        [*both, *rows_of(below.values())],
    )


SCENARIO = Scenario(
    name="paper",
    summary="Is K-SQS better at low temperature and C-SQS at high, and both better than the dense lattice?",
    minutes=9,
    base={
        "models.pair": "sotu",
        "workload.requests": 3,
        "workload.learning_requests": 2,
        "workload.output_tokens": 256,
        "uplink.rate.bps": 100e3,
        **SELECTIVE_REPEAT,
    },
    grid={
        "scheme": [
            {"kind": "dense", **PAPER},
            *({"kind": "k_sqs", **PAPER, "k": k} for k in (2, 3)),
            *({**CONFORMAL, "initial": beta} for beta in (0.1, 0.2)),
        ],
        "models.temperature": TEMPERATURES,
    },
    axis="models.temperature",
    seeds=8,
    tune=Tune(
        {f"scheme.{name}": reason for name, reason in GIVEN.items()} | WAITS,
        base={"workload.requests": 1, "workload.learning_requests": 0, "workload.output_tokens": 64},
    ),
    left_out=dict.fromkeys(BASELINES, EDGE),
    quick=Quick(
        base={"workload.output_tokens": 32},
        grid={"models.temperature": TEMPERATURES[::3]},
        seeds=3,
    ),
    figures=("latency", "resampling", "bits"),
    headlines=("latency_per_token_s", "resampling_per_draft"),
    answer=swap_places,
    findings=(
        Lowest(kinds=("k_sqs", "c_sqs")),
        Lowest("resampling_per_draft", ("k_sqs", "c_sqs")),
        Lowest(kinds=("k_sqs", "dense")),
        Lowest(kinds=("c_sqs", "dense")),
    ),
    assumed="models and data (the paper's may be GPT-Neo on LM1B; smollm2 in place of sotu takes an hour), eta = 1e-3, "
    "alpha = 5e-4, ell and B as the paper's are reported, an uplink of 100 kbit/s, 40 ms of round trip, draft length, "
    "rollback through the rejection.",
)

if __name__ == "__main__":
    script(SCENARIO)
